//! A RADIUS client that behaves like a VPN device: it sends again, goes on to the next
//! server with a new packet, and believes no reply that it cannot verify.
//!
//! For `countersign login`, the load generator and tests. Must not know the server's code.

mod line;
mod memory;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{Entropy, Secret};
use tokio::time::Instant;

use line::{Heard, Line};
pub use memory::Memory;

/// How a device is set up.
#[derive(Debug)]
pub struct Device {
    /// In the order in which they are asked.
    pub servers: Vec<SocketAddr>,
    /// Shared with each of them.
    pub secret: Secret,
    /// How long it waits for an answer to one packet.
    pub timeout: Duration,
    /// How often it sends a packet to one server.
    pub tries: u32,
    /// The address that it sends from; none: as the machine chooses.
    pub source: Option<IpAddr>,
    /// NAS-Identifier.
    pub identifier: String,
    /// Believes replies without a Message-Authenticator, for servers older than
    /// CVE-2024-3596. Whoever sits between can forge such a reply.
    pub dangerous_unprotected_replies: bool,
}

/// What a user typed, and from where.
#[derive(Debug)]
pub struct Credentials<'a> {
    /// User-Name.
    pub name: &'a str,
    /// User-Password: the password and the code behind it, or the answer to a challenge.
    pub password: &'a Secret,
    /// State of the challenge that it answers.
    pub state: Option<&'a [u8]>,
    /// Calling-Station-Id; empty: none.
    pub caller: &'a str,
}

/// What the device learnt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// The answer; none: no server spoke.
    pub answer: Option<Answer>,
    /// Who answered.
    pub server: Option<SocketAddr>,
    /// Datagrams sent.
    pub sent: u32,
    /// Replies that were not believed.
    pub distrusted: u32,
    /// From the first packet to the answer.
    pub took: Duration,
}

/// An answer that was verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Access-Accept.
    Accept,
    /// Access-Reject with its Reply-Message.
    Reject(String),
    /// Access-Challenge with its Reply-Message, and the State that the answer brings back.
    Challenge(String, Vec<u8>),
}

/// A device's sockets, one for each server it has talked to; for many logins in a row.
#[derive(Debug, Default)]
pub struct Lines {
    slots: Vec<Option<Line>>,
    memory: Arc<Memory>,
}

impl Lines {
    /// Those of a device that remembers which servers were silent; several logins at one
    /// time share its memory. Without it, each login begins at the first server, as most
    /// devices do.
    #[must_use]
    pub const fn remembering(memory: Arc<Memory>) -> Self {
        Self {
            slots: Vec::new(),
            memory,
        }
    }
}

impl Device {
    /// Whether a server answers Status-Server (RFC 5997), asked once.
    ///
    /// # Errors
    /// When no socket can be had.
    pub async fn status(&self, server: SocketAddr, entropy: &mut impl Entropy) -> io::Result<bool> {
        let mut line = Line::open(server, self.source).await?;
        line.status(self, entropy).await
    }

    /// Logs in as a device does: each server in turn, each `tries` times, to each a new
    /// packet from a port of its own. Servers that are remembered for dead are left out
    /// while there is another.
    ///
    /// # Errors
    /// When no socket can be had, or a value is too long for a packet.
    pub async fn login(
        &self,
        credentials: &Credentials<'_>,
        lines: &mut Lines,
        entropy: &mut impl Entropy,
    ) -> io::Result<Report> {
        let begun = Instant::now();
        let mut report = Report {
            answer: None,
            server: None,
            sent: 0,
            distrusted: 0,
            took: Duration::ZERO,
        };
        lines.slots.resize_with(self.servers.len(), || None);
        for index in lines.memory.order(self.servers.len(), begun) {
            let slot = self.servers.get(index).zip(lines.slots.get_mut(index));
            let Some((&server, slot)) = slot else {
                continue;
            };
            let line = match slot {
                Some(line) => line,
                None => slot.insert(Line::open(server, self.source).await?),
            };
            let heard = line.ask(self, credentials, entropy).await?;
            report.sent = report.sent.saturating_add(heard.sent);
            report.distrusted = report.distrusted.saturating_add(heard.distrusted);
            let Heard {
                answer: Some(answer),
                ..
            } = heard
            else {
                lines.memory.silent(index, Instant::now());
                continue;
            };
            lines.memory.heard(index);
            report.answer = Some(answer);
            report.server = Some(server);
            break;
        }
        report.took = begun.elapsed();
        Ok(report)
    }
}
