//! The messages and services of `proto/admin.proto`.

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
    tonic::include_proto!("countersign.admin.v1");
}

pub use generated::*;

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

impl fmt::Debug for ImportChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImportChunk(…)")
    }
}
