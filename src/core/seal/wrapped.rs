//! Data keys at rest: wrapped for each key-encryption key and for the recovery key.
//!
//! ```text
//! for a KEK: 1 version (1) · 24 nonce · 32 ciphertext · 16 tag
//! ```
//! The recovery key's form is in [`recovery`](super::recovery).

use std::collections::BTreeMap;

use super::aead;
use super::data_key::{DataKey, Purpose};
use super::key_file::{KeyEncryptionKey, KeyFile};
use super::octets::{Fingerprint, KeyOctets, framed};
use super::recovery::{RecoveryPublicKey, RecoverySecretKey};
use crate::base::{ClusterId, Entropy, KeyId, Secret};

/// A data key as the replicated keyring holds it. Nothing in it is secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WrappedKey {
    /// Its number in the keyring.
    pub key: KeyId,
    /// What it may be used for.
    pub purpose: Purpose,
    /// The key, wrapped for each key-encryption key.
    pub by_kek: BTreeMap<Fingerprint, Vec<u8>>,
    /// The key, wrapped for the offline recovery key.
    pub recovery: Vec<u8>,
}

impl WrappedKey {
    /// Wraps `key` for every key of `file` and for the recovery key.
    pub fn wrap(
        key: &DataKey,
        cluster: ClusterId,
        file: &KeyFile,
        recovery: &RecoveryPublicKey,
        entropy: &mut impl Entropy,
    ) -> Self {
        let mut wrapped = Self {
            key: key.id(),
            purpose: key.purpose(),
            by_kek: BTreeMap::new(),
            recovery: Vec::new(),
        };
        wrapped.recovery = recovery.wrap(&wrapped.bound(cluster, b"recovery"), key, entropy);
        wrapped.wrap_missing(key, cluster, file, entropy);
        wrapped
    }

    /// Unwraps the key with the first key of `file` that it is wrapped for.
    ///
    /// # Errors
    /// See [`UnwrapError`].
    pub fn unwrap_with(&self, cluster: ClusterId, file: &KeyFile) -> Result<DataKey, UnwrapError> {
        let (kek, blob) = file
            .keys()
            .find_map(|kek| Some((kek, self.by_kek.get(&kek.fingerprint())?)))
            .ok_or_else(|| UnwrapError::WrongKeyFile {
                key: self.key,
                wanted: self.by_kek.keys().copied().collect(),
            })?;
        let text = self.text(blob)?;
        let bound = self.bound(cluster, &kek.fingerprint().0);
        self.unwrapped(aead::open(kek.octets(), &bound, text))
    }

    /// Unwraps the key with the offline recovery key.
    ///
    /// # Errors
    /// See [`UnwrapError`].
    pub fn recover(
        &self,
        cluster: ClusterId,
        recovery: &RecoverySecretKey,
    ) -> Result<DataKey, UnwrapError> {
        let text = self.text(&self.recovery)?;
        let (wanted, text) = text
            .split_first_chunk()
            .ok_or(UnwrapError::Malformed { key: self.key })?;
        let (wanted, given) = (Fingerprint(*wanted), recovery.public().fingerprint());
        if wanted != given {
            let key = self.key;
            return Err(UnwrapError::WrongRecoveryKey { key, wanted, given });
        }
        self.unwrapped(recovery.open(&self.bound(cluster, b"recovery"), text))
    }

    /// The same key wrapped for exactly the keys of `file`, which must still have one that
    /// it is wrapped for now. What is already there stays, the recovery blob too. To turn
    /// key-encryption keys: rewrap with a file of old and new, hand the file to every
    /// node, then rewrap with a file of the new ones alone.
    ///
    /// # Errors
    /// See [`UnwrapError`].
    pub fn rewrap(
        &self,
        cluster: ClusterId,
        file: &KeyFile,
        entropy: &mut impl Entropy,
    ) -> Result<Self, UnwrapError> {
        let key = self.unwrap_with(cluster, file)?;
        let mut wrapped = self.clone();
        wrapped
            .by_kek
            .retain(|&kek, _| file.keys().any(|key| key.fingerprint() == kek));
        wrapped.wrap_missing(&key, cluster, file, entropy);
        Ok(wrapped)
    }

    fn wrap_missing(
        &mut self,
        key: &DataKey,
        cluster: ClusterId,
        file: &KeyFile,
        entropy: &mut impl Entropy,
    ) {
        for kek in file.keys() {
            if !self.by_kek.contains_key(&kek.fingerprint()) {
                let blob = self.wrapped_for(kek, key, cluster, entropy);
                self.by_kek.insert(kek.fingerprint(), blob);
            }
        }
    }

    fn wrapped_for(
        &self,
        kek: &KeyEncryptionKey,
        key: &DataKey,
        cluster: ClusterId,
        entropy: &mut impl Entropy,
    ) -> Vec<u8> {
        let bound = self.bound(cluster, &kek.fingerprint().0);
        let text = aead::seal(kek.octets(), &bound, key.octets().expose(), entropy);
        [&[VERSION][..], &text].concat()
    }

    /// What a wrapping is bound to: a key of another cluster, with another number or for
    /// another purpose does not unwrap.
    fn bound(&self, cluster: ClusterId, wrapper: &[u8]) -> Vec<u8> {
        framed(&[
            b"countersign wrapped key v1",
            &cluster.0,
            &self.key.0.to_be_bytes(),
            &[self.purpose as u8],
            wrapper,
        ])
    }

    fn text<'a>(&self, blob: &'a [u8]) -> Result<&'a [u8], UnwrapError> {
        match blob.split_first() {
            Some((&VERSION, text)) => Ok(text),
            Some((&version, _)) => Err(UnwrapError::NewerFormat {
                key: self.key,
                version,
            }),
            None => Err(UnwrapError::Malformed { key: self.key }),
        }
    }

    fn unwrapped(&self, opened: Option<Secret>) -> Result<DataKey, UnwrapError> {
        let plain = opened.ok_or(UnwrapError::Tampered { key: self.key })?;
        let octets = KeyOctets::try_from(plain.expose())
            .map_err(|_| UnwrapError::Malformed { key: self.key })?;
        Ok(DataKey::new(self.key, self.purpose, octets))
    }
}

/// Why a data key did not unwrap.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnwrapError {
    /// Cut off, or no wrapped key at all.
    #[error("wrapped data key {key} is broken: its length is impossible")]
    Malformed {
        /// The data key.
        key: KeyId,
    },
    /// Written by a newer release.
    #[error("wrapped data key {key} has format {version}, which is newer than this release")]
    NewerFormat {
        /// The data key.
        key: KeyId,
        /// The format's number.
        version: u8,
    },
    /// The right wrapping key, and yet it does not open: changed, or of another cluster.
    #[error("wrapped data key {key} was changed or belongs to another cluster")]
    Tampered {
        /// The data key.
        key: KeyId,
    },
    /// The key file has none of the keys that the data key is wrapped for.
    #[error("wrong key file: data key {key} is wrapped for {wanted:?}, of which it has none")]
    WrongKeyFile {
        /// The data key.
        key: KeyId,
        /// The fingerprints of the keys that would do.
        wanted: Vec<Fingerprint>,
    },
    /// Another recovery key than the one that the data key is wrapped for.
    #[error("wrong recovery key: data key {key} is wrapped for {wanted}, not for {given}")]
    WrongRecoveryKey {
        /// The data key.
        key: KeyId,
        /// The fingerprint of the recovery key that would do.
        wanted: Fingerprint,
        /// The fingerprint of the one that was given.
        given: Fingerprint,
    },
}

pub(super) const VERSION: u8 = 1;

#[cfg(test)]
mod tests;
