//! The node's own look at an attempt, before it proposes anything.

use super::attempt::Attempt;
use super::generations;
use crate::base::{AttemptKey, Timestamp};
use crate::ledger::storage::Head;
use crate::ledger::table::{Read, StoreError};

/// The record that lines 4 to 9 of Begin would meet now, were the command issued at
/// `issued`: its epoch is the Begin's `prev`. It decides nothing; the ledger alone does.
///
/// # Errors
/// When the store cannot be read.
pub fn look(
    tables: &impl Read,
    head: &Head,
    key: &AttemptKey,
    issued: Timestamp,
) -> Result<Option<Attempt>, StoreError> {
    let now = Timestamp::from_millis(head.at);
    let found = generations::find(tables, head, key, now)?;
    let attempt = found.map(|found| found.attempt);
    Ok(attempt.filter(|attempt| attempt.answers(issued)))
}
