//! `countersign bench`: many logins at one time, as VPN devices send them, and what they
//! cost the server.
//!
//! A code is good once, so each login takes a code that its user has not used yet; when
//! all are used up, the run ends.

mod load;
mod options;
mod plan;
mod process;
mod tally;

pub(super) use options::Bench;
