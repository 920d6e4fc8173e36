//! Policy: what a login through a client must show, in what time, and what it is granted.
//!
//! Knows replicated facts and attributes of the request alone. Must not know codes, or the
//! ledger's budgets.

mod account_grants;
mod bucket;
mod client;
mod decision;
mod mismatch;
mod name_form;
mod texts;
pub mod written;

pub use account_grants::AccountGrants;
pub use bucket::Bucket;
pub use client::{ClientPolicy, NoRule, SourceDown};
pub use decision::{Facts, Grants, Refusal, Terms, decide};
pub use mismatch::{Mismatch, NasMismatch, Seen, mismatch};
pub use name_form::{NameForm, NameForms};
pub use texts::Texts;
