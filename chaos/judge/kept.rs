//! I3: an acknowledged write is there at the end, on every node; one whose answer was lost
//! happened once or not at all.

use crate::history::{Fate, History, Store, What, Write};

pub(super) fn judge(history: &History) -> Vec<String> {
    let end = &history.end;
    let mut sentences = Vec::new();
    for write in &history.writes {
        for store in &end.stores {
            let wrong = match &write.what {
                What::AddUser(name) => added(name, write, store),
                What::Disable(name) | What::Enable(name) => {
                    standing(name, history, store).filter(|_| is_last(write, history))
                }
                What::Tighten(_) | What::Loosen(_) => None,
            };
            sentences.extend(wrong.map(|what| format!("{what}: {write:?}")));
        }
    }
    sentences
}

fn added(name: &str, write: &Write, store: &Store) -> Option<String> {
    let made = store.users.iter().find(|(user, _)| user == name);
    let times = made.map_or(0, |(_, times)| *times);
    let node = store.node;
    match (write.fate, made) {
        (Fate::Acknowledged, None) => Some(format!("node {node} has lost {name}")),
        (Fate::Acknowledged, Some(_)) if times != 1 => Some(format!(
            "node {node} says that {name} was made {times} times"
        )),
        (Fate::Refused, Some(_)) => {
            Some(format!("node {node} has {name}, whose making was refused"))
        }
        (Fate::Unknown, _) if times > 1 => Some(format!(
            "node {node} says that {name} was made {times} times"
        )),
        _ => None,
    }
}

/// Whether the user stands as the last write about it says, if it is known to be the last.
fn standing(name: &str, history: &History, store: &Store) -> Option<String> {
    let about = history.writes.iter().filter(|write| is_about(write, name));
    let last = about.clone().max_by_key(|write| write.begun)?;
    // One whose answer was lost may have come late.
    if about.clone().any(|write| write.fate == Fate::Unknown) {
        return None;
    }
    let is_disabled = store.disabled.iter().any(|user| user == name);
    let should = matches!(last.what, What::Disable(_));
    let holds = last.fate != Fate::Acknowledged || is_disabled == should;
    let is = if is_disabled { "disabled" } else { "active" };
    (!holds).then(|| format!("on node {} {name} is {is}", store.node))
}

fn is_last(write: &Write, history: &History) -> bool {
    let (What::Disable(name) | What::Enable(name)) = &write.what else {
        return false;
    };
    let about = history.writes.iter().filter(|other| is_about(other, name));
    about.map(|other| other.begun).max() == Some(write.begun)
}

fn is_about(write: &Write, name: &str) -> bool {
    matches!(&write.what, What::Disable(user) | What::Enable(user) if user == name)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{history, write};
    use super::*;

    fn store(node: u16, users: &[(&str, usize)]) -> Store {
        let users = users
            .iter()
            .map(|(name, times)| ((*name).to_owned(), *times));
        Store {
            node,
            users: users.collect(),
            disabled: Vec::new(),
        }
    }

    fn run(fate: Fate, one: &[(&str, usize)], two: &[(&str, usize)]) -> Vec<String> {
        let mut run = history(2);
        run.writes = vec![write(What::AddUser("kept1".to_owned()), 1, 2, fate)];
        run.end.stores = vec![store(1, one), store(2, two)];
        judge(&run)
    }

    #[test]
    fn what_was_acknowledged_is_everywhere_once() {
        let there: &[_] = &[("kept1", 1)];
        assert!(run(Fate::Acknowledged, there, there).is_empty());
        assert_eq!(run(Fate::Acknowledged, there, &[]).len(), 1);
        assert_eq!(run(Fate::Acknowledged, there, &[("kept1", 2)]).len(), 1);
    }

    #[test]
    fn what_is_unknown_is_there_at_most_once() {
        assert!(run(Fate::Unknown, &[], &[]).is_empty());
        let there: &[_] = &[("kept1", 1)];
        assert!(run(Fate::Unknown, there, there).is_empty());
        let twice: &[_] = &[("kept1", 2)];
        assert_eq!(run(Fate::Unknown, twice, twice).len(), 2);
    }

    #[test]
    fn what_was_refused_is_not_there() {
        assert!(run(Fate::Refused, &[], &[]).is_empty());
        assert_eq!(run(Fate::Refused, &[("kept1", 1)], &[]).len(), 1);
    }

    #[test]
    fn a_user_stands_as_the_last_acknowledged_write_says() {
        let alice = || "alice".to_owned();
        let mut run = history(1);
        run.writes = vec![
            write(What::Disable(alice()), 1, 2, Fate::Acknowledged),
            write(What::Enable(alice()), 3, 4, Fate::Acknowledged),
        ];
        run.end.stores = vec![store(1, &[])];
        assert!(judge(&run).is_empty());
        run.end.stores[0].disabled = vec![alice()];
        assert_eq!(judge(&run).len(), 1);
        run.writes[1].fate = Fate::Unknown;
        assert!(judge(&run).is_empty());
    }
}
