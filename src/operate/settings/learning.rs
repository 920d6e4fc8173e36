//! What the leader learns of directories by itself.

use countersign_core::base::{Entropy as _, NodeId, RequestId};
use countersign_core::ledger::query;
use countersign_core::ledger::storage::{self, change::Kind};

use crate::login::Ledger;
use crate::operate::house::Asked;
use crate::operate::{Action, Operate, OperateError};

impl<L: Ledger> Operate<L> {
    /// Tells the cluster after how many wrong passwords a directory locks an account; 0: it
    /// never does. Where that is known already nothing is proposed.
    ///
    /// # Errors
    /// When it was not proposed, or the result is not known: to be tried again.
    pub async fn learn_lockout(
        &self,
        node: NodeId,
        source: &str,
        threshold: u32,
    ) -> Result<(), OperateError> {
        let settings = query::settings(&self.ledger.view())?;
        let known = settings.sources.iter().find(|it| it.name == source);
        if known.is_none_or(|it| it.lockout_threshold == threshold) {
            return Ok(());
        }
        let learn = storage::LearnLockout {
            source: source.to_owned(),
            threshold,
        };
        let actor = storage::Actor {
            name: "cluster".to_owned(),
            source: format!("node {node}"),
            ..storage::Actor::default()
        };
        let request = RequestId(self.chance().array());
        let asked = Asked::new(Action::SettingsLearn, request).with_message(&learn);
        // A refusal is final: the source is gone.
        let kind = Kind::LearnLockout(learn);
        self.propose_any(actor, asked, kind).await.map(drop)
    }
}
