//! An old server is asked once about a login, and its answer judged.
//!
//! The password goes to one server: another is asked only where the one before cannot have
//! read it. Nothing is believed but what the shared secret proves.
//!
//! Must not know: sockets.

use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use countersign_core::base::Secret;
use countersign_core::base::limits::{FORWARD_PASSWORD_OCTETS_MAX, FORWARD_QUESTIONS_MAX};
use countersign_core::ledger::{SourceOutcome, storage};
use countersign_core::login::Reason;
use countersign_core::radius::{
    self, Attribute, Code, Mark, NotRelayed, Number, Relayed, Response, Unencodable, Untrusted,
    kind,
};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::examine;
use super::line::{self, Pace, Said};
use super::server::Server;
use super::settings::{self, Checked, ForwardConfigError, ForwardSurroundings};
use super::troubles::{DISTRUSTED, SILENT, UNUSABLE};
use crate::login::{Answer, Question};
use crate::sources::Finding;
use crate::sources::alarm::{Alarms, Over};
use crate::sources::servers::Servers;
use crate::sources::words::outcome_name;

/// An old server, as the settings have it.
pub struct Forward {
    servers: Servers<Server>,
    secret: Secret,
    timeout: Duration,
    tries: u32,
    allowed: Vec<Number>,
    unsigned_replies: bool,
    pub(super) room: Semaphore,
    /// What troubles are told under.
    alarm: String,
    surroundings: ForwardSurroundings,
}

/// A reply that was verified.
enum Verdict {
    Accept(Result<Relayed, NotRelayed>),
    Reject,
    Challenge,
}

/// One question: the same packet, however often it is sent.
struct Draft {
    packet: Vec<u8>,
    identifier: u8,
    authenticator: [u8; 16],
    mark: Mark,
}

impl Forward {
    /// Makes one of replicated settings. `secret` is theirs, unsealed.
    ///
    /// # Errors
    /// Says which setting cannot be used on this node.
    pub fn configure(
        settings: &storage::Forward,
        secret: Secret,
        surroundings: &ForwardSurroundings,
    ) -> Result<Self, ForwardConfigError> {
        let Checked {
            servers,
            secret,
            timeout,
            tries,
            allowed,
            unsigned_replies,
        } = settings::check(settings, secret, surroundings)?;
        Ok(Self {
            servers: Servers::new(servers),
            secret,
            timeout,
            tries,
            allowed,
            unsigned_replies,
            room: Semaphore::new(FORWARD_QUESTIONS_MAX),
            alarm: alarm(&settings.name),
            surroundings: surroundings.clone(),
        })
    }

    /// Asks once, and tells what the request says of the `call`. Nothing goes to a second
    /// server after the first may have read it.
    pub async fn ask(&self, question: &Question, call: &[Attribute]) -> Answer {
        let began = Instant::now();
        let answer = self.question(question, call, began).await;
        let operations = &self.surroundings.operations;
        operations.count("source_answers", answer.reason.code());
        let outcome = outcome_name(answer.outcome);
        operations.time("source_seconds", outcome, began.elapsed());
        answer
    }

    /// Looks at each server, without any user's password.
    pub async fn examine(&self) -> Vec<Finding> {
        examine::examine(self).await
    }

    pub(super) fn servers(&self) -> &[Server] {
        self.servers.all()
    }

    pub(super) const fn secret(&self) -> &Secret {
        &self.secret
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) const fn tries(&self) -> u32 {
        self.tries
    }

    async fn question(&self, asked: &Question, call: &[Attribute], began: Instant) -> Answer {
        if is_unaskable(asked) {
            return plain(SourceOutcome::Denied, Reason::ForwardUnaskable);
        }
        let Ok(_place) = self.room.try_acquire() else {
            return plain(SourceOutcome::NotAsked, Reason::Overload);
        };
        let Ok(draft) = self.draft(asked, call) else {
            return plain(SourceOutcome::Denied, Reason::ForwardUnaskable);
        };
        let pace = Pace::of(self.tries, began, self.timeout.min(asked.timeout));
        for (at, server) in self.servers.order(began) {
            if Instant::now() >= pace.deadline {
                break;
            }
            for address in server.addresses(pace.deadline).await {
                let read = |reply: &[u8]| self.believed(reply, &draft);
                match line::ask(address, &draft.packet, pace, read).await {
                    Said::Reply(verdict) => {
                        self.servers.worked(at);
                        self.alarms().clear(&self.alarm, Over::Answered);
                        return judged(verdict);
                    }
                    Said::Silent => {
                        self.servers.failed(at, Instant::now());
                        self.raise_silent();
                        tracing::debug!(%server, "an old server does not answer");
                        let silent = SourceOutcome::Unanswered;
                        return plain(silent, Reason::SourceUnanswered);
                    }
                    Said::Unread => tracing::debug!(%server, "an old server cannot be reached"),
                }
            }
            self.servers.failed(at, Instant::now());
        }
        plain(SourceOutcome::NotAsked, Reason::SourceUnreachable)
    }

