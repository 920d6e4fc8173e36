//! A small authority for peers, and what they need to meet.

use std::path::Path;
use std::sync::Arc;

use countersign_core::base::{NodeId, Unobserved};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::consensus::testing::OWNER;
use crate::peers::{Credentials, PeerName, Refusals, serve};
use crate::tls::Files;

pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let certificate = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// What node `number` shows, by way of files under `place`.
    pub(super) fn credentials(&self, place: &Path, number: u16) -> Arc<Credentials> {
        let own = PeerName {
            cluster: OWNER.cluster,
            node: NodeId(number),
        };
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(own.to_string().try_into().unwrap())];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap().pem();
        let write = |name: &str, text: String| {
            let path = place.join(format!("{number}.{name}"));
            std::fs::write(&path, text).unwrap();
            path
        };
        let files = Files {
            certificate: write("crt", format!("{signed}{}", self.certificate)),
            key: write("key", key.serialize_pem()),
            authority: write("ca", self.certificate.clone()),
        };
        Arc::new(Credentials::load(own, files).unwrap())
    }
}

/// Serves `routes` to anybody of the authority; where.
pub(super) async fn listen(credentials: Arc<Credentials>, routes: Routes) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let gate = Arc::new(|_| true);
    tokio::spawn(async move {
        let never = std::future::pending();
        let served = serve(
            listener,
            credentials,
            routes,
            gate,
            Arc::new(Refusals::new(Arc::new(Unobserved))),
            never,
        );
        served.await.unwrap();
    });
    address
}
