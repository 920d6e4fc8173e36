//! Whoever is no peer: refused, counted, and nothing stops.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, ensure};
use countersign::login::Clock;
use countersign::node::{Authority, SystemClock};
use countersign::peers::PeerName;
use countersign::peers::wire::logins_client::LoginsClient;
use countersign::peers::wire::standing_client::StandingClient;
use countersign::peers::wire::{LoginRequest, StatusRequest};
use countersign_core::base::limits::PACKET_OCTETS_MAX;
use countersign_core::base::{ClusterId, NodeId, Secret};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

use super::super::cluster::{Cluster, NODES};
use super::super::codes::{calm_step, step};
use super::super::process::until;
use super::super::world::{HOME, Verdict, login, text};

/// What a stranger sends.
struct Stranger<'a> {
    authority: &'a Authority,
    name: PeerName,
    protocol: &'static str,
    /// Octets of a header that nobody asked for.
    padding: usize,
}

/// Believes any node: a stranger does not care.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = default_provider().signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

impl Stranger<'_> {
    fn config(&self) -> anyhow::Result<ClientConfig> {
        let shown = self.authority.peer(self.name)?;
        let chain = CertificateDer::pem_slice_iter(shown.chain.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(shown.key.expose())?;
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone));
        let mut config = config.with_client_auth_cert(chain.collect::<Result<_, _>>()?, key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    /// Whether a node at this address served it.
    async fn is_served(&self, address: &str) -> anyhow::Result<bool> {
        let mut request = Request::new(StatusRequest {});
        let headers = request.metadata_mut();
        headers.insert("countersign-peer-protocol", self.protocol.parse()?);
        headers.insert("padding", "x".repeat(self.padding).parse()?);
        let mut client = StandingClient::new(self.channel(address)?);
        Ok(client.get_status(request).await.is_ok())
    }

    /// What a node at this address says to a login with a name of so many octets.
    async fn hands_over(&self, address: &str, octets: usize) -> anyhow::Result<Code> {
        let mut login = LoginRequest::default();
        login.client = 1;
        login.user_name = vec![b'x'; octets];
        login.remaining = 1000;
        let mut request = Request::new(login);
        let headers = request.metadata_mut();
        headers.insert("countersign-peer-protocol", self.protocol.parse()?);
        let mut client = LoginsClient::new(self.channel(address)?);
        let said = client.hand_over(request).await;
        Ok(said.map_or_else(|status| status.code(), |_| Code::Ok))
    }

    fn channel(&self, address: &str) -> anyhow::Result<Channel> {
        let (config, address) = (Arc::new(self.config()?), address.to_owned());
        let connector = tower::service_fn(move |_| {
            let (connector, address) = (TlsConnector::from(Arc::clone(&config)), address.clone());
            async move {
                let stream = TcpStream::connect(address).await?;
                let name = ServerName::try_from("peer").map_err(std::io::Error::other)?;
                let stream = connector.connect(name, stream).await?;
                Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
            }
        });
        Ok(Endpoint::from_static("http://peer").connect_with_connector_lazy(connector))
    }
}

async fn garbage(address: &str) -> anyhow::Result<()> {
    for octets in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0; 65_536],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[0x16, 3, 1, 0xff, 0xff, 1],
    ] {
        let mut stream = TcpStream::connect(address).await?;
        // The other end may have closed already.
        drop(stream.write_all(octets).await);
        drop(stream.shutdown().await);
    }
    Ok(())
}

fn cluster_id(cluster: &Cluster) -> anyhow::Result<ClusterId> {
    let config = fs::read_to_string(cluster.demo.told("/nodes/0/config"))?;
    let mut lines = config.lines();
    let id = lines.find_map(|line| line.strip_prefix("cluster = \""));
    let id = id.context("no cluster id")?.trim_end_matches('"');
    let octets = data_encoding::HEXLOWER.decode(id.as_bytes())?;
    Ok(ClusterId(octets.as_slice().try_into()?))
}

