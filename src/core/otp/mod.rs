//! Time-based one-time passwords (RFC 6238): parameters, seeds, codes and the window.
//!
//! Knows seeds, steps and codes. Must not know users, what has been spent, or where a
//! seed is kept: whether a matching step is a first use or a replay, the ledger says.

mod code;
mod parameters;
mod seed;
mod uri;

pub use code::{Code, Matched, code_at, codes, matches};
pub use parameters::{Algorithm, Digits, ParameterError, Parameters, Period};
pub use seed::{Decoded, SeedError, draw_seed, from_base32, from_hex, to_base32};
pub use uri::{UriError, provisioning_uri};
