//! L2: after the last fault is mended the cluster is well again within 10 seconds, by
//! itself: nodes are ready and answer, logins succeed, all have what was written since.
//!
//! Faults that hang together are judged together, from the last mending among them.

use super::answered::judged;
use super::spans::{FaultSet, RECOVERY, Span, overlap};
use crate::history::{Heard, History, seconds};

pub(super) fn judge(history: &History) -> Vec<String> {
    let mut sentences = Vec::new();
    let sets = history.fault_sets();
    for set in &sets {
        sentences.extend(not_ready(set));
        sentences.extend(logins_after(history, set));
    }
    sentences.extend(silences(history, &sets));
    sentences.extend(behind(history));
    sentences
}

fn not_ready(set: &FaultSet<'_>) -> Vec<String> {
    let overcome = set.overcome();
    let late = set.faults();
    let late = late.filter(|fault| fault.healed.is_none_or(|healed| healed > overcome));
    late.map(|fault| {
        let mended = seconds(set.mended());
        format!(
            "not ready 10 s after the last mending, {mended}: {}",
            fault.told()
        )
    })
    .collect()
}

/// Of the right logins that begin and end in the ten seconds, one succeeds.
fn logins_after(history: &History, set: &FaultSet<'_>) -> Option<String> {
    let (mended, overcome) = (set.mended(), set.overcome());
    let visits = judged(history).filter(|it| it.begun > mended && it.ended < overcome);
    let (all, accepted) = visits.fold((0, 0), |(all, accepted), visit| {
        let is_accept = u32::from(visit.heard == Heard::Accept);
        (all + 1, accepted + is_accept)
    });
    (all > 0 && accepted == 0).then(|| {
        let mended = seconds(mended);
        format!("everything was mended at {mended}, and none of {all} right logins succeeded")
    })
}

/// A device that asks the next server does not notice that one is silent for ever.
fn silences(history: &History, sets: &[FaultSet<'_>]) -> Vec<String> {
    let hurt: Vec<Span> = sets.iter().map(|it| (it.begun(), it.overcome())).collect();
    let silent = history.logins.iter().filter(|login| {
        let span = (login.begun, login.ended);
        login.is_patient
            && login.heard == Heard::Silence
            && !hurt.iter().any(|hurt| overlap(*hurt, span))
    });
    silent
        .map(|it| format!("silent though all was well: {}", it.told()))
        .collect()
}

fn behind(history: &History) -> Vec<String> {
    let told = history.caught_up_after.iter().map(|after| match after {
        None => Some("after a last mending the nodes never caught up".to_owned()),
        Some(after) if *after > RECOVERY => Some(format!(
            "the nodes had caught up only {} after a last mending",
            seconds(*after)
        )),
        Some(_) => None,
    });
    told.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fault, history, login, reject, visit};
    use super::*;
    use crate::history::FaultKind::{Freeze, Kill};
    use crate::history::SECOND;

    #[test]
    fn a_node_is_ready_within_ten_seconds() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 20)];
        run.faults[0].healed = Some(29 * SECOND);
        assert!(judge(&run).is_empty());
        run.faults[0].healed = Some(31 * SECOND);
        assert_eq!(judge(&run).len(), 1);
        run.faults[0].healed = None;
        assert_eq!(judge(&run).len(), 1);
    }

    #[test]
    fn a_node_that_never_comes_back_after_a_lost_quorum_is_told() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 20), fault(2, Freeze, 12, 25)];
        run.faults[0].healed = Some(34 * SECOND);
        assert!(judge(&run).is_empty(), "it waited for the other");
        run.faults[0].healed = Some(36 * SECOND);
        assert_eq!(judge(&run).len(), 1);
        run.faults[0].healed = None;
        assert_eq!(judge(&run).len(), 1);
        run.faults[1].healed = None;
        assert_eq!(judge(&run).len(), 2);
    }

    #[test]
    fn logins_succeed_within_ten_seconds() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 20), fault(2, Kill, 10, 20)];
        run.visits = vec![visit(21, 22, reject())];
        assert_eq!(judge(&run).len(), 1);
        run.visits.push(visit(27, 28, Heard::Accept));
        assert!(judge(&run).is_empty());
        run.visits = vec![visit(21, 22, reject())];
        run.faults[1].healed = None;
        assert_eq!(judge(&run).len(), 2, "and never mended");
    }

    #[test]
    fn a_node_that_is_ready_answers() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 20), fault(2, Kill, 12, 20)];
        run.logins = vec![login(29, 38, Heard::Silence)];
        assert!(judge(&run).is_empty());
        run.logins.push(login(31, 40, Heard::Silence));
        assert_eq!(judge(&run).len(), 1);
        run.logins[1].is_patient = false;
        assert!(judge(&run).is_empty());
    }

    #[test]
    fn all_catch_up_within_ten_seconds_of_the_last_mending() {
        let mut run = history(3);
        run.caught_up_after.push(Some(11 * SECOND));
        assert_eq!(judge(&run).len(), 1);
        run.caught_up_after.insert(0, None);
        assert_eq!(judge(&run).len(), 2);
    }
}
