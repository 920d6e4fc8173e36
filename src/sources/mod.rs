//! Password sources: the directories that say whether a password is right.
//!
//! Must not know: RADIUS, codes, the ledger, who the NAS is.

pub mod entra;
mod finding;
mod live;
mod own;
mod route;

pub use finding::{Finding, Light};
pub use live::{Kind, Source, SourceKind, Sources};
pub use own::{OwnPasswords, PasswordError, SALT_OCTETS};
