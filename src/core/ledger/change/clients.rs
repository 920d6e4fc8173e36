//! Changes of RADIUS clients. Any of them raises the one number that logins compare.

use super::audit::{Facts, sealed as named, told};
use super::certificates::{check_names, check_names_unique};
use super::check::{
    ensure, existing, name, present, put as store, ranges, revision, sealed, valid,
};
use super::done::{Done, Step};
use super::rules;
use crate::base::limits::{CLIENT_RANGES_MAX, CLIENT_SECRETS_MAX, CLIENTS_MAX};
use crate::base::{ClientId, Shown, Timestamp};
use crate::ledger::query;
use crate::ledger::storage::{
    Client, Head, LearnMessageAuthenticator, MessageAuthenticatorMode, PutClient, Refusal,
    RemoveClient,
};
use crate::ledger::table::{Draft, Read, Table};

mod advice;
mod policy;

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
    rules::allow(draft, client)?;
    head.clients_revision = head.clients_revision.saturating_add(1);
    let client = Client {
        revision: head.clients_revision,
        message_authenticator_learnt: kept_learning(old.as_ref(), it),
        ..client.clone()
    };
    store(draft, Table::Clients, &client.id.to_be_bytes(), &client);
    let (before, after) = told(
        &old.as_ref().map(facts).unwrap_or_default(),
        &facts(&client),
    );
    Ok(Done {
        id: client.id,
        revision: client.revision,
        before,
        after,
        detail: advice::of(old.as_ref(), &client),
        ..Done::default()
    })
}

/// What a client has learnt stays, but where the operator sets the mode anew.
fn kept_learning(old: Option<&Client>, it: &PutClient) -> u64 {
    let learns = |client: &Client| client.message_authenticator() == MessageAuthenticatorMode::Auto;
    let stays = it.client.as_ref().is_some_and(learns) && !it.learn_anew;
    let old = old.filter(|old| stays && learns(old));
    old.map_or(0, |old| old.message_authenticator_learnt)
}

/// Notes that a client sends a right Message-Authenticator. Whoever asks twice changes
/// nothing. The client's own revision stays: what its operator said of it is the same, and
/// a login in hand, the one that taught this among them, goes on.
pub(super) fn learn(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    at: Timestamp,
    it: &LearnMessageAuthenticator,
) -> Step {
    let key = it.client.to_be_bytes();
    let old: Client = existing(draft, Table::Clients, &key, "client")?;
    revision(old.revision, it.revision)?;
    let learns = old.message_authenticator() == MessageAuthenticatorMode::Auto;
    ensure(learns, Refusal::State, || {
        "the client learns nothing".into()
    })?;
    let mut client = old.clone();
    if client.message_authenticator_learnt == 0 {
        client.message_authenticator_learnt = at.as_millis().max(1);
        head.clients_revision = head.clients_revision.saturating_add(1);
        store(draft, Table::Clients, &key, &client);
    }
    let (before, after) = told(&facts(&old), &facts(&client));
    Ok(Done {
        id: client.id,
        revision: client.revision,
        before,
        after,
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
        before: facts(&client).into_text(),
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
    policy::check(client)
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

fn facts(client: &Client) -> Facts {
    let Client {
        id: _,
        name,
        ranges,
        secrets,
        factors: _,
        message_authenticator: _,
        timeout,
        tries,
        servers,
        retry_grace,
        strict_grace,
        default_domain,
        burn_code: _,
        on_source_down: _,
        revision: _,
        revalidation,
        language,
        certificate_names,
        message_authenticator_learnt,
        name_forms: _,
        allowed_factors: _,
        rate,
        burst,
        profile,
    } = client;
    let secrets: Vec<_> = secrets.iter().map(|secret| named(secret)).collect();
    let mode = client.message_authenticator().as_str_name();
    let forms = client.name_forms().map(|it| it.as_str_name());
    let allowed = client.allowed_factors().map(|it| it.as_str_name());
    Facts::default()
        .name("name", name)
        .list("ranges", ranges)
        .list("certificate_names", certificate_names)
        .list("secrets", &secrets)
        .with("factors", client.factors().as_str_name())
        .with("message_authenticator", mode)
        .with("timeout", timeout)
        .with("tries", tries)
        .with("servers", servers)
        .with("retry_grace", retry_grace)
        .with("strict_grace", strict_grace)
        .text("default_domain", default_domain)
        .text("language", language)
        .with("burn_code", client.burn_code().as_str_name())
        .with("on_source_down", client.on_source_down().as_str_name())
        .with("learnt", message_authenticator_learnt)
        .with("revalidation", revalidation)
        .with("name_forms", words(forms))
        .with("allowed", words(allowed))
        .with("rate", rate)
        .with("burst", burst)
        .text("profile", profile)
}

fn words<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return "any".to_owned();
    }
    names.join(",")
}
