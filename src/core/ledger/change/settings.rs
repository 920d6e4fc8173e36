//! Changes of the settings: a whole document with one revision.

use std::collections::BTreeSet;

use super::audit::{Facts, titled, told};
use super::check::{is_language, present, put as store, revision, valid};
use super::done::{Done, Step, refuse};
use super::{rules, trials};
use crate::base::limits::{
    LANGUAGES_MAX, MASKED_OCTETS_MAX, MESSAGE_OCTETS_MAX, PASSCODE_MESSAGE_OCTETS_MAX,
};
use crate::base::{Reference, Timestamp};
use crate::ledger::address::{ADDRESS_PLACEHOLDER, PASSCODE_PLACEHOLDER};
use crate::ledger::limits::Limits;
use crate::ledger::query;
use crate::ledger::storage::end_trial::Subject;
use crate::ledger::storage::{
    self, Head, LearnLockout, PutSettings, Refusal, Settings, Texts, Trial,
};
use crate::ledger::table::{Draft, Read, StoreError, Table};

/// Replaces the settings.
pub(super) fn put(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    at: Timestamp,
    it: &PutSettings,
) -> Step {
    let settings = present(it.settings.as_ref(), "the settings document")?;
    revision(head.settings_revision, it.expected_revision)?;
    trials::none_is_open(draft, Subject::Settings)?;
    rules::keep_forwards(draft, settings)?;
    let old = query::settings(draft)?;
    install(draft, head, settings)?;
    let (before, after) = told(&facts(&old), &facts(&query::settings(draft)?));
    let back = Trial {
        settings: Some(old),
        ..Trial::default()
    };
    let trial = (Subject::Settings, it.confirm_within);
    trials::begin(draft, head, at, trial, back)?;
    Ok(Done {
        revision: head.settings_revision,
        before,
        after,
        ..Done::default()
    })
}

/// Checks and writes a settings document under the next revision.
pub(super) fn install(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    settings: &Settings,
) -> Step<()> {
    sources::check(&settings.sources)?;
    if let Err(error) = Limits::resolve(settings.limits.as_ref()) {
        return refuse(Refusal::Invalid, error.to_string());
    }
    senders::check(settings)?;
    forwards::check(&settings.forwards)?;
    check_texts(&settings.texts)?;
    let old = query::settings(draft)?;
    write(draft, head, &lockout::keeping(settings, &old));
    Ok(())
}

/// Puts settings of before into force again, with what was learnt meanwhile.
pub(super) fn put_back(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    settings: &Settings,
) -> Result<(String, String), StoreError> {
    let tried = query::settings(draft)?;
    let restored = lockout::keeping(settings, &tried);
    write(draft, head, &restored);
    Ok(told(&facts(&tried), &facts(&restored)))
}

/// What the leader has read of a directory; it comes into force as a setting does.
pub(super) fn learn_lockout(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    it: &LearnLockout,
) -> Step {
    let old = query::settings(draft)?;
    let new = lockout::learning(&old, it)?;
    let (before, after) = told(&facts(&old), &facts(&new));
    if new != old {
        write(draft, head, &new);
    }
    Ok(Done {
        revision: head.settings_revision,
        before,
        after,
        ..Done::default()
    })
}

fn write(draft: &mut Draft<'_, impl Read>, head: &mut Head, settings: &Settings) {
    head.settings_revision = head.settings_revision.saturating_add(1);
    let settings = Settings {
        revision: head.settings_revision,
        ..settings.clone()
    };
    store(draft, Table::Settings, &[], &settings);
}

/// A text that no attribute can hold would make every login silent that needs it.
fn check_texts(texts: &[Texts]) -> Step<()> {
    valid(texts.len() <= LANGUAGES_MAX, "there are too many languages")?;
    let mut languages = BTreeSet::new();
    for one in texts {
        let language = one.language.to_ascii_lowercase();
        valid(
            language.is_empty() || is_language(&language),
            "a language is no tag such as de or pt-BR",
        )?;
        valid(languages.insert(language), "a language stands twice")?;
        let fits = |text: &str| {
            text.len()
                <= MESSAGE_OCTETS_MAX.saturating_sub(text.matches(Reference::PLACEHOLDER).count())
                && !text.chars().any(char::is_control)
        };
        valid(
            [&one.ask, &one.ask_again, &one.denied]
                .into_iter()
                .all(|text| fits(text)),
            "a text is longer than an attribute, or has controls",
        )?;
        check_passcode_texts(one)?;
    }
    Ok(())
}

/// With the longest address that is ever shown, and with a code in each message.
fn check_passcode_texts(one: &Texts) -> Step<()> {
    let places = one.sent.matches(ADDRESS_PLACEHOLDER).count();
    let longest = places.saturating_mul(MASKED_OCTETS_MAX);
    valid(
        one.sent.len().saturating_add(longest) <= MESSAGE_OCTETS_MAX,
        "a text is longer than an attribute once an address is in it",
    )?;
    valid(
        one.passcode_message.is_empty() || one.passcode_message.contains(PASSCODE_PLACEHOLDER),
        "a message that brings a code has no {code}",
    )?;
    let texts = [&one.sent, &one.passcode_subject, &one.passcode_message];
    let fits = |text: &&String| {
        text.len() <= PASSCODE_MESSAGE_OCTETS_MAX && !text.chars().any(char::is_control)
    };
    valid(
        texts.iter().all(fits),
        "a message that brings a code is too long, or has controls",
    )
}

fn facts(settings: &Settings) -> Facts {
    let Settings {
        revision: _,
        limits,
        sources,
        mail: _,
        sms: _,
        forwards,
        texts,
    } = settings;
    let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let in_order = names(sources.iter().map(|source| &*source.name).collect());
    let facts = limits_facts(Facts::default(), &limits.unwrap_or_default());
    let facts = facts.list("sources", &in_order);
    let facts = sources.iter().fold(facts, sources::facts);
    let facts = senders::facts(facts, settings);
    let facts = forwards.iter().fold(facts, forwards::facts);
    texts.iter().fold(facts, texts_facts)
}

fn limits_facts(facts: Facts, limits: &storage::Limits) -> Facts {
    let storage::Limits {
        strict_failures,
        strict_window,
        strict_lock,
        known_place_failures,
        known_place_window,
        elsewhere_failures,
        window_steps,
        strict_ceiling,
        passcodes_per_minute,
    } = limits;
    facts
        .with("strict_failures", strict_failures)
        .with("strict_ceiling", strict_ceiling)
        .with("strict_window", strict_window)
        .with("strict_lock", strict_lock)
        .with("known_place_failures", known_place_failures)
        .with("known_place_window", known_place_window)
        .with("elsewhere_failures", elsewhere_failures)
        .with("window_steps", window_steps)
        .with("passcodes_per_minute", passcodes_per_minute)
}

fn texts_facts(facts: Facts, texts: &Texts) -> Facts {
    let Texts {
        language,
        ask,
        ask_again,
        denied,
        sent,
        passcode_subject,
        passcode_message,
    } = texts;
    facts
        .under(titled("texts", language))
        .text("ask", ask)
        .text("ask_again", ask_again)
        .text("denied", denied)
        .text("sent", sent)
        .text("passcode_subject", passcode_subject)
        .text("passcode_message", passcode_message)
}

mod entra;
mod forwards;
mod ldap;
mod lockout;
mod senders;
mod sources;
