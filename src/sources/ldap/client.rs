//! The source: asks a directory once, within its time, and has its answer judged.
//!
//! The user's password goes out once, on a connection of its own that is used for nothing
//! before and closed after. Another server is tried only while there was no connection.
//!
//! Must not know: what a number means.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_core::base::{Operations, Secret};
use countersign_core::ledger::SourceOutcome;
use countersign_core::ledger::storage::LdapSettings;
use countersign_core::login::Reason;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::connection::Connection;
use super::decision::Decisions;
use super::dialler::Dialler;
use super::directory::{Directory, Standing};
use super::examine;
use super::filter::account_of;
use super::lockout;
use super::lookup::Reader;
use super::service::Service;
use super::settings::{self, BindNames, Checked, LdapConfigError, LdapSurroundings};
use super::transport;
use crate::login::{Answer, Clock, PasswordSource, Question};
use crate::sources::Finding;
use crate::sources::account::{Account, LookupError};
use crate::sources::servers::Servers;
use crate::sources::words::outcome_name;
use crate::sources::wrong::KnownWrong;

/// A directory, as the settings have it.
pub struct Ldap {
    pub(super) dialler: Dialler,
    pub(super) service: Option<Service>,
    pub(super) directory: Directory,
    names: BindNames,
    decisions: Decisions,
    pub(super) timeout: Duration,
    room: Semaphore,
    wrong: Mutex<KnownWrong>,
    pub(super) clock: Arc<dyn Clock>,
    operations: Arc<dyn Operations>,
}

/// By which name a user is to bind, and its entry where that was looked up.
struct Binding {
    name: String,
    dn: Option<String>,
}

impl Ldap {
    /// Makes the source called `name` of replicated settings. `domains` are those that it is
    /// for, `bind_password` is the service account's, unsealed.
    ///
    /// # Errors
    /// Says which setting cannot be used on this node. Logins must then be answered by
    /// [`Kind::Misconfigured`](crate::sources::Kind::Misconfigured).
    pub fn configure(
        name: &str,
        domains: &[String],
        settings: &LdapSettings,
        bind_password: Option<Secret>,
        surroundings: &LdapSurroundings,
    ) -> Result<Self, LdapConfigError> {
        let checked = settings::check(domains, settings, bind_password, surroundings)?;
        let Checked {
            servers,
            kind,
            names,
            base,
            users,
            domains,
            service,
            required_group,
            timeout,
            connect_timeout,
        } = checked;
        Ok(Self {
            dialler: Dialler {
                servers: Servers::new(servers),
                tls: transport::tls(surroundings.ca_file.as_deref())?,
                connect_timeout,
            },
            service: service.map(Service::new),
            directory: Directory {
                kind,
                base,
                users,
                domains,
                required_group,
            },
            names,
            decisions: Decisions::new(kind),
            timeout,
            room: Semaphore::new(QUESTIONS_IN_FLIGHT_MAX),
            wrong: Mutex::new(KnownWrong::new(&surroundings.boot_key, name)),
            clock: Arc::clone(&surroundings.clock),
            operations: Arc::clone(&surroundings.operations),
        })
    }

    /// The account of a directory name, read by the service account; `None`: there is none.
    ///
    /// # Errors
    /// Why the directory does not tell; nobody may be let in then.
    pub async fn account(&self, name: &str) -> Result<Option<Account>, LookupError> {
        let service = self.service.as_ref().ok_or(LookupError::NoService)?;
        let deadline = Instant::now() + self.timeout;
        let mut lease = service.lease(&self.dialler, deadline).await?;
        let now = self.clock.wall();
        let account = self.directory.account(&mut lease.reader(), name, now).await;
        service.keep_unless_broken(lease, account)
    }

    /// How many wrong passwords lock an account, by the strictest policy that the service
    /// account can read; `None`: as many as one likes.
    ///
    /// # Errors
    /// Why the directory does not tell. It may lock after any number then.
    pub async fn lockout_threshold(&self) -> Result<Option<u32>, LookupError> {
        let service = self.service.as_ref().ok_or(LookupError::NoService)?;
        let deadline = Instant::now() + self.timeout;
        let mut lease = service.lease(&self.dialler, deadline).await?;
        let (kind, base) = (self.directory.kind, &self.directory.base);
        let threshold = lockout::threshold(&mut lease.reader(), kind, base).await;
        service.keep_unless_broken(lease, threshold)
    }

