//! One question on a socket of its own: a port that nobody else knows of, and an identifier
//! that no other question shares.
//!
//! Must not know: what is asked, or which reply is believed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use countersign_core::base::limits::PACKET_OCTETS_MAX;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

/// How a packet is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How often, at most.
    pub(super) tries: u32,
    /// How long after one the next.
    pub(super) step: Duration,
    /// When it is given up.
    pub(super) deadline: Instant,
}

impl Pace {
    /// So often, evenly in this time.
    pub(super) fn of(tries: u32, began: Instant, time: Duration) -> Self {
        let tries = tries.max(1);
        Self {
            tries,
            step: time / tries,
            deadline: began + time,
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Said<T> {
    /// A reply that is believed.
    Reply(T),
    /// Nothing that is believed came in time. The packet may have been read.
    Silent,
    /// The packet cannot have been read: another server may be asked.
    Unread,
}

/// Sends the very same packet again and again until `read` believes a reply.
pub(super) async fn ask<T>(
    to: SocketAddr,
    packet: &[u8],
    pace: Pace,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Said<T> {
    let Ok(socket) = open(to).await else {
        return Said::Unread;
    };
    let mut sent = 0_u32;
    let mut octets = vec![0; PACKET_OCTETS_MAX];
    while sent < pace.tries && Instant::now() < pace.deadline {
        // The kernel may tell of the packet before on this call.
        match socket.send(packet).await {
            Err(error) if sent == 0 || is_unread(&error, sent) => return Said::Unread,
            Ok(_) | Err(_) => sent = sent.saturating_add(1),
        }
        let until = if sent == pace.tries {
            pace.deadline
        } else {
            pace.deadline.min(Instant::now() + pace.step)
        };
        while let Ok(received) = timeout_at(until, socket.recv(&mut octets)).await {
            match received {
                Ok(length) => {
                    if let Some(reply) = octets.get(..length).and_then(&read) {
                        return Said::Reply(reply);
                    }
                }
                Err(error) if is_unread(&error, sent) => return Said::Unread,
                // An earlier packet may have been read.
                Err(_) => (),
            }
        }
    }
    if sent == 0 {
        Said::Unread
    } else {
        Said::Silent
    }
}

/// Whether the one packet that was sent met a closed port. Of several an earlier one may have
/// been read, by a server that is gone since.
fn is_unread(error: &io::Error, sent: u32) -> bool {
    sent == 1 && error.kind() == io::ErrorKind::ConnectionRefused
}

/// Connected: the kernel drops what comes from anywhere else, and tells of a closed port.
async fn open(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(to).await?;
    Ok(socket)
}
