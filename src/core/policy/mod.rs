//! Rules: which factors a login through a client must show, and in what time.
//!
//! Knows replicated facts alone. Must not know whose login it is, codes, or the ledger's
//! budgets. Minimal for now: a client decides by its own entry.

mod client;

pub use client::{ClientPolicy, NoRule, SourceDown};
