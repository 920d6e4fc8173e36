//! The ports of the driver.

use std::future::Future;

use countersign_core::base::Timestamp;
use countersign_core::ledger::{Command, Outcome, Read};
pub use countersign_core::login::{Answer, ProposeError, Question};
use tokio::time::Instant;

/// Where commands go and facts come from. Consensus implements it.
pub trait Ledger: Send + Sync + 'static {
    /// The applied tables of this node.
    type View: Read + Send;

    /// The tables as they stand now.
    fn view(&self) -> Self::View;

    /// Proposes a command and waits until it is applied.
    fn propose(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<Outcome, ProposeError>> + Send;

    /// Entry time as this node last saw it, and whether the node may speak at all: it is
    /// in fresh contact with a leader that has a quorum, and in sync.
    fn standing(&self) -> Option<Timestamp>;

    /// Resolves once something more has been applied than at the call.
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

/// The node's clocks.
pub trait Clock: Send + Sync + 'static {
    /// Never goes back; spans are measured with it.
    fn monotonic(&self) -> Instant;

    /// The time of day, as tokens have it.
    fn wall(&self) -> Timestamp;
}
