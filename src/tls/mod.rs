//! What every TLS listener with certificates on both ends is made of: the files it reads,
//! the strangers it meets, and for how long it believes whom it let in.
//!
//! Must not know whose certificates they are, nor what is said in a session.

mod crowd;
mod files;
mod places;
mod proof;
mod server;
#[cfg(test)]
pub(crate) mod testing;

pub use crowd::{Bounds, Crowded, Told, keep, neighbourhood};
pub use files::{
    BoxError, FileError, Files, authority, chain, expiry, fits, key, provider, standing, validity,
};
pub use places::{Place, Places};
pub use proof::{Proof, Unproven, proof};
pub use server::server;
