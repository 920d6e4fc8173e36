//! An account as a directory has it, whichever: may anyone log in with it, what is it a
//! member of, and why that cannot be told.
//!
//! Must not know: how a directory is asked.

use countersign_core::ledger::SourceOutcome;
use countersign_core::login::Reason;

use crate::login::Answer;

/// An account that exists.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Account {
    /// What it is called for good: its entry's distinguished name, or its object id.
    pub id: String,
    /// An administrator has turned it off.
    pub disabled: bool,
    /// Too many wrong passwords, or an administrator has locked it.
    pub locked: bool,
    /// Its time is over.
    pub expired: bool,
    /// Its password has expired, or must be changed before anything else.
    pub must_change_password: bool,
    /// It is another organisation's, invited here.
    pub guest: bool,
    /// All its groups, direct or not, with the primary one.
    pub groups: Vec<Group>,
}

/// A group.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Group {
    /// What people call it: `VPN users`. Empty: it is known by its id alone.
    pub name: String,
    /// What it is called for good: its entry's distinguished name, or its object id.
    pub id: String,
}

impl Account {
    /// Why nobody may log in with it; `None`: it is in order. Whether its password is still
    /// good matters only to a login by password, and a guest is welcome where its groups are.
    #[must_use]
    pub const fn refusal(&self) -> Option<Reason> {
        if self.disabled || self.expired {
            Some(Reason::AccountState)
        } else if self.locked {
            Some(Reason::LockedAtSource)
        } else {
            None
        }
    }

    /// Whether it is in one of these groups; no groups: whatever it is in.
    #[must_use]
    pub fn is_in_any(&self, wanted: &[String]) -> bool {
        let is_wanted = |group: &Group| wanted.iter().any(|wanted| group.is_called(wanted));
        wanted.is_empty() || self.groups.iter().any(is_wanted)
    }

    /// What people call its groups, each once, in alphabetic order.
    fn group_names(self) -> Vec<String> {
        let names = self.groups.into_iter().map(|group| group.name);
        let mut names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
        names.sort();
        names.dedup();
        names
    }
}

impl Group {
    /// Whether it has this name or this id. No directory tells their cases apart.
    #[must_use]
    pub fn is_called(&self, wanted: &str) -> bool {
        let mut own = [&self.id, &self.name].into_iter();
        !wanted.is_empty() && own.any(|own| own.eq_ignore_ascii_case(wanted))
    }
}

/// Why the directory does not tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LookupError {
    /// What was asked for is not there.
    #[error("the directory has no such object")]
    Absent,
    /// Several entries have the name.
    #[error("several entries have this name")]
    Ambiguous,
    /// The connection broke, or the answer was late or none.
    #[error("the directory did not answer")]
    Broken,
    /// Too many look at the directory now.
    #[error("too many questions at one time")]
    Busy,
    /// The name is of a domain that is not the directory's own.
    #[error("the name is of another domain than the directory's")]
    Foreign,
    /// Names or states are left out of what is told.
    #[error(
        "the directory hides names or states of accounts or groups: grant the application \
         User.Read.All and GroupMember.Read.All, with consent"
    )]
    Hidden,
    /// A list was broken off, came in no parts, or leaves out what belongs to it.
    #[error("the directory does not give the whole list")]
    Incomplete,
    /// There is no service account.
    #[error("there is no service account")]
    NoService,
    /// The directory refuses the search, by this result.
    #[error("the directory refuses the search (result {0})")]
    Refused(u32),
    /// The directory is left alone for a while.
    #[error("the directory is left alone for a while")]
    Resting,
    /// The directory refuses the service account, by this result or Win32 number.
    #[error("the directory refuses the service account ({0})")]
    Service(u32),
    /// More entries than are read, or larger ones.
    #[error("the directory has more entries than are read, or larger ones")]
    TooMany,
    /// More groups than are followed, or deeper ones.
    #[error("more groups than are followed")]
    TooManyGroups,
    /// No server takes a connection.
    #[error("no server of the directory can be reached")]
    Unreachable,
    /// What was answered is nothing that the directory says.
    #[error("the directory's answer cannot be read")]
    Unreadable,
}

