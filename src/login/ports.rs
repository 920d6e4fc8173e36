//! The ports of the driver.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use countersign_core::base::{NodeId, Secret, Timestamp, UserId};
use countersign_core::ledger::rules::PasscodeWay;
use countersign_core::ledger::{Command, Outcome, Read};
pub use countersign_core::login::{Against, Answer, Forwarded, ProposeError, Question};
use countersign_core::login::{Outcome as Verdict, Request};
use tokio::time::Instant;

/// Where commands go and facts come from. Consensus implements it.
pub trait Ledger: Send + Sync + 'static {
    /// The applied tables of this node.
    type View: Read + Send;

    /// The tables as they stand now.
    fn view(&self) -> Self::View;

    /// Proposes a command and waits until it is applied, no longer than `within`: then it is
    /// unknown. Whoever proposes in this node's place is told that nobody waits longer.
    fn propose(
        &self,
        command: Command,
        within: Duration,
    ) -> impl Future<Output = Result<Outcome, ProposeError>> + Send;

    /// Entry time as this node last saw it, and whether the node may speak at all: it is
    /// in fresh contact with a leader that has a quorum, and in sync.
    fn standing(&self) -> Option<Timestamp>;

    /// Resolves once something more has been applied than at the call, whether before or
    /// after it is first polled: who makes it, then looks, then awaits it misses nothing.
    fn progress(&self) -> impl Future<Output = ()> + Send;
}

/// A directory that proves passwords. Sources implement it.
pub trait PasswordSource: Send + Sync + 'static {
    /// Asks once. Never asks again after the question may have been read.
    fn ask(&self, question: Question) -> impl Future<Output = Answer> + Send;
}

impl<S: PasswordSource> PasswordSource for std::sync::Arc<S> {
    fn ask(&self, question: Question) -> impl Future<Output = Answer> + Send {
        S::ask(self, question)
    }
}

/// Brings passcodes to users. Senders implement it.
pub trait Messenger: Send + Sync + 'static {
    /// Takes a message over and sends it once, in its own time. What becomes of it is told
    /// to operators alone: to a user it would tell who is known.
    fn send(&self, letter: Letter);
}

/// A message with a passcode. Its text is a secret, and its address nobody's business.
#[derive(Debug)]
pub struct Letter {
    /// How.
    pub way: PasscodeWay,
    /// To whom.
    pub user: UserId,
    /// The address.
    pub to: Secret,
    /// Of an e-mail.
    pub subject: String,
    /// With the passcode.
    pub text: Secret,
}

/// Brings nothing to anyone.
#[derive(Clone, Copy, Debug)]
pub struct NoMessenger;

impl Messenger for NoMessenger {
    fn send(&self, _: Letter) {}
}

/// The other nodes, as a login sees them.
pub trait Neighbours: Send + Sync + 'static {
    /// The number of the attempt keys in force, as the leader last named it; 0: it has none
    /// yet. `None`: nobody names any, this node's own are in force.
    fn attempt_keys(&self) -> Option<u64>;

    /// Offers a login to peers that may judge now, one after the other and none of `except`,
    /// and resolves when one has taken it. `None`: nobody has.
    fn hand_over<'a>(
        &'a self,
        request: &'a Request,
        except: &'a [NodeId],
        deadline: Instant,
    ) -> Boxed<'a, Option<Taken>>;
}

/// What a peer that has taken a login says in the end. `None`: the peer was lost.
pub type Taken = Boxed<'static, Option<Verdict>>;
/// A future behind a port that is an object.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A node without neighbours.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Neighbours for Alone {
    fn attempt_keys(&self) -> Option<u64> {
        None
    }

    fn hand_over<'a>(
        &'a self,
        _: &'a Request,
        _: &'a [NodeId],
        _: Instant,
    ) -> Boxed<'a, Option<Taken>> {
        Box::pin(std::future::ready(None))
    }
}

/// The node's clocks.
pub trait Clock: Send + Sync + 'static {
    /// Never goes back; spans are measured with it.
    fn monotonic(&self) -> Instant;

    /// The time of day, as tokens have it.
    fn wall(&self) -> Timestamp;
}
