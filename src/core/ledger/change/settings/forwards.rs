//! The old servers of the settings. Which hosts may be asked is checked by the node that asks.

use std::collections::BTreeSet;

use super::super::audit::{Facts, titled};
use super::super::check::{ensure, sealed, valid};
use super::super::done::{Step, refuse};
use super::entra::check_timeout;
use super::sources::is_host;
use crate::base::Shown;
use crate::base::limits::{
    FORWARD_ATTRIBUTES_MAX, FORWARD_SECRET_OCTETS_MAX, FORWARD_SECRET_OCTETS_MIN,
    FORWARD_SERVERS_MAX, FORWARD_TRIES_MAX, FORWARDS_MAX,
};
use crate::ledger::is_server_name;
use crate::ledger::storage::{AllowedAttribute, Forward, Refusal};
use crate::radius::Number;
use crate::seal::Sealed;

/// Each by itself, and that no two have one name.
pub(super) fn check(forwards: &[Forward]) -> Step<()> {
    valid(
        forwards.len() <= FORWARDS_MAX,
        "there are too many old servers to forward to",
    )?;
    let mut names = BTreeSet::new();
    for forward in forwards {
        valid(
            is_server_name(&forward.name),
            "a forward has no name, or odd signs in it",
        )?;
        let name = forward.name.to_ascii_lowercase();
        valid(names.insert(name), "two forwards have one name")?;
        check_servers(&forward.servers)?;
        check_secret(&forward.secret)?;
        check_timeout(forward.timeout)?;
        valid(
            forward.tries <= FORWARD_TRIES_MAX,
            &format!("a forward is tried 0 (default) to {FORWARD_TRIES_MAX} times"),
        )?;
        check_attributes(&forward.attributes)?;
    }
    Ok(())
}

fn check_servers(servers: &[String]) -> Step<()> {
    valid(
        (1..=FORWARD_SERVERS_MAX).contains(&servers.len()),
        &format!("a forward has 1 to {FORWARD_SERVERS_MAX} servers"),
    )?;
    let mut seen = BTreeSet::new();
    for server in servers {
        let shown = Shown::from(&**server);
        ensure(is_server(server), Refusal::Invalid, || {
            format!("the server \"{shown}\" of a forward is not host[:port]")
        })?;
        valid(
            seen.insert(server.to_ascii_lowercase()),
            "a forward has a server twice",
        )?;
    }
    Ok(())
}

/// `host` or `host:port`, an IPv6 address in brackets.
fn is_server(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let plain = |port: &str| port.bytes().all(|octet| octet.is_ascii_digit());
    let open = port.is_none_or(|p| plain(p) && p.parse::<u16>().is_ok_and(|p| p != 0));
    open && is_host(host)
}

/// Whoever hears a question can try secrets on it, and read the password with the right one.
fn check_secret(octets: &[u8]) -> Step<()> {
    sealed(octets, "the secret of a forward")?;
    let read = Sealed::decode(octets);
    let count = read.map_or(0, |sealed| sealed.plain_octets());
    valid(
        (FORWARD_SECRET_OCTETS_MIN..=FORWARD_SECRET_OCTETS_MAX).contains(&count),
        &format!(
            "the secret of a forward has {FORWARD_SECRET_OCTETS_MIN} to \
             {FORWARD_SECRET_OCTETS_MAX} octets"
        ),
    )
}

fn check_attributes(attributes: &[AllowedAttribute]) -> Step<()> {
    valid(
        attributes.len() <= FORWARD_ATTRIBUTES_MAX,
        &format!("a forward relays at most {FORWARD_ATTRIBUTES_MAX} types of attributes"),
    )?;
    let mut seen = BTreeSet::new();
    for it in attributes {
        let Ok(number) = Number::of_parts(it.kind, it.vendor, it.vendor_kind) else {
            return refuse(
                Refusal::Invalid,
                "an attribute of a forward has no number that a packet has room for",
            );
        };
        if let Err(why) = number.granted() {
            return refuse(
                Refusal::Invalid,
                format!("a forward relays none such: {why}"),
            );
        }
        valid(seen.insert(number), "a forward has an attribute twice")?;
    }
    Ok(())
}

/// What the audit tells of one.
pub(super) fn facts(facts: Facts, forward: &Forward) -> Facts {
    let Forward {
        name,
        servers,
        secret,
        timeout,
        tries,
        attributes,
        dangerous_unsigned_replies,
    } = forward;
    let number = |it: &AllowedAttribute| {
        Number::of_parts(it.kind, it.vendor, it.vendor_kind)
            .map_or_else(|_| "none".to_owned(), |number| number.to_string())
    };
    let attributes: Vec<_> = attributes.iter().map(number).collect();
    facts
        .under(titled("forward", name))
        .with("dangerous_unsigned_replies", dangerous_unsigned_replies)
        .list("servers", servers)
        .sealed("secret", secret)
        .with("timeout", timeout)
        .with("tries", tries)
        .list("attributes", &attributes)
}
