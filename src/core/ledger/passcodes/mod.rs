//! Passcodes that are sent by e-mail or SMS: one kind of code more that a Begin may match,
//! and the command that makes one.
//!
//! A passcode is known here by a keyed hash whose key is on no disk, so that nobody can try
//! the few digits against a stolen one. Must not know: what was sent, to which address, or
//! whether it ever arrived.

mod record;
mod send;
mod shares;

use record::Passcode;
pub(super) use send::send;
pub(super) use shares::{Passcodes, Share, forget};
