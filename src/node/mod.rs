//! The composition root: reads the node's file, builds the parts, supervises, stops.
//!
//! Knows every shell. Takes no decision of a login or an operator.

mod certificates;
mod cluster;
pub mod config;
mod error;
mod follow;
mod founding;
mod keys;
mod learning;
mod lockout;
mod member;
mod new;
mod parts;
mod renewal;
mod senders;
mod serve;
mod sources;
mod sync;
mod system;
mod template;
mod trials;
mod witness;

pub use certificates::{Authority, CertificateError, ServerCertificate};
pub use error::ServeError;
pub use keys::KeysError;
pub use member::{MEMBERS_MAX, Member, MemberError};
pub use new::{Made, MadeCluster, MakeError, make, make_cluster};
pub use serve::serve;
pub use system::{SystemClock, SystemEntropy};
