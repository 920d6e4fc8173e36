//! Settings and rules that come back by themselves unless somebody confirms what replaced them.

use countersign_core::base::RequestId;
use countersign_core::ledger::storage::end_trial::Subject;
use countersign_core::ledger::storage::{self, ChangeOutcome, change::Kind};

use super::house::Asked;
use super::{Action, Caller, Operate, OperateError};
use crate::login::Ledger;

impl<L: Ledger> Operate<L> {
    /// Ends the trial: what was put stays, or what was before comes back at once.
    ///
    /// # Errors
    /// When nothing waits to be confirmed.
    pub async fn end_trial(
        &self,
        caller: &Caller,
        request: RequestId,
        subject: Subject,
        confirmed: bool,
    ) -> Result<ChangeOutcome, OperateError> {
        let action = match subject {
            Subject::Rules => Action::RulePut,
            Subject::Settings | Subject::Unspecified => Action::SettingsApply,
        };
        let end = storage::EndTrial {
            subject: subject.into(),
            confirmed,
        };
        let asked = Asked::new(action, request).with_message(&end);
        self.change(caller, asked, Kind::EndTrial(end)).await
    }
}
