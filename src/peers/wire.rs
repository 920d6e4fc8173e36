//! The messages and services of `proto/peer.proto`.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

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

impl fmt::Debug for GrantedAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrantedAttribute({}, …)", self.kind)
    }
}

impl Zeroize for GrantedAttribute {
    fn zeroize(&mut self) {
        self.value.zeroize();
    }
}

impl Drop for GrantedAttribute {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl ZeroizeOnDrop for GrantedAttribute {}

/// Wiped when dropped, on either side of a link. What the transport copied of them is not.
impl Zeroize for LoginRequest {
    fn zeroize(&mut self) {
        self.password.zeroize();
        self.chap.zeroize();
        self.ms_chap2.zeroize();
        self.challenge.zeroize();
    }
}

impl Drop for LoginRequest {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl ZeroizeOnDrop for LoginRequest {}

impl Zeroize for AttemptKeysReply {
    fn zeroize(&mut self) {
        for key in [&mut self.current, &mut self.previous, &mut self.next] {
            key.zeroize();
        }
    }
}

impl Drop for AttemptKeysReply {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl ZeroizeOnDrop for AttemptKeysReply {}

#[cfg(test)]
mod tests;
