//! Logins and accounting over TLS, of both versions, as a device with a certificate sends
//! them.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use countersign::node::SystemEntropy;
use countersign_core::base::{Entropy, Secret};
use countersign_core::radius::{Code, Datagram, Question, RADSEC_SECRET, Raw, Response, kind};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::codes::calm_step;
use super::process::until;
use super::world::{ALICE, Demo, text};

/// A connection of a client of the demo.
struct Line(TlsStream<tokio::net::TcpStream>);

/// RADIUS/1.1 or, without it, the historic one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Version {
    Historic,
    WithoutMd5,
}

impl Line {
    /// As the client whose certificate `demo.json` names there, from an address of its own.
    async fn dial(demo: &Demo, who: &str, source: &str, version: Version) -> anyhow::Result<Self> {
        let file = |key: &str| fs::read(demo.told(&format!("{who}/{key}")));
        let mut roots = rustls::RootCertStore::empty();
        let authority = fs::read(demo.told("/radsec/ca_file"))?;
        roots.add(CertificateDer::from_pem_slice(&authority)?)?;
        let chain = file("certificate")?;
        let chain = CertificateDer::pem_slice_iter(&chain).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(&file("key")?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        if version == Version::WithoutMd5 {
            config.alpn_protocols = vec![b"radius/1.1".to_vec()];
        }
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source.parse()?, 0))?;
        let server = demo.told("/nodes/0/radsec").parse()?;
        let stream = socket.connect(server).await?;
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("localhost")?;
        Ok(Self(connector.connect(name, stream).await?))
    }

    async fn send(&mut self, packet: &[u8]) -> anyhow::Result<()> {
        self.0.write_all(packet).await?;
        Ok(self.0.flush().await?)
    }

    async fn reply(&mut self) -> anyhow::Result<Vec<u8>> {
        let read = async {
            let mut packet = vec![0; 4];
            self.0.read_exact(&mut packet).await?;
            let &[_, _, high, low] = packet.first_chunk().context("no head")?;
            packet.resize(u16::from_be_bytes([high, low]).into(), 0);
            let rest = packet.get_mut(4..).context("no rest")?;
            self.0.read_exact(rest).await?;
            anyhow::Ok(packet)
        };
        tokio::time::timeout(PATIENCE, read).await?
    }

    /// A login; whether it was let in.
    async fn log_in(&mut self, version: Version, name: &str, typed: &str) -> anyhow::Result<bool> {
        let code = match version {
            Version::Historic => {
                let secret = Secret::from(RADSEC_SECRET.as_bytes());
                let authenticator = SystemEntropy.array();
                let question = Question {
                    identifier: 7,
                    authenticator: &authenticator,
                    secret: &secret,
                };
                self.send(&question.access_request(
                    name.as_bytes(),
                    &Secret::from(typed.to_owned()),
                    &[CALLER],
                )?)
                .await?;
                let reply = self.reply().await?;
                Response::verify(&reply, &question)?.code()
            }
            Version::WithoutMd5 => {
                let token = SystemEntropy.array();
                self.send(&access(token, name, typed)).await?;
                let reply = self.reply().await?;
                let reply = Datagram::parse(&reply)?;
                ensure!(reply.token() == token && reply.identifier() == 0);
                ensure!(reply.first(kind::MESSAGE_AUTHENTICATOR).is_none());
                reply.code().context("no code")?
            }
        };
        ensure!(code == Code::AccessAccept || code == Code::AccessReject);
        Ok(code == Code::AccessAccept)
    }
}

/// A request of RADIUS/1.1.
fn tokened(code: Code, token: [u8; 4], attributes: &[Raw<'_>]) -> Vec<u8> {
    let mut packet = vec![code as u8, 0, 0, 0];
    packet.extend(token);
    packet.extend([0; 12]);
    for raw in attributes {
        let length = u8::try_from(raw.value.len() + 2).unwrap_or_default();
        packet.extend([raw.kind, length]);
        packet.extend(raw.value);
    }
    let length = u16::try_from(packet.len()).unwrap_or_default();
    packet.splice(2..4, length.to_be_bytes());
    packet
}

fn access(token: [u8; 4], name: &str, typed: &str) -> Vec<u8> {
    let raw = |kind, value| Raw { kind, value };
    let attributes = [
        raw(kind::USER_NAME, name.as_bytes()),
        raw(kind::USER_PASSWORD, typed.as_bytes()),
        CALLER,
    ];
    tokened(Code::AccessRequest, token, &attributes)
}

#[tokio::test]
async fn password_and_code_let_in_over_tls_in_both_versions() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let (alice, load) = (demo.alice()?, demo.load(1)?);
    let now = calm_step(10).await;
    for (version, person) in [(Version::Historic, alice), (Version::WithoutMd5, load)] {
        let mut line = Line::dial(&demo, "/radsec", "127.0.0.1", version).await?;
        let typed = person.password.clone() + &person.app.code(now)?;
        ensure!(!line.log_in(version, &person.name, &person.password).await?);
        ensure!(
            line.log_in(version, &person.name, &typed).await?,
            "{version:?}"
        );
        let reasons = demo.reasons(&person.name, 2).await?;
        assert_eq!(reasons, ["CS-R301", "CS-R000"], "{version:?}");
    }
    let events = demo.run(&["events", "--user", ALICE])?.out;
    ensure!(events.contains("vpn.contoso.example"), "{events}");
    Ok(())
}

