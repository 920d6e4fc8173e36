//! A directory that says what a test wants. Its octets are written by hand, so that a
//! mistake of the product's reader and writer is not made twice.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::sources::ldap::transport::Duplex;
use crate::tls::testing::{Authority, Shown};

/// What was asked of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Asked {
    Bind {
        name: String,
        password: Vec<u8>,
    },
    Search {
        base: String,
        filter: Vec<u8>,
    },
    /// For a part of what is found (RFC 2696).
    Paged {
        filter: Vec<u8>,
        cookie: Vec<u8>,
        /// How many entries in it.
        size: Vec<u8>,
    },
    StartTls,
    Other(u8),
}

/// What it does then, in this order.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Octets(Vec<u8>),
    Close,
    Hang,
    /// Goes on in TLS.
    Secure,
}

type Script = dyn Fn(u32, &Asked) -> Vec<Reply> + Send + Sync;

/// What it has seen, connection by connection.
#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    asked: Vec<(usize, Asked)>,
}

pub(super) struct Fake {
    scheme: &'static str,
    port: u16,
    seen: Arc<Mutex<Seen>>,
    dir: TempDir,
    _task: JoinSet<()>,
}

impl Fake {
    /// With a good certificate, by `ldaps`.
    pub(super) async fn new(
        script: impl Fn(u32, &Asked) -> Vec<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self::with("ldaps", &localhost(), script).await
    }

    /// By `ldaps` or `ldap`, with a certificate that says `shown`.
    pub(super) async fn with(
        scheme: &'static str,
        shown: &Shown,
        script: impl Fn(u32, &Asked) -> Vec<Reply> + Send + Sync + 'static,
    ) -> Self {
        let dir = TempDir::new().unwrap();
        let authority = Authority::new("directory");
        std::fs::write(dir.path().join("ca.pem"), authority.certificate()).unwrap();
        let (certificate, key) = authority.issue(shown);
        let chain = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(crate::tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let room = Room {
            tls: (scheme == "ldaps").then_some(()),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            script: Arc::new(script),
            seen: Arc::clone(&seen),
        };
        let mut task = JoinSet::new();
        task.spawn(room.serve(listener));
        Self {
            scheme,
            port,
            seen,
            dir,
            _task: task,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.host())
    }

    pub(super) fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub(super) fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    pub(super) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// Who bound, with the number of the connection.
    pub(super) fn binds(&self) -> Vec<(usize, String)> {
        let seen = self.seen.lock().unwrap();
        let binds = seen.asked.iter().filter_map(|(at, asked)| match asked {
            Asked::Bind { name, .. } => Some((*at, name.clone())),
            Asked::Search { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => None,
        });
        binds.collect()
    }

    pub(super) fn asked(&self) -> Vec<(usize, Asked)> {
        self.seen.lock().unwrap().asked.clone()
    }
}

/// A certificate that is good.
pub(super) fn localhost() -> Shown {
    Shown {
        dns: vec!["localhost".to_owned()],
        ..Shown::default()
    }
}

struct Room {
    tls: Option<()>,
    acceptor: TlsAcceptor,
    script: Arc<Script>,
    seen: Arc<Mutex<Seen>>,
}

impl Room {
    async fn serve(self, listener: TcpListener) {
        let room = Arc::new(self);
        let mut met = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let number = {
                let mut seen = room.seen.lock().unwrap();
                seen.connections += 1;
                seen.connections
            };
            let room = Arc::clone(&room);
            met.spawn(async move { drop(room.meet(stream, number).await) });
        }
    }

    async fn meet(&self, stream: TcpStream, number: usize) -> std::io::Result<()> {
        let mut stream: Box<dyn Duplex> = match self.tls {
            Some(()) => Box::new(self.acceptor.accept(stream).await?),
            None => Box::new(stream),
        };
        loop {
            let (id, asked) = hear(&mut stream).await?;
            self.seen
                .lock()
                .unwrap()
                .asked
                .push((number, asked.clone()));
            for reply in (self.script)(id, &asked) {
                match reply {
                    Reply::Octets(octets) => stream.write_all(&octets).await?,
                    Reply::Close => return Ok(()),
                    Reply::Hang => std::future::pending().await,
                    Reply::Secure => {
                        stream.flush().await?;
                        stream = Box::new(self.acceptor.accept(stream).await?);
                    }
                }
            }
            stream.flush().await?;
        }
    }
}

async fn hear(stream: &mut Box<dyn Duplex>) -> std::io::Result<(u32, Asked)> {
    let mut message = whole(stream).await?;
    let mut content = take(&mut message).1;
    let id = take(&mut content).1;
    let id = id.iter().fold(0, |id, octet| (id << 8) | u32::from(*octet));
    let (tag, mut request) = take(&mut content);
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    let asked = match tag {
        0x60 => {
            take(&mut request);
            Asked::Bind {
                name: text(take(&mut request).1),
                password: take(&mut request).1,
            }
        }
        0x63 => {
            let base = text(take(&mut request).1);
            for _ in 0..5 {
                take(&mut request);
            }
            let (kind, filter) = take(&mut request);
            let filter = [&[kind], &*filter].concat();
            match part_of(&mut content) {
                None => Asked::Search { base, filter },
                Some((size, cookie)) => Asked::Paged {
                    filter,
                    cookie,
                    size,
                },
            }
        }
        0x77 => Asked::StartTls,
        other => Asked::Other(other),
    };
    Ok((id, asked))
}

/// Size and cookie of the one control that a search may have, which must be critical.
fn part_of(controls: &mut Vec<u8>) -> Option<(Vec<u8>, Vec<u8>)> {
    if controls.is_empty() {
        return None;
    }
    let mut control = take(&mut take(controls).1).1;
    assert_eq!(take(&mut control).1, PAGED);
    assert_eq!(take(&mut control), (1, vec![0xff]));
    let mut value = take(&mut take(&mut control).1).1;
    let (kind, size) = take(&mut value);
    assert_eq!(kind, 2);
    Some((size, take(&mut value).1))
}

async fn whole(stream: &mut Box<dyn Duplex>) -> std::io::Result<Vec<u8>> {
    let mut octets = vec![0; 2];
    stream.read_exact(&mut octets).await?;
    let mut length = usize::from(octets[1]);
    if length > 127 {
        let mut digits = vec![0; length - 128];
        stream.read_exact(&mut digits).await?;
        length = digits
            .iter()
            .fold(0, |all, digit| (all << 8) | usize::from(*digit));
        octets.extend(digits);
    }
    let mut content = vec![0; length];
    stream.read_exact(&mut content).await?;
    octets.extend(content);
    Ok(octets)
}

/// The first element: tag and content.
fn take(octets: &mut Vec<u8>) -> (u8, Vec<u8>) {
    let tag = octets[0];
    let mut length = usize::from(octets[1]);
    let mut header = 2;
    if length > 127 {
        header = 2 + length - 128;
        length = octets[2..header]
            .iter()
            .fold(0, |all, digit| (all << 8) | usize::from(*digit));
    }
    let rest = octets.split_off(header + length);
    let content = octets.split_off(header);
    *octets = rest;
    (tag, content)
}

/// An element, always with a length of four octets, as Active Directory writes them.
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84], &length[..], content].concat()
}

