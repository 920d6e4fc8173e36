//! Rows of the conformance list that need a whole server, with packets as they come from
//! the network; each test is named after its row. What one packet says and what one reply
//! may carry is tested in `src/core/radius/tests/conformance`.

mod access;
mod integrity;
mod others;
mod packet;
mod passwords;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use countersign_core::base::Secret;
use countersign_core::radius::{Code, Question, Raw, Response, kind};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::world::Demo;

/// The socket of a device to one port of the demo's first node.
struct Line {
    socket: UdpSocket,
    secret: Secret,
}

/// A reply that the device believes.
#[derive(Debug)]
struct Told {
    code: Code,
    attributes: Vec<(u8, Vec<u8>)>,
}

impl Line {
    /// A device that has to show password and code, at the authentication port.
    async fn vpn(demo: &Demo) -> anyhow::Result<Self> {
        Self::open(demo, "radius").await
    }

    /// The same at the port of this name in `demo.json`.
    async fn open(demo: &Demo, port: &str) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let server: SocketAddr = demo.told(&format!("/nodes/0/{port}")).parse()?;
        socket.connect(server).await?;
        let secret = demo.vpn()?.secret;
        Ok(Self { socket, secret })
    }

    /// A request to be; two with one number are one packet.
    const fn question(&self, number: u8) -> Question<'_> {
        Question {
            identifier: number,
            authenticator: &AUTHENTICATOR,
            secret: &self.secret,
        }
    }

    /// A login as a device sends it.
    fn login(&self, number: u8, name: &str, typed: &[u8]) -> anyhow::Result<Vec<u8>> {
        let proxy_state = raw(kind::PROXY_STATE, b"between");
        let typed = Secret::from(typed);
        let question = self.question(number);
        Ok(question.access_request(name.as_bytes(), &typed, &[proxy_state])?)
    }

    /// A signed request of any kind, with whatever attributes.
    fn request(&self, number: u8, code: u8, attributes: &[Raw<'_>]) -> anyhow::Result<Vec<u8>> {
        let mut packet = [&[code, number, 0, 0], &AUTHENTICATOR[..]].concat();
        packet.extend([kind::MESSAGE_AUTHENTICATOR, 18]);
        packet.extend([0; 16]);
        for attribute in attributes {
            let length = u8::try_from(attribute.value.len() + 2)?;
            packet.extend([attribute.kind, length]);
            packet.extend(attribute.value);
        }
        let length = u16::try_from(packet.len())?.to_be_bytes();
        packet.splice(2..4, length);
        let hmac = Hmac::<Md5>::new_from_slice(self.secret.expose())?;
        let signature = hmac.chain_update(&packet).finalize().into_bytes();
        packet.splice(22..38, signature);
        Ok(packet)
    }

    /// The next octets that come.
    async fn heard(&self) -> anyhow::Result<Vec<u8>> {
        let mut octets = vec![0; 4096];
        let length = timeout(PATIENCE, self.socket.recv(&mut octets)).await??;
        octets.truncate(length);
        Ok(octets)
    }

    /// Sends octets and gives those of the reply.
    async fn ask(&self, packet: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.socket.send(packet).await?;
        self.heard().await
    }

    /// Sends octets and reads the reply as a device does.
    async fn told(&self, packet: &[u8]) -> anyhow::Result<Told> {
        let reply = self.ask(packet).await?;
        let number = packet.get(1).copied().context("no identifier")?;
        let response = Response::verify(&reply, &self.question(number))?;
        let attributes = response.datagram().attributes();
        let attributes = attributes.map(|raw| (raw.kind, raw.value.to_vec()));
        Ok(Told {
            code: response.code(),
            attributes: attributes.collect(),
        })
    }

    /// Sends a login as a device does, and reads the reply.
    async fn judged(&self, number: u8, name: &str, typed: &[u8]) -> anyhow::Result<Told> {
        let packet = self.login(number, name, typed)?;
        self.told(&packet).await
    }

    /// Nothing has come, and nothing comes before the answer to a Status-Server, which is
    /// sent now.
    async fn is_silent(&self, number: u8) -> anyhow::Result<()> {
        let asked = self.question(number).status_server(&[])?;
        let first = self.ask(&asked).await?;
        Response::verify(&first, &self.question(number))?;
        Ok(())
    }
}

impl Told {
    fn kinds(&self) -> Vec<u8> {
        self.attributes.iter().map(|(kind, _)| *kind).collect()
    }
}

const fn raw(kind: u8, value: &[u8]) -> Raw<'_> {
    Raw { kind, value }
}

const AUTHENTICATOR: [u8; 16] = *b"0123456789abcdef";
const ACCESS_REQUEST: u8 = 1;
/// Many times what any answer takes.
const PATIENCE: Duration = Duration::from_secs(60);
