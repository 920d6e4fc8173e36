//! From the key file and the replicated keyring to opened keys, and the keys of a new
//! cluster.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_core::base::{ClusterId, Entropy, KeyId};
use countersign_core::ledger::storage::{self, KeyPurpose, key::Wrap};
use countersign_core::ledger::{Read, StoreError, query};
use countersign_core::login::Secrets;
use countersign_core::seal::{
    DataKey, Fingerprint, KeyFile, KeyFileError, Keyring, KeyringError, OpenError, Purpose,
    RecoveryPublicKey, WrappedKey,
};

/// Why the keys cannot be had. The node then refuses to start, and touches nothing.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The key file cannot be read.
    #[error("the key file {0} cannot be read")]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// The key file is damaged.
    #[error("the key file {0} cannot be used")]
    Damaged(PathBuf, #[source] KeyFileError),
    /// The keyring does not open with this key file.
    #[error("the store's keyring does not open with this key file")]
    Keyring(#[from] KeyringError),
    /// The keyring lacks a key.
    #[error("the store's keyring has no key to {0}")]
    Missing(&'static str),
    /// The keyring names a key that it does not hold.
    #[error("the store's keyring contradicts itself")]
    Open(#[from] OpenError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads the key file.
pub(super) fn read(path: &Path) -> Result<KeyFile, KeysError> {
    let octets =
        std::fs::read(path).map_err(|error| KeysError::Unreadable(path.to_owned(), error))?;
    KeyFile::parse(&octets).map_err(|error| KeysError::Damaged(path.to_owned(), error))
}

/// The opened keys of a cluster.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) keyring: Arc<Keyring>,
    pub(super) secrets: Secrets,
}

/// The key file, and what it opens.
pub(super) type FileAndKeys = (KeyFile, Opened);

/// Tries the key file on a store. One whose founding is still in its log has no keyring
/// yet; it is tried again when that is applied.
pub(super) fn open_if_founded(
    tables: &impl Read,
    cluster: ClusterId,
    file: &KeyFile,
) -> Result<(), KeysError> {
    if query::keys(tables)?.is_empty() {
        return Ok(());
    }
    open(tables, cluster, file).map(drop)
}

/// Opens the keyring in the tables.
pub(super) fn open(
    tables: &impl Read,
    cluster: ClusterId,
    file: &KeyFile,
) -> Result<Opened, KeysError> {
    let stored = query::keys(tables)?;
    let primary = newest(&stored, KeyPurpose::Seal).ok_or(KeysError::Missing("seal with"))?;
    let places = newest(&stored, KeyPurpose::Place).ok_or(KeysError::Missing("hash with"))?;
    let wrapped: Vec<_> = stored.iter().map(wrapped).collect();
    let ring = || Keyring::unwrap_with(&wrapped, primary, cluster, file);
    let places = ring()?.derive(places, "place")?;
    Ok(Opened {
        keyring: Arc::new(ring()?),
        secrets: Secrets {
            cluster,
            keyring: ring()?,
            places,
        },
    })
}

/// Draws the first keys of a cluster: one that seals fields, one that hashes places.
pub(super) fn draw(
    cluster: ClusterId,
    file: &KeyFile,
    recovery: &RecoveryPublicKey,
    entropy: &mut impl Entropy,
) -> Vec<storage::Key> {
    let purposes = [(1, Purpose::Fields), (2, Purpose::Hashes)];
    let keys = purposes.map(|(id, purpose)| {
        let key = DataKey::draw(KeyId(id), purpose, entropy);
        stored(&WrappedKey::wrap(&key, cluster, file, recovery, entropy))
    });
    keys.into()
}

fn newest(keys: &[storage::Key], purpose: KeyPurpose) -> Option<KeyId> {
    let fitting = keys.iter().filter(|key| key.purpose() == purpose);
    fitting.map(|key| key.id).max().map(KeyId)
}

fn wrapped(key: &storage::Key) -> WrappedKey {
    let by_kek = key.wraps.iter().filter_map(|wrap| {
        let kek: [u8; 8] = wrap.kek.as_slice().try_into().ok()?;
        Some((Fingerprint(kek), wrap.wrapped.clone()))
    });
    WrappedKey {
        key: KeyId(key.id),
        purpose: match key.purpose() {
            KeyPurpose::Seal => Purpose::Fields,
            KeyPurpose::Place | KeyPurpose::Unspecified => Purpose::Hashes,
        },
        by_kek: by_kek.collect(),
        recovery: key.recovery.clone(),
    }
}

fn stored(key: &WrappedKey) -> storage::Key {
    let purpose = match key.purpose {
        Purpose::Fields => KeyPurpose::Seal,
        Purpose::Hashes => KeyPurpose::Place,
    };
    let wraps = key.by_kek.iter().map(|(kek, wrapped)| Wrap {
        kek: kek.0.to_vec(),
        wrapped: wrapped.clone(),
    });
    storage::Key {
        id: key.key.0,
        purpose: purpose.into(),
        wraps: wraps.collect(),
        recovery: key.recovery.clone(),
        created: 0,
    }
}
