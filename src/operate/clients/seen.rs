//! What nodes have seen of a client, and what its device is told of them.

use std::net::SocketAddr;

use countersign_core::base::{ClientId, NodeId, Secret};
use countersign_core::ledger::{fields, storage};

use super::{ClientAdded, secret_digest};
use crate::login::Ledger;
use crate::operate::profiles::{self, Server, configuration};
use crate::operate::{Action, Caller, Operate, OperateError, Profile, Sighting};

/// What all nodes have seen of one client.
#[derive(Clone, Debug, PartialEq)]
pub struct SightingsOf {
    /// As each node tells, or why it does not.
    pub nodes: Vec<(NodeId, Result<Sighting, String>)>,
    /// When each of the client's secrets, the newest first, last proved a packet; 0: never.
    pub secrets_used: Vec<u64>,
}

impl<L: Ledger> Operate<L> {
    /// What all nodes have seen of a client since they started.
    ///
    /// # Errors
    /// When none has the name.
    pub async fn sightings(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<SightingsOf, OperateError> {
        self.reading(caller, Action::ClientWatch)?;
        let client = self.client(name)?;
        let nodes = self.sightings.of(ClientId(client.id)).await;
        let secrets_used = secrets_used(&client, &nodes);
        Ok(SightingsOf {
            nodes,
            secrets_used,
        })
    }

    /// The devices that are known.
    ///
    /// # Errors
    /// When the caller may not.
    pub fn list_profiles(&self, caller: &Caller) -> Result<&'static [Profile], OperateError> {
        caller.may(Action::ClientProfiles)?;
        Ok(profiles::profiles())
    }

    /// Adds what the device of a new client has to be told.
    pub(super) async fn tell_device(&self, added: &mut ClientAdded) -> Result<(), OperateError> {
        let client = &added.client;
        if client.profile.is_empty() {
            return Ok(());
        }
        let profile = profiles::find(&client.profile)?;
        let nodes = self.sightings.of(ClientId(client.id)).await;
        for (node, fault) in nodes
            .iter()
            .filter_map(|(node, said)| Some((node, said.as_ref().err()?)))
        {
            let text =
                format!("node {node} did not answer ({fault}): add it to the device by hand");
            added.warnings.push(text);
        }
        let servers: Vec<_> = nodes
            .iter()
            .filter_map(|(_, said)| server(said.as_ref().ok()?))
            .collect();
        let secret = self.current_secret(client)?;
        let secret = String::from_utf8_lossy(secret.expose());
        let text = configuration(profile, client, &secret, &servers);
        added.configuration = Some(Secret::from(text));
        added.suggestions = profile.suggestions(&client.name);
        Ok(())
    }

    fn current_secret(&self, client: &storage::Client) -> Result<Secret, OperateError> {
        let row = client.id.to_be_bytes();
        let context = fields::client_secret(self.cluster_id()?, &row);
        let sealed = client.secrets.first().map(Vec::as_slice);
        self.open(&context, sealed.unwrap_or_default())
    }
}

/// When each of the client's secrets last proved a packet, on any node.
pub(super) fn secrets_used(
    client: &storage::Client,
    nodes: &[(NodeId, Result<Sighting, String>)],
) -> Vec<u64> {
    let seen = || nodes.iter().filter_map(|(_, said)| said.as_ref().ok());
    let used = |sealed: &Vec<u8>| {
        let digest = secret_digest(sealed);
        let uses = seen().flat_map(|it| &it.secrets);
        let uses = uses.filter(|it| *it.digest == digest).map(|it| it.at);
        uses.max().unwrap_or(0)
    };
    client.secrets.iter().map(used).collect()
}

/// The node, as a device is told of it: where it takes requests first.
fn server(sighting: &Sighting) -> Option<Server> {
    let (host, port) = parted(sighting.authentication.first()?)?;
    let accounting = sighting.accounting.first().and_then(|at| parted(at));
    Some(Server {
        host,
        port,
        accounting: accounting.map_or(1813, |(_, port)| port),
    })
}

/// Host and port; an IPv6 address without its brackets.
fn parted(text: &str) -> Option<(String, u16)> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some((address.ip().to_string(), address.port()));
    }
    let (host, port) = text.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}