pub(super) fn message(id: u32, parts: &[Vec<u8>]) -> Vec<u8> {
    let id = [&[2, 4], &id.to_be_bytes()[..]].concat();
    tlv(0x30, &[&[id], parts].concat().concat())
}

/// The end of an operation: 0x61 a bind, 0x65 a search, 0x78 an extended one.
pub(super) fn outcome(id: u32, tag: u8, code: u8, text: &str) -> Vec<u8> {
    let result = [vec![0x0a, 1, code], tlv(4, b""), tlv(4, text.as_bytes())];
    message(id, &[tlv(tag, &result.concat())])
}

pub(super) fn done(id: u32, code: u8) -> Vec<u8> {
    outcome(id, 0x65, code, "")
}

/// The end of a part, with what asks for the next one.
pub(super) fn part(id: u32, code: u8, cookie: &[u8]) -> Vec<u8> {
    let result = [vec![0x0a, 1, code], tlv(4, b""), tlv(4, b"")];
    let value = tlv(0x30, &[&[2, 1, 0], &*tlv(4, cookie)].concat());
    let control = tlv(0x30, &[tlv(4, PAGED), tlv(4, &value)].concat());
    message(id, &[tlv(0x65, &result.concat()), tlv(0xa0, &control)])
}

const PAGED: &[u8] = b"1.2.840.113556.1.4.319";

pub(super) fn entry(id: u32, dn: &str, attributes: &[(&str, Vec<Vec<u8>>)]) -> Vec<u8> {
    let attributes = attributes.iter().map(|(name, values)| {
        let values: Vec<_> = values.iter().map(|value| tlv(4, value)).collect();
        tlv(
            0x30,
            &[tlv(4, name.as_bytes()), tlv(0x31, &values.concat())].concat(),
        )
    });
    let attributes: Vec<_> = attributes.collect();
    let entry = [tlv(4, dn.as_bytes()), tlv(0x30, &attributes.concat())];
    message(id, &[tlv(0x64, &entry.concat())])
}

pub(super) fn texts(values: &[&str]) -> Vec<Vec<u8>> {
    values
        .iter()
        .map(|value| value.as_bytes().to_vec())
        .collect()
}

/// Whether a filter has these octets in it.
pub(super) fn has(filter: &[u8], part: &[u8]) -> bool {
    filter.windows(part.len()).any(|window| window == part)
}
