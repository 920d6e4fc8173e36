//! I1: one code of one token lets at most one attempt in. An attempt is the same user,
//! password, code and caller through the same client, within the client's grace.

use std::collections::BTreeMap;

use crate::history::{Heard, History, Login, SECOND, seconds};

pub(super) fn judge(history: &History) -> Vec<String> {
    let mut accepted: BTreeMap<(&str, &str), Vec<&Login>> = BTreeMap::new();
    for login in &history.logins {
        if login.heard == Heard::Accept {
            let code = (&*login.user, &*login.code);
            accepted.entry(code).or_default().push(login);
        }
    }
    let mut sentences = Vec::new();
    for logins in accepted.values_mut() {
        logins.sort_by_key(|login| login.ended);
        let Some((first, others)) = logins.split_first() else {
            continue;
        };
        // The settling is at the latest when the first Accept was heard.
        let over = first.ended.saturating_add(history.grace + SLACK);
        for other in others {
            if other.attempt() != first.attempt() {
                let (first, other) = (first.told(), other.told());
                sentences.push(format!("one code let two attempts in: {first}; {other}"));
            } else if other.begun > over {
                let (grace, first, other) = (seconds(history.grace), first.told(), other.told());
                sentences.push(format!(
                    "a code let in again after the grace of {grace}: {first}; {other}"
                ));
            }
        }
    }
    sentences
}

/// Entry time may go slower than the device's clock, while nothing is committed.
const SLACK: u64 = 5 * SECOND;

#[cfg(test)]
mod tests {
    use super::super::testing::{history, login, reject};
    use super::*;

    #[test]
    fn a_retry_is_let_in_again_within_the_grace() {
        let mut run = history(3);
        run.logins = vec![login(1, 2, Heard::Accept), login(20, 21, Heard::Accept)];
        assert!(judge(&run).is_empty());
        run.logins.push(login(60, 61, Heard::Accept));
        assert_eq!(judge(&run).len(), 1);
    }

    #[test]
    fn another_caller_is_another_attempt() {
        let mut run = history(3);
        run.logins = vec![login(1, 2, Heard::Accept), login(1, 2, reject())];
        run.logins[1].caller = "203.0.113.9".to_owned();
        assert!(judge(&run).is_empty());
        run.logins[1].heard = Heard::Accept;
        let told = judge(&run);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("two attempts"), "{told:?}");
    }

    #[test]
    fn another_user_with_the_same_code_has_another_token() {
        let mut run = history(3);
        run.logins = vec![login(1, 2, Heard::Accept), login(1, 2, Heard::Accept)];
        run.logins[1].user = "bob".to_owned();
        assert!(judge(&run).is_empty());
    }
}
