//! The port by which the RADIUS ports tell what they saw. Telemetry's events, metrics and
//! log lines come from it; nothing here decides by it.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use countersign_core::base::{Shown, Timestamp};
use countersign_core::ledger::storage;
use countersign_core::login::{Outcome, Reason};
use countersign_core::radius::{Accounting, Credentials, Integrity, Kind, Packet, Verified};

use super::clients::Client;

/// Hears how every request ended.
pub trait Witness: Send + Sync + 'static {
    /// A packet came from a client's address.
    fn heard(&self, heard: &Heard<'_>);

    /// A login ended.
    fn login(&self, ended: &Ended<'_>);

    /// A packet was dropped in silence before any login, or a connection refused.
    fn dropped(&self, sender: &Sender<'_>, reason: Reason);

    /// Records an accounting request; only then is it answered (RFC 2866 §2).
    fn account(&self, session: Session) -> impl Future<Output = bool> + Send;
}

/// Who sent something, as far as is known.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// Where it came from.
    pub source: SocketAddr,
    /// Name of the client entry.
    pub client: Option<&'a str>,
    /// A name in the certificate that was shown.
    pub certificate: Option<&'a str>,
}

/// A packet of a client, duplicates included.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// Where it came from.
    pub source: SocketAddr,
    /// The client.
    pub client: &'a Client,
    /// The name in its certificate by which it is known, where it came by TLS.
    pub certificate: Option<&'a str>,
    /// What was found of its proof.
    pub how: Evidence,
}

/// What was found of a packet's proof.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Evidence {
    /// An Access-Request with a right Message-Authenticator, by the secret of this place.
    Access(usize),
    /// A packet that has to carry a proof whatever the device is set to, by the secret of
    /// this place: it says nothing of the device's Access-Requests.
    Other(usize),
    /// An Access-Request without a Message-Authenticator that was taken.
    Bare,
    /// It came by a session that proves it: it says nothing of the device's secret.
    Session,
    /// It is dropped.
    Refused(Reason),
}

impl Evidence {
    /// Where nothing is to be learnt, the password is not looked at for it.
    pub(super) fn of(packet: &Packet<'_, Verified<'_>>, client: &storage::Client) -> Self {
        let place = packet.secret_index();
        match (packet.kind(), packet.integrity()) {
            (Kind::AccessRequest, Integrity::Unproven) => Self::Bare,
            (Kind::AccessRequest, Integrity::Proven)
                if !learns(client) || !matches!(packet.credentials(), Ok(Credentials::Eap)) =>
            {
                Self::Access(place)
            }
            _ => Self::Other(place),
        }
    }
}

/// Whether a right Message-Authenticator of the client is news. EAP has one in any case
/// (RFC 3579 §3.2), so it says nothing of the device's other requests.
#[must_use]
pub fn learns(client: &storage::Client) -> bool {
    client.message_authenticator() == storage::MessageAuthenticatorMode::Auto
        && client.message_authenticator_learnt == 0
}

/// A login that ended, with what the packet said. Texts are as they came.
#[derive(Debug)]
pub struct Ended<'a> {
    /// When the packet came in.
    pub arrived: Timestamp,
    /// Where it came from.
    pub source: SocketAddr,
    /// Name of the client entry.
    pub client: &'a str,
    /// The name in its certificate by which it is known, where it came by TLS.
    pub certificate: Option<&'a str>,
    /// User-Name.
    pub user: &'a [u8],
    /// Calling-Station-Id.
    pub caller: &'a [u8],
    /// How it ended.
    pub outcome: &'a Outcome,
    /// From the packet to the reply.
    pub took: Duration,
}

/// What an accounting request says of a session.
#[derive(Debug)]
pub struct Session {
    /// When the packet came in.
    pub arrived: Timestamp,
    /// Where it came from.
    pub source: SocketAddr,
    /// Name of the client entry.
    pub client: String,
    /// The name in its certificate by which it is known, where it came by TLS.
    pub certificate: Option<String>,
    /// User-Name.
    pub user: Vec<u8>,
    /// Calling-Station-Id.
    pub caller: Vec<u8>,
    /// Kind, session and counters as `key=value`.
    pub detail: String,
}

/// Writes down what an accounting request says, `key=value` by `key=value`.
pub(super) fn detail(accounting: &Accounting<'_>) -> String {
    let session = accounting.session_id.map(|id| Shown(id).to_string());
    let address = accounting
        .framed_ip_address
        .map(|address| address.to_string());
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let fields = [
        ("status", Some(format!("{:?}", accounting.status))),
        ("session", session),
        ("address", address),
        ("in", number(accounting.input_octets)),
        ("out", number(accounting.output_octets)),
        ("seconds", number(accounting.session_secs.map(u64::from))),
        ("cause", number(accounting.terminate_cause.map(u64::from))),
    ];
    let told = fields
        .into_iter()
        .filter_map(|(key, value)| Some(format!("{key}={}", value?)));
    told.collect::<Vec<_>>().join(" ")
}