#[tokio::test]
async fn a_code_alone_lets_in_the_client_whose_certificate_says_so() -> anyhow::Result<()> {
    let demo = Demo::start(2)?;
    let now = calm_step(10).await;
    let version = Version::WithoutMd5;
    let mut line = Line::dial(&demo, "/radsec/proxy", "127.0.0.2", version).await?;
    let first = demo.load(1)?;
    ensure!(
        line.log_in(version, &first.name, &first.app.code(now)?)
            .await?
    );
    // The other client is asked for the password as well, on the same listener.
    let mut line = Line::dial(&demo, "/radsec", "127.0.0.1", version).await?;
    let second = demo.load(2)?;
    ensure!(
        !line
            .log_in(version, &second.name, &second.app.code(now)?)
            .await?
    );
    Ok(())
}

#[tokio::test]
async fn a_certificate_from_another_address_than_its_clients_is_refused() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let version = Version::WithoutMd5;
    let line = Line::dial(&demo, "/radsec", "127.0.0.9", version).await;
    if let Ok(mut line) = line {
        let asked = line.log_in(version, ALICE, "whatever").await;
        ensure!(asked.is_err(), "it was answered");
    }
    until("it is counted", async || {
        demo.count("datagrams", "CS-R108").await == 1
    })
    .await
}

#[tokio::test]
async fn accounting_and_status_server_come_by_the_same_connection() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let version = Version::WithoutMd5;
    let mut line = Line::dial(&demo, "/radsec", "127.0.0.1", version).await?;
    line.send(&tokened(Code::StatusServer, *b"stat", &[]))
        .await?;
    let expected = tokened(Code::AccessAccept, *b"stat", &[]);
    assert_eq!(line.reply().await?, expected);
    let raw = |kind, value| Raw { kind, value };
    let attributes = [
        raw(kind::USER_NAME, ALICE.as_bytes()),
        raw(kind::ACCT_STATUS_TYPE, &[0, 0, 0, 1]),
        raw(kind::ACCT_SESSION_ID, b"session-8"),
    ];
    line.send(&tokened(Code::AccountingRequest, *b"acct", &attributes))
        .await?;
    let expected = tokened(Code::AccountingResponse, *b"acct", &[]);
    assert_eq!(line.reply().await?, expected);
    demo.reasons(ALICE, 1).await?;
    let events = demo.run(&["events", "--user", ALICE])?.out;
    ensure!(
        events.contains("status=Start session=session-8, certificate vpn.contoso.example"),
        "{events}"
    );
    Ok(())
}

#[tokio::test]
async fn a_login_whose_connection_closes_settles_by_itself() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let alice = demo.alice()?;
    let version = Version::WithoutMd5;
    demo.entra(&json!({"delay_ms": 1500})).await?;
    let typed = alice.password.clone() + &alice.app.code(calm_step(15).await)?;
    let mut line = Line::dial(&demo, "/radsec", "127.0.0.1", version).await?;
    line.send(&access(*b"one.", ALICE, &typed)).await?;
    until("the source is asked", async || {
        demo.questions().await.is_ok_and(|asked| asked > 0)
    })
    .await?;
    drop(line);
    // The same login by another connection joins it, or finds its verdict.
    let mut line = Line::dial(&demo, "/radsec", "127.0.0.1", version).await?;
    ensure!(line.log_in(version, ALICE, &typed).await?);
    assert_eq!(demo.asked(ALICE)?, 1, "the source was asked once");
    Ok(())
}

#[tokio::test]
async fn a_client_that_loses_its_name_loses_its_connection() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let version = Version::WithoutMd5;
    let mut line = Line::dial(&demo, "/radsec", "127.0.0.1", version).await?;
    let status = tokened(Code::StatusServer, *b"stat", &[]);
    line.send(&status).await?;
    line.reply().await?;
    let set = ["client", "set", "vpn", "--certificate-name", ""];
    let set = demo.run(&set)?.json()?;
    assert_eq!(set.get("certificate_names"), Some(&json!([])));
    until("the connection is closed", async || {
        line.send(&status).await.is_err() || line.reply().await.is_err()
    })
    .await?;
    ensure!(demo.count("datagrams", "CS-R107").await >= 1);
    let shown = demo.run(&["client", "show", "proxy"])?.json()?;
    let names = json!(["proxy.contoso.example"]);
    assert_eq!(shown.get("certificate_names"), Some(&names));
    assert_eq!(text(&shown, "name"), "proxy");
    Ok(())
}

const CALLER: Raw<'_> = Raw {
    kind: kind::CALLING_STATION_ID,
    value: b"203.0.113.5",
};
/// Many times what anything takes here.
const PATIENCE: Duration = Duration::from_secs(60);