    /// Looks at each server, at what the settings name, and at what the service account may
    /// read, step by step. It asks for no user's password.
    pub async fn examine(&self) -> Vec<Finding> {
        examine::examine(self).await
    }

    async fn question(&self, question: &Question) -> Answer {
        if let Some(reason) = unaskable(question) {
            return plain(SourceOutcome::NotAsked, reason);
        }
        if self.directory.domains.is_foreign(&question.name) {
            return plain(SourceOutcome::Denied, Reason::ForeignAccount);
        }
        let Question { name, password, .. } = question;
        if self.wrong().knows(name, password, Instant::now()) {
            return plain(SourceOutcome::Wrong, Reason::KnownWrong);
        }
        let Ok(_place) = self.room.try_acquire() else {
            return plain(SourceOutcome::NotAsked, Reason::Overload);
        };
        let deadline = Instant::now() + question.timeout.min(self.timeout);
        let binding = match self.binding(&question.name, deadline).await {
            Ok(binding) => binding,
            Err(answer) => return answer,
        };
        let mut connection = match self.dialler.dial(deadline).await {
            Ok(connection) => connection,
            Err(error) => return error.not_asked(),
        };
        let bound = connection.bind(&binding.name, question.password.expose(), deadline);
        let answer = match bound.await {
            Ok(outcome) => {
                if Decisions::is_of_server(&outcome) {
                    self.dialler.broke(connection.server);
                }
                let answer = self.decisions.judge(&outcome);
                self.learn(question, answer.outcome);
                answer
            }
            Err(error) => {
                self.dialler.blame(&connection);
                tracing::debug!(%error, "a bind broke off");
                plain(SourceOutcome::Unanswered, Reason::SourceUnanswered)
            }
        };
        if answer.outcome != SourceOutcome::Right {
            return answer;
        }
        let standing = self.standing(&mut connection, &question.name, binding.dn, deadline);
        let standing = standing.await;
        self.dialler.blame(&connection);
        self.of_standing(standing)
    }

    /// Keeps what a bind has called wrong. A name that is not found is kept nowhere: its
    /// account may be made the next moment, and no question about it locks anybody.
    fn learn(&self, question: &Question, outcome: SourceOutcome) {
        let Question { name, password, .. } = question;
        match outcome {
            SourceOutcome::Wrong => self.wrong().keep(name, password, Instant::now()),
            SourceOutcome::Denied | SourceOutcome::Right => self.wrong().forget(name),
            SourceOutcome::NotAsked | SourceOutcome::Unanswered => (),
        }
    }

