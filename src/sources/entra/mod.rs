//! Microsoft Entra ID: asks its token endpoint with the user's password and reads from
//! the refusal whether the password is right and a second factor is demanded.
//!
//! A granted token means that the password alone lets the user in, so it refuses the
//! login (facts of the protocol: the v2.0 endpoint, resource owner password grant).
//!
//! Must not know: codes, the ledger, RADIUS.

mod assertion;
mod client;
mod cloud;
mod decision;
mod examine;
mod exchange;
pub mod graph;
mod guard;
mod request;
mod response;
mod settings;
mod troubles;

pub use assertion::CertificateError;
pub use client::Entra;
pub use cloud::PinnedHosts;
pub use settings::{ConfigError, Credentials, Surroundings, check_anywhere};
