//! Ports of loopback for nodes that do not run yet.
//!
//! The kernel hands out ports of one range to whoever asks for any; these are not among
//! them, and no other demo draws them either, so that a node which was killed finds its
//! ports free when it is started again.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as Name, UnixListener};
use std::sync::Arc;

use anyhow::Context;
use countersign::node::SystemEntropy;
use countersign_core::base::Entropy;

/// Where one node listens. While one of its clones is there, no other demo draws them.
#[derive(Clone, Debug)]
pub(super) struct Ports {
    pub(super) radius: SocketAddr,
    pub(super) accounting: SocketAddr,
    pub(super) radsec: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) metrics: SocketAddr,
    pub(super) peers: SocketAddr,
    _claims: Arc<[Claim; 6]>,
}

/// A name that stands for a port: it belongs to the network as the port does, to one
/// process at a time, and ends with it, however it ends (unix(7), "Abstract sockets").
#[derive(Debug)]
struct Claim {
    _name: UnixListener,
}

/// Keeps ports from others until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    _udp: [UdpSocket; 2],
    _tcp: [TcpListener; 4],
}

impl Ports {
    /// Six ports that nobody else has, held.
    pub(super) fn find() -> anyhow::Result<(Self, Held)> {
        let range = range();
        let udp = || free(&range, UdpSocket::bind::<SocketAddr>);
        let tcp = || free(&range, TcpListener::bind::<SocketAddr>);
        let ((radius, one, first), (accounting, two, second)) = (udp()?, udp()?);
        let ((admin, three, third), (metrics, four, fourth)) = (tcp()?, tcp()?);
        let ((peers, five, fifth), (radsec, six, sixth)) = (tcp()?, tcp()?);
        let ports = Self {
            radius,
            accounting,
            radsec,
            admin,
            metrics,
            peers,
            _claims: Arc::new([first, second, third, fourth, fifth, sixth]),
        };
        let held = Held {
            _udp: [one, two],
            _tcp: [three, four, five, six],
        };
        Ok((ports, held))
    }

    /// Whether somebody has one of them now.
    pub(super) fn taken(&self) -> bool {
        let udp = [self.radius, self.accounting].map(|at| UdpSocket::bind(at).is_err());
        let tcp = [self.admin, self.metrics, self.peers, self.radsec]
            .map(|at| TcpListener::bind(at).is_err());
        udp.into_iter().chain(tcp).any(|taken| taken)
    }
}

fn free<T>(
    range: &RangeInclusive<u16>,
    bind: impl Fn(SocketAddr) -> io::Result<T>,
) -> anyhow::Result<(SocketAddr, T, Claim)> {
    let count = u64::from(range.end().saturating_sub(*range.start())).saturating_add(1);
    for _ in 0..TRIES_MAX {
        let drawn = u64::from_be_bytes(SystemEntropy.array());
        let offset = drawn.checked_rem(count).unwrap_or_default();
        let port = u64::from(*range.start()).saturating_add(offset);
        let port = u16::try_from(port)?;
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if let Ok(claim) = claim(port)
            && let Ok(bound) = bind(at)
        {
            return Ok((at, bound, claim));
        }
    }
    anyhow::bail!("no free port from {} to {}", range.start(), range.end())
}

fn claim(port: u16) -> io::Result<Claim> {
    let name = Name::from_abstract_name(format!("countersign-demo-port-{port}"))?;
    let _name = UnixListener::bind_addr(&name)?;
    Ok(Claim { _name })
}

/// The wider of what is below and above the range from which the kernel hands out; all
/// there is, where that leaves next to nothing.
fn range() -> RangeInclusive<u16> {
    let (low, high) = ephemeral().unwrap_or((32_768, 60_999));
    let below = UNPRIVILEGED..=low.saturating_sub(1);
    let above = high.saturating_add(1)..=u16::MAX;
    let wider = if below.len() >= above.len() {
        below
    } else {
        above
    };
    if wider.len() < ENOUGH {
        UNPRIVILEGED..=u16::MAX
    } else {
        wider
    }
}

fn ephemeral() -> anyhow::Result<(u16, u16)> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")?;
    let mut bounds = text.split_whitespace().map(str::parse);
    let mut next = || bounds.next().context("no bound");
    Ok((next()??, next()??))
}

/// Above those that well-known services have.
const UNPRIVILEGED: u16 = 10_000;
const ENOUGH: usize = 1000;
const TRIES_MAX: u32 = 1000;
