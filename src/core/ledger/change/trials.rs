//! Settings and rules on trial: what was before is put back by itself, at a time that every node
//! knows, unless an operator confirms what replaced it. So nobody locks everybody out for longer
//! than that, however the leader changes meanwhile.
//!
//! Must not know what settings or rules mean.

use super::audit::{Facts, Happened};
use super::check::{ensure, put as store, valid};
use super::done::{Done, Step, refuse};
use super::{audit, rules, settings};
use crate::base::Timestamp;
use crate::base::limits::{TRIAL_MAX, TRIAL_MIN};
use crate::ledger::query;
use crate::ledger::storage::end_trial::Subject;
use crate::ledger::storage::{Actor, Change, EndTrial, Head, Refusal, Trial};
use crate::ledger::table::{Draft, Read, StoreError, Table};

/// What may be on trial, each by itself.
const SUBJECTS: [Subject; 2] = [Subject::Settings, Subject::Rules];

/// Refuses to replace what waits to be confirmed: nobody could say what is put back then.
pub(super) fn none_is_open(tables: &impl Read, subject: Subject) -> Step<()> {
    let open = load(tables, subject)?.is_some();
    ensure(!open, Refusal::State, || {
        format!(
            "the {} wait to be confirmed: confirm or revert them",
            noun(subject)
        )
    })
}

/// Begins a trial, if one is asked for. `before`: what is put back at its end.
pub(super) fn begin(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    at: Timestamp,
    (subject, within): (Subject, u32),
    before: Trial,
) -> Step<()> {
    if within == 0 {
        return Ok(());
    }
    let span = std::time::Duration::from_millis(within.into());
    valid(
        (TRIAL_MIN..=TRIAL_MAX).contains(&span),
        "the time to confirm within is one minute to one day",
    )?;
    let trial = Trial {
        until: at.plus(span).as_millis(),
        revision: revision(head, subject),
        ..before
    };
    store(draft, Table::Settings, key(subject), &trial);
    reckon(draft, head)?;
    Ok(())
}

/// Ends a trial as an operator says.
pub(super) fn end(draft: &mut Draft<'_, impl Read>, head: &mut Head, it: &EndTrial) -> Step {
    let subject = it.subject();
    valid(
        subject != Subject::Unspecified,
        "a trial is of settings or of rules",
    )?;
    let Some(trial) = load(draft, subject)? else {
        return refuse(
            Refusal::NotFound,
            format!("no {} wait to be confirmed", noun(subject)),
        );
    };
    seen(&trial, revision(head, subject), it)?;
    draft.delete(Table::Settings, key(subject));
    reckon(draft, head)?;
    if it.confirmed {
        let revision = revision(head, subject);
        return Ok(Done {
            revision,
            after: Facts::default().with("revision", revision).into_text(),
            ..Done::default()
        });
    }
    let (before, after) = put_back(draft, head, subject, &trial)?;
    Ok(Done {
        revision: revision(head, subject),
        before,
        after,
        ..Done::default()
    })
}

/// Refuses to end another trial than the one that the caller saw: somebody else's next one
/// would be kept, or put back, unread. What is learnt while settings are on trial raises their
/// revision: both are of this trial.
fn seen(trial: &Trial, now: u64, it: &EndTrial) -> Step<()> {
    let of_trial = [0, trial.revision, now].contains(&it.revision);
    ensure(of_trial, Refusal::Revision, || {
        let (put, seen) = (trial.revision, it.revision);
        format!("what is on trial now was put as revision {put}, not {seen}: look at it first")
    })
}

/// Ends what is over by entry time, and tells the audit.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::ledger) fn end_over(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    now: Timestamp,
) -> Result<(), StoreError> {
    if head.trial_ends == 0 || now.as_millis() < head.trial_ends {
        return Ok(());
    }
    for subject in SUBJECTS {
        let trial = load(draft, subject)?;
        let Some(trial) = trial.filter(|trial| trial.until <= now.as_millis()) else {
            continue;
        };
        draft.delete(Table::Settings, key(subject));
        let (before, after) = put_back(draft, head, subject, &trial)?;
        let happened = Happened {
            before: &before,
            after: &after,
            refused: String::new(),
        };
        audit::append(draft, head, now, &unconfirmed(subject), happened);
    }
    reckon(draft, head)
}

/// As the audit names it: nobody asked for it.
fn unconfirmed(subject: Subject) -> Change {
    use crate::ledger::storage::change::Kind;
    Change {
        actor: Some(Actor {
            name: "cluster".to_owned(),
            source: "nobody confirmed it".to_owned(),
            ..Actor::default()
        }),
        kind: Some(Kind::EndTrial(EndTrial {
            subject: subject.into(),
            confirmed: false,
            revision: 0,
        })),
        ..Change::default()
    }
}

fn put_back(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    subject: Subject,
    trial: &Trial,
) -> Result<(String, String), StoreError> {
    match subject {
        Subject::Settings => {
            let old = trial.settings.clone().unwrap_or_default();
            settings::put_back(draft, head, &old)
        }
        Subject::Rules => {
            let old = trial.rules.clone().unwrap_or_default();
            rules::put_back(draft, head, &old)
        }
        Subject::Unspecified => Ok(Default::default()),
    }
}

/// The trial that is open, if one is.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::ledger) fn load(
    tables: &impl Read,
    subject: Subject,
) -> Result<Option<Trial>, StoreError> {
    query::record(tables, Table::Settings, key(subject))
}

/// When the first of the trials ends.
fn reckon(draft: &Draft<'_, impl Read>, head: &mut Head) -> Result<(), StoreError> {
    let mut first = 0;
    for subject in SUBJECTS {
        let until = load(draft, subject)?.map_or(0, |trial| trial.until);
        if until != 0 && (first == 0 || until < first) {
            first = until;
        }
    }
    head.trial_ends = first;
    Ok(())
}

const fn revision(head: &Head, subject: Subject) -> u64 {
    match subject {
        Subject::Settings => head.settings_revision,
        Subject::Rules => head.rules_revision,
        Subject::Unspecified => 0,
    }
}

const fn key(subject: Subject) -> &'static [u8] {
    match subject {
        Subject::Settings => b"trial:settings",
        Subject::Rules | Subject::Unspecified => b"trial:rules",
    }
}

const fn noun(subject: Subject) -> &'static str {
    match subject {
        Subject::Settings => "settings",
        Subject::Rules => "rules",
        Subject::Unspecified => "changes",
    }
}
