//! Old RADIUS servers: while users move here, those without a token may be asked about there
//! by rule. A client of RFC 2865 with PAP, which believes no reply that it cannot verify.
//!
//! Must not know: rules, who may be forwarded, and until when.

mod client;
mod examine;
mod line;
mod live;
mod server;
mod settings;
mod troubles;

pub use client::Forward;
pub use live::{OldServer, OldServers};
pub use settings::{ForwardConfigError, ForwardSurroundings};

#[cfg(test)]
mod tests;
