//! What nodes learn of clients by themselves.

use countersign_core::base::{ClientId, NodeId, RequestId};
use countersign_core::ledger::query;
use countersign_core::ledger::storage::{self, change::Kind};
use sha2::{Digest as _, Sha256};

use crate::login::Ledger;
use crate::operate::house::Asked;
use crate::operate::{Action, Operate, OperateError};

impl<L: Ledger> Operate<L> {
    /// Tells the cluster that a client, as it stood at `revision`, has sent a right
    /// Message-Authenticator to `node`. Where that is known already nothing is proposed, and
    /// whichever nodes ask at one time name the same request: it is done once.
    ///
    /// # Errors
    /// When it was not proposed, or the result is not known: to be tried again.
    pub async fn learn_message_authenticator(
        &self,
        node: NodeId,
        client: ClientId,
        revision: u64,
    ) -> Result<(), OperateError> {
        let known = query::client(&self.ledger.view(), client)?;
        let open = known.filter(|it| it.message_authenticator_learnt == 0);
        if open.is_none_or(|it| it.revision != revision) {
            return Ok(());
        }
        let learn = storage::LearnMessageAuthenticator {
            client: client.0,
            revision,
        };
        let actor = storage::Actor {
            name: "cluster".to_owned(),
            source: format!("node {node}"),
            ..storage::Actor::default()
        };
        let asked = Asked::new(Action::ClientLearn, request(&learn)).with_message(&learn);
        let kind = Kind::LearnMessageAuthenticator(learn);
        // A refusal is final: the client was changed or removed meanwhile.
        self.propose_any(actor, asked, kind).await.map(drop)
    }
}

/// The same for every node that asks for the same.
fn request(learn: &storage::LearnMessageAuthenticator) -> RequestId {
    let mut hash = Sha256::new();
    hash.update(b"client.learn");
    hash.update(learn.client.to_be_bytes());
    hash.update(learn.revision.to_be_bytes());
    let digest = hash.finalize();
    RequestId(digest.first_chunk().copied().unwrap_or_default())
}
