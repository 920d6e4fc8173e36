//! A peer's name, as its certificate has it.

use std::fmt;
use std::str::FromStr;

use countersign_core::base::{ClusterId, NodeId};
use data_encoding::HEXLOWER;
use rustls_pki_types::CertificateDer;

/// A node of a cluster.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct PeerName {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    pub node: NodeId,
}

/// Why a certificate names no peer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// It cannot be read.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// No URI of the form, or several.
    #[error("the certificate has {0} names of the form countersign://<cluster>/node/<id>, not one")]
    Count(usize),
    /// The text is no such name.
    #[error("\"{0}\" is not of the form countersign://<cluster>/node/<id>")]
    Form(String),
}

impl PeerName {
    /// The one peer that a certificate names. Its signature is checked elsewhere.
    ///
    /// # Errors
    /// When it names none, or several: which of them called could not be told.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, NameError> {
        let parsed =
            webpki::EndEntityCert::try_from(certificate).map_err(|_| NameError::Unreadable)?;
        let names: Vec<_> = parsed
            .valid_uri_names()
            .filter(|name| name.starts_with(SCHEME))
            .collect();
        match names.as_slice() {
            [name] => name.parse(),
            others => Err(NameError::Count(others.len())),
        }
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/node/{}", self.cluster, self.node)
    }
}

impl FromStr for PeerName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let parse = || {
            let (cluster, node) = text.strip_prefix(SCHEME)?.split_once("/node/")?;
            let cluster = HEXLOWER.decode(cluster.as_bytes()).ok()?;
            let name = Self {
                cluster: ClusterId::try_from(&*cluster).ok()?,
                node: NodeId(node.parse().ok()?),
            };
            // One spelling only: "01", "+1" and "1" must not be three names.
            (name.to_string() == text).then_some(name)
        };
        parse().ok_or_else(|| NameError::Form(text.to_owned()))
    }
}

const SCHEME: &str = "countersign://";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        let name = PeerName {
            cluster: ClusterId([0xab; 16]),
            node: NodeId(7),
        };
        let text = name.to_string();
        assert_eq!(text, format!("countersign://{}/node/7", "ab".repeat(16)));
        assert_eq!(text.parse(), Ok(name));
        for other in [
            text.replace("ab", "AB"),
            text.replace("/node/7", "/node/07"),
            text.replace("/node/7", "/node/+7"),
            text.replace("/node/7", "/node/7/"),
            text.replace("/node/7", "/node/70000"),
            text.replace("countersign", "https"),
        ] {
            assert!(other.parse::<PeerName>().is_err(), "{other}");
        }
    }
}
