//! An old server that answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::base::Secret;
use countersign_core::radius::{Credentials, Packet, Policy, Reply, Service, kind};
use md5::{Digest, Md5};
use tokio::net::UdpSocket;

pub(super) const SECRET: &[u8] = b"between these two alone";

/// What it reads, and says to its first packet, its second, and so on.
pub(super) struct Old {
    at: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Old {
    pub(super) async fn new(say: impl Fn(usize, &[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            let mut octets = [0; 4096];
            let mut count = 0;
            loop {
                // What a question that is over leaves behind is no fault of the server's.
                let Ok((length, from)) = socket.recv_from(&mut octets).await else {
                    continue;
                };
                let packet = &octets[..length];
                {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.push(packet.to_vec());
                }
                for reply in say(count, packet) {
                    socket.send_to(&reply, from).await.unwrap();
                }
                count += 1;
            }
        });
        Self { at, heard, task }
    }

    /// As settings and pins have it.
    pub(super) fn at(&self) -> String {
        self.at.to_string()
    }

    pub(super) fn heard(&self) -> Vec<Vec<u8>> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.clone()
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the old server finds in a packet.
pub(super) struct Read {
    pub(super) name: Vec<u8>,
    pub(super) password: Vec<u8>,
    pub(super) kinds: Vec<u8>,
    pub(super) proxy_state: Vec<u8>,
}

pub(super) fn read(packet: &[u8]) -> Read {
    let secrets = [Secret::from(SECRET)];
    let packet = Packet::receive(packet, Service::Authentication).unwrap();
    let kinds = packet.datagram().attributes().map(|raw| raw.kind).collect();
    let packet = packet.verify(&secrets, Policy::Require).unwrap();
    let Ok(Credentials::Pap(password)) = packet.credentials() else {
        panic!("a question has a password");
    };
    Read {
        name: packet.user_name().unwrap().to_vec(),
        password: password.octets().expose().to_vec(),
        kinds,
        proxy_state: packet.proxy_states().next().unwrap().to_vec(),
    }
}

/// A reply as a server of today writes it.
pub(super) fn reply(packet: &[u8], reply: &Reply<'_>) -> Vec<u8> {
    let secrets = [Secret::from(SECRET)];
    let packet = Packet::receive(packet, Service::Authentication).unwrap();
    let packet = packet.verify(&secrets, Policy::Require).unwrap();
    packet.reply(reply).unwrap()
}

/// A reply with other attributes and a right Response Authenticator; no other proof is made.
pub(super) fn rewritten(
    packet: &[u8],
    reply: &[u8],
    change: impl FnOnce(&mut Vec<(u8, Vec<u8>)>),
) -> Vec<u8> {
    rewritten_under(SECRET, packet, reply, change)
}

/// The same of a server that has another secret.
pub(super) fn rewritten_under(
    secret: &[u8],
    packet: &[u8],
    reply: &[u8],
    change: impl FnOnce(&mut Vec<(u8, Vec<u8>)>),
) -> Vec<u8> {
    let mut attributes = Vec::new();
    let mut rest = &reply[20..];
    while let [kind, length, ..] = *rest {
        let (one, others) = rest.split_at(length.into());
        attributes.push((kind, one[2..].to_vec()));
        rest = others;
    }
    change(&mut attributes);
    let mut octets = [&reply[..4], &packet[4..20]].concat();
    for (kind, value) in attributes {
        octets.extend([kind, u8::try_from(value.len() + 2).unwrap()]);
        octets.extend(value);
    }
    let length = u16::try_from(octets.len()).unwrap();
    octets[2..4].copy_from_slice(&length.to_be_bytes());
    let hash = Md5::new_with_prefix(&octets)
        .chain_update(secret)
        .finalize();
    octets[4..20].copy_from_slice(&hash);
    octets
}

/// The same without its Message-Authenticator, as servers of before 2024 write it.
pub(super) fn unsigned(packet: &[u8], reply: &[u8]) -> Vec<u8> {
    rewritten(packet, reply, |attributes| {
        attributes.retain(|(number, _)| *number != kind::MESSAGE_AUTHENTICATOR);
    })
}
