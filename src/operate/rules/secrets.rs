//! The secrets in rules: sealed before anything is proposed, and shown by names that tell
//! nothing of them.

use std::mem;

use countersign_core::base::{Secret, Shown};
use countersign_core::ledger::storage::{RuleAttribute, Rules};
use countersign_core::ledger::{fields, query};
use countersign_core::policy::written;
use countersign_core::radius::Number;

use crate::login::Ledger;
use crate::operate::{Operate, OperateError};

impl<L: Ledger> Operate<L> {
    /// Seals each secret that was written, and puts in each that is named.
    ///
    /// # Errors
    /// What is written is no secret of its type, or nothing has the name.
    pub(super) fn seal_rules(&self, rules: &mut Rules) -> Result<(), OperateError> {
        let stored = query::rules(&self.ledger.view())?;
        for rule in &mut rules.rules {
            let secrets = rule.attributes.iter_mut();
            for attribute in secrets.filter(|it| written::is_secret(it)) {
                let sealed = self.sealed(attribute, &stored).map_err(|why| {
                    let name = Shown::from(&*rule.name);
                    OperateError::invalid("rule", format!("\"{name}\": {why}"))
                })?;
                // Moved, not copied: here it is wiped.
                drop(Secret::from(mem::take(&mut attribute.value)));
                attribute.sealed = sealed;
            }
        }
        Ok(())
    }

    fn sealed(&self, written: &RuleAttribute, stored: &Rules) -> Result<Vec<u8>, OperateError> {
        if written::names_secret(&written.value) {
            return named(written, stored);
        }
        let secret = written::secret(written);
        let secret = secret.map_err(|why| OperateError::invalid("attribute", why))?;
        let number = Number::of_parts(written.kind, written.vendor, written.vendor_kind);
        let number = number.map_err(|why| OperateError::invalid("attribute", why))?;
        let row = fields::number_row(number);
        self.seal(&fields::rule_secret(self.cluster_id()?, &row), &secret)
    }
}

/// The rules without the secrets that were written, for what is stored of a request.
pub(super) fn without_secrets(rules: &Rules) -> Rules {
    let mut rules = rules.clone();
    let attributes = rules.rules.iter_mut().flat_map(|rule| &mut rule.attributes);
    for attribute in attributes.filter(|it| written::is_secret(it)) {
        if !written::names_secret(&attribute.value) {
            drop(Secret::from(mem::take(&mut attribute.value)));
        }
    }
    rules
}

/// The stored secret that is named. It stays with its attribute: sealed for another it would
/// not open.
fn named(written: &RuleAttribute, stored: &Rules) -> Result<Vec<u8>, OperateError> {
    let number = |it: &RuleAttribute| (it.kind, it.vendor, it.vendor_kind);
    let mut attributes = stored.rules.iter().flat_map(|rule| &rule.attributes);
    let found = attributes.find(|it| {
        number(it) == number(written)
            && written::is_secret(it)
            && written::secret_name(&it.sealed) == written.value
    });
    found.map(|it| it.sealed.clone()).ok_or_else(|| {
        let name = Shown::from(&*written.value);
        let why = format!("the rules in force have no {name} here; write the secret itself");
        OperateError::invalid("attribute", why)
    })
}
