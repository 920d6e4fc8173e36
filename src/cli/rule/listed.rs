//! The rules as they are read, with what is said of the whole list.

use serde_json::{Value, json};

use super::shown::{RULE, RULES, shown};
use super::{document, position};
use crate::admin::api;
use crate::admin::api::rule_service_client::RuleServiceClient;
use crate::cli::connection::{Named, Session};
use crate::cli::failure::Failure;
use crate::cli::output::{Format, print};
use crate::cli::show::moment;
use crate::login::Clock as _;
use crate::node::SystemClock;
use crate::operate::RuleWritten;

/// The rules, and how they stand.
pub(super) struct Listed {
    pub(super) rules: Vec<RuleWritten>,
    pub(super) revision: u64,
    /// Milliseconds; 0: they are in force for good.
    trial_until: u64,
}

pub(super) async fn read(
    session: &Session,
    client: &mut RuleServiceClient<Named>,
) -> Result<Listed, Failure> {
    let answer = client.get_rules(api::GetRulesRequest {}).await;
    let rules = session.done(answer)?;
    let written = rules.rules.into_iter().map(RuleWritten::from);
    Ok(Listed {
        rules: written.collect(),
        revision: rules.revision,
        trial_until: rules.trial_until,
    })
}

impl Listed {
    /// A line for each.
    pub(super) fn list(&self, session: &Session) {
        session.output.list(RULES, self.all());
        self.warn();
    }

    /// One of them, or all.
    pub(super) fn show(&self, session: &Session, name: Option<&str>) -> Result<(), Failure> {
        let is_table = session.output.0 == Format::Table;
        match name {
            Some(name) => {
                let at = position(&self.rules, name)?;
                session.output.one(RULE, &self.shown(at));
            }
            None if is_table => print(&document::written(&self.rules, self.revision)),
            None => session.output.one(&[], &self.whole()),
        }
        self.warn();
        Ok(())
    }

    fn whole(&self) -> Value {
        json!({
            "rules": self.all(),
            "revision": self.revision,
            "trial_until": moment(self.trial_until),
        })
    }

    fn all(&self) -> Vec<Value> {
        (0..self.rules.len()).map(|at| self.shown(at)).collect()
    }

    /// The rule at this place, with what is said of the whole list.
    fn shown(&self, at: usize) -> Value {
        let mut shown = shown(at, &self.rules, SystemClock.wall());
        if let Some(facts) = shown.as_object_mut() {
            facts.insert("revision".to_owned(), self.revision.into());
            facts.insert("trial_until".to_owned(), moment(self.trial_until));
        }
        shown
    }

    /// Tells people that the list may not stay. It may be empty, so no rule can say it.
    fn warn(&self) {
        if self.trial_until != 0 {
            let (until, revision) = (moment(self.trial_until), self.revision);
            eprintln!(
                "countersign: revision {revision} is on trial until {until}, then reverted \
                 unless `countersign rule confirm` is said"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_says_of_its_list_which_one_it_is_and_until_when_it_is_on_trial() {
        let mut listed = Listed {
            rules: vec![RuleWritten::default()],
            revision: 7,
            trial_until: 1_803_859_200_000,
        };
        let [rule] = &*listed.all() else {
            unreachable!("there is one rule");
        };
        assert_eq!(rule["revision"], 7);
        assert_eq!(rule["trial_until"], "2027-03-01T00:00:00Z");
        assert_eq!(listed.whole()["revision"], 7);
        assert_eq!(listed.whole()["trial_until"], "2027-03-01T00:00:00Z");
        listed.trial_until = 0;
        assert_eq!(listed.shown(0)["trial_until"], Value::Null);
    }
}
