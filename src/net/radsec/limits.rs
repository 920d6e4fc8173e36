//! What those who connect may take, of connections and of time.

use std::time::Duration;

use crate::tls::Bounds;

/// The bounds of a listener.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Limits {
    /// Handshakes at one time, and how long one may last.
    pub(super) strangers: Bounds,
    /// Connections in all.
    pub(in crate::net) connections: usize,
    /// Connections of one client.
    pub(super) of_client: usize,
    /// How long one may be open in which nothing is asked.
    pub(super) idle: Duration,
    /// How long a packet may take that has begun.
    pub(super) packet: Duration,
    /// How long replies may wait for a client that does not read.
    pub(super) write: Duration,
    /// For how long a node may be unable to decide before it sends its clients elsewhere.
    pub(super) silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            strangers: Bounds::default(),
            connections: CONNECTIONS_MAX,
            of_client: CONNECTIONS_OF_CLIENT_MAX,
            idle: IDLE_MAX,
            packet: PACKET_TIME_MAX,
            write: WRITE_TIME_MAX,
            silence: SILENCE_MAX,
        }
    }
}

const CONNECTIONS_MAX: usize = 4096;
/// A proxy may open one for each of its processes.
const CONNECTIONS_OF_CLIENT_MAX: usize = 64;
/// Well above the 30 to 60 seconds at which devices ask whether their server lives.
const IDLE_MAX: Duration = Duration::from_secs(15 * 60);
const PACKET_TIME_MAX: Duration = Duration::from_secs(10);
const WRITE_TIME_MAX: Duration = Duration::from_secs(10);
/// Longer than an election, which parked logins outlast.
const SILENCE_MAX: Duration = Duration::from_secs(2);
