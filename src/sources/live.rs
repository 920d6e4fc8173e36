//! The sources that are in force now; settings replace them while logins run.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use countersign_core::ledger::{SourceOutcome, storage};
use countersign_core::login::Reason;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::account::{self, Account, LookupError};
use super::entra::Entra;
use super::forward::OldServers;
use super::ldap::Ldap;
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
    /// An old RADIUS server that users are forwarded to.
    OldServer,
}

impl SourceKind {
    /// In words.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Entra => "Entra source",
            Self::Ldap => "LDAP source",
            Self::OldServer => "old server",
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
    current: ArcSwap<Set>,
    adopted: Notify,
    own: Arc<OwnPasswords>,
    old_servers: Arc<OldServers>,
}

/// What was put in force together.
#[derive(Debug, Default)]
struct Set {
    /// Of the settings that have them.
    revision: u64,
    sources: Arc<Vec<Arc<Source>>>,
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

    /// Where users may be forwarded to.
    #[must_use]
    pub fn old_servers(&self) -> Arc<OldServers> {
        Arc::clone(&self.old_servers)
    }

    /// Those in force.
    #[must_use]
    pub fn current(&self) -> Arc<Vec<Arc<Source>>> {
        Arc::clone(&self.current.load().sources)
    }

    /// The revision of the settings that have those in force; 0: there were none yet.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.current.load().revision
    }

    /// Puts the sources of these settings in force, in this order.
    pub fn adopt(&self, revision: u64, sources: Vec<Arc<Source>>) {
        let sources = Arc::new(sources);
        self.current.store(Arc::new(Set { revision, sources }));
        self.adopted.notify_waiters();
    }

    /// Resolves when others are put in force after the call.
    pub fn changed(&self) -> impl Future<Output = ()> + Send + use<'_> {
        self.adopted.notified()
    }

    /// Leaves the source of that name alone for `span`, on a peer's word. `false`: there is
    /// none of that name that could be, or the peer's is of other settings.
    #[must_use]
    pub fn rest(&self, name: &str, revision: u64, span: Duration) -> bool {
        let set = self.current.load();
        let named = set.sources.iter().find(|it| it.settings.name == name);
        match named.map(|source| &source.kind) {
            Some(Kind::Entra(entra)) if set.revision == revision => {
                entra.rest(span);
                true
            }
            // A directory of one's own asks nobody to leave it alone.
            Some(Kind::Entra(_) | Kind::Ldap(_) | Kind::Misconfigured) | None => false,
        }
    }
}

impl PasswordSource for Sources {
    async fn ask(&self, question: Question) -> Answer {
        let is_of_account = matches!(question.against, Against::Account);
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
            Against::Forward(ref to) => self.old_servers.ask(&question, to).await,
            Against::Own(hash) => {
                let password = question.password;
                let answer = self.own.prove(password, hash, question.timeout).await;
                let proven = answer.outcome == SourceOutcome::Right;
                match question.account.filter(|_| proven) {
                    // Its password is kept here because no directory has the account.
                    Some(groups) => account::judge(Ok(None), &groups),
                    None => answer,
                }
            }
            Against::Directory | Against::Account => ask_in_turn(&self.current(), question).await,
        }
    }
}

