//! The names by which clients are known over TLS, each in its one spelling.
//!
//! Knows spellings. Must not know certificates: who holds a name is proven elsewhere.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::check::ensure;
use super::done::{Step, refuse};
use crate::base::Shown;
use crate::base::limits::{CERTIFICATE_NAME_OCTETS_MAX, CLIENT_CERTIFICATE_NAMES_MAX};
use crate::ledger::storage::{Client, Refusal};

/// Refuses what no certificate is matched by: the comparison is octet by octet, so a
/// wildcard or another spelling would match nobody, or more than was meant.
pub(super) fn check_names(names: &[String]) -> Step<()> {
    ensure(
        names.len() <= CLIENT_CERTIFICATE_NAMES_MAX,
        Refusal::Limit,
        || format!("a client has at most {CLIENT_CERTIFICATE_NAMES_MAX} certificate names"),
    )?;
    let mut found = BTreeSet::new();
    for name in names {
        let refused = |why: &str| {
            let shown = Shown::from(&**name);
            refuse(
                Refusal::Invalid,
                format!("certificate name \"{shown}\" {why}"),
            )
        };
        if let Some(why) = fault(name) {
            return refused(why);
        }
        if !found.insert(name) {
            return refused("is there twice");
        }
    }
    Ok(())
}

/// Refuses a name that another client has: whose request it is could not be told.
pub(super) fn check_names_unique(client: &Client, other: &Client) -> Step<()> {
    let theirs = &other.certificate_names;
    match client
        .certificate_names
        .iter()
        .find(|it| theirs.contains(it))
    {
        Some(name) => {
            let (name, owner) = (Shown::from(&**name), Shown::from(&*other.name));
            let detail = format!("certificate name {name} belongs to client \"{owner}\"");
            refuse(Refusal::Exists, detail)
        }
        None => Ok(()),
    }
}

/// What is wrong with a name.
fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > CERTIFICATE_NAME_OCTETS_MAX {
        return Some("is empty or too long");
    }
    if name.contains('*') {
        return Some("has a wildcard; give each name by itself");
    }
    if name.parse::<IpAddr>().is_ok() {
        return Some("is an address; give it as a range, beside a name");
    }
    if let Some((scheme, rest)) = name.split_once(':') {
        let written = name.bytes().all(|octet| octet.is_ascii_graphic());
        let fits = is_scheme(scheme) && !rest.is_empty() && written;
        return (!fits).then_some("is no URI");
    }
    if name.bytes().any(|octet| octet.is_ascii_uppercase()) {
        return Some("has capitals; a DNS name is stored without");
    }
    (!name.split('.').all(is_label)).then_some("is no DNS name and no URI")
}

fn is_scheme(scheme: &str) -> bool {
    let sign = |octet: u8| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(sign)
}

fn is_label(label: &str) -> bool {
    let sign = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
    (1..=63).contains(&label.len()) && label.bytes().all(sign)
}
