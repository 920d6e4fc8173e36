//! What happened on this node, kept in bounded files of its own.
//!
//! Events are not replicated: they would double the writes. Three budgets keep a flood of
//! one kind from pushing the others out: what was granted, what was refused, noise.
//! Secrets have no field here.

mod log;
mod record;
mod segments;
#[cfg(test)]
mod tests;

pub use log::{Events, Lost};
pub use record::{Budget, Record};
