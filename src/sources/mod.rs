//! Password sources: the directories that say whether a password is right.
//!
//! Must not know: RADIUS, codes, the ledger, who the NAS is.

pub mod account;
pub mod alarm;
pub mod breaker;
pub mod entra;
mod finding;
pub mod forward;
pub mod http;
pub mod ldap;
mod live;
mod own;
pub mod pause;
mod pinned;
pub mod roster;
mod route;
mod servers;
mod within;
mod words;
pub mod wrong;

pub use finding::{Finding, Light};
pub use live::{Kind, Source, SourceKind, Sources};
pub use own::{OwnPasswords, PasswordError, SALT_OCTETS};
pub use pinned::{PinnedServers, Unpinnable};
pub use roster::{GroupName, GroupTable, Listed, Listing, Roster, RosterError};
