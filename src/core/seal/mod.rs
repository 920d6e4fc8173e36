//! Sealing: secrets that leave memory only encrypted and bound to their place.
//!
//! A field is sealed with a *data key*. Data keys live in the replicated keyring, each
//! wrapped for every *key-encryption key* of the nodes' key files and once for the offline
//! *recovery key*. Knows keys and octets; must not know what a field means, where a key
//! file lies, or who may ask.
//!
//! The AEAD is XChaCha20-Poly1305. All nodes seal under the same data key and share no
//! counter, so nonces are drawn; 192 bits make that safe for any count, where the 96 bits
//! of ChaCha20-Poly1305 or AES-GCM would bound a key to about 2^32 messages. It is
//! constant-time without hardware support. It does not commit to its key; nothing here
//! relies on that, since the key is named beside the text and bound into it.

mod aead;
mod data_key;
mod key_file;
mod keyring;
mod mac;
mod octets;
mod passing;
mod recovery;
mod recovery_text;
mod sealed;
mod wrapped;

pub use data_key::{DataKey, Purpose};
pub use key_file::{KeyEncryptionKey, KeyFile, KeyFileError};
pub use keyring::{Keyring, KeyringError};
pub use mac::MacKey;
pub use octets::Fingerprint;
pub use passing::{PASSING_OVERHEAD_OCTETS, PassingKey};
pub use recovery::{RecoveryPublicKey, RecoverySecretKey};
pub use recovery_text::RecoveryTextError;
pub use sealed::{Context, OpenError, SealError, Sealed};
pub use wrapped::{UnwrapError, WrappedKey};
