//! L1: with no more faults than the cluster tolerates, every right login of a device that
//! keeps trying succeeds.

use super::spans::overlap;
use crate::history::{At, Heard, History, SECOND, Visit, seconds};

pub(super) fn judge(history: &History) -> Vec<String> {
    let excused = history.overstrained(RECOVERY);
    let failed = judged(history).filter(|visit| visit.heard != Heard::Accept);
    let failed = failed.filter(|visit| {
        let span = (visit.begun, visit.ended);
        !excused.iter().any(|excused| overlap(*excused, span))
    });
    failed.map(|visit| told(history, visit)).collect()
}

/// The visits that are to succeed as far as the device is concerned.
pub(super) fn judged(history: &History) -> impl Iterator<Item = &Visit> {
    history.visits.iter().filter(|visit| visit.must_succeed)
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

/// L2: how soon everything is well again.
pub(super) const RECOVERY: At = 10 * SECOND;

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
        run.visits[0].must_succeed = false;
        assert!(judge(&run).is_empty());
    }
}
