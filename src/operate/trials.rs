//! Settings and rules that come back by themselves unless somebody confirms what replaced them.

use countersign_core::base::RequestId;
use countersign_core::ledger::storage::end_trial::Subject;
use countersign_core::ledger::storage::{self, ChangeOutcome, change::Kind};

use super::house::Asked;
use super::{Action, Caller, Operate, OperateError};
use crate::login::Ledger;

impl<L: Ledger> Operate<L> {
    /// Ends the trial: what was put stays, or what was before comes back at once. `seen`: the
    /// revision of what is on trial, as the caller saw it; 0: whatever it is.
    ///
    /// # Errors
    /// When nothing waits to be confirmed, or something else does.
    pub async fn end_trial(
        &self,
        caller: &Caller,
        request: RequestId,
        subject: Subject,
        confirmed: bool,
        seen: u64,
    ) -> Result<ChangeOutcome, OperateError> {
        let action = match subject {
            Subject::Rules => Action::RulePut,
            Subject::Settings | Subject::Unspecified => Action::SettingsApply,
        };
        let mut end = storage::EndTrial {
            subject: subject.into(),
            confirmed,
            revision: 0,
        };
        // A retry may have looked again, after the first try was done.
        let asked = Asked::new(action, request).with_message(&end);
        end.revision = seen;
        self.change(caller, asked, Kind::EndTrial(end)).await
    }
}
