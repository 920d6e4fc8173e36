//! Changes of RADIUS clients. Any of them raises the one number that logins compare.

use super::audit::Facts;
use super::certificates::{check_names, check_names_unique};
use super::check::{
    ensure, existing, is_language, name, present, put as store, ranges, revision, sealed, valid,
};
use super::done::{Done, Step};
use super::rules;
use crate::base::limits::{ATTEMPT_KEEP_MAX, CLIENT_RANGES_MAX, CLIENT_SECRETS_MAX, CLIENTS_MAX};
use crate::base::{ClientId, Shown};
use crate::ledger::query;
use crate::ledger::storage::{
    BurnCode, Client, Factors, Head, MessageAuthenticatorMode, OnSourceDown, PutClient, Refusal,
    RemoveClient,
};
use crate::ledger::table::{Draft, Read, Table};

/// Makes a client, or replaces one. Its revision is the number of the last change of any
/// client, so that no revision ever stands for two contents, not even after a removal.
pub(super) fn put(draft: &mut Draft<'_, impl Read>, head: &mut Head, it: &PutClient) -> Step {
    let client = present(it.client.as_ref(), "the client")?;
    check(client)?;
    let old = query::client(draft, ClientId(client.id))?;
    match &old {
        Some(old) if it.expected_revision == 0 => ensure(false, Refusal::Exists, || {
            format!("the client id is taken by \"{}\"", old.name)
        })?,
        Some(old) => revision(old.revision, it.expected_revision)?,
        None => ensure(it.expected_revision == 0, Refusal::NotFound, || {
            "no such client".into()
        })?,
    }
    check_unique(draft, client, old.is_none())?;
    head.clients_revision = head.clients_revision.saturating_add(1);
    let client = Client {
        revision: head.clients_revision,
        ..client.clone()
    };
    store(draft, Table::Clients, &client.id.to_be_bytes(), &client);
    Ok(Done {
        id: client.id,
        revision: client.revision,
        before: old.as_ref().map(facts).unwrap_or_default(),
        after: facts(&client),
        ..Done::default()
    })
}

/// Removes a client.
pub(super) fn remove(draft: &mut Draft<'_, impl Read>, head: &mut Head, it: &RemoveClient) -> Step {
    let key = it.id.to_be_bytes();
    let client: Client = existing(draft, Table::Clients, &key, "client")?;
    revision(client.revision, it.expected_revision)?;
    rules::names_not(draft, ClientId(it.id))?;
    draft.delete(Table::Clients, &key);
    head.clients_revision = head.clients_revision.saturating_add(1);
    Ok(Done {
        id: it.id,
        before: facts(&client),
        ..Done::default()
    })
}

fn check(client: &Client) -> Step<()> {
    valid(client.id != 0, "the client id is 0")?;
    name(&client.name, "the name")?;
    ensure(
        client.ranges.len() <= CLIENT_RANGES_MAX,
        Refusal::Limit,
        || format!("a client has at most {CLIENT_RANGES_MAX} ranges"),
    )?;
    check_names(&client.certificate_names)?;
    valid(
        !ranges(&client.ranges)?.is_empty() || !client.certificate_names.is_empty(),
        "no address range and no certificate name",
    )?;
    valid(
        (1..=CLIENT_SECRETS_MAX).contains(&client.secrets.len()),
        &format!("a client has 1 to {CLIENT_SECRETS_MAX} shared secrets"),
    )?;
    for secret in &client.secrets {
        sealed(secret, "a shared secret")?;
    }
    if !client.default_domain.is_empty() {
        let domain = name(&client.default_domain, "the default domain")?;
        let plain = !domain.as_str().contains(['@', '\\']);
        valid(plain, "the default domain holds a sign of a user name")?;
    }
    valid(
        client.language.is_empty() || is_language(&client.language),
        "the language is no tag such as de or pt-BR",
    )?;
    check_modes(client)?;
    check_times(client)
}

/// A number that this version cannot name is refused, not read as the default.
fn check_modes(client: &Client) -> Step<()> {
    let factors = matches!(client.factors(), Factors::PasswordAndCode | Factors::Code);
    valid(factors, "the factors of a client are both or the code")?;
    let known = MessageAuthenticatorMode::is_valid(client.message_authenticator)
        && BurnCode::is_valid(client.burn_code)
        && OnSourceDown::is_valid(client.on_source_down);
    valid(known, "a mode is unknown")
}

/// The times by which a device asks. All its tries at all its servers must be over while
/// the attempt still answers repeats, or a retry would become a second login.
fn check_times(client: &Client) -> Step<()> {
    let sane = (100..=30_000).contains(&client.timeout)
        && (1..=10).contains(&client.tries)
        && (1..=16).contains(&client.servers);
    valid(
        sane,
        "timeout is 100 to 30000 ms, tries 1 to 10, servers 1 to 16",
    )?;
    let retries = u64::from(client.timeout)
        .saturating_mul(client.tries.into())
        .saturating_mul(client.servers.into())
        .saturating_add(5000);
    let grace = match client.retry_grace {
        0 if client.strict_grace => 0,
        0 => retries,
        set => set.into(),
    };
    valid(
        u128::from(grace) <= ATTEMPT_KEEP_MAX.as_millis(),
        "the device's tries take longer than an attempt is kept",
    )
}

/// Refuses a name or a range that another client has, and one client too many.
fn check_unique(tables: &impl Read, client: &Client, new: bool) -> Step<()> {
    let others = query::clients(tables)?;
    ensure(!new || others.len() < CLIENTS_MAX, Refusal::Limit, || {
        format!("a cluster has at most {CLIENTS_MAX} clients")
    })?;
    let (mine, my_name) = (ranges(&client.ranges)?, name(&client.name, "the name")?);
    for other in others.iter().filter(|other| other.id != client.id) {
        let shown = Shown::from(&*other.name);
        let same = name(&other.name, "the name")? == my_name;
        ensure(!same, Refusal::Exists, || {
            format!("the name is that of client {}", other.id)
        })?;
        let theirs = ranges(&other.ranges)?;
        if let Some(range) = mine.intersection(&theirs).next() {
            let detail = || format!("{range} belongs to client \"{shown}\"");
            ensure(false, Refusal::Exists, detail)?;
        }
        check_names_unique(client, other)?;
    }
    Ok(())
}

fn facts(client: &Client) -> String {
    Facts::default()
        .text("name", &client.name)
        .list("ranges", &client.ranges)
        .list("certificate_names", &client.certificate_names)
        .with("secrets", client.secrets.len())
        .with("factors", client.factors().as_str_name())
        .with(
            "message_authenticator",
            client.message_authenticator().as_str_name(),
        )
        .with("timeout", client.timeout)
        .with("tries", client.tries)
        .with("servers", client.servers)
        .with("retry_grace", client.retry_grace)
        .with("strict_grace", client.strict_grace)
        .text("default_domain", &client.default_domain)
        .text("language", &client.language)
        .with("burn_code", client.burn_code().as_str_name())
        .with("on_source_down", client.on_source_down().as_str_name())
        .into_text()
}
