//! How RADIUS hides octets with the shared secret: each block under the hash of the one
//! before it (RFC 2865 §5.2, RFC 2868 §3.5, RFC 2548 §2.4.2).
//!
//! Knows blocks. Must not know what stands in them, or how it is framed.

use md5::{Digest, Md5};
use zeroize::Zeroizing;

use crate::base::Secret;

/// Hides `clear`, padded with zeros to whole blocks and at least one. `first` is hashed with
/// the secret for the first block: the Request Authenticator, and a salt where there is one.
pub(super) fn hide(clear: &[u8], secret: &Secret, first: &[u8]) -> Vec<u8> {
    let size = clear.len().max(1).next_multiple_of(BLOCK_OCTETS);
    let keyed = Md5::new_with_prefix(secret.expose());
    let mut hidden = Vec::with_capacity(size);
    let mut pad = pad(&keyed, first);
    let mut rest = clear.iter().copied();
    while hidden.len() < size {
        let block = pad.map(|pad| pad ^ rest.next().unwrap_or(0));
        hidden.extend(block);
        if hidden.len() < size {
            pad = self::pad(&keyed, &block);
        }
    }
    hidden
}

/// The clear octets with their padding; `None`: these are no whole blocks, or none.
pub(super) fn unhide(hidden: &[u8], secret: &Secret, first: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (blocks, rest) = hidden.as_chunks::<BLOCK_OCTETS>();
    if blocks.is_empty() || !rest.is_empty() {
        return None;
    }
    let keyed = Md5::new_with_prefix(secret.expose());
    let mut clear = Zeroizing::new(Vec::with_capacity(hidden.len()));
    let mut previous = first;
    for block in blocks {
        let pad = pad(&keyed, previous);
        clear.extend(block.iter().zip(*pad).map(|(octet, pad)| octet ^ pad));
        previous = block;
    }
    Some(clear)
}

fn pad(keyed: &Md5, previous: &[u8]) -> Zeroizing<[u8; BLOCK_OCTETS]> {
    Zeroizing::new(keyed.clone().chain_update(previous).finalize().into())
}

pub(super) const BLOCK_OCTETS: usize = 16;
