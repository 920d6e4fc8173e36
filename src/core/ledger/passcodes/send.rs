//! The command that makes a passcode. The first line that fits decides.
//!
//! Whoever knows a name may ask, since no password is proven before a code is: so what is
//! sent is bounded for each user, for a day, and for the cluster, and those who have to wait
//! are sent nothing. Only the owner of the command sends, and only once it is applied.

use super::{Passcodes, Share};
use crate::base::Timestamp;
use crate::base::limits::COMMAND_LIFE;
use crate::ledger::apply::Scene;
use crate::ledger::attempts::{client_revision, is_active, user_revision};
use crate::ledger::budgets::Budgets;
use crate::ledger::query::{encoded, record};
use crate::ledger::storage::PasscodeRate;
use crate::ledger::table::{Read, StoreError, Table};
use crate::ledger::{RefusedBy, SendPasscode, SendResult};

/// Carries out a [`SendPasscode`].
pub(in crate::ledger) fn send<R: Read>(
    scene: &mut Scene<'_, '_, R>,
    send: &SendPasscode,
) -> Result<SendResult, StoreError> {
    // Line 1.
    if scene.now > send.issued.plus(COMMAND_LIFE) {
        return Ok(SendResult::TooLate);
    }
    // Line 2: the address was of another record, or the rule allows none any more.
    if !is_in_force(scene, send)? {
        return Ok(SendResult::Stale);
    }
    // Line 3.
    if !is_active(scene.draft, send.user)? {
        return Ok(SendResult::Refused(RefusedBy::Revoked));
    }
    let mut passcodes = Passcodes::load(scene.draft, send.user, scene.now)?;
    // Line 4: a retry of the device is no second ask. Who was told to send may ask again
    // what came of it, and no other node sends in its place: it may have sent.
    if let Some(asked) = passcodes.asked_by(&send.key) {
        return Ok(if asked.is_of(send.owner) {
            SendResult::Sent
        } else {
            SendResult::Already
        });
    }
    let limits = scene.limits()?;
    let budgets = Budgets::load(scene.draft, send.user, &limits, scene.now)?;
    // Line 5: who may not try now is sent nothing to try.
    if budgets.strict.is_locked() {
        return Ok(SendResult::Refused(RefusedBy::Locked));
    }
    let waits = budgets.places.waits_until(send.place, &limits, scene.now);
    if waits.is_some() {
        return Ok(SendResult::Refused(RefusedBy::Waiting));
    }
    // Line 6: enough was sent.
    let share = Share::of(&budgets, send.place, scene.now);
    if !passcodes.of(share).has_room() {
        return Ok(SendResult::Refused(RefusedBy::Limit));
    }
    // Line 7: the cluster as a whole sends no faster than this.
    if !take_rate(scene, share)? {
        return Ok(SendResult::Refused(RefusedBy::Overload));
    }
    // Line 8.
    let passcode = passcodes.of_mut(share);
    passcode.replace(send.hash, &send.key, send.owner);
    passcodes.save(scene.draft);
    Ok(SendResult::Sent)
}

fn is_in_force<R: Read>(scene: &Scene<'_, '_, R>, send: &SendPasscode) -> Result<bool, StoreError> {
    let seen = send.revisions;
    let client = client_revision(scene.draft, send.client)?;
    Ok(client == Some(seen.client)
        && scene.head.rules_revision == seen.rules
        && scene.head.settings_revision == seen.settings
        && user_revision(scene.draft, send.user)? == seen.user)
}

/// Takes one of the cluster's share, which fills up evenly and holds a minute's.
fn take_rate<R: Read>(scene: &mut Scene<'_, '_, R>, share: Share) -> Result<bool, StoreError> {
    let each = scene.limits()?.passcode_each();
    let rate: PasscodeRate = record(scene.draft, Table::PasscodeRate, &[])?.unwrap_or_default();
    let free_at = Timestamp::from_millis(rate.free_at).max(scene.now);
    let after = free_at.plus(each);
    // Where one takes more than a share has, one at a time is sent.
    if after > scene.now.plus(share.of_rate().max(each)) {
        return Ok(false);
    }
    let free_at = after.as_millis();
    let rate = encoded(&PasscodeRate { free_at });
    scene.draft.put(Table::PasscodeRate, &[], rate);
    Ok(true)
}
