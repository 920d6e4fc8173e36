//! Senders: what brings a passcode to a user, by e-mail or by the gateway of an SMS service.
//!
//! Each message is tried once: after it may have been taken, a second one would only confuse
//! its reader, who can ask for another. What fails is told to operators, by a count and an
//! event; to the user nothing is, for it would tell who is known. Where messages may be
//! handed in is pinned in the node's own file, so that a stolen operator account cannot have
//! passcodes sent elsewhere.
//!
//! Must not know: which login a passcode is for, or whether it was ever typed.

mod error;
mod mail;
mod pinned;
mod post;
mod sms;
mod template;
#[cfg(test)]
mod tests;

pub use error::{SendError, SenderError};
pub use mail::Mail;
pub use pinned::Pinned;
pub use post::{Post, Route, Routes, Witness};
pub use sms::Sms;