/// A node tells operators whom it refused, and why.
fn told(cluster: &Cluster, node: usize) -> anyhow::Result<()> {
    let standing = cluster.standing(node)?;
    let member = standing.members().get(node).context("no such member")?;
    let strangers = member.pointer("/strangers/refused");
    ensure!(strangers.and_then(Value::as_u64) >= Some(7), "{member}");
    let links = member.get("links").and_then(Value::as_array);
    let mut links = links.context("no links")?.iter();
    let third = links.find(|link| link.get("node") == Some(&3.into()));
    let third = third.context("no link to the third node")?;
    // The last of what was sent in its name.
    ensure!(text(third, "refusal").contains("out of bounds"), "{third}");
    Ok(())
}

#[tokio::test]
async fn strangers_are_refused_and_counted_and_the_cluster_goes_on() -> anyhow::Result<()> {
    let cluster = Cluster::start(10)?;
    cluster.settled().await?;
    let mut terms = Vec::new();
    // A busy machine may see an election of its own; strangers would cause one each time.
    for _ in 0..ROUNDS {
        let before = cluster.standing(0)?.number("term");
        besiege(&cluster).await?;
        cluster.settled().await?;
        let after = cluster.standing(0)?.number("term");
        terms.push((before, after));
        if before.is_some() && before == after {
            break;
        }
    }
    let still = terms.iter().any(|(before, after)| before == after);
    ensure!(still, "an election with each siege: {terms:?}");
    calm_step(5).await;
    for (number, node) in (1..).zip(NODES) {
        let person = cluster.demo.load(number)?;
        let code = person.app.code(step())?;
        let verdict = login(&cluster.proxy_at(node)?, &person.name, &code, HOME).await?;
        ensure!(verdict == Verdict::Accept, "node {node}: {verdict:?}");
    }
    Ok(())
}

/// Everything that a stranger can send, to two of three nodes.
async fn besiege(cluster: &Cluster) -> anyhow::Result<()> {
    let demo = &cluster.demo;
    let (now, id) = (SystemClock.wall(), cluster_id(cluster)?);
    let key = fs::read(demo.folder().join("cluster/peer-ca.key"))?;
    // The authority's name is that of its certificate.
    let its_name = format!("Countersign peers {id}");
    let ours = Authority::open(&its_name, &Secret::new(key), now)?;
    let theirs = Authority::new(&its_name, now)?;
    let named = |cluster, node| PeerName {
        cluster,
        node: NodeId(node),
    };
    let (third, ninth) = (named(id, 3), named(id, 9));
    let foreign = named(ClusterId([9; 16]), 3);
    let cases = [
        ("certificate", &theirs, third, "1", 0),
        ("cluster", &ours, foreign, "1", 0),
        ("not_a_member", &ours, ninth, "1", 0),
        ("protocol", &ours, third, "2", 0),
    ];
    let at = |node: usize| demo.told(&format!("/nodes/{node}/peers"));
    let stranger = |authority, name, protocol, padding| Stranger {
        authority,
        name,
        protocol,
        padding,
    };
    for node in [0, 1] {
        for (label, authority, name, protocol, padding) in cases {
            let counted = async || demo.count_at(node, "peer_calls_refused", label).await;
            let before = counted().await;
            let served = stranger(authority, name, protocol, padding);
            ensure!(!served.is_served(at(node)).await?, "{label}");
            until(label, async || counted().await > before).await?;
        }
        let counted = async || demo.count_at(node, "peer_calls_refused", "handshake").await;
        let before = counted().await;
        garbage(at(node)).await?;
        until("garbage is counted", async || counted().await >= before + 4).await?;
        let large = stranger(&ours, third, "1", 65_536);
        ensure!(!large.is_served(at(node)).await?, "a header of 64 KiB");
        // Longer than any packet, and what stands around it.
        let good = stranger(&ours, third, "1", 0);
        let long = good.hands_over(at(node), 2 * PACKET_OCTETS_MAX + 1).await?;
        ensure!(long == Code::OutOfRange, "a login that is too long: {long}");
        let wrong = good.hands_over(at(node), PACKET_OCTETS_MAX).await?;
        ensure!(wrong == Code::InvalidArgument, "a name too long: {wrong}");
        ensure!(good.is_served(at(node)).await?, "none of it is why");
        told(cluster, node)?;
    }
    Ok(())
}

const ROUNDS: usize = 5;
