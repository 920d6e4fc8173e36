//! Changes of the rules: a whole list with one revision, so that what was looked at together
//! comes into force together.

use super::audit::told;
use super::check::{ensure, present, put as store, revision};
use super::done::{Done, Step, refuse};
use super::trials;
use crate::base::{ClientId, Shown, Timestamp};
use crate::ledger::storage::end_trial::Subject;
use crate::ledger::storage::{Client, Head, PutRules, Refusal, Rule, Rules, Settings, Trial};
use crate::ledger::table::{Draft, Read, StoreError, Table};
use crate::ledger::{AllowedFactors, query, rules};

use facts::facts;

/// Replaces the rules.
pub(super) fn put(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    at: Timestamp,
    it: &PutRules,
) -> Step {
    let new = present(it.rules.as_ref(), "the rules document")?;
    revision(head.rules_revision, it.expected_revision)?;
    trials::none_is_open(draft, Subject::Rules)?;
    check(draft, new)?;
    let old = query::rules(draft)?;
    install(draft, head, new);
    let back = Trial {
        rules: Some(old.clone()),
        ..Trial::default()
    };
    trials::begin(draft, head, at, (Subject::Rules, it.confirm_within), back)?;
    let (before, after) = told(&facts(&old), &facts(new));
    Ok(Done {
        revision: head.rules_revision,
        before,
        after,
        detail: begins_to_count(&old, new),
        ..Done::default()
    })
}

/// Puts rules of before into force again. Nothing has made them contradict the clients: what
/// would have was refused, as they might come back.
pub(super) fn put_back(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    rules: &Rules,
) -> Result<(String, String), StoreError> {
    let tried = query::rules(draft)?;
    install(draft, head, rules);
    Ok(told(&facts(&tried), &facts(rules)))
}

/// The rules in force, and those that may be put back.
fn lists(tables: &impl Read) -> Result<Vec<Rules>, StoreError> {
    let trial = trials::load(tables, Subject::Rules)?;
    let back = trial.and_then(|trial| trial.rules);
    Ok(std::iter::once(query::rules(tables)?).chain(back).collect())
}

/// Writes the rules under the next revision.
pub(super) fn install(draft: &mut Draft<'_, impl Read>, head: &mut Head, rules: &Rules) {
    head.rules_revision = head.rules_revision.saturating_add(1);
    let rules = Rules {
        revision: head.rules_revision,
        ..rules.clone()
    };
    store(draft, Table::Rules, &[], &rules);
}

/// Refuses to remove a client that a rule names: a rule must not lose its meaning unseen.
pub(super) fn names_not(tables: &impl Read, client: ClientId) -> Step<()> {
    let lists = lists(tables)?;
    let names_it = |rule: &&Rule| {
        let when = rule.r#match.as_ref();
        when.is_some_and(|when| when.clients.contains(&client.0))
    };
    match lists.iter().flat_map(|list| &list.rules).find(names_it) {
        None => Ok(()),
        Some(rule) => refuse(
            Refusal::State,
            format!("rule \"{}\" names it", Shown::from(&*rule.name)),
        ),
    }
}

/// Refuses a client that allows no login which a rule lets in with.
pub(super) fn allow(tables: &impl Read, client: &Client) -> Step<()> {
    if client.allowed_factors.is_empty() {
        return Ok(());
    }
    for list in lists(tables)? {
        // Written by a newer program: it would let nobody in here.
        if let Ok(rules) = rules::parse(&list) {
            offended(&rules, client)?;
        }
    }
    Ok(())
}

/// Refuses rules that let in with less than the client allows.
fn offended(rules: &[rules::Rule], client: &Client) -> Step<()> {
    // What cannot be read lets nobody in, and was refused when it was set.
    let allowed = AllowedFactors::read(&client.allowed_factors).unwrap_or_default();
    let Some(rule) = allowed.offended_by(rules, ClientId(client.id)) else {
        return Ok(());
    };
    let (rule, name) = (Shown::from(&*rule.name), Shown::from(&*client.name));
    let least = allowed.text();
    refuse(
        Refusal::Invalid,
        format!(
            "rule \"{rule}\" would let in with less than client \"{name}\" allows ({least}): \
             raise its factors, name other clients in it, or allow more at the client"
        ),
    )
}

/// Refuses settings without an old server that a rule in force, or one that may come back,
/// forwards to.
pub(super) fn keep_forwards(tables: &impl Read, settings: &Settings) -> Step<()> {
    for list in lists(tables)? {
        forward_within(&list, settings)?;
    }
    Ok(())
}

/// Refuses rules that forward to what the settings do not have.
fn forward_within(rules: &Rules, settings: &Settings) -> Step<()> {
    let is_missing = |rule: &&Rule| {
        let mut forwards = settings.forwards.iter();
        !rule.forward.is_empty() && !forwards.any(|it| it.name == rule.forward)
    };
    let Some(rule) = rules.rules.iter().find(is_missing) else {
        return Ok(());
    };
    let (name, to) = (Shown::from(&*rule.name), Shown::from(&*rule.forward));
    refuse(
        Refusal::Invalid,
        format!(
            "rule \"{name}\" forwards to \"{to}\", which the settings do not have, or would not \
             have once their trial ends: put it there under [[forward]], or change the rule"
        ),
    )
}

fn check(tables: &impl Read, new: &Rules) -> Step<()> {
    let parsed = match rules::parse(new) {
        Ok(parsed) => parsed,
        Err(error) => return refuse(Refusal::Invalid, error.to_string()),
    };
    for client in query::clients(tables)? {
        offended(&parsed, &client)?;
    }
    forward_within(new, &query::settings(tables)?)?;
    let trial = trials::load(tables, Subject::Settings)?;
    if let Some(back) = trial.and_then(|trial| trial.settings) {
        forward_within(new, &back)?;
    }
    for rule in &new.rules {
        let clients = rule.r#match.iter().flat_map(|when| &when.clients);
        for &id in clients {
            let known = query::client(tables, ClientId(id))?.is_some();
            ensure(known, Refusal::Invalid, || {
                let rule = Shown::from(&*rule.name);
                format!("rule \"{rule}\": there is no client {id}")
            })?;
        }
    }
    Ok(())
}

/// What an operator has to know who sets the first rule, or removes the last.
fn begins_to_count(old: &Rules, new: &Rules) -> String {
    let said = match (old.rules.is_empty(), new.rules.is_empty()) {
        (true, false) => {
            "from now on rules alone decide: a login that none matches is refused, \
             whatever its client's factors"
        }
        (false, true) => "without rules each client's factors decide",
        (true, true) | (false, false) => "",
    };
    said.to_owned()
}

mod facts;
