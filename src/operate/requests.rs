//! What became of a request whose answer got lost.

use countersign_core::base::limits::REQUEST_KEEP;
use countersign_core::base::{RequestId, Timestamp};
use countersign_core::ledger::storage::{ChangeOutcome, Refusal, Request};
use countersign_core::ledger::{StoreError, Table, query};
use prost::Message as _;

use super::{Action, Caller, Operate, OperateError};
use crate::login::Ledger;

impl<L: Ledger> Operate<L> {
    /// What the request with this id was, as the audit names it, and how it ended; `None`: none
    /// is known. A refusal is an outcome.
    ///
    /// # Errors
    /// When the caller may not, or the node is not in sync.
    pub fn show_request(
        &self,
        caller: &Caller,
        request: RequestId,
    ) -> Result<Option<(String, ChangeOutcome)>, OperateError> {
        self.reading(caller, Action::RequestShow)?;
        let view = self.ledger.view();
        let known: Option<Request> = query::record(&view, Table::Requests, &request.0)?;
        let lives = |it: &Request| self.now() < Timestamp::from_millis(it.at).plus(REQUEST_KEEP);
        let outcome = known.filter(lives).map(|it| {
            let outcome = ChangeOutcome::decode(&*it.outcome);
            let outcome = outcome.map_err(|e| StoreError::Corrupt(Table::Requests, e))?;
            Ok((it.action, outcome))
        });
        outcome.transpose()
    }
}

/// Why a request that ended so was refused, in words; `None`: it was done.
#[must_use]
pub fn refused(outcome: &ChangeOutcome) -> Option<OperateError> {
    let refusal = outcome.refusal();
    (refusal != Refusal::Unspecified).then(|| OperateError::Refused {
        refusal,
        detail: outcome.detail.clone(),
    })
}
