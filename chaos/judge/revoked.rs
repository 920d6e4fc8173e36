//! I5: once a disable or a stricter rule is acknowledged, nobody is let in under the older
//! one by a login that began after that.

use super::spans::Span;
use crate::history::{At, Fate, Heard, History, Login, SECOND, What, Write, seconds};

pub(super) fn judge(history: &History) -> Vec<String> {
    let mut sentences = Vec::new();
    for write in &history.writes {
        let Some((from, to)) = in_force(history, write) else {
            continue;
        };
        for login in &history.logins {
            let within = login.begun > from && login.ended < to;
            if within && login.heard == Heard::Accept && forbids(&write.what, login) {
                sentences.push(format!(
                    "{:?} was acknowledged at {}, and yet: {}",
                    write.what,
                    seconds(from),
                    login.told()
                ));
            }
        }
    }
    sentences
}

/// From its acknowledgement to the first moment at which it may be taken back; none: it is
/// not known to be in force.
fn in_force(history: &History, write: &Write) -> Option<Span> {
    let strict = matches!(write.what, What::Disable(_) | What::Tighten(_));
    if !strict || write.fate != Fate::Acknowledged {
        return None;
    }
    let lenient = |other: &&Write| takes_back(&other.what, &write.what);
    let before = history.writes.iter().filter(lenient);
    // One whose answer was lost may come late.
    let doubt = before.clone().any(|other| {
        let late = other.ended.saturating_add(LATE);
        other.fate == Fate::Unknown && other.begun < write.begun && write.ended < late
    });
    let after = before.filter(|other| other.begun >= write.ended);
    let to = after.map(|other| other.begun).min().unwrap_or(At::MAX);
    (!doubt).then_some((write.ended, to))
}

fn takes_back(lenient: &What, strict: &What) -> bool {
    match (lenient, strict) {
        (What::Enable(one), What::Disable(other)) => one == other,
        (What::Loosen(one), What::Tighten(other)) => one == other,
        _ => false,
    }
}

fn forbids(write: &What, login: &Login) -> bool {
    match write {
        What::Disable(user) => *user == login.user,
        // Whoever typed the code alone shows one factor.
        What::Tighten(client) => *client == login.client,
        What::AddUser(_) | What::Enable(_) | What::Loosen(_) => false,
    }
}

/// The spans in which it was about to change, or has changed, whether this login is let in.
pub(super) fn turns<'h>(history: &'h History, login: &'h Login) -> impl Iterator<Item = Span> + 'h {
    let about = history.writes.iter().filter(|write| match &write.what {
        What::Disable(user) | What::Enable(user) => *user == login.user,
        What::Tighten(client) | What::Loosen(client) => *client == login.client,
        What::AddUser(_) => false,
    });
    about.map(|write| match (&write.what, write.fate) {
        (_, Fate::Unknown) => (write.begun, write.ended.saturating_add(LATE)),
        (What::Disable(_) | What::Tighten(_), _) => {
            let to = in_force(history, write).map_or(write.ended, |(_, to)| to);
            (write.begun, to)
        }
        _ => (write.begun, write.ended),
    })
}

/// A write whose answer was lost comes no later than this.
const LATE: At = 30 * SECOND;

#[cfg(test)]
mod tests {
    use super::super::testing::{history, login, reject, write};
    use super::*;

    fn disable(fate: Fate) -> Write {
        write(What::Disable("alice".to_owned()), 10, 11, fate)
    }

    fn enable(fate: Fate, begun: At, ended: At) -> Write {
        write(What::Enable("alice".to_owned()), begun, ended, fate)
    }

    #[test]
    fn whoever_begins_after_the_acknowledgement_is_refused() {
        let mut run = history(3);
        run.writes = vec![disable(Fate::Acknowledged)];
        run.logins = vec![login(9, 12, Heard::Accept), login(13, 14, reject())];
        assert!(judge(&run).is_empty());
        run.logins.push(login(13, 14, Heard::Accept));
        assert_eq!(judge(&run).len(), 1);
    }

    #[test]
    fn an_unknown_write_forbids_nothing() {
        let mut run = history(3);
        run.writes = vec![disable(Fate::Unknown)];
        run.logins = vec![login(13, 14, Heard::Accept)];
        assert!(judge(&run).is_empty());
    }

    #[test]
    fn it_ends_when_the_contrary_may_have_begun() {
        let mut run = history(3);
        run.writes = vec![disable(Fate::Acknowledged), enable(Fate::Unknown, 20, 25)];
        run.logins = vec![login(19, 21, Heard::Accept)];
        assert!(judge(&run).is_empty());
        run.logins = vec![login(18, 19, Heard::Accept)];
        assert_eq!(judge(&run).len(), 1);
    }

    #[test]
    fn a_lost_enable_may_come_late() {
        let mut run = history(3);
        run.writes = vec![enable(Fate::Unknown, 2, 8), disable(Fate::Acknowledged)];
        run.logins = vec![login(18, 19, Heard::Accept)];
        assert!(judge(&run).is_empty());
    }

    #[test]
    fn a_tightened_client_lets_in_nobody_with_the_code_alone() {
        let mut run = history(3);
        run.writes = vec![write(What::Tighten("gate"), 10, 11, Fate::Acknowledged)];
        run.logins = vec![login(13, 14, Heard::Accept)];
        assert!(judge(&run).is_empty(), "another client");
        run.logins[0].client = "gate";
        assert_eq!(judge(&run).len(), 1);
    }
}