    fn draft(&self, asked: &Question, call: &[Attribute]) -> Result<Draft, Unencodable> {
        let (identifier, authenticator, chance) = self.draw();
        let mark = Mark::new(self.surroundings.cluster, chance);
        let question = radius::Question {
            identifier,
            authenticator: &authenticator,
            secret: &self.secret,
        };
        let login = (asked.name.as_bytes(), &asked.password);
        // RFC 2865 §4.1: one of the two must be there.
        let names_nas = call.iter().any(|it| is_nas(it.number()));
        let ours = if names_nas {
            None
        } else {
            let number = Number::Standard(kind::NAS_IDENTIFIER);
            Some(Attribute::of_login(number, NAS_IDENTIFIER)?)
        };
        let attributes: Vec<_> = call.iter().cloned().chain(ours).collect();
        Ok(Draft {
            packet: question.forwarded_request(login, &attributes, mark)?,
            identifier,
            authenticator,
            mark,
        })
    }

    pub(super) fn draw(&self) -> (u8, [u8; 16], [u8; 16]) {
        let mut octets = [0; 33];
        let chance = self.surroundings.chance.lock();
        chance
            .unwrap_or_else(PoisonError::into_inner)
            .fill(&mut octets);
        let [identifier, rest @ ..] = octets;
        let (authenticator, chance) = rest.split_at(16);
        let array = |octets: &[u8]| octets.try_into().unwrap_or_default();
        (identifier, array(authenticator), array(chance))
    }

    /// What the shared secret proves.
    pub(super) fn verified<'a>(
        &self,
        reply: &'a [u8],
        question: &radius::Question<'_>,
    ) -> Result<Response<'a>, Untrusted> {
        if self.unsigned_replies {
            Response::dangerous_verify_unprotected(reply, question)
        } else {
            Response::verify_anywhere(reply, question)
        }
    }

    /// The verdict of a reply to this very question; `None`: it proves nothing.
    fn believed(&self, reply: &[u8], draft: &Draft) -> Option<Verdict> {
        let question = radius::Question {
            identifier: draft.identifier,
            authenticator: &draft.authenticator,
            secret: &self.secret,
        };
        let response = self
            .verified(reply, &question)
            .inspect_err(|error| self.distrust(&error.to_string()))
            .ok()?;
        if !response.brings(draft.mark) {
            self.distrust("its Proxy-State is another login's");
            return None;
        }
        let code = response.code();
        if code == Code::AccessAccept {
            Some(Verdict::Accept(response.relayed(&self.allowed)))
        } else if code == Code::AccessReject {
            Some(Verdict::Reject)
        } else if code == Code::AccessChallenge {
            Some(Verdict::Challenge)
        } else {
            None
        }
    }

    fn distrust(&self, why: &str) {
        tracing::debug!(forward = self.alarm, why, "a reply is not believed");
        let now = self.surroundings.clock.wall();
        self.alarms().raise(&self.alarm, &DISTRUSTED, now);
    }

    fn raise_silent(&self) {
        let now = self.surroundings.clock.wall();
        self.alarms().raise(&self.alarm, &SILENT, now);
    }

    fn alarms(&self) -> &Alarms {
        &self.surroundings.alarms
    }
}

impl ForwardSurroundings {
    /// An old server of the settings cannot be used here, or can again.
    pub fn tell_usable(&self, name: &str, usable: bool) {
        let alarm = alarm(name);
        if usable {
            self.alarms.end(&alarm, &UNUSABLE);
        } else {
            self.alarms.raise(&alarm, &UNUSABLE, self.clock.wall());
        }
    }

    /// An old server is gone from the settings, or was set anew.
    pub fn forget(&self, name: &str) {
        self.alarms.forget(&alarm(name));
    }
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward")
            .field("servers", &self.servers)
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

fn judged(verdict: Verdict) -> Answer {
    match verdict {
        Verdict::Accept(Ok(relayed)) => Answer {
            relayed,
            ..plain(SourceOutcome::Right, Reason::Accepted)
        },
        Verdict::Accept(Err(why)) => {
            tracing::warn!(%why, "the Accept of an old server is not relayed");
            plain(SourceOutcome::Denied, Reason::ForwardUnfit)
        }
        Verdict::Reject => plain(SourceOutcome::Wrong, Reason::WrongPassword),
        Verdict::Challenge => plain(SourceOutcome::Denied, Reason::ForwardChallenge),
    }
}

const fn plain(outcome: SourceOutcome, reason: Reason) -> Answer {
    Answer::new(outcome, reason, 0)
}

/// What no server is to see: some read no further than a NUL, and let in what stands before it.
fn is_unaskable(asked: &Question) -> bool {
    let (name, password) = (&asked.name, &asked.password);
    name.is_empty()
        || name.contains('\0')
        || password.is_empty()
        || password.len() > FORWARD_PASSWORD_OCTETS_MAX
        || password.expose().contains(&0)
}

const fn is_nas(number: Number) -> bool {
    matches!(
        number,
        Number::Standard(kind::NAS_IDENTIFIER | kind::NAS_IP_ADDRESS | kind::NAS_IPV6_ADDRESS)
    )
}

/// No source has such a name.
fn alarm(name: &str) -> String {
    format!("forward {name}")
}

/// Where the device does not say which it is.
pub(super) const NAS_IDENTIFIER: &[u8] = b"countersign";
