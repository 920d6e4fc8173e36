//! Hiding and un-hiding of User-Password (RFC 2865 §5.2).
//!
//! Knows octets. Must not know where the code in the password begins.

use thiserror::Error;

use super::datagram::Authenticator;
use super::encode::Unencodable;
use super::hiding;
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
    /// The length is no multiple of 16 from 16 to [`PASSWORD_OCTETS_MAX`]; or, of one that
    /// is not hidden, not from 1 to that.
    #[error("User-Password of {0} octets")]
    Length(usize),
}

/// Un-hides a User-Password and strips the NULs at its end, never any inside.
pub(super) fn unhide(
    hidden: &[u8],
    secret: &Secret,
    authenticator: &Authenticator,
) -> Result<Password, Unreadable> {
    // LIMIT: PASSWORD_OCTETS_MAX; beyond the 128 octets of the RFC, as clients send more.
    let read = hiding::unhide(hidden, secret, authenticator);
    let mut clear = read
        .filter(|clear| clear.len() <= PASSWORD_OCTETS_MAX)
        .ok_or(Unreadable::Length(hidden.len()))?;
    let end = clear.iter().rposition(|&octet| octet != 0);
    clear.truncate(end.map_or(0, |last| last.saturating_add(1)));
    Ok(Password(Secret::new(std::mem::take(&mut clear))))
}

/// Reads a User-Password that was not hidden, as in RADIUS/1.1 (RFC 9765 §5.1.1): it has no
/// padding, so each octet is the user's own.
pub(super) fn unhidden(clear: &[u8]) -> Result<Password, Unreadable> {
    // LIMIT: PASSWORD_OCTETS_MAX; beyond the 128 octets of the RFC, as in `unhide`.
    if clear.is_empty() || clear.len() > PASSWORD_OCTETS_MAX {
        return Err(Unreadable::Length(clear.len()));
    }
    Ok(Password(Secret::from(clear)))
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
    Ok(hiding::hide(password.expose(), secret, authenticator))
}