/// Asks the sources that the name has, one after the other, for as long as none of them has
/// judged anything. All of them together have the time of the one question.
async fn ask_in_turn(sources: &[Arc<Source>], question: Question) -> Answer {
    let deadline = Instant::now() + question.timeout;
    let domains = sources.iter().map(|source| &*source.settings.domains);
    let domains: Vec<_> = domains.collect();
    let mut first = None;
    for source in route::route(&question.name, &domains)
        .into_iter()
        .filter_map(|place| sources.get(place))
    {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let answer = source.ask(question.duplicate(left)).await;
        if !route::goes_on(&answer) {
            return source.look_behind(&question, answer, deadline).await;
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

    /// Whether it was made of these settings. What was learnt of it makes no other source.
    #[must_use]
    pub fn is_made_of(&self, settings: &storage::Source) -> bool {
        let lockout_threshold = self.settings.lockout_threshold;
        self.settings
            == storage::Source {
                lockout_threshold,
                ..settings.clone()
            }
    }

    /// After how many wrong passwords it locks an account, as far as that can be read there;
    /// `Some(Ok(None))`: it never does. `None`: of such a source it cannot be read.
    pub async fn lockout_threshold(&self) -> Option<Result<Option<u32>, LookupError>> {
        match &self.kind {
            Kind::Ldap(ldap) => Some(ldap.lockout_threshold().await),
            Kind::Entra(_) | Kind::Misconfigured => None,
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
        if matches!(question.against, Against::Account) {
            let groups = question.account.as_deref().unwrap_or_default();
            let found = self.account(&question.name, question.timeout).await;
            return account::judge(found, groups);
        }
        match &self.kind {
            Kind::Entra(entra) => entra.ask(question).await,
            Kind::Ldap(ldap) => ldap.ask(question).await,
            Kind::Misconfigured => not_asked(Reason::SourceMisconfigured),
        }
    }

    /// Looks at the account behind a password that this source has just proven, where the
    /// rule asks for that, in the time that is left. No other source is asked: the account is
    /// the one whose password was right.
    ///
    /// A look that brings nothing is told as "not asked" (DESIGN §2, Settle, line 4), not as
    /// "unanswered" (line 5), though the password was asked about: that one was right, so
    /// that it is no guess that has to be counted, and asking once more locks nobody out.
    /// Counted, Graph's absence would lock each user after three tries. Nobody is let in, no
    /// code is spent, and the device's retry is judged anew.
    async fn look_behind(&self, question: &Question, answer: Answer, deadline: Instant) -> Answer {
        let proven = answer.outcome == SourceOutcome::Right;
        let is_of_account = matches!(question.against, Against::Account);
        match &question.account {
            Some(groups) if proven && !is_of_account => {
                let left = deadline.saturating_duration_since(Instant::now());
                let found = self.account(&question.name, left).await;
                // What was just proven may be read from another server, where the lock that
                // the source has ended still stands.
                let unlocked = |account| Account {
                    locked: false,
                    ..account
                };
                let found = found.map(|account| account.map(unlocked));
                let looked = account::judge(found, groups);
                if looked.outcome != SourceOutcome::Right {
                    return looked;
                }
                // What let the password in stays to be seen, Entra's number for one.
                let groups = looked.groups;
                Answer { groups, ..answer }
            }
            Some(_) | None => answer,
        }
    }

    /// The account as the source has it.
    async fn account(&self, name: &str, time: Duration) -> Result<Option<Account>, LookupError> {
        match &self.kind {
            // It keeps to its time itself, with what it knows of before.
            Kind::Entra(entra) => entra.account(name, time).await,
            Kind::Ldap(ldap) => {
                let looked_up = timeout(time, ldap.account(name)).await;
                looked_up.unwrap_or(Err(LookupError::Broken))
            }
            // As it is told for any source that cannot be looked at as it is set.
            Kind::Misconfigured => Err(LookupError::NoService),
        }
    }
}

impl Roster for Source {
    async fn roster(&self, names: &[String]) -> Result<Vec<Listed>, RosterError> {
        match &self.kind {
            Kind::Entra(entra) => entra.roster(names).await,
            Kind::Ldap(ldap) => ldap.roster(names).await,
            Kind::Misconfigured => Err(RosterError::Misconfigured),
        }
    }
}

const fn not_asked(reason: Reason) -> Answer {
    Answer::new(SourceOutcome::NotAsked, reason, 0)
}

#[cfg(test)]
mod tests {
    use countersign_core::base::Secret;

    use super::*;

    fn question(password: &str) -> Question {
        Question {
            name: "alice@contoso.example".to_owned(),
            password: Secret::from(password.to_owned()),
            against: Against::Directory,
            account: None,
            timeout: Duration::from_secs(1),
        }
    }

    async fn asked(sources: Vec<Source>, password: &str) -> Answer {
        let live = Sources::new();
        live.adopt(1, sources.into_iter().map(Arc::new).collect());
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
