//! XChaCha20-Poly1305 with a drawn nonce: the one place that calls the cipher.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

use super::octets::KeyOctets;
use crate::base::{Entropy, Secret};

/// Octets that a sealed text has more than the plain one: nonce and tag.
pub(super) const OVERHEAD_OCTETS: usize = NONCE_OCTETS + 16;

const NONCE_OCTETS: usize = 24;

/// Nonce, ciphertext and tag of `plain`, bound to `bound`.
pub(super) fn seal(
    key: &KeyOctets,
    bound: &[u8],
    plain: &[u8],
    entropy: &mut impl Entropy,
) -> Vec<u8> {
    let nonce: [u8; NONCE_OCTETS] = entropy.array();
    let payload = Payload {
        msg: plain,
        aad: bound,
    };
    let text = cipher(key)
        .encrypt(&XNonce::from(nonce), payload)
        .expect("what is sealed is far below the cipher's 256 GiB");
    [&nonce[..], &text].concat()
}

/// The plain text, if `sealed` is what [`seal`] made with this key and `bound`.
pub(super) fn open(key: &KeyOctets, bound: &[u8], sealed: &[u8]) -> Option<Secret> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE_OCTETS>()?;
    let payload = Payload {
        msg: text,
        aad: bound,
    };
    let plain = cipher(key).decrypt(&XNonce::from(*nonce), payload).ok()?;
    Some(Secret::new(plain))
}

fn cipher(key: &KeyOctets) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// draft-irtf-cfrg-xchacha-03 Appendix A.3.1.
    #[test]
    fn the_vector_of_the_draft_opens() {
        let key: [u8; 32] = std::array::from_fn(|i| 0x80 + u8::try_from(i).expect("below 32"));
        let sealed = HEXLOWER
            .decode(
                b"404142434445464748494a4b4c4d4e4f5051525354555657\
                bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb\
                731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452\
                2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9\
                21f9664c97637da9768812f615c68b13b52e\
                c0875924c1c7987947deafd8780acf49",
            )
            .expect("hexadecimal");
        let bound = HEXLOWER
            .decode(b"50515253c0c1c2c3c4c5c6c7")
            .expect("hexadecimal");
        let plain = open(&KeyOctets::new(key), &bound, &sealed).expect("the draft's text");
        assert!(
            plain
                .expose()
                .starts_with(b"Ladies and Gentlemen of the class of '99")
        );
    }
}
