//! L1: with no more faults than the cluster tolerates, every right login of a device that
//! keeps trying succeeds.

use std::collections::BTreeMap;

use super::spans::{Span, overlap};
use crate::history::{Due, Heard, History, Visit, seconds};

pub(super) fn judge(history: &History) -> Vec<String> {
    let excused = history.overstrained();
    let is_judged = |span: Span| !excused.iter().any(|excused| overlap(*excused, span));
    let failed = judged(history).filter(|visit| visit.heard != Heard::Accept);
    let failed = failed.filter(|visit| is_judged((visit.begun, visit.ended)));
    let mut sentences: Vec<_> = failed.map(|visit| told(history, visit)).collect();
    for visits in races(history).into_values() {
        let begun = visits.iter().map(|it| it.begun).min().unwrap_or_default();
        let ended = visits.iter().map(|it| it.ended).max().unwrap_or_default();
        let lost = visits.iter().all(|visit| visit.heard != Heard::Accept);
        if lost && is_judged((begun, ended)) {
            let told: Vec<_> = visits.iter().map(|visit| told(history, visit)).collect();
            sentences.push(format!("nobody won with one code: {}", told.join(" | ")));
        }
    }
    sentences
}

/// The visits that are to succeed as far as the device is concerned.
pub(super) fn judged(history: &History) -> impl Iterator<Item = &Visit> {
    let visits = history.visits.iter();
    visits.filter(|visit| visit.due == Due::Accept)
}

/// By their user, those of which one is to succeed.
fn races(history: &History) -> BTreeMap<&str, Vec<&Visit>> {
    let mut races: BTreeMap<&str, Vec<&Visit>> = BTreeMap::new();
    for visit in &history.visits {
        if visit.due == Due::AcceptOfOne {
            races.entry(&visit.user).or_default().push(visit);
        }
    }
    races
}

fn told(history: &History, visit: &Visit) -> String {
    let span = (visit.begun, visit.ended);
    let part = |login: &&crate::history::Login| {
        login.user == visit.user && overlap((login.begun, login.ended), span)
    };
    let logins: Vec<_> = history
        .logins
        .iter()
        .filter(part)
        .map(|it| it.told())
        .collect();
    let faults = history.faults.iter();
    let faults = faults.filter(|fault| overlap(super::spans::possibly(fault), span));
    let faults: Vec<_> = faults.map(|fault| fault.told()).collect();
    format!(
        "the right login of {} from {} to {} heard {:?}: {}. Meanwhile: {}",
        visit.user,
        seconds(visit.begun),
        seconds(visit.ended),
        visit.heard,
        logins.join("; "),
        if faults.is_empty() {
            "no fault".to_owned()
        } else {
            faults.join("; ")
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fault, history, reject, visit};
    use super::*;
    use crate::history::FaultKind::Kill;

    #[test]
    fn one_fault_of_three_nodes_excuses_nothing() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 20)];
        run.visits = vec![visit(11, 12, Heard::Accept)];
        assert!(judge(&run).is_empty());
        run.visits.push(visit(11, 38, Heard::Silence));
        assert_eq!(judge(&run).len(), 1);
        run.visits.push(visit(11, 12, reject()));
        assert_eq!(judge(&run).len(), 2);
    }

    #[test]
    fn two_faults_excuse_until_ten_seconds_after_the_last() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 20), fault(2, Kill, 15, 18)];
        run.visits = vec![visit(11, 14, Heard::Silence), visit(29, 31, Heard::Silence)];
        assert!(judge(&run).is_empty());
        run.visits.push(visit(31, 33, Heard::Silence));
        assert_eq!(judge(&run).len(), 1);
    }

    #[test]
    fn a_login_that_may_fail_is_not_judged() {
        let mut run = history(3);
        run.visits = vec![visit(1, 2, reject())];
        run.visits[0].due = Due::Nothing;
        assert!(judge(&run).is_empty());
    }

    #[test]
    fn what_never_heals_excuses_ten_seconds_and_no_more() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 20), fault(2, Kill, 15, 18)];
        run.faults[0].healed = None;
        run.visits = vec![visit(29, 31, Heard::Silence)];
        assert!(judge(&run).is_empty());
        run.visits.push(visit(31, 33, Heard::Silence));
        assert_eq!(judge(&run).len(), 1);
    }

    #[test]
    fn of_those_with_one_code_one_is_let_in() {
        let mut run = history(3);
        run.visits = vec![visit(11, 12, reject()), visit(11, 13, Heard::Accept)];
        for visit in &mut run.visits {
            visit.due = Due::AcceptOfOne;
        }
        assert!(judge(&run).is_empty());
        run.visits[1].heard = reject();
        assert_eq!(judge(&run).len(), 1);
        run.faults = vec![fault(1, Kill, 2, 5), fault(2, Kill, 2, 5)];
        assert!(judge(&run).is_empty(), "nobody may have had a quorum");
    }
}
