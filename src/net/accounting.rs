//! The accounting port (RFC 2866): proven, recorded, then answered.
//!
//! Some clients fail the login when their accounting start gets no answer, so it is
//! served also where nobody reads the records.

use std::sync::Arc;

use countersign_core::radius::{Kind, Reply, Service};

use super::desk::{Answer, Request};
use super::witness::{Session, Witness, detail};
use super::{Alive, Wall};

/// Records sessions.
#[derive(Debug)]
pub(super) struct Recorder<W> {
    pub(super) witness: Arc<W>,
    pub(super) wall: Wall,
    pub(super) alive: Alive,
}

impl<W: Witness> Answer for Recorder<W> {
    const SERVICE: Service = Service::Accounting;

    async fn answer(&self, request: &Request<'_>) -> Option<Vec<u8>> {
        let packet = &request.packet;
        if packet.kind() == Kind::StatusServer {
            return if (self.alive.0)() {
                packet.reply(&Reply::Alive).ok()
            } else {
                None
            };
        }
        let session = Session {
            arrived: (self.wall.0)(),
            source: request.source,
            client: request.client.entry.name.clone(),
            certificate: request.certificate.map(ToOwned::to_owned),
            user: packet.user_name().unwrap_or_default().to_vec(),
            caller: packet.calling_station_id().unwrap_or_default().to_vec(),
            detail: detail(&packet.accounting()?),
        };
        // What dies here is sent again by the device: recorded twice, but never lost.
        if self.witness.account(session).await {
            packet.reply(&Reply::AccountingResponse).ok()
        } else {
            None
        }
    }
}
