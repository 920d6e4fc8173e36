//! The keyring in memory: one data key seals, all of them open.
//!
//! Must not know where wrapped keys are stored or who turns them.

use std::collections::BTreeMap;

use super::data_key::{DataKey, Purpose};
use super::key_file::KeyFile;
use super::mac::MacKey;
use super::sealed::{Context, OpenError, SealError, Sealed};
use super::wrapped::{UnwrapError, WrappedKey};
use crate::base::{ClusterId, Entropy, KeyId, Secret};

/// The unwrapped data keys of a cluster.
#[derive(Debug)]
pub struct Keyring {
    keys: BTreeMap<KeyId, DataKey>,
    /// INVARIANT: in `keys`, with the purpose [`Purpose::Fields`].
    primary: KeyId,
}

impl Keyring {
    /// A keyring of `keys` that seals with `primary`.
    ///
    /// # Errors
    /// Two keys have one number, or `primary` is missing or not for fields.
    pub fn new(
        keys: impl IntoIterator<Item = DataKey>,
        primary: KeyId,
    ) -> Result<Self, KeyringError> {
        let mut ring = BTreeMap::new();
        for key in keys {
            if let Some(other) = ring.insert(key.id(), key) {
                return Err(KeyringError::Twice { key: other.id() });
            }
        }
        match ring.get(&primary).map(DataKey::purpose) {
            Some(Purpose::Fields) => Ok(Self {
                keys: ring,
                primary,
            }),
            Some(Purpose::Hashes) | None => Err(KeyringError::NoPrimary { key: primary }),
        }
    }

    /// Unwraps all `wrapped` keys of `cluster` with the node's key file.
    ///
    /// # Errors
    /// As for [`Keyring::new`] and [`WrappedKey::unwrap_with`]: a keyring is whole or not
    /// at all, since a node that cannot open what its peers seal is no use.
    pub fn unwrap_with<'a>(
        wrapped: impl IntoIterator<Item = &'a WrappedKey>,
        primary: KeyId,
        cluster: ClusterId,
        file: &KeyFile,
    ) -> Result<Self, KeyringError> {
        let keys: Result<Vec<_>, _> = wrapped
            .into_iter()
            .map(|key| key.unwrap_with(cluster, file))
            .collect();
        Self::new(keys?, primary)
    }

    /// Seals a field with the primary key.
    ///
    /// # Errors
    /// It is longer than [`SEALED_OCTETS_MAX`](crate::base::limits::SEALED_OCTETS_MAX).
    pub fn seal(
        &self,
        context: &Context<'_>,
        plain: &Secret,
        entropy: &mut impl Entropy,
    ) -> Result<Sealed, SealError> {
        let key = self
            .keys
            .get(&self.primary)
            .expect("the primary key is in the ring");
        Sealed::seal(key, context, plain, entropy)
    }

    /// Opens a field with the key it names.
    ///
    /// # Errors
    /// [`OpenError::UnknownKey`] or [`OpenError::Tampered`].
    pub fn open(&self, context: &Context<'_>, sealed: &Sealed) -> Result<Secret, OpenError> {
        sealed.open(self.key(sealed.key())?, context)
    }

    /// Derives a key for stored hashes from the data key `key`; see [`DataKey::derive`].
    ///
    /// # Errors
    /// [`OpenError::UnknownKey`].
    pub fn derive(&self, key: KeyId, label: &str) -> Result<MacKey, OpenError> {
        self.key(key).map(|key| key.derive(label))
    }

    /// The key that seals. What names another may be sealed anew.
    #[must_use]
    pub const fn primary(&self) -> KeyId {
        self.primary
    }

    fn key(&self, key: KeyId) -> Result<&DataKey, OpenError> {
        self.keys.get(&key).ok_or(OpenError::UnknownKey { key })
    }
}

/// Why there is no keyring.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyringError {
    /// The key that should seal is not there, or is not for fields.
    #[error("the keyring has no key {key} for sealing fields")]
    NoPrimary {
        /// The number of the primary key.
        key: KeyId,
    },
    /// Two keys with one number.
    #[error("the keyring has two keys {key}")]
    Twice {
        /// The number.
        key: KeyId,
    },
    /// A key did not unwrap.
    #[error(transparent)]
    Unwrap(#[from] UnwrapError),
}

#[cfg(test)]
mod tests;
