//! L2: after the last fault is mended the cluster is well again within 10 seconds, by
//! itself: nodes are ready, logins succeed, states are equal.

use super::answered::{RECOVERY, judged};
use super::spans::possibly;
use crate::history::{Heard, History, seconds};

pub(super) fn judge(history: &History) -> Vec<String> {
    let mut sentences = Vec::new();
    for fault in &history.faults {
        let late = fault.up.saturating_add(RECOVERY);
        // While others were away it may not have had anyone to be ready with.
        let alone = !history.faults.iter().any(|other| {
            let (from, to) = possibly(other);
            other.node != fault.node && from <= late && fault.begun <= to
        });
        if alone && fault.healed.is_none_or(|healed| healed > late) {
            sentences.push(format!("not ready 10 s after its return: {}", fault.told()));
        }
    }
    for (_, mended) in history.overstrained(0) {
        sentences.extend(logins_after(history, mended));
    }
    sentences
}

/// Of the right logins that begin and end in the ten seconds, one succeeds.
fn logins_after(history: &History, mended: u64) -> Option<String> {
    let late = mended.saturating_add(RECOVERY);
    let visits = judged(history).filter(|it| it.begun > mended && it.ended < late);
    let (all, accepted) = visits.fold((0, 0), |(all, accepted), visit| {
        let is_accept = u32::from(visit.heard == Heard::Accept);
        (all + 1, accepted + is_accept)
    });
    (all > 0 && accepted == 0).then(|| {
        let mended = seconds(mended);
        format!("everything was mended at {mended}, and none of {all} right logins succeeded")
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fault, history, reject, visit};
    use super::*;
    use crate::history::FaultKind::Kill;
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
    fn logins_succeed_within_ten_seconds() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 20), fault(2, Kill, 10, 20)];
        run.visits = vec![visit(21, 22, reject())];
        assert_eq!(judge(&run).len(), 1);
        run.visits.push(visit(27, 28, Heard::Accept));
        assert!(judge(&run).is_empty());
    }
}
