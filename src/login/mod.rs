//! Runs the login flow's effects through its ports: the ledger, a password source, and the
//! other nodes.
//!
//! Must not know: datagrams, Raft, which directory answers.

mod asleep;
mod chance;
mod driver;
mod elsewhere;
mod even;
mod flows;
mod granted;
mod keys;
mod lead;
mod passcodes;
mod ports;
mod rules;
mod task;
#[cfg(test)]
mod tests;
mod turns;
mod waits;

pub use driver::{Logins, Parts};
pub use ports::{
    Against, Alone, Answer, Boxed, Clock, Forwarded, Ledger, Letter, Messenger, Neighbours,
    NoMessenger, PasswordSource, ProposeError, Question, Taken,
};
