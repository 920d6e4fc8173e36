//! A sealed field: its format, and what it is bound to.
//!
//! ```text
//! 1 version (1) · 4 key id (big-endian) · 24 nonce · ciphertext · 16 tag
//! ```

use super::aead::{self, OVERHEAD_OCTETS};
use super::data_key::DataKey;
use super::octets::{Fingerprint, framed};
use crate::base::limits::SEALED_OCTETS_MAX;
use crate::base::{ClusterId, Entropy, KeyId, Secret};

/// Where a sealed field belongs. It opens nowhere else: who can write to the tables cannot
/// move one user's seed to another, or bring in a field of another cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Context<'a> {
    /// Cluster.
    pub cluster: ClusterId,
    /// Table.
    pub table: &'static str,
    /// Key of the row, as the table encodes it.
    pub row: &'a [u8],
    /// Field of the row.
    pub field: &'static str,
}

impl Context<'_> {
    /// What the AEAD authenticates beside the text. The key's number is part of it.
    fn bound(&self, key: KeyId) -> Vec<u8> {
        framed(&[
            b"countersign sealed field v1",
            &self.cluster.0,
            self.table.as_bytes(),
            self.row,
            self.field.as_bytes(),
            &key.0.to_be_bytes(),
        ])
    }
}

/// A sealed field, as it is stored. Its form was checked; whether it opens was not.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Sealed {
    key: KeyId,
    /// Nonce, ciphertext and tag.
    text: Vec<u8>,
}

impl Sealed {
    /// Reads a stored field.
    ///
    /// # Errors
    /// [`OpenError::NewerFormat`] or [`OpenError::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, OpenError> {
        let (&version, rest) = octets.split_first().ok_or(OpenError::Malformed)?;
        if version != VERSION {
            return Err(OpenError::NewerFormat { version });
        }
        let (key, text) = rest.split_first_chunk().ok_or(OpenError::Malformed)?;
        let plain = text
            .len()
            .checked_sub(OVERHEAD_OCTETS)
            .ok_or(OpenError::Malformed)?;
        if plain > SEALED_OCTETS_MAX {
            return Err(OpenError::Malformed);
        }
        Ok(Self {
            key: KeyId(u32::from_be_bytes(*key)),
            text: text.to_vec(),
        })
    }

    /// The octets to store.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&[VERSION][..], &self.key.0.to_be_bytes(), &self.text].concat()
    }

    /// The data key that opens it; when none names a key any longer, it may go.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// How many octets it opens to.
    #[must_use]
    pub fn plain_octets(&self) -> usize {
        self.text.len().saturating_sub(OVERHEAD_OCTETS)
    }

    /// Names this very text, sealed once, and tells nothing of what it opens to.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Self::fingerprint_of(&self.encode())
    }

    /// The same of a field as it is stored, also of one that cannot be read.
    #[must_use]
    pub fn fingerprint_of(stored: &[u8]) -> Fingerprint {
        Fingerprint::of("sealed field", stored)
    }

    pub(super) fn seal(
        key: &DataKey,
        context: &Context<'_>,
        plain: &Secret,
        entropy: &mut impl Entropy,
    ) -> Result<Self, SealError> {
        if plain.len() > SEALED_OCTETS_MAX {
            return Err(SealError::TooLong {
                octets: plain.len(),
            });
        }
        let bound = context.bound(key.id());
        let text = aead::seal(key.octets(), &bound, plain.expose(), entropy);
        Ok(Self {
            key: key.id(),
            text,
        })
    }

    pub(super) fn open(&self, key: &DataKey, context: &Context<'_>) -> Result<Secret, OpenError> {
        aead::open(key.octets(), &context.bound(self.key), &self.text).ok_or(OpenError::Tampered {
            key: self.key,
            table: context.table,
            field: context.field,
        })
    }
}

/// Why nothing was sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealError {
    /// More than any secret here has.
    #[error("{octets} octets are more than a sealed field may have ({SEALED_OCTETS_MAX})")]
    TooLong {
        /// How many it has.
        octets: usize,
    },
}

/// Why a sealed field did not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// Cut off, or no sealed field at all.
    #[error("the sealed field is broken: its length is impossible")]
    Malformed,
    /// Written by a newer release.
    #[error("the sealed field has format {version}, which is newer than this release")]
    NewerFormat {
        /// The format's number.
        version: u8,
    },
    /// The right key, and yet it does not open: changed, or moved from another place.
    #[error("{field} in {table}, sealed with key {key}, was changed or belongs elsewhere")]
    Tampered {
        /// The data key it names.
        key: KeyId,
        /// The table it was read from.
        table: &'static str,
        /// The field it was read from.
        field: &'static str,
    },
    /// The keyring has no such key.
    #[error("the keyring has no key {key}, which the sealed field names")]
    UnknownKey {
        /// The data key it names.
        key: KeyId,
    },
}

const VERSION: u8 = 1;
