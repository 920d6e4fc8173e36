//! UDP sockets that answer from the address that was asked.
//!
//! Knows datagrams and addresses. Must not know what is in them.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use socket2::{Domain, Protocol, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// One of several sockets on the same address; the kernel spreads callers over them.
#[derive(Debug)]
pub(super) struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
}

/// Where a datagram came from, and which of our addresses it was sent to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Origin {
    /// Address and port of the sender; IPv4 is never written as IPv6.
    pub(super) from: SocketAddr,
    /// The address it was sent to. The reply must leave from it: a device drops others.
    pub(super) asked: Option<IpAddr>,
    /// The sender as the socket writes it.
    raw: SocketAddr,
}

/// Room for one batch of arrivals, used again and again.
#[derive(Debug)]
pub(super) struct Inbox {
    octets: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl Socket {
    /// Opens `count` sockets on `address`. Port 0 takes a free one, the same for all.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub(super) fn open(address: SocketAddr, count: usize) -> io::Result<Vec<Self>> {
        let first = Self::open_one(address)?;
        let address = first.local()?;
        let mut sockets = vec![first];
        for _ in 1..count {
            sockets.push(Self::open_one(address)?);
        }
        Ok(sockets)
    }

    fn open_one(address: SocketAddr) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_port(true)?;
        socket.set_recv_buffer_size(KERNEL_BUFFER_OCTETS)?;
        socket.bind(&address.into())?;
        let state = UdpSocketState::new((&socket).into())?;
        // The line above forbids fragments, as QUIC wants it; a reply of up to 4096
        // octets must be allowed to take two.
        match address {
            SocketAddr::V4(_) => {
                sockopt::set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::DONT)?;
            }
            SocketAddr::V6(_) => {
                sockopt::set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::DONT)?;
            }
        }
        Ok(Self {
            io: UdpSocket::from_std(socket.into())?,
            state,
        })
    }

    /// The address that the socket is bound to.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub(super) fn local(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// Waits for datagrams and hands each to `take`.
    ///
    /// # Errors
    /// What the kernel says; the socket may be used again.
    pub(super) async fn receive(
        &self,
        inbox: &mut Inbox,
        mut take: impl FnMut(Origin, &[u8]),
    ) -> io::Result<()> {
        let Inbox { octets, metas } = inbox;
        let received = self
            .io
            .async_io(Interest::READABLE, || {
                let mut chunks = octets.chunks_mut(CHUNK_OCTETS);
                let mut slices =
                    [(); BATCH_SIZE].map(|()| IoSliceMut::new(chunks.next().unwrap_or_default()));
                self.state.recv((&self.io).into(), &mut slices, metas)
            })
            .await?;
        for (chunk, meta) in octets.chunks(CHUNK_OCTETS).zip(metas.iter()).take(received) {
            let origin = Origin {
                from: SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port()),
                asked: meta.dst_ip,
                raw: meta.addr,
            };
            // The kernel may join datagrams of one sender; `stride` is where each begins.
            let arrived = chunk.get(..meta.len).unwrap_or_default();
            if arrived.is_empty() {
                // Also a datagram without octets is to be counted.
                take(origin, arrived);
            }
            for datagram in arrived.chunks(meta.stride.max(1)) {
                take(origin, datagram);
            }
        }
        Ok(())
    }

    /// Sends one datagram to where a request came from, from the address it asked. When
    /// the kernel has no room it is lost, as any datagram may be.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn send(&self, octets: &[u8], to: &Origin) -> io::Result<()> {
        let transmit = Transmit {
            destination: to.raw,
            ecn: None,
            contents: octets,
            segment_size: None,
            src_ip: to.asked,
        };
        self.io.try_io(Interest::WRITABLE, || {
            self.state.try_send((&self.io).into(), &transmit)
        })
    }
}

impl Inbox {
    /// Takes its memory once.
    pub(super) fn new() -> Self {
        Self {
            octets: vec![0; CHUNK_OCTETS.saturating_mul(BATCH_SIZE)],
            metas: [RecvMeta::default(); BATCH_SIZE],
        }
    }
}

/// LIMIT: what the kernel may hand over as one arrival, joined datagrams included.
const CHUNK_OCTETS: usize = 65_536;
/// LIMIT: datagrams that wait in the kernel while we are busy; then it drops them.
const KERNEL_BUFFER_OCTETS: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn p7_a_reply_leaves_from_the_address_that_was_asked() {
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let server = Socket::open(any, 1).unwrap().remove(0);
        let port = server.local().unwrap().port();
        let device = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        for last in [1, 2, 3] {
            let asked = SocketAddr::from(([127, 0, 0, last], port));
            device.send_to(b"request", asked).await.unwrap();
            let (mut inbox, mut arrived) = (Inbox::new(), Vec::new());
            let take = |origin, _: &[u8]| arrived.push(origin);
            server.receive(&mut inbox, take).await.unwrap();
            server.send(b"reply", &arrived[0]).unwrap();
            let (_, from) = device.recv_from(&mut [0; 16]).await.unwrap();
            assert_eq!(from, asked);
        }
    }
}
