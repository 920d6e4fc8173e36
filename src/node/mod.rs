//! The composition root: reads the node's file, builds the parts, supervises, stops.
//!
//! Knows every shell. Takes no decision of a login or an operator.

mod certificates;
pub mod config;
mod follow;
mod founding;
mod keys;
mod new;
mod parts;
mod serve;
mod system;
mod witness;

pub use certificates::{Authority, CertificateError, ServerCertificate};
pub use keys::KeysError;
pub use new::{Made, MakeError, make};
pub use serve::{ServeError, serve};
pub use system::{SystemClock, SystemEntropy};
