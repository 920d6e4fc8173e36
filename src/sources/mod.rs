//! Password sources: the directories that say whether a password is right.
//!
//! Must not know: RADIUS, codes, the ledger, who the NAS is.

pub mod entra;
mod finding;
pub mod ldap;
mod live;

pub use finding::{Finding, Light};
pub use live::{Source, Sources};
