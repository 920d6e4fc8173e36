//! Policy: what a login through a client must show, in what time, and what it is granted.
//!
//! Knows replicated facts and attributes of the request alone. Must not know codes, or the
//! ledger's budgets.

mod client;
mod decision;
mod mismatch;
mod texts;
pub mod written;

pub use client::{ClientPolicy, NoRule, SourceDown};
pub use decision::{Facts, Grants, Refusal, Terms, decide};
pub use mismatch::{Mismatch, NasMismatch, Seen, mismatch};
pub use texts::Texts;
