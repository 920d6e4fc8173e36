//! Hiding and un-hiding of User-Password (RFC 2865 §5.2).
//!
//! Knows octets. Must not know where the code in the password begins.

use md5::{Digest, Md5};
use thiserror::Error;
use zeroize::Zeroizing;

use super::datagram::Authenticator;
use super::encode::Unencodable;
use crate::base::Secret;
use crate::base::limits::PASSWORD_OCTETS_MAX;

/// What the user typed, as octets. With a wrong secret and no Message-Authenticator it
/// is noise.
#[derive(Debug)]
pub struct Password(Secret);

impl Password {
    /// The octets without the padding. A NUL before the last octet is the user's own.
    #[must_use]
    pub const fn octets(&self) -> &Secret {
        &self.0
    }

    /// The octets without the padding, handed over.
    #[must_use]
    pub fn into_octets(self) -> Secret {
        self.0
    }

    /// The password as text.
    ///
    /// # Errors
    ///
    /// It is no text that a source can be asked with. It must fail, and without proven
    /// integrity be reported as a wrong secret: this may be its only sign.
    pub fn text(&self) -> Result<&str, NotText> {
        let text = std::str::from_utf8(self.0.expose()).map_err(|_| NotText::Utf8)?;
        if text.contains('\0') {
            Err(NotText::Nul)
        } else {
            Ok(text)
        }
    }
}

/// Why a password is no text.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NotText {
    /// It has a NUL inside. Cutting there would let `password\0anything` in.
    #[error("password has a NUL inside: wrong secret?")]
    Nul,
    /// It is not UTF-8.
    #[error("password is not UTF-8: wrong secret or legacy character set?")]
    Utf8,
}

/// Why a User-Password cannot be un-hidden.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Unreadable {
    /// The length is no multiple of 16 from 16 to [`PASSWORD_OCTETS_MAX`].
    #[error("User-Password of {0} octets")]
    Length(usize),
}

/// Un-hides a User-Password and strips the NULs at its end, never any inside.
pub(super) fn unhide(
    hidden: &[u8],
    secret: &Secret,
    authenticator: &Authenticator,
) -> Result<Password, Unreadable> {
    let (blocks, rest) = hidden.as_chunks();
    // LIMIT: PASSWORD_OCTETS_MAX; beyond the 128 octets of the RFC, as clients send more.
    if blocks.is_empty() || !rest.is_empty() || hidden.len() > PASSWORD_OCTETS_MAX {
        return Err(Unreadable::Length(hidden.len()));
    }
    let keyed = Md5::new_with_prefix(secret.expose());
    let mut clear = Vec::with_capacity(hidden.len());
    let mut previous = authenticator;
    for block in blocks {
        let pad = pad(&keyed, previous);
        clear.extend(block.iter().zip(*pad).map(|(octet, pad)| octet ^ pad));
        previous = block;
    }
    let end = clear.iter().rposition(|&octet| octet != 0);
    clear.truncate(end.map_or(0, |last| last.saturating_add(1)));
    Ok(Password(Secret::new(clear)))
}

/// Hides a password of at most [`PASSWORD_OCTETS_MAX`] octets; an empty one takes a block.
pub(super) fn hide(
    password: &Secret,
    secret: &Secret,
    authenticator: &Authenticator,
) -> Result<Vec<u8>, Unencodable> {
    if password.len() > PASSWORD_OCTETS_MAX {
        return Err(Unencodable::PasswordLength(password.len()));
    }
    let size = password.len().max(1).next_multiple_of(BLOCK_OCTETS);
    let mut hidden = Vec::with_capacity(size);
    let keyed = Md5::new_with_prefix(secret.expose());
    let mut previous = *authenticator;
    let mut rest = password.expose().iter().copied();
    while hidden.len() < size {
        let pad = pad(&keyed, &previous);
        previous = pad.map(|pad| pad ^ rest.next().unwrap_or(0));
        hidden.extend(previous);
    }
    Ok(hidden)
}

fn pad(keyed: &Md5, previous: &[u8; BLOCK_OCTETS]) -> Zeroizing<[u8; BLOCK_OCTETS]> {
    Zeroizing::new(keyed.clone().chain_update(previous).finalize().into())
}

const BLOCK_OCTETS: usize = 16;
