//! I6: without a quorum no verdict, neither Accept nor Reject.
//!
//! A verdict that was recorded while there was one may still be told: a refusal is held
//! back to look like any other, and packets that join its login hear it as well.

use crate::history::{At, Heard, History, Login, SECOND, seconds};

pub(super) fn judge(history: &History) -> Vec<String> {
    let mut sentences = Vec::new();
    for (from, to) in history.without_quorum() {
        for login in &history.logins {
            let slack = match login.heard {
                Heard::Accept => ACCEPT_SLACK,
                Heard::Reject(_) => REJECT_SLACK,
                Heard::Silence => continue,
            };
            if login.begun > from.saturating_add(slack) && login.ended < to {
                sentences.push(format!(
                    "no quorum ran from {} to {}, and yet: {}",
                    seconds(from),
                    seconds(to),
                    login.told()
                ));
            }
        }
    }
    sentences
}

/// The logins that a node without a quorum had time to answer.
pub(super) fn looked_at(history: &History) -> impl Iterator<Item = &Login> {
    let spans = history.without_quorum();
    let within = move |login: &&Login| {
        let from = login.begun.saturating_sub(ACCEPT_SLACK);
        let to = login.begun.saturating_add(ANSWER);
        let mut spans = spans.iter();
        spans.any(|span| span.0 < from && to < span.1)
    };
    history.logins.iter().filter(within)
}

/// Time enough for an answer.
const ANSWER: At = SECOND / 2;
/// The commit that was under way, and its answer.
const ACCEPT_SLACK: At = SECOND;
/// The same, and for how long a refusal is held back at the most.
const REJECT_SLACK: At = 3 * SECOND;

#[cfg(test)]
mod tests {
    use super::super::testing::{fault, history, login, reject};
    use super::*;
    use crate::history::FaultKind::{Freeze, Kill};

    #[test]
    fn one_of_three_is_silent() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 30), fault(2, Freeze, 12, 28)];
        run.logins = vec![
            login(11, 12, Heard::Accept),
            login(15, 20, Heard::Silence),
            login(14, 15, reject()),
            login(27, 29, Heard::Accept),
        ];
        assert!(judge(&run).is_empty());
        run.logins.push(login(16, 17, reject()));
        assert_eq!(judge(&run).len(), 1);
        run.logins.push(login(14, 15, Heard::Accept));
        assert_eq!(judge(&run).len(), 2);
    }

    #[test]
    fn two_of_three_answer() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 30)];
        run.logins = vec![login(16, 17, reject())];
        assert!(judge(&run).is_empty());
    }
}