impl LookupError {
    /// What it means for a login whose password nobody has judged yet.
    #[must_use]
    pub const fn not_asked(self) -> Answer {
        let (reason, code) = match self {
            Self::Broken | Self::Resting | Self::Unreadable => (Reason::SourceDown, 0),
            Self::Busy => (Reason::Overload, 0),
            Self::Unreachable => (Reason::SourceUnreachable, 0),
            Self::Absent
            | Self::Ambiguous
            | Self::Foreign
            | Self::Hidden
            | Self::Incomplete
            | Self::NoService
            | Self::TooMany
            | Self::TooManyGroups => (Reason::SourceMisconfigured, 0),
            Self::Refused(code) | Self::Service(code) => (Reason::SourceMisconfigured, code),
        };
        Answer::new(SourceOutcome::NotAsked, reason, code)
    }
}

/// The verdict on a login whose account must be alive and in one of these groups. No password
/// was asked for, so an account that cannot be looked at has judged nothing.
#[must_use]
pub fn judge(found: Result<Option<Account>, LookupError>, groups: &[String]) -> Answer {
    let denied = |reason| Answer::new(SourceOutcome::Denied, reason, 0);
    let account = match found {
        Err(LookupError::Foreign) => return denied(Reason::ForeignAccount),
        Err(error) => return error.not_asked(),
        Ok(None) => return denied(Reason::NoAccount),
        Ok(Some(account)) => account,
    };
    if let Some(reason) = account.refusal() {
        return denied(reason);
    }
    if !account.is_in_any(groups) {
        return denied(Reason::NotInGroup);
    }
    Answer {
        groups: account.group_names(),
        ..Answer::new(SourceOutcome::Right, Reason::Accepted, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let group = |name: &str, id: &str| Group {
            name: name.to_owned(),
            id: id.to_owned(),
        };
        Account {
            groups: vec![group("VPN Users", "CN=vpn,DC=a"), group("", "0f-9A")],
            ..Account::default()
        }
    }

    fn judged(account: Account, groups: &[&str]) -> (SourceOutcome, Reason) {
        let groups: Vec<_> = groups.iter().map(ToString::to_string).collect();
        let answer = judge(Ok(Some(account)), &groups);
        (answer.outcome, answer.reason)
    }

    #[test]
    fn a_group_is_known_by_its_name_or_its_id() {
        let right = (SourceOutcome::Right, Reason::Accepted);
        for wanted in [
            &[][..],
            &["vpn users"],
            &["cn=VPN,dc=a"],
            &["0F-9a"],
            &["x", "VPN Users"],
        ] {
            assert_eq!(judged(account(), wanted), right, "{wanted:?}");
        }
        for other in [&["VPN"][..], &[""], &["VPN Users "]] {
            let refused = (SourceOutcome::Denied, Reason::NotInGroup);
            assert_eq!(judged(account(), other), refused, "{other:?}");
        }
    }

    #[test]
    fn an_account_that_is_not_in_order_lets_nobody_in_whatever_it_is_in() {
        let disabled = Account {
            disabled: true,
            ..account()
        };
        let locked = Account {
            locked: true,
            ..account()
        };
        let denied = |reason| (SourceOutcome::Denied, reason);
        assert_eq!(judged(disabled, &[]), denied(Reason::AccountState));
        assert_eq!(judged(locked, &[]), denied(Reason::LockedAtSource));
        assert_eq!(judge(Ok(None), &[]).reason, Reason::NoAccount);
    }

    #[test]
    fn who_is_right_is_told_with_the_names_of_the_groups_and_nobody_else() {
        let group = |name: &str, id: &str| Group {
            name: name.to_owned(),
            id: id.to_owned(),
        };
        let mut two = account();
        two.groups
            .extend([group("All", "CN=all"), group("VPN Users", "CN=vpn,DC=b")]);
        assert_eq!(judge(Ok(Some(two)), &[]).groups, ["All", "VPN Users"]);
        let other = ["other".to_owned()];
        assert!(judge(Ok(Some(account())), &other).groups.is_empty());
        let disabled = Account {
            disabled: true,
            ..account()
        };
        assert!(judge(Ok(Some(disabled)), &[]).groups.is_empty());
    }

    #[test]
    fn an_account_that_cannot_be_looked_at_has_judged_nothing() {
        for error in [
            LookupError::Absent,
            LookupError::Broken,
            LookupError::Refused(50),
            LookupError::Resting,
            LookupError::Unreadable,
        ] {
            assert_eq!(judge(Err(error), &[]).outcome, SourceOutcome::NotAsked);
        }
    }
}
