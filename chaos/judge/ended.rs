//! A node's process ends as it is told to, and never by itself: no panic, no abort, no bad
//! exit status after SIGTERM, and no need of SIGKILL.

use crate::history::{Ended, FaultKind, History, How, seconds};

pub(super) fn judge(history: &History) -> Vec<String> {
    let wrong = history.ends.iter().filter(|ended| !is_right(ended));
    wrong.map(told).collect()
}

fn is_right(ended: &Ended) -> bool {
    match ended.told {
        Some(FaultKind::Kill) => ended.how == How::Signal(SIGKILL),
        Some(FaultKind::Terminate) => ended.how == How::Status(0),
        Some(FaultKind::Freeze) | None => false,
    }
}

fn told(ended: &Ended) -> String {
    let how = match ended.how {
        How::Not => "had to be killed".to_owned(),
        How::Signal(signal) => format!("ended by signal {signal}"),
        How::Status(status) => format!("ended with status {status}"),
    };
    let told = match ended.told {
        Some(FaultKind::Kill) => "killed",
        Some(FaultKind::Terminate) => "asked to end",
        Some(FaultKind::Freeze) | None => "told nothing",
    };
    let (node, at) = (ended.node, seconds(ended.at));
    format!("node {node} was {told} and {how}, seen at {at}; its log is node{node}.log")
}

const SIGKILL: i32 = 9;

#[cfg(test)]
mod tests {
    use super::super::testing::history;
    use super::*;

    fn judged(told: Option<FaultKind>, how: How) -> usize {
        let mut run = history(3);
        let (node, at) = (1, 0);
        run.ends = vec![Ended {
            node,
            at,
            told,
            how,
        }];
        judge(&run).len()
    }

    #[test]
    fn a_node_that_ends_by_itself_is_told() {
        assert_eq!(judged(None, How::Status(101)), 1);
        assert_eq!(judged(None, How::Status(0)), 1);
        assert_eq!(judged(None, How::Signal(6)), 1);
    }

    #[test]
    fn whoever_is_asked_ends_in_order() {
        let asked = Some(FaultKind::Terminate);
        assert_eq!(judged(asked, How::Status(0)), 0);
        assert_eq!(judged(asked, How::Status(1)), 1);
        assert_eq!(judged(asked, How::Signal(15)), 1);
        assert_eq!(judged(asked, How::Not), 1);
    }

    #[test]
    fn only_the_kill_itself_kills() {
        let killed = Some(FaultKind::Kill);
        assert_eq!(judged(killed, How::Signal(9)), 0);
        assert_eq!(judged(killed, How::Signal(6)), 1, "it aborted just before");
    }
}
