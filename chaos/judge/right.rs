//! Nobody is let in with a wrong password or a wrong code. Taken for granted by DESIGN §1,
//! so it has no number there.

use crate::history::{Heard, History};

pub(super) fn judge(history: &History) -> Vec<String> {
    let logins = history.logins.iter();
    let wrong = logins.filter(|login| login.heard == Heard::Accept && !login.is_right());
    wrong
        .map(|login| {
            format!(
                "let in, though not all that was typed is right: {}",
                login.told()
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{history, login, reject};
    use super::*;
    use crate::history::Password;

    #[test]
    fn a_wrong_code_or_password_lets_nobody_in() {
        let mut run = history(3);
        run.logins = vec![login(1, 2, Heard::Accept), login(3, 4, reject())];
        run.logins[1].is_code_right = false;
        assert!(judge(&run).is_empty());
        run.logins[1].heard = Heard::Accept;
        assert_eq!(judge(&run).len(), 1);
        run.logins[0].password = Password::Wrong(1);
        assert_eq!(judge(&run).len(), 2);
    }
}
