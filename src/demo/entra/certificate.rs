//! An authority and a server certificate of the stand-in's own, kept in its directory so
//! that clients still trust it after a restart.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::options::write_private;

/// The TLS side of the stand-in.
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    /// For clients.
    pub(super) ca_file: PathBuf,
}

impl Tls {
    /// Takes the files in `dir`, or makes them.
    pub(super) fn open(dir: &Path, names: &[String]) -> anyhow::Result<Self> {
        let ca_file = dir.join("entra-ca.pem");
        let chain_file = dir.join("entra-server.pem");
        let key_file = dir.join("entra-server.key");
        if ![&ca_file, &chain_file, &key_file]
            .iter()
            .all(|file| file.exists())
        {
            let (ca, chain, key) = issue(names)?;
            write_private(&key_file, key.as_bytes())?;
            fs::write(&chain_file, chain)?;
            fs::write(&ca_file, ca)?;
        }
        let chain = CertificateDer::pem_file_iter(&chain_file)
            .and_then(Iterator::collect)
            .with_context(|| format!("cannot read {}", chain_file.display()))?;
        let key = PrivateKeyDer::from_pem_file(&key_file)
            .with_context(|| format!("cannot read {}", key_file.display()))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            ca_file,
        })
    }
}

/// Authority, server certificate and key, each as PEM. The authority's key is dropped:
/// nobody can ever issue a second certificate.
fn issue(names: &[String]) -> Result<(String, String, String), rcgen::Error> {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    ca.distinguished_name
        .push(DnType::CommonName, "Entra stand-in CA");
    let ca_key = KeyPair::generate()?;
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let mut server = CertificateParams::new(names)?;
    server
        .distinguished_name
        .push(DnType::CommonName, "Entra stand-in");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let chain = server.signed_by(&key, &Issuer::new(ca, ca_key))?.pem();
    Ok((ca_pem, chain, key.serialize_pem()))
}
