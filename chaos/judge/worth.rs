//! Whether the run had anything to judge: one whose judges look at nothing finds nothing.

use super::answered::judged;
use super::quorum;
use super::spans::overlap;
use crate::history::{Heard, History, Password};

pub(super) fn judge(history: &History) -> Vec<String> {
    let failed = history.failed.iter();
    let mut sentences: Vec<_> = failed
        .map(|why| format!("it was cut short: {why}"))
        .collect();
    let mut need = |is_there: bool, missing: &str| {
        if !is_there {
            sentences.push(missing.to_owned());
        }
    };
    need(
        !history.users_ran_out,
        "the users ran out, and with them the load",
    );
    need(!history.faults.is_empty(), "no fault was caused");
    let excused = history.overstrained();
    let mut right = judged(history).filter(|visit| {
        let span = (visit.begun, visit.ended);
        !excused.iter().any(|excused| overlap(*excused, span))
    });
    need(right.next().is_some(), "no right login could be judged");
    let spans = history.without_quorum();
    need(
        spans.is_empty() || quorum::looked_at(history).next().is_some(),
        "no packet was sent while no quorum ran",
    );
    let mut asking = history.logins.iter();
    let is_asking = asking.any(|it| it.password == Password::Right && it.heard == Heard::Accept);
    need(
        !is_asking || !history.questions.is_empty(),
        "the source tells of no question",
    );
    sentences
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fault, history, login, visit};
    use super::*;
    use crate::history::FaultKind::Kill;

    fn worth() -> History {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 20, 30), fault(2, Kill, 20, 30)];
        run.visits = vec![visit(1, 2, Heard::Accept)];
        run.logins = vec![login(1, 2, Heard::Accept), login(22, 31, Heard::Silence)];
        run.questions = vec!["alice".to_owned()];
        run
    }

    #[test]
    fn a_run_with_all_in_it_is_worth_something() {
        assert!(judge(&worth()).is_empty());
    }

    #[test]
    fn a_run_without_load_is_not() {
        let mut run = worth();
        run.users_ran_out = true;
        assert_eq!(judge(&run).len(), 1);
        run.visits = vec![visit(25, 27, Heard::Accept)];
        assert_eq!(judge(&run).len(), 2, "its only login was excused");
        run.questions.clear();
        assert_eq!(judge(&run).len(), 3);
        run.failed = Some("no node".to_owned());
        assert_eq!(judge(&run).len(), 4);
    }

    #[test]
    fn a_time_without_a_quorum_needs_a_packet() {
        let mut run = worth();
        run.logins.pop();
        assert_eq!(judge(&run).len(), 1);
        run.logins.push(login(30, 31, Heard::Silence));
        assert_eq!(judge(&run).len(), 1, "it came too late");
        run.faults.pop();
        assert!(judge(&run).is_empty());
        run.faults.clear();
        assert_eq!(judge(&run).len(), 1);
    }
}
