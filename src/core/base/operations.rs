//! The port for operational counts. Telemetry implements it; the layers below only tell.

use std::fmt;
use std::time::Duration;

/// Counts and times of what the house does. Names are constants of the caller, never
/// text from outside, so that the set of series is bounded.
pub trait Operations: fmt::Debug + Send + Sync {
    /// One more of `name`, told apart by `label`.
    fn count(&self, name: &'static str, label: &'static str);
    /// `name` took `span`.
    fn time(&self, name: &'static str, label: &'static str, span: Duration);
    /// `name` now stands at `value`.
    fn level(&self, name: &'static str, label: &'static str, value: u64);
}

/// Counts nothing; for tests and tools.
#[derive(Debug, Default)]
pub struct Unobserved;

impl Operations for Unobserved {
    fn count(&self, _: &'static str, _: &'static str) {}
    fn time(&self, _: &'static str, _: &'static str, _: Duration) {}
    fn level(&self, _: &'static str, _: &'static str, _: u64) {}
}
