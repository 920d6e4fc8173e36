//! The messages and services of `proto/peer.proto`.

use std::fmt;

#[expect(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    reason = "generated; the comments are in the proto file"
)]
mod generated {
    tonic::include_proto!("countersign.peer.v1");
}

pub use generated::*;

impl fmt::Debug for AttemptKeysReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttemptKeysReply(number {}, …)", self.number)
    }
}

impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginRequest(…)")
    }
}
