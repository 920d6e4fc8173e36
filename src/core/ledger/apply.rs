//! The only function that changes the tables.

use super::command::{Command, CommandError, Entry};
use super::limits::CLUSTER_VERSION;
use super::outcome::Outcome;
use super::query::{self, encoded};
use super::storage::Head;
use super::table::{Draft, Read, StoreError};
use super::{attempts, budgets, change, passcodes};
use crate::base::{Epoch, Timestamp};

/// The oldest; before a second version exists, also the newest.
const CLUSTER_VERSION_MIN: u32 = 1;

/// Applies one entry of the log to `draft`; `index` is the entry's in the log. Returns
/// what each command came to, in their order.
///
/// It is total: a command that cannot be read or does not fit is answered with a typed
/// refusal, since a poisoned entry that panicked would stop every node.
///
/// # Errors
/// When the store is broken or the entry is newer than this binary. The draft is then
/// worthless, and the node must stop.
pub fn apply<R: Read>(
    draft: &mut Draft<'_, R>,
    index: u64,
    entry: &Entry,
) -> Result<Vec<Outcome>, StoreError> {
    if entry.version > CLUSTER_VERSION {
        return Err(StoreError::Newer(entry.version, CLUSTER_VERSION));
    }
    let mut head = query::head(draft)?;
    let now = entry.at.max(Timestamp::from_millis(head.at));
    draft.open_entry(&head.hash, index, now);
    head.at = now.as_millis();
    attempts::drop_over(draft, &mut head, now);
    change::end_over(draft, &mut head, now)?;

    let mut scene = Scene {
        draft,
        head: &mut head,
        now,
        limits: None,
    };
    let mut outcomes = Vec::with_capacity(entry.commands.len());
    for (place, command) in (0..).zip(&entry.commands) {
        outcomes.push(if entry.version < CLUSTER_VERSION_MIN {
            Outcome::Unreadable(CommandError::Version(entry.version))
        } else {
            scene.carry_out(command, Epoch { index, place })?
        });
    }

    head.attempts_live = attempts::live(&head);
    head.hash.clear();
    let hash = draft.close_entry(&encoded(&head));
    head.hash = hash.to_vec();
    draft.put_head(encoded(&head));
    Ok(outcomes)
}

/// What the commands of one entry share.
pub(super) struct Scene<'s, 'b, R> {
    pub(super) draft: &'s mut Draft<'b, R>,
    pub(super) head: &'s mut Head,
    /// Entry time, the same for all of them.
    pub(super) now: Timestamp,
    /// Read once, and again after a change that may have set them.
    limits: Option<budgets::Limits>,
}

impl<R: Read> Scene<'_, '_, R> {
    fn carry_out(&mut self, command: &Command, epoch: Epoch) -> Result<Outcome, StoreError> {
        Ok(match command {
            Command::Begin(begin) => Outcome::Begin(attempts::begin(self, begin, epoch)?),
            Command::Settle(settle) => Outcome::Settle(attempts::settle(self, settle)?),
            Command::SendPasscode(send) => Outcome::SendPasscode(passcodes::send(self, send)?),
            Command::Change(change) => {
                self.limits = None;
                Outcome::Change(change::apply(self.draft, self.head, self.now, change)?)
            }
            Command::Unreadable(why) => Outcome::Unreadable(why.clone()),
        })
    }

    /// The limits that hold at this command.
    pub(super) fn limits(&mut self) -> Result<budgets::Limits, StoreError> {
        let limits = match self.limits {
            Some(limits) => limits,
            None => budgets::Limits::load(self.draft)?,
        };
        self.limits = Some(limits);
        Ok(limits)
    }
}
