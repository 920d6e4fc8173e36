//! RADIUS clients: who may ask, from where, with which secret, and how they are judged.

mod learning;
mod secrets;
mod seen;

use std::net::IpAddr;

use countersign_core::base::{RequestId, Secret, Shown};
use countersign_core::ledger::storage::{self, ChangeOutcome, change::Kind};
use countersign_core::ledger::{Read, fields, query};
use ipnet::IpNet;
use prost::Message as _;

pub use secrets::secret_digest;
pub use seen::SightingsOf;

use super::house::{Asked, draw_id, seen_revision};
use super::{Action, Caller, Operate, OperateError};
use super::{profiles, read};
use crate::login::Ledger;

/// What an operator says of a client. The record's id, revision and secrets are not used.
#[derive(Clone, Debug, Default)]
pub struct ClientFacts(pub storage::Client);

/// A client, and its new secret where it was drawn for the operator.
#[derive(Debug)]
pub struct ClientAdded {
    /// The record; its secrets are sealed.
    pub client: storage::Client,
    /// What the device has to be told.
    pub secret: Option<Secret>,
    /// What the operator should know although it was done.
    pub warnings: Vec<String>,
    /// The device's configuration, with the secret, where its profile is known.
    pub configuration: Option<Secret>,
    /// Commands that make rules for it.
    pub suggestions: Vec<String>,
}

impl<L: Ledger> Operate<L> {
    /// Makes a client, of what was not said as the profile has it. Without a secret one is
    /// drawn and shown this once.
    ///
    /// # Errors
    /// Refused when the name or a range is taken, a range is none, or the client would
    /// contradict itself.
    pub async fn add_client(
        &self,
        caller: &Caller,
        request: RequestId,
        mut facts: ClientFacts,
        profile: &str,
        secret: Option<Secret>,
    ) -> Result<ClientAdded, OperateError> {
        caller.may(Action::ClientAdd)?;
        if !profile.is_empty() {
            facts.0 = profiles::find(profile)?.under(facts.0);
        }
        let mut client = storage::Client {
            ranges: canonical(&facts.0.ranges)?,
            certificate_names: names(&facts.0.certificate_names),
            secrets: Vec::new(),
            revision: 0,
            id: 0,
            ..facts.0
        };
        let asked = Asked::new(Action::ClientAdd, request).with_message(&client);
        client.id = draw_id(&mut self.chance());
        let drawn = secret.is_none();
        let odd = secret.as_ref().and_then(secrets::odd);
        client.secrets = vec![self.seal_client_secret(client.id, secret)?];
        let put = storage::PutClient {
            client: Some(client),
            ..storage::PutClient::default()
        };
        let done = self.change(caller, asked, Kind::PutClient(put)).await?;
        let mut added = self.client_back(request, &done, drawn).await?;
        added.warnings.extend(odd);
        self.tell_device(&mut added).await?;
        Ok(added)
    }

    /// Clients by name, from behind `after` on: as many as one answer holds. The second value
    /// is where the next page begins.
    ///
    /// # Errors
    /// When the caller may not, or the node is not in sync.
    pub fn list_clients(
        &self,
        caller: &Caller,
        after: &str,
    ) -> Result<(Vec<storage::Client>, Option<String>), OperateError> {
        self.reading(caller, Action::ClientList)?;
        let mut clients = query::clients(&self.ledger.view())?;
        clients.retain(|client| &*client.name > after);
        clients.sort_by(|a, b| a.name.cmp(&b.name));
        let mut room = read::Room::default();
        let fitting = clients.iter().take_while(|it| room.takes(it.encoded_len()));
        let fitting = fitting.count();
        let is_last = fitting == clients.len();
        clients.truncate(fitting);
        let next = clients.last().map(|last| last.name.clone());
        Ok((clients, next.filter(|_| !is_last)))
    }

