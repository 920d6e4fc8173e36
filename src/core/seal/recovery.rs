//! The offline recovery key: one public half in the cluster, one secret half on paper.
//!
//! A data key is wrapped for it by HPKE (RFC 9180, base mode): DHKEM(X25519, HKDF-SHA256),
//! HKDF-SHA256, ChaCha20Poly1305. Anyone can wrap; only the paper unwraps.
//!
//! ```text
//! 1 version (1) · 8 fingerprint of the public key · 32 encapsulated key · 32 text · 16 tag
//! ```

use std::convert::Infallible;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use zeroize::Zeroize;

use super::data_key::DataKey;
use super::octets::{Fingerprint, KeyOctets};
use super::recovery_text::{self, Half, RecoveryTextError};
use super::wrapped::VERSION;
use crate::base::{Entropy, Secret, SeededEntropy};

type PrivateHalf = <X25519HkdfSha256 as Kem>::PrivateKey;
type PublicHalf = <X25519HkdfSha256 as Kem>::PublicKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// The half that the cluster keeps, to wrap data keys for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecoveryPublicKey([u8; 32]);

/// The half that the operator keeps offline.
#[derive(Debug)]
pub struct RecoverySecretKey(KeyOctets);

impl RecoveryPublicKey {
    /// Takes over a stored public key.
    ///
    /// # Errors
    /// The point is one of the few with which every exchange is void (RFC 7748 §6.1).
    pub fn from_octets(octets: [u8; 32]) -> Result<Self, RecoveryTextError> {
        let key = Self(octets);
        // One trial; chance does not matter, since such a point fails with every key.
        key.exchange(&[], &[], &mut SeededEntropy::new(0))
            .map(|_| key)
            .ok_or(RecoveryTextError::Void)
    }

    /// The octets, to be stored.
    #[must_use]
    pub const fn octets(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads the printed line.
    ///
    /// # Errors
    /// See [`RecoveryTextError`].
    pub fn parse(line: &str) -> Result<Self, RecoveryTextError> {
        let octets = recovery_text::parse(Half::Public, line)?;
        Self::from_octets(*octets.expose())
    }

    /// The line to print.
    #[must_use]
    pub fn line(&self) -> String {
        recovery_text::line(Half::Public, &self.0)
    }

    /// Names the pair of keys.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("countersign recovery key v1", &self.0)
    }

    pub(super) fn wrap(&self, bound: &[u8], key: &DataKey, entropy: &mut impl Entropy) -> Vec<u8> {
        let (encapsulated, text) = self
            .exchange(bound, key.octets().expose(), entropy)
            .expect("a public key with which nothing works was refused when it was made");
        let fingerprint = self.fingerprint();
        [&[VERSION][..], &fingerprint.0, &encapsulated, &text].concat()
    }

    fn exchange(
        &self,
        bound: &[u8],
        plain: &[u8],
        entropy: &mut impl Entropy,
    ) -> Option<([u8; 32], Vec<u8>)> {
        let public = PublicHalf::from_bytes(&self.0).ok()?;
        let (encapsulated, text) =
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Base,
                &public,
                INFO,
                plain,
                bound,
                &mut Chance(entropy),
            )
            .ok()?;
        Some((encapsulated.to_bytes().into(), text))
    }
}

impl RecoverySecretKey {
    /// Draws a new pair.
    pub fn draw(entropy: &mut impl Entropy) -> Self {
        let mut material: [u8; 32] = entropy.array();
        let (secret, _) = X25519HkdfSha256::derive_keypair(&material);
        material.zeroize();
        Self(KeyOctets::new(secret.to_bytes().into()))
    }

    /// Reads the printed line.
    ///
    /// # Errors
    /// See [`RecoveryTextError`].
    pub fn parse(line: &str) -> Result<Self, RecoveryTextError> {
        recovery_text::parse(Half::Secret, line).map(Self)
    }

    /// The line to print, once, for the operator to keep offline.
    #[must_use]
    pub fn line(&self) -> Secret {
        recovery_text::line(Half::Secret, self.0.expose()).into()
    }

    /// The other half.
    #[must_use]
    pub fn public(&self) -> RecoveryPublicKey {
        RecoveryPublicKey(X25519HkdfSha256::sk_to_pk(&self.half()).to_bytes().into())
    }

    pub(super) fn open(&self, bound: &[u8], text: &[u8]) -> Option<Secret> {
        let (encapsulated, text) = text.split_first_chunk::<32>()?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.half(),
            &Encapsulated::from_bytes(encapsulated).ok()?,
            INFO,
            text,
            bound,
        )
        .ok()
        .map(Secret::new)
    }

    fn half(&self) -> PrivateHalf {
        PrivateHalf::from_bytes(self.0.expose()).expect("every 32 octets are an X25519 key")
    }
}

const INFO: &[u8] = b"countersign recovery v1";

/// Our entropy in the shape that the package asks for.
struct Chance<'a, E>(&'a mut E);

impl<E: Entropy> TryRng for Chance<'_, E> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(self.0.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.number())
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(octets);
        Ok(())
    }
}

/// The shell's entropy is the operating system's; only tests bring another.
impl<E: Entropy> TryCryptoRng for Chance<'_, E> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_void_public_key_is_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        for point in [[0; 32], one] {
            let refused = RecoveryPublicKey::from_octets(point);
            assert_eq!(refused, Err(RecoveryTextError::Void));
        }
    }

    #[test]
    fn both_halves_are_read_as_they_are_printed() {
        let secret = RecoverySecretKey::draw(&mut SeededEntropy::new(1));
        let line = secret.line();
        let line = std::str::from_utf8(line.expose()).expect("ASCII");
        let again = RecoverySecretKey::parse(line).expect("the line");
        assert_eq!(again.public(), secret.public());
        let public = secret.public();
        assert_eq!(RecoveryPublicKey::parse(&public.line()), Ok(public));
    }

    #[test]
    fn the_secret_half_is_not_printed() {
        let secret = RecoverySecretKey::draw(&mut SeededEntropy::new(1));
        assert_eq!(format!("{secret:?}"), "RecoverySecretKey(…)");
    }
}
