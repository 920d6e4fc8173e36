//! The rules: one list, shown and put as a whole, and tried out without a login.

mod forwarded;
mod replay;
mod secrets;
mod trial;
mod until;
mod written;

use countersign_core::base::{RequestId, Timestamp};
use countersign_core::ledger::query;
use countersign_core::ledger::storage::end_trial::Subject;
use countersign_core::ledger::storage::{self, ChangeOutcome, change::Kind};

pub use forwarded::{ForwardedPage, ForwardedUser};
pub use replay::{Difference, Replayed};
pub use trial::{RuleStep, RuleTrial, RuleTrialResult};
pub use until::has_ended;
use until::shown_until;
pub use written::RuleWritten;

use super::house::{Asked, seen_revision};
use super::{Action, Caller, Operate, OperateError, read};
use crate::login::Ledger;

/// The rules as operators see them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RulesShown {
    /// In their order.
    pub rules: Vec<RuleWritten>,
    /// Of the list.
    pub revision: u64,
    /// When it is reverted unless somebody confirms it.
    pub trial_until: Option<Timestamp>,
}

impl<L: Ledger> Operate<L> {
    /// The rules in force.
    ///
    /// # Errors
    /// When the caller may not, or the node is not in sync.
    pub fn list_rules(&self, caller: &Caller) -> Result<RulesShown, OperateError> {
        self.reading(caller, Action::RuleList)?;
        let view = self.ledger.view();
        let rules = query::rules(&view)?;
        let clients = query::clients(&view)?;
        let shown = rules.rules.iter();
        Ok(RulesShown {
            rules: shown.map(|rule| RuleWritten::of(rule, &clients)).collect(),
            revision: rules.revision,
            trial_until: query::trial_until(&view, Subject::Rules)?,
        })
    }

    /// Replaces the rules. `expected`: the revision that the caller saw; 0: whatever it is.
    /// What the operator should know of it is in the outcome's detail. Unless it is confirmed
    /// within so many milliseconds, what was before comes back; 0: it stays.
    ///
    /// # Errors
    /// A rule that names what there is not; or the ledger's refusal of one that contradicts
    /// itself or another, or of a list that somebody else changed since.
    pub async fn put_rules(
        &self,
        caller: &Caller,
        request: RequestId,
        rules: Vec<RuleWritten>,
        expected: u64,
        confirm_within: u32,
    ) -> Result<ChangeOutcome, OperateError> {
        caller.may(Action::RulePut)?;
        let mut rules = self.stored(&rules)?;
        let asked = Asked::new(Action::RulePut, request)
            .with_message(&secrets::without_secrets(&rules))
            .with(expected.to_be_bytes())
            .with(confirm_within.to_be_bytes());
        self.seal_rules(&mut rules)?;
        let head = query::head(&self.ledger.view())?;
        let put = storage::PutRules {
            rules: Some(rules),
            expected_revision: seen_revision(expected, head.rules_revision),
            confirm_within,
        };
        self.change(caller, asked, Kind::PutRules(put)).await
    }

    /// As they were written: secrets are not sealed yet.
    fn stored(&self, rules: &[RuleWritten]) -> Result<storage::Rules, OperateError> {
        let clients = read::Clients::read(&self.ledger.view())?;
        let id = |name: &str| client_id(&clients, name);
        let rules = rules.iter().map(|rule| rule.stored(id));
        Ok(storage::Rules {
            revision: 0,
            rules: rules.collect::<Result<_, _>>()?,
        })
    }
}

fn client_id(clients: &read::Clients, name: &str) -> Result<u64, OperateError> {
    let client = clients.find(name).ok_or_else(|| OperateError::NotFound {
        kind: "client",
        name: name.to_owned(),
    })?;
    Ok(client.id)
}
