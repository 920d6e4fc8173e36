//! I2: the same login again gets the same verdict, and the source is asked once for it:
//! once more only when the node that asked has died, or was frozen until its question had
//! timed out or its lease was over, or when no quorum ran until then.
//!
//! The keys by which a login is known again live in memory, so they are gone once every
//! process has ended; and a verdict may turn when the user or the client's rule does.

use std::collections::{BTreeMap, BTreeSet};

use super::revoked::turns;
use super::spans::{ASKED_BEFORE, Span, overlap, possibly};
use crate::history::{Fault, FaultKind, Heard, History, Login, Password};

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
#[derive(Default)]
struct Asked<'h> {
    /// What was right but for the password, through a client that asks for the password.
    /// Whoever types the same elsewhere has no question of their own: it is the same code,
    /// claimed or spent.
    typed: BTreeSet<(&'h str, Password)>,
    logins: Vec<&'h Login>,
}

fn questions(history: &History) -> Vec<String> {
    let mut users: BTreeMap<&str, Asked<'_>> = BTreeMap::new();
    for login in &history.logins {
        let asked = users.entry(&login.user).or_default();
        asked.logins.push(login);
        if login.is_code_right && login.password != Password::None {
            asked.typed.insert((&login.code, login.password));
        }
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for user in &history.questions {
        *counts.entry(user).or_default() += 1;
    }
    let overrun = history.leases_overrun();
    let mut sentences = Vec::new();
    for (user, count) in counts {
        let Some(asked) = users.get(user) else {
            sentences.push(format!("the source was asked for {user}, who never came"));
            continue;
        };
        let faults = history.faults.iter();
        let faults = faults.filter(|fault| interrupts(fault, asked, history));
        let overrun = overrun.iter().filter(|span| {
            let during = |login: &&Login| overlap(in_hand(login, history), **span);
            asked.logins.iter().any(during)
        });
        let most = asked.typed.len() + faults.count() + overrun.count();
        if count > most {
            let logins: Vec<_> = asked.logins.iter().map(|login| login.told()).collect();
            sentences.push(format!(
                "the source was asked {count} times for {user}, who typed {} passwords and \
                 right codes; with what failed meanwhile {most} are allowed: {}",
                asked.typed.len(),
                logins.join("; ")
            ));
        }
    }
    sentences
}

/// How long a node may have had the login in hand: its flow may go on for a lease after
/// the device has given up.
fn in_hand(login: &Login, history: &History) -> Span {
    (login.begun, login.ended.saturating_add(history.lease))
}

/// Whether a node that may have asked the source for this user may have lost its attempt.
fn interrupts(fault: &Fault, asked: &Asked<'_>, history: &History) -> bool {
    let asks_in_vain = match fault.kind {
        FaultKind::Kill => true,
        FaultKind::Freeze => {
            fault.up.saturating_sub(fault.begun) + ASKED_BEFORE > history.source_timeout
        }
        // It finishes what it has in hand.
        FaultKind::Terminate => false,
    };
    asks_in_vain
        && asked.logins.iter().any(|login| {
            let met = overlap(in_hand(login, history), (fault.begun, fault.down));
            met && (login.node == fault.node || may_hand_over(login, history))
        })
}

/// Whether the node may not have been ready to judge this login itself: a peer did then.
fn may_hand_over(login: &Login, history: &History) -> bool {
    let span = (login.begun, login.ended);
    let mut faults = history.faults.iter();
    faults.any(|fault| fault.node == login.node && overlap(possibly(fault), span))
}

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
        run.faults = vec![fault(1, FaultKind::Freeze, 11, 11)];
        assert_eq!(judge(&run).len(), 1);
        run.faults = vec![fault(1, FaultKind::Freeze, 11, 20)];
        assert!(judge(&run).is_empty());
        run.faults = vec![fault(1, FaultKind::Terminate, 11, 20)];
        assert_eq!(judge(&run).len(), 1);
        run.faults = vec![fault(1, FaultKind::Kill, 11, 12)];
        assert!(judge(&run).is_empty());
        run.faults = vec![fault(1, FaultKind::Kill, 3, 4)];
        assert_eq!(judge(&run).len(), 1, "it died before the login began");
    }

    #[test]
    fn only_the_death_of_a_node_that_was_asked_excuses_a_question() {
        let mut run = history(3);
        run.logins = vec![login(10, 12, Heard::Accept)];
        run.questions = vec!["alice".to_owned(); 2];
        run.faults = vec![fault(2, FaultKind::Kill, 11, 12)];
        assert_eq!(judge(&run).len(), 1);
        run.logins.push(login(40, 42, Heard::Accept));
        run.logins[1].node = 2;
        assert_eq!(judge(&run).len(), 1, "it was asked only after its death");
        run.logins[1] = login(10, 11, Heard::Silence);
        run.logins[1].node = 2;
        assert!(judge(&run).is_empty());
    }

    #[test]
    fn who_is_not_ready_has_a_peer_ask() {
        let mut run = history(3);
        run.logins = vec![login(10, 12, Heard::Accept)];
        run.questions = vec!["alice".to_owned(); 2];
        run.faults = vec![
            fault(2, FaultKind::Kill, 11, 12),
            fault(1, FaultKind::Terminate, 5, 10),
        ];
        assert!(judge(&run).is_empty());
        run.faults[1] = fault(1, FaultKind::Terminate, 5, 9);
        assert_eq!(judge(&run).len(), 1);
    }

    #[test]
    fn a_spent_code_asks_nobody_in_other_hands() {
        let mut run = history(3);
        run.logins = vec![login(10, 12, Heard::Accept), login(14, 15, reject())];
        run.logins[1].caller = "203.0.113.66".to_owned();
        run.questions = vec!["alice".to_owned()];
        assert!(judge(&run).is_empty());
        run.questions.push("alice".to_owned());
        assert_eq!(judge(&run).len(), 1);
        run.logins[1].password = Password::Wrong(0);
        assert!(
            judge(&run).is_empty(),
            "another password is another question"
        );
    }

    #[test]
    fn a_lease_that_ran_out_without_a_quorum_excuses_a_question() {
        let mut run = history(3);
        run.logins = vec![login(10, 12, Heard::Accept)];
        run.questions = vec!["alice".to_owned(); 2];
        run.faults = vec![
            fault(2, FaultKind::Terminate, 11, 20),
            fault(3, FaultKind::Terminate, 11, 20),
        ];
        assert_eq!(judge(&run).len(), 1);
        run.faults = vec![
            fault(2, FaultKind::Terminate, 11, 24),
            fault(3, FaultKind::Terminate, 11, 24),
        ];
        assert!(judge(&run).is_empty());
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
