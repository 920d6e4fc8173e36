//! I2: the same login again gets the same verdict, and the source is asked once for it:
//! once more only when the node that asked has died, or was frozen until its question had
//! timed out or its lease was over.
//!
//! The keys by which a login is known again live in memory, so they are gone once every
//! process has ended; and a verdict may turn when the user or the client's rule does.

use std::collections::{BTreeMap, BTreeSet};

use super::revoked::turns;
use super::spans::{Span, overlap};
use crate::history::{At, Fault, FaultKind, Heard, History, Login, Password, SECOND};

pub(super) fn judge(history: &History) -> Vec<String> {
    let mut sentences = verdicts(history);
    sentences.extend(questions(history));
    sentences
}

fn verdicts(history: &History) -> Vec<String> {
    let mut attempts: BTreeMap<_, Vec<&Login>> = BTreeMap::new();
    for login in &history.logins {
        attempts.entry(login.attempt()).or_default().push(login);
    }
    let lost = history.memory_lost();
    let mut sentences = Vec::new();
    for logins in attempts.values_mut() {
        logins.sort_by_key(|login| login.ended);
        let begun = logins.iter().map(|login| login.begun).min();
        let begun = begun.unwrap_or_default();
        let heard = |login: &&&Login| login.heard != Heard::Silence;
        let Some(first) = logins.iter().find(heard) else {
            continue;
        };
        for other in logins.iter().filter(heard) {
            let span = (begun, other.ended);
            let excused = other.ended > begun.saturating_add(history.grace)
                || lost.iter().any(|lost| overlap(*lost, span))
                || turns(history, first).any(|turn| overlap(turn, span));
            if is_accept(other) != is_accept(first) && !excused {
                let (first, other) = (first.told(), other.told());
                sentences.push(format!("one login, two verdicts: {first}; {other}"));
                break;
            }
        }
    }
    sentences
}

fn is_accept(login: &Login) -> bool {
    login.heard == Heard::Accept
}

/// All that is known of one user, who belongs to one story of a device.
struct Asked<'h> {
    /// Logins whose code was right, through a client that asks for the password.
    attempts: BTreeSet<(&'static str, &'h str, Password, &'h str, &'h str)>,
    span: Span,
}

fn questions(history: &History) -> Vec<String> {
    let mut users: BTreeMap<&str, Asked<'_>> = BTreeMap::new();
    for login in &history.logins {
        let asked = users.entry(&login.user).or_insert_with(|| Asked {
            attempts: BTreeSet::new(),
            span: (At::MAX, 0),
        });
        asked.span.0 = asked.span.0.min(login.begun);
        asked.span.1 = asked.span.1.max(login.ended);
        if login.is_code_right && login.password != Password::None {
            asked.attempts.insert(login.attempt());
        }
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for user in &history.questions {
        *counts.entry(user).or_default() += 1;
    }
    let mut sentences = Vec::new();
    for (user, count) in counts {
        let Some(asked) = users.get(user) else {
            sentences.push(format!("the source was asked for {user}, who never came"));
            continue;
        };
        // A flow may go on for a lease after its device has given up.
        let span = (asked.span.0, asked.span.1.saturating_add(history.lease));
        let excuses = history.faults.iter().filter(|fault| {
            let within = (span.0..=span.1).contains(&fault.begun);
            within && interrupts(fault, history.source_timeout)
        });
        let most = asked.attempts.len() + excuses.count();
        if count > most {
            sentences.push(format!(
                "the source was asked {count} times for {user}, who had {} logins with a \
                 right code; with what failed meanwhile {most} are allowed",
                asked.attempts.len()
            ));
        }
    }
    sentences
}

/// Whether a node that asks the source then may lose its attempt.
fn interrupts(fault: &Fault, source_timeout: At) -> bool {
    match fault.kind {
        FaultKind::Kill => true,
        FaultKind::Freeze => fault.up.saturating_sub(fault.begun) + ASKED_BEFORE > source_timeout,
        // It finishes what it has in hand.
        FaultKind::Terminate => false,
    }
}

/// How long the question may have waited for its answer before the node was frozen: the
/// longest that this program makes the source think, and a little.
const ASKED_BEFORE: At = 2 * SECOND;

#[cfg(test)]
mod tests {
    use super::super::testing::{fault, history, login, reject, write};
    use super::*;
    use crate::history::{Fate, What};

    #[test]
    fn the_same_verdict_each_time_is_right() {
        let mut run = history(3);
        run.logins = vec![
            login(1, 2, Heard::Silence),
            login(2, 3, Heard::Accept),
            login(4, 5, Heard::Accept),
        ];
        run.questions = vec!["alice".to_owned()];
        assert!(judge(&run).is_empty());
        run.logins.push(login(6, 7, reject()));
        assert_eq!(judge(&run).len(), 1);
    }

    #[test]
    fn after_the_grace_it_is_another_login() {
        let mut run = history(3);
        run.logins = vec![login(1, 2, Heard::Accept), login(50, 51, reject())];
        assert!(judge(&run).is_empty());
    }

    #[test]
    fn with_every_process_the_memory_of_retries_is_gone() {
        let mut run = history(1);
        run.logins = vec![login(1, 2, Heard::Accept), login(8, 9, reject())];
        run.faults = vec![fault(1, FaultKind::Kill, 4, 6)];
        assert!(judge(&run).is_empty());
        run.nodes = 3;
        assert_eq!(judge(&run).len(), 1);
    }

    #[test]
    fn a_freeze_takes_no_memory() {
        let mut run = history(1);
        run.logins = vec![login(1, 2, Heard::Accept), login(8, 9, reject())];
        run.faults = vec![fault(1, FaultKind::Freeze, 4, 6)];
        assert_eq!(judge(&run).len(), 1);
    }

    #[test]
    fn whoever_is_disabled_between_is_refused() {
        let mut run = history(3);
        run.logins = vec![login(1, 2, Heard::Accept), login(8, 9, reject())];
        let disable = What::Disable("alice".to_owned());
        run.writes = vec![write(disable, 3, 4, Fate::Unknown)];
        assert!(judge(&run).is_empty());
    }

    #[test]
    fn a_second_question_needs_a_death_or_a_long_freeze() {
        let mut run = history(3);
        run.logins = vec![login(10, 12, Heard::Accept)];
        run.questions = vec!["alice".to_owned(); 2];
        assert_eq!(judge(&run).len(), 1);
        run.faults = vec![fault(2, FaultKind::Freeze, 11, 11)];
        assert_eq!(judge(&run).len(), 1);
        run.faults = vec![fault(2, FaultKind::Freeze, 11, 20)];
        assert!(judge(&run).is_empty());
        run.faults = vec![fault(2, FaultKind::Terminate, 11, 20)];
        assert_eq!(judge(&run).len(), 1);
        run.faults = vec![fault(2, FaultKind::Kill, 11, 12)];
        assert!(judge(&run).is_empty());
        run.faults = vec![fault(2, FaultKind::Kill, 3, 4)];
        assert_eq!(judge(&run).len(), 1, "it died before the login began");
    }

    #[test]
    fn a_wrong_code_asks_nobody() {
        let mut run = history(3);
        run.logins = vec![login(10, 12, reject())];
        run.logins[0].is_code_right = false;
        run.questions = vec!["alice".to_owned()];
        assert_eq!(judge(&run).len(), 1);
    }
}
