//! One socket to one server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use countersign_core::base::Entropy;
use countersign_core::base::limits::PACKET_OCTETS_MAX;
use countersign_core::radius::{Code, Question, Raw, Response, Unencodable, Untrusted, kind};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::{Answer, Credentials, Device};

/// A connected socket and the identifiers that it has used.
#[derive(Debug)]
pub(super) struct Line {
    socket: UdpSocket,
    identifier: u8,
}

/// What came of asking one server.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) answer: Option<Answer>,
    pub(super) sent: u32,
    pub(super) distrusted: u32,
}

impl Line {
    pub(super) async fn open(server: SocketAddr, source: Option<IpAddr>) -> io::Result<Self> {
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((source.unwrap_or(any), 0)).await?;
        socket.connect(server).await?;
        Ok(Self {
            socket,
            identifier: 0,
        })
    }

    /// Sends one packet, the same octets each time, until a reply is believed.
    pub(super) async fn ask(
        &mut self,
        device: &Device,
        credentials: &Credentials<'_>,
        entropy: &mut impl Entropy,
    ) -> io::Result<Heard> {
        self.identifier = self.identifier.wrapping_add(1);
        let authenticator = entropy.array();
        let question = Question {
            identifier: self.identifier,
            authenticator: &authenticator,
            secret: &device.secret,
        };
        let packet = write(&question, device, credentials)?;
        let mut heard = Heard::default();
        for _ in 0..device.tries {
            heard.sent = heard.sent.saturating_add(1);
            // A closed port is told by the kernel on a later call; a device ignores it.
            if self.socket.send(&packet).await.is_err() {
                self.socket.send(&packet).await?;
            }
            let deadline = Instant::now() + device.timeout;
            heard.answer = self
                .listen(&question, device, deadline, &mut heard.distrusted)
                .await;
            if heard.answer.is_some() {
                break;
            }
        }
        Ok(heard)
    }

    /// Sends one Status-Server; whether it was answered.
    pub(super) async fn status(
        &mut self,
        device: &Device,
        entropy: &mut impl Entropy,
    ) -> io::Result<bool> {
        self.identifier = self.identifier.wrapping_add(1);
        let authenticator = entropy.array();
        let question = Question {
            identifier: self.identifier,
            authenticator: &authenticator,
            secret: &device.secret,
        };
        let packet = question.status_server(&[nas_identifier(device)]);
        let packet = packet.map_err(invalid)?;
        // A port that is closed does not answer.
        if self.socket.send(&packet).await.is_err() {
            return Ok(false);
        }
        let deadline = Instant::now() + device.timeout;
        let mut distrusted = 0;
        let heard = self.listen(&question, device, deadline, &mut distrusted);
        Ok(heard.await.is_some())
    }

    async fn listen(
        &self,
        question: &Question<'_>,
        device: &Device,
        deadline: Instant,
        distrusted: &mut u32,
    ) -> Option<Answer> {
        let mut octets = [0; PACKET_OCTETS_MAX];
        loop {
            let Ok(length) = timeout_at(deadline, self.socket.recv(&mut octets))
                .await
                .ok()?
            else {
                continue;
            };
            let reply = octets.get(..length).unwrap_or_default();
            let response = if device.dangerous_unprotected_replies {
                Response::dangerous_verify_unprotected(reply, question)
            } else {
                Response::verify(reply, question)
            };
            match response {
                Ok(response) => return read(&response),
                // The reply to the login before, which had been given up.
                Err(Untrusted::Identifier(_)) => {}
                Err(_) => *distrusted = distrusted.saturating_add(1),
            }
        }
    }
}

fn write(
    question: &Question<'_>,
    device: &Device,
    credentials: &Credentials<'_>,
) -> io::Result<Vec<u8>> {
    let caller = Raw {
        kind: kind::CALLING_STATION_ID,
        value: credentials.caller.as_bytes(),
    };
    let state = credentials.state.map(|value| Raw {
        kind: kind::STATE,
        value,
    });
    let mut attributes = vec![nas_identifier(device)];
    attributes.extend((!credentials.caller.is_empty()).then_some(caller));
    attributes.extend(state);
    question
        .access_request(
            credentials.name.as_bytes(),
            credentials.password,
            &attributes,
        )
        .map_err(invalid)
}

fn nas_identifier(device: &Device) -> Raw<'_> {
    Raw {
        kind: kind::NAS_IDENTIFIER,
        value: device.identifier.as_bytes(),
    }
}

fn invalid(error: Unencodable) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

fn read(response: &Response<'_>) -> Option<Answer> {
    let message = || {
        let texts = response.datagram().all(kind::REPLY_MESSAGE);
        let texts: Vec<_> = texts.map(String::from_utf8_lossy).collect();
        texts.join(" ")
    };
    let code = response.code();
    if code == Code::AccessAccept {
        Some(Answer::Accept)
    } else if code == Code::AccessReject {
        Some(Answer::Reject(message()))
    } else if code == Code::AccessChallenge {
        let state = response.datagram().first(kind::STATE);
        Some(Answer::Challenge(message(), state?.to_vec()))
    } else {
        None
    }
}
