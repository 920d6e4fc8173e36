//! Password sources: the directories that say whether a password is right.
//!
//! Must not know: RADIUS, codes, the ledger, who the NAS is.

pub mod alarm;
pub mod breaker;
pub mod entra;
mod finding;
pub mod http;
mod live;
pub mod pause;
pub mod wrong;

pub use finding::{Finding, Light};
pub use live::{Source, Sources};
