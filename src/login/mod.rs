//! Runs the login flow's effects through two ports: the ledger and a password source.
//!
//! Must not know: datagrams, Raft, which directory answers.

mod chance;
mod driver;
mod even;
mod flows;
mod keys;
mod ports;
mod task;
#[cfg(test)]
mod tests;
mod turns;

pub use driver::{Logins, Parts};
pub use ports::{Answer, Clock, Ledger, PasswordSource, ProposeError, Question};
