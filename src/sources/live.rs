//! The sources that are in force now; settings replace them while logins run.

use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::ledger::{SourceOutcome, storage};
use countersign_core::login::Reason;
use tokio::time::{Instant, timeout};

use super::entra::Entra;
use super::ldap::{Account, Group, Ldap, LookupError};
use super::own::OwnPasswords;
use super::{Finding, Light, Listed, Roster, RosterError, route};
use crate::login::{Against, Answer, PasswordSource, Question};

/// One source of the settings.
#[derive(Debug)]
pub struct Source {
    /// What it was made from: one that is still set so is kept, with all it has learnt.
    pub settings: storage::Source,
    /// What proves its passwords.
    pub kind: Kind,
}

/// What a source is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SourceKind {
    /// Microsoft Entra ID.
    Entra,
    /// LDAP, or Active Directory.
    Ldap,
}

impl SourceKind {
    /// In words.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Entra => "Entra source",
            Self::Ldap => "LDAP source",
        }
    }
}

/// What proves the passwords of a source.
#[derive(Debug)]
pub enum Kind {
    /// Microsoft Entra ID.
    Entra(Box<Entra>),
    /// LDAP, or Active Directory.
    Ldap(Box<Ldap>),
    /// One that this node must not or cannot use.
    Misconfigured,
}

/// The password sources of the driver. A question under way ends at the sources it began
/// with; the next one goes to the new.
#[derive(Debug, Default)]
pub struct Sources {
    current: ArcSwap<Vec<Arc<Source>>>,
    own: Arc<OwnPasswords>,
}

impl Sources {
    /// Starts with no source: nothing is asked before settings are applied.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Who hashes the passwords of users whom no directory has.
    #[must_use]
    pub fn own_passwords(&self) -> Arc<OwnPasswords> {
        Arc::clone(&self.own)
    }

    /// Those in force.
    #[must_use]
    pub fn current(&self) -> Arc<Vec<Arc<Source>>> {
        self.current.load_full()
    }

    /// Puts `sources` in force, in this order.
    pub fn adopt(&self, sources: Vec<Arc<Source>>) {
        self.current.store(Arc::new(sources));
    }
}

impl PasswordSource for Sources {
    async fn ask(&self, question: Question) -> Answer {
        let is_of_account = matches!(question.against, Against::Account(_));
        if question.password.is_empty() != is_of_account {
            // A directory may take it for an anonymous question and say yes.
            return not_asked(Reason::EmptyPassword);
        }
        // Apart from the login's own task: most logins ask nobody, and a task that holds
        // this future would be as large for them.
        Box::pin(self.ask_anyone(question)).await
    }
}

impl Sources {
    async fn ask_anyone(&self, question: Question) -> Answer {
        match question.against {
            Against::Own(hash) => {
                let password = question.password;
                self.own.prove(password, hash, question.timeout).await
            }
            Against::Directory | Against::Account(_) => {
                ask_in_turn(&self.current(), question).await
            }
        }
    }
}

/// Asks the sources that the name has, one after the other, for as long as none of them has
/// judged anything. All of them together have the time of the one question.
async fn ask_in_turn(sources: &[Arc<Source>], question: Question) -> Answer {
    let deadline = Instant::now() + question.timeout;
    let domains = sources.iter().map(|source| &*source.settings.domains);
    let mut first = None;
    for source in route::route(&question.name, domains)
        .into_iter()
        .filter_map(|place| sources.get(place))
    {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let answer = source.ask(question.duplicate(left)).await;
        if !route::goes_on(&answer) {
            return answer;
        }
        first = Some(route::told(first, answer));
    }
    first.unwrap_or(not_asked(Reason::SourceDown))
}

impl Source {
    /// What it is, by its settings.
    #[must_use]
    pub const fn kind(&self) -> Option<SourceKind> {
        match self.settings.kind {
            Some(storage::source::Kind::Entra(_)) => Some(SourceKind::Entra),
            Some(storage::source::Kind::Ldap(_)) => Some(SourceKind::Ldap),
            None => None,
        }
    }