    /// One client, by name.
    ///
    /// # Errors
    /// When none has the name.
    pub fn show_client(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<storage::Client, OperateError> {
        self.reading(caller, Action::ClientShow)?;
        self.client(name)
    }

    /// Replaces what is said of a client; its secrets stay. `expected`: the revision that
    /// the caller saw; 0: whatever it is. `learn_anew`: what it has learnt is forgotten.
    ///
    /// # Errors
    /// Refused when somebody else changed it since, or a name or range is taken.
    pub async fn set_client(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
        expected: u64,
        facts: ClientFacts,
        learn_anew: bool,
    ) -> Result<ClientAdded, OperateError> {
        caller.may(Action::ClientSet)?;
        let old = self
            .merged_with(expected, |view| {
                let client = called(view, name)?;
                Ok((client.revision, client))
            })
            .await?;
        let revision = seen_revision(expected, old.revision);
        let mut client = storage::Client {
            id: old.id,
            ranges: canonical(&facts.0.ranges)?,
            certificate_names: names(&facts.0.certificate_names),
            secrets: Vec::new(),
            revision: 0,
            profile: old.profile,
            ..facts.0
        };
        let asked = Asked::new(Action::ClientSet, request)
            .with_message(&client)
            .with(expected.to_be_bytes())
            .with([u8::from(learn_anew)]);
        client.secrets = old.secrets;
        let put = storage::PutClient {
            client: Some(client),
            expected_revision: revision,
            learn_anew,
        };
        let done = self.change(caller, asked, Kind::PutClient(put)).await?;
        self.client_back(request, &done, false).await
    }

    /// Removes a client: its packets are then those of a stranger.
    ///
    /// # Errors
    /// Refused when somebody else changed it since.
    pub async fn remove_client(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
        expected: u64,
    ) -> Result<ChangeOutcome, OperateError> {
        caller.may(Action::ClientRemove)?;
        let asked = Asked::new(Action::ClientRemove, request)
            .with(name)
            .with(expected.to_be_bytes());
        // One that is gone may be gone by the first try of this very request.
        let client = read::client(&self.ledger.view(), name)?.unwrap_or_default();
        let remove = storage::RemoveClient {
            id: client.id,
            expected_revision: seen_revision(expected, client.revision),
        };
        self.change(caller, asked, Kind::RemoveClient(remove)).await
    }

    fn client(&self, name: &str) -> Result<storage::Client, OperateError> {
        called(&self.ledger.view(), name)
    }

    /// Reads the client that a change left. The secret is opened and not remembered from
    /// the call: where this was a retry, the first try's is the one that counts.
    async fn client_back(
        &self,
        request: RequestId,
        done: &ChangeOutcome,
        show_secret: bool,
    ) -> Result<ClientAdded, OperateError> {
        let client = self
            .read_back(request, |view| {
                let client = read::client_by_id(view, done.id)?;
                Ok(client.filter(|client| client.revision >= done.revision))
            })
            .await?;
        let current = client.revision == done.revision && show_secret;
        let secret = match client.secrets.first().filter(|_| current) {
            Some(sealed) => {
                let row = client.id.to_be_bytes();
                let context = fields::client_secret(self.cluster_id()?, &row);
                Some(self.open(&context, sealed)?)
            }
            None => None,
        };
        let warnings = done.detail.lines().map(str::to_owned).collect();
        Ok(ClientAdded {
            client,
            secret,
            warnings,
            configuration: None,
            suggestions: Vec::new(),
        })
    }
}

fn called(tables: &impl Read, name: &str) -> Result<storage::Client, OperateError> {
    let found = read::client(tables, name)?;
    found.ok_or_else(|| OperateError::NotFound {
        kind: "client",
        name: name.to_owned(),
    })
}

/// Each range in its one spelling: bits beyond the prefix cleared, a single address as
/// a range of one.
fn canonical(ranges: &[String]) -> Result<Vec<String>, OperateError> {
    let one = |text: &String| {
        let text = text.trim();
        let range = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        range
            .map(|range: IpNet| range.trunc().to_string())
            .map_err(|_| {
                let shown = Shown::from(text);
                OperateError::invalid("ranges", format!("{shown} is no address range"))
            })
    };
    ranges.iter().map(one).collect()
}

/// DNS names without capitals and final dot, as they are compared; a URI as it is.
fn names(texts: &[String]) -> Vec<String> {
    let one = |text: &String| {
        let text = text.trim();
        if text.contains(':') {
            text.to_owned()
        } else {
            text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase()
        }
    };
    texts.iter().map(one).collect()
}
