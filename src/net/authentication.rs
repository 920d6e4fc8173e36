//! The authentication port (RFC 2865): from a proven packet to a login and back.
//!
//! Knows attributes. Must not know how a login is judged; every reply is derived from its
//! outcome, here and only here.

use std::sync::Arc;

use countersign_core::base::limits::STATE_LIFE;
use countersign_core::base::{ClientId, Secret, Timestamp};
use countersign_core::login::{
    Call, Caller, Decision, Outcome, Reason, Request as Login, Response,
};
use countersign_core::radius::{
    Challenge, Credentials, Integrity, Kind, Mark, Number, Prompt, Reply, Salt, Service,
    Uncredentialed,
};

use super::desk::{Answer, Request};
use super::witness::{Ended, Witness};
use super::{Alive, Wall};
use crate::login::{Clock, Ledger, Logins, PasswordSource};

/// Turns Access-Requests into logins.
pub(super) struct Authenticator<L, S, C, W> {
    pub(super) logins: Logins<L, S, C>,
    pub(super) witness: Arc<W>,
    pub(super) wall: Wall,
    pub(super) alive: Alive,
}

impl<L: Ledger, S: PasswordSource, C: Clock, W: Witness> Answer for Authenticator<L, S, C, W> {
    const SERVICE: Service = Service::Authentication;

    async fn answer(&self, request: &Request<'_>) -> Option<Vec<u8>> {
        let packet = &request.packet;
        if packet.kind() == Kind::StatusServer {
            return if (self.alive.0)() {
                packet.reply(&Reply::Alive).ok()
            } else {
                None
            };
        }
        let arrived = (self.wall.0)();
        let outcome = match self
            .came_once(request)
            .and_then(|()| read(request, arrived))
        {
            Ok(login) => self.logins.login(login, request.received).await,
            Err(reason) => self
                .logins
                .refuse(ClientId(request.client.entry.id), reason),
        };
        self.witness.login(&Ended {
            arrived,
            source: request.source,
            client: &request.client.entry.name,
            certificate: request.certificate,
            user: packet.user_name().unwrap_or_default(),
            caller: packet.calling_station_id().unwrap_or_default(),
            outcome: &outcome,
            took: request.received.elapsed(),
        });
        reply(request, &outcome, || self.logins.draw_salt())
    }
}

impl<L: Ledger, S: PasswordSource, C: Clock, W: Witness> Authenticator<L, S, C, W> {
    /// Refuses a login that this cluster has forwarded to an old server, and that comes back:
    /// it would go round for as long as anyone waits.
    fn came_once(&self, request: &Request<'_>) -> Result<(), Reason> {
        let mut states = request.packet.proxy_states();
        if states.any(|state| Mark::is_of(self.logins.cluster(), state)) {
            return Err(Reason::ForwardLoop);
        }
        Ok(())
    }
}

/// What of the packet makes a login. Anything but a readable password is refused aloud:
/// the device has proven itself, and silence would make it think that the node is dead.
fn read(request: &Request<'_>, arrived: Timestamp) -> Result<Login, Reason> {
    let packet = &request.packet;
    let (password, response) = typed(packet.credentials())?;
    let octets = |octets: Option<&[u8]>| octets.map(<[u8]>::to_vec);
    Ok(Login {
        client: ClientId(request.client.entry.id),
        client_revision: request.client.entry.revision,
        user_name: packet.user_name().unwrap_or_default().to_vec(),
        password,
        state: octets(packet.state_attribute()),
        response: response.map(Arc::new),
        proven: packet.integrity() == Integrity::Proven,
        caller: Caller {
            calling_station_id: octets(packet.calling_station_id()),
            nas_identifier: octets(packet.nas_identifier()),
            nas_ip_address: packet.nas_ip_address(),
            nas_port: packet.nas_port(),
            nas_port_id: octets(packet.nas_port_id()),
        },
        arrived,
        call: Call {
            called_station_id: octets(packet.called_station_id()),
            nas_port_type: packet.nas_port_type(),
            echoed_octets: packet.proxy_states().map(|state| state.len() + 2).sum(),
        },
    })
}

/// What the user typed, or what the device made of it.
fn typed(
    credentials: Result<Credentials<'_>, Uncredentialed>,
) -> Result<(Secret, Option<Response>), Reason> {
    match credentials {
        Ok(Credentials::Pap(password)) => Ok((password.into_octets(), None)),
        Ok(Credentials::Chap(made)) => Ok((Secret::default(), Some(Response::Chap(made)))),
        Ok(Credentials::MsChap2(made)) => Ok((Secret::default(), Some(Response::MsChap2(made)))),
        Err(Uncredentialed::Password(_)) => Err(Reason::UnreadablePassword),
        Err(Uncredentialed::Length(..)) => Err(Reason::BrokenResponse),
        Err(Uncredentialed::Unserved(Number::Vendor(..))) => Err(Reason::UnservedChap),
        Ok(_) | Err(_) => Err(Reason::UnservedMethod),
    }
}

/// Every attribute of a reply is chosen here. A Reject says no more to MS-CHAP than to PAP:
/// without MS-CHAP-Error a device tells its user that the login failed, as it does with one.
fn reply(request: &Request<'_>, outcome: &Outcome, salt: impl FnOnce() -> Salt) -> Option<Vec<u8>> {
    let reply = match outcome.decision {
        Decision::Accept => request
            .packet
            .reply(&Reply::Accept(&outcome.grants, salt())),
        Decision::Reject => request.packet.reply(&Reply::Reject(&[outcome.message()])),
        Decision::Challenge => request.packet.reply(&Reply::Challenge(Challenge {
            state: outcome.state(),
            messages: &[outcome.message()],
            // A code that is read over a shoulder is spent before it can be typed again.
            prompt: Some(Prompt::Echo),
            wait_secs: u32::try_from(STATE_LIFE.as_secs()).ok(),
        })),
        Decision::Silent => return None,
    };
    reply
        .inspect_err(|error| tracing::error!(%error, "a reply cannot be written"))
        .ok()
}