    /// Looks at it step by step, without any user's password.
    pub async fn examine(&self, domain: Option<&str>) -> Vec<Finding> {
        match &self.kind {
            Kind::Entra(entra) => entra.examine(domain).await,
            Kind::Ldap(ldap) => ldap.examine().await,
            Kind::Misconfigured => vec![Finding {
                step: "settings",
                light: Light::Red,
                found: "this node cannot use the source as it is set".to_owned(),
                remedy: "the node's log says why; look at `settings show`, at the hosts that \
                         the node's file pins and at its CA file"
                    .to_owned(),
            }],
        }
    }

    /// Whether this node may ask it.
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        !matches!(self.kind, Kind::Misconfigured)
    }

    async fn ask(&self, question: Question) -> Answer {
        match (&self.kind, &question.against) {
            (Kind::Ldap(ldap), Against::Account(groups)) => {
                let looking = ldap.account(&question.name);
                match timeout(question.timeout, looking).await {
                    Ok(found) => of_account(found, groups),
                    Err(_) => not_asked(Reason::SourceDown),
                }
            }
            // Nothing here looks up accounts there.
            (Kind::Entra(_), Against::Account(_)) | (Kind::Misconfigured, _) => {
                not_asked(Reason::SourceMisconfigured)
            }
            (Kind::Entra(entra), _) => entra.ask(question).await,
            (Kind::Ldap(ldap), _) => ldap.ask(question).await,
        }
    }
}

impl Roster for Source {
    async fn roster(&self, names: &[String]) -> Result<Vec<Listed>, RosterError> {
        match &self.kind {
            Kind::Entra(_) => Err(RosterError::Unserved),
            Kind::Ldap(ldap) => ldap.roster(names).await,
            Kind::Misconfigured => Err(RosterError::Misconfigured),
        }
    }
}

/// The verdict on a login whose account must be alive. No password was asked for, so an
/// account that cannot be looked at has judged nothing.
fn of_account(found: Result<Option<Account>, LookupError>, groups: &[String]) -> Answer {
    let refusal = match found {
        Err(error) => return error.not_asked(),
        Ok(None) => Some(Reason::NoAccount),
        Ok(Some(account)) => account.refusal().or_else(|| {
            let is_in = |group: &Group| {
                let mut wanted = groups.iter();
                wanted.any(|it| *it == group.dn || it.eq_ignore_ascii_case(&group.name))
            };
            let fits = groups.is_empty() || account.groups.iter().any(is_in);
            (!fits).then_some(Reason::NotInGroup)
        }),
    };
    let (outcome, reason) = match refusal {
        Some(reason) => (SourceOutcome::Denied, reason),
        None => (SourceOutcome::Right, Reason::Accepted),
    };
    let code = 0;
    Answer {
        outcome,
        reason,
        code,
    }
}

const fn not_asked(reason: Reason) -> Answer {
    Answer {
        outcome: SourceOutcome::NotAsked,
        reason,
        code: 0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use countersign_core::base::Secret;

    use super::*;

    fn question(password: &str) -> Question {
        Question {
            name: "alice@contoso.example".to_owned(),
            password: Secret::from(password.to_owned()),
            against: Against::Directory,
            timeout: Duration::from_secs(1),
        }
    }

    async fn asked(sources: Vec<Source>, password: &str) -> Answer {
        let live = Sources::new();
        live.adopt(sources.into_iter().map(Arc::new).collect());
        live.ask(question(password)).await
    }

    fn misconfigured() -> Source {
        Source {
            settings: storage::Source::default(),
            kind: Kind::Misconfigured,
        }
    }

    #[tokio::test]
    async fn without_a_source_nothing_is_asked() {
        let answer = asked(Vec::new(), "pa55").await;
        assert_eq!(answer, not_asked(Reason::SourceDown));
    }

    #[tokio::test]
    async fn a_source_that_may_not_be_used_is_not_asked() {
        let answer = asked(vec![misconfigured()], "pa55").await;
        assert_eq!(answer, not_asked(Reason::SourceMisconfigured));
    }

    #[tokio::test]
    async fn an_empty_password_reaches_no_source() {
        let answer = asked(vec![misconfigured()], "").await;
        assert_eq!(answer, not_asked(Reason::EmptyPassword));
    }

    #[tokio::test]
    async fn a_login_has_no_room_of_its_own_for_a_question_to_a_source() {
        let sources = Sources::new();
        let asking = sources.ask(question(""));
        assert!(size_of_val(&asking) <= 512, "{}", size_of_val(&asking));
    }
}
