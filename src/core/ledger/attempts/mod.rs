//! The attempts: what one login may do, once, on any node (DESIGN §2, "The attempt").
//!
//! `begin` and `settle` are the two tables of the design, line by line. Must not know: how
//! a code is computed, what the password source is, who waits for an answer.

mod attempt;
mod begin;
mod counters;
mod facts;
mod generations;
mod look;
mod settle;

pub use attempt::{Attempt, State};
pub(super) use begin::begin;
pub(super) use facts::{client_revision, is_active, user_revision};
pub(super) use generations::{drop_over, live};
pub use look::look;
pub(super) use settle::settle;