    fn wrong(&self) -> MutexGuard<'_, KnownWrong> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn binding(&self, name: &str, deadline: Instant) -> Result<Binding, Answer> {
        let as_is = |name| Binding { name, dn: None };
        match &self.names {
            BindNames::Upn => Ok(as_is(name.to_owned())),
            BindNames::Domain(domain) => Ok(as_is(format!("{domain}\\{}", account_of(name)))),
            BindNames::Search => {
                let found = self.find(name, deadline).await;
                let Some(dn) = found.map_err(LookupError::not_asked)? else {
                    // As a directory says that is asked by name: the two are not told apart.
                    let wrong = SourceOutcome::Wrong;
                    return Err(plain(wrong, Reason::WrongPassword));
                };
                Ok(Binding {
                    name: dn.clone(),
                    dn: Some(dn),
                })
            }
        }
    }

    async fn find(&self, name: &str, deadline: Instant) -> Result<Option<String>, LookupError> {
        let service = self.service.as_ref().ok_or(LookupError::NoService)?;
        let mut lease = service.lease(&self.dialler, deadline).await?;
        let found = self.directory.find(&mut lease.reader(), name).await;
        service.keep_unless_broken(lease, found)
    }

    /// How the account stands whose password is right: as the service account reads it, or
    /// else as the user may. Each has half of the time that is left: the server that has just
    /// bound the user may well be in order where the service account's is not.
    async fn standing(
        &self,
        own: &mut Connection,
        name: &str,
        dn: Option<String>,
        deadline: Instant,
    ) -> Result<Standing, LookupError> {
        let now = self.clock.wall();
        let dn = dn.as_deref();
        let halfway = deadline.saturating_duration_since(Instant::now()) / 2;
        let mut absent = false;
        if let Some(service) = &self.service
            && let Ok(mut lease) = service.lease(&self.dialler, deadline - halfway).await
        {
            let mut reader = lease.reader();
            let standing = self.directory.standing(&mut reader, name, dn, now).await;
            match service.keep_unless_broken(lease, standing) {
                Ok(standing @ (Standing::Good | Standing::Refused(_))) => return Ok(standing),
                Ok(Standing::Absent) => absent = true,
                Ok(Standing::Unseen) | Err(_) => (),
            }
        }
        let mut reader = Reader {
            connection: own,
            deadline,
        };
        match self.directory.standing(&mut reader, name, dn, now).await {
            Err(LookupError::Broken) => Err(LookupError::Broken),
            // One search that found nobody is more than one that was refused.
            Ok(Standing::Unseen) | Err(_) if absent => Ok(Standing::Absent),
            standing => standing,
        }
    }

    /// The verdict on a right password, with what is known of its account.
    fn of_standing(&self, standing: Result<Standing, LookupError>) -> Answer {
        // Who is bound as the service account finds it has been found.
        let leaves_out = self.names != BindNames::Search && self.directory.leaves_out();
        let must_be_seen = leaves_out || self.directory.required_group.is_some();
        let (outcome, reason) = match standing {
            Ok(Standing::Good) => (SourceOutcome::Right, Reason::Accepted),
            Ok(Standing::Refused(reason)) => (SourceOutcome::Denied, reason),
            // On the way to being let in, the directory fell silent: not let in, and the login
            // may be tried again. It is not "unanswered": the password was right, which is no
            // guess that has to be counted, and binding once more locks nobody out. Counted, a
            // directory that stalls would lock each user after three tries. No other source is
            // asked for it (`route::goes_on`): this one has judged it.
            Err(LookupError::Broken) => (SourceOutcome::NotAsked, Reason::SourceUnanswered),
            // "Not assigned": the directory binds more accounts than the settings let in.
            Ok(Standing::Absent) if leaves_out => (SourceOutcome::Denied, Reason::AccountState),
            // The directory has just judged the account itself, and the settings want no more.
            Ok(Standing::Absent | Standing::Unseen) | Err(_) if !must_be_seen => {
                (SourceOutcome::Right, Reason::Accepted)
            }
            Ok(Standing::Absent | Standing::Unseen) | Err(_) => {
                (SourceOutcome::Denied, Reason::SourceMisconfigured)
            }
        };
        plain(outcome, reason)
    }

    fn tell(&self, answer: &Answer, began: Instant) {
        let reason = answer.reason.code();
        let took = began.elapsed();
        self.operations.count("source_answers", reason);
        let outcome = outcome_name(answer.outcome);
        self.operations.time("source_seconds", outcome, took);
        let code = answer.code;
        tracing::debug!(code, reason, ?took, "the directory was asked");
        if answer.reason == Reason::UnknownAnswer {
            self.operations.count("source_unknown_codes", "ldap");
            tracing::warn!(code, "the directory gave an answer that no table knows");
        }
    }
}

impl PasswordSource for Ldap {
    async fn ask(&self, question: Question) -> Answer {
        let began = Instant::now();
        let answer = self.question(&question).await;
        self.tell(&answer, began);
        answer
    }
}

impl fmt::Debug for Ldap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ldap")
            .field("servers", &self.dialler.servers)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// Why a question may reach no directory.
fn unaskable(question: &Question) -> Option<Reason> {
    let password = &question.password;
    if password.is_empty() {
        // RFC 4513 §5.1.2: "unauthenticated", and many directories call it a success.
        Some(Reason::EmptyPassword)
    } else if password.expose().contains(&0) || question.name.contains('\0') {
        // Some directory may read no further.
        Some(Reason::UnreadablePassword)
    } else if question.name.is_empty() {
        // RFC 4513 §5.1.1: anonymous.
        Some(Reason::UnknownUser)
    } else {
        None
    }
}

const fn plain(outcome: SourceOutcome, reason: Reason) -> Answer {
    Answer::new(outcome, reason, 0)
}

/// LIMIT: questions at one time, each with a connection; above it the source counts as not
/// asked.
const QUESTIONS_IN_FLIGHT_MAX: usize = 1024;
