//! `countersign client …`

mod policy;
mod watch;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use policy::Policy;
use watch::Watch;

use countersign_core::base::Shown;

use super::connection::{Named, Session};
use super::failure::Failure;
use super::output::{Format, print};
use super::recall::recalled;
use super::{secrets, show};
use crate::admin::api;
use crate::admin::api::client_service_client::ClientServiceClient;

/// What can be done with RADIUS clients.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes a client; prints its secret this once, where it was drawn
    Add(Box<Add>),
    /// Lists the devices that `client add --profile` knows
    Profiles,
    /// Tells what nodes hear of a client from now on, until its device is well set up
    Watch {
        name: String,
        #[command(flatten)]
        patience: watch::Patience,
    },
    /// Lists clients
    List,
    /// Shows one client
    Show { name: String },
    /// Changes a client; what is not given stays
    Set(Box<Set>),
    /// Removes a client
    Remove {
        name: String,
        /// Refuses when the client has another revision by now
        #[arg(long, default_value_t = 0)]
        revision: u64,
    },
    /// Gives a client a new secret; the old one stays valid beside it
    RotateSecret {
        name: String,
        /// File with the new secret; - is standard input; without it one is drawn
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        /// Ends the old one at once
        #[arg(long)]
        drop_old: bool,
        /// Gives no new one; ends those before the newest, when no device has them any more
        #[arg(long, conflicts_with_all = ["drop_old", "secret_file"])]
        finish: bool,
    },
}

/// A new client.
#[derive(Debug, clap::Args)]
pub(super) struct Add {
    name: String,
    /// An address or range; may be given several times
    #[arg(long, required_unless_present = "certificate_name")]
    range: Vec<String>,
    /// A DNS name or URI in the SAN of its certificate, by which it is known over RadSec;
    /// may be given several times
    #[arg(long, value_name = "NAME")]
    certificate_name: Vec<String>,
    /// Its device, of `client profiles`: sets what no other option says, and prints the
    /// device's configuration
    #[arg(long, default_value = "")]
    profile: String,
    /// File with the shared secret; - is standard input; without it one is drawn
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    #[command(flatten)]
    policy: Policy,
    /// Then tells what nodes hear of it; by default on a terminal
    #[arg(long)]
    wait: bool,
    /// Does not
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    #[command(flatten)]
    patience: watch::Patience,
}

/// A change of a client.
#[derive(Debug, clap::Args)]
pub(super) struct Set {
    name: String,
    /// Another name
    #[arg(long, default_value = "")]
    rename: String,
    /// All ranges, in place of the present ones
    #[arg(long)]
    range: Vec<String>,
    /// All names of its certificate, in place of the present ones; an empty one: none
    #[arg(long, value_name = "NAME")]
    certificate_name: Vec<String>,
    /// Refuses when the client has another revision by now
    #[arg(long)]
    revision: Option<u64>,
    #[command(flatten)]
    policy: Policy,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut clients = ClientServiceClient::new(session.named());
        let request_id = session.request_id();
        match self {
            Self::Add(add) => add.run(session, clients).await,
            Self::Profiles => profiles(session, clients).await,
            Self::Watch { name, patience } => {
                let watch = Watch::of(session, &mut clients, &name, patience).await?;
                watch.run(session, clients).await
            }
            Self::List => list(session, clients).await,
            Self::Show { name } => one(session, clients, name).await,
            Self::Set(set) => set.run(session, clients).await,
            Self::Remove { name, revision } => {
                let remove = api::RemoveClientRequest {
                    request_id,
                    name,
                    expected_revision: revision,
                };
                session.done(clients.remove_client(remove).await).map(drop)
            }
            Self::RotateSecret {
                name,
                secret_file,
                drop_old,
                finish,
            } => {
                let rotate = api::RotateClientSecretRequest {
                    request_id,
                    name,
                    secret: secrets::optional(secret_file.as_deref())?,
                    drop_old,
                    finish,
                };
                let rotated = clients.rotate_client_secret(rotate).await;
                with_secret(session, session.done(rotated)?);
                Ok(())
            }
        }
    }
}

impl Add {
    async fn run(
        self,
        session: &Session,
        mut clients: ClientServiceClient<Named>,
    ) -> Result<(), Failure> {
        // What is left open with a profile is the profile's to say.
        let open = if self.profile.is_empty() {
            api::ClientPolicy {
                timeout_ms: 3000,
                tries: 3,
                servers: 2,
                ..Default::default()
            }
        } else {
            api::ClientPolicy::default()
        };
        let add = api::AddClientRequest {
            request_id: session.request_id(),
            name: self.name,
            ranges: self.range,
            certificate_names: self.certificate_name,
            secret: secrets::optional(self.secret_file.as_deref())?,
            policy: Some(self.policy.over(open)),
            profile: self.profile,
        };
        let made = session.done(clients.add_client(add).await)?;
        let client = made.client.clone().unwrap_or_default();
        with_secret(session, made);
        let is_watched = session.output.0 == Format::Table && std::io::stdout().is_terminal();
        if !self.wait && (self.no_wait || !is_watched) {
            return Ok(());
        }
        let watch = Watch::of_new(&client, self.patience);
        watch.run(session, clients).await
    }
}

impl Set {
    async fn run(
        self,
        session: &Session,
        mut clients: ClientServiceClient<Named>,
    ) -> Result<(), Failure> {
        if recalled(session, "client.put").await?.is_some() {
            let name = if self.rename.is_empty() {
                self.name
            } else {
                self.rename
            };
            return one(session, clients, name).await;
        }
        let name = self.name.clone();
        let old = clients.get_client(api::GetClientRequest { name }).await;
        let old = session.done(old)?;
        let kept = self.range.is_empty();
        let set = api::SetClientRequest {
            request_id: session.request_id(),
            name: self.name,
            // What is kept was read at this revision.
            expected_revision: self.revision.unwrap_or(old.revision),
            new_name: self.rename,
            ranges: if kept { old.ranges } else { self.range },
            certificate_names: match self.certificate_name {
                given if given.is_empty() => old.certificate_names,
                given => given.into_iter().filter(|it| !it.is_empty()).collect(),
            },
            learn_anew: self.policy.learns_anew(),
            policy: Some(self.policy.over(old.policy.unwrap_or_default())),
        };
        let set = session.done(clients.set_client(set).await)?;
        warn(&set);
        session.output.one(show::CLIENT, &show::client(&set));
        Ok(())
    }
}

async fn list(session: &Session, mut clients: ClientServiceClient<Named>) -> Result<(), Failure> {
    let (mut rows, mut page_token) = (Vec::new(), String::new());
    loop {
        let ask = api::ListClientsRequest { page_token };
        let page = session.done(clients.list_clients(ask).await)?;
        rows.extend(page.clients.iter().map(show::client));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    session.output.list(show::CLIENTS, rows);
    Ok(())
}

async fn one(
    session: &Session,
    mut clients: ClientServiceClient<Named>,
    name: String,
) -> Result<(), Failure> {
    let get = api::GetClientRequest { name: name.clone() };
    let client = session.done(clients.get_client(get).await)?;
    let mut facts = show::client(&client);
    let mut columns = show::CLIENT.to_vec();
    let seen = clients
        .get_sightings(api::GetSightingsRequest { name })
        .await;
    // Nodes that cannot tell it now are no reason to tell nothing.
    if let (Ok(seen), Some(facts)) = (seen, facts.as_object_mut()) {
        let used = show::secrets_used(&seen.into_inner().secrets_used);
        facts.insert("secrets_used".to_owned(), used);
        columns.push("secrets_used");
    }
    session.output.one(&columns, &facts);
    Ok(())
}

async fn profiles(
    session: &Session,
    mut clients: ClientServiceClient<Named>,
) -> Result<(), Failure> {
    let answer = clients.list_profiles(api::ListProfilesRequest {}).await;
    let listed = session.done(answer)?.profiles;
    let rows = listed.iter().map(show::profile).collect();
    session.output.list(show::PROFILES, rows);
    Ok(())
}

/// Tells on standard error what an operator should know of what was done.
fn warn(client: &api::Client) {
    for warning in &client.warnings {
        eprintln!("warning: {}", Shown::from(&**warning));
    }
}

/// Prints a client and, this once, what its device has to be told.
fn with_secret(session: &Session, made: api::ClientWithSecret) {
    let client = made.client.unwrap_or_default();
    let mut shown = show::client(&client);
    let mut columns = show::CLIENT.to_vec();
    let configuration = made.configuration.map(|text| text.value);
    if let Some(facts) = shown.as_object_mut() {
        if let Some(secret) = made.secret {
            facts.insert("secret".to_owned(), secret.value.into());
            columns.push("secret");
        }
        if let Some(text) = &configuration {
            facts.insert("configuration".to_owned(), text.clone().into());
            facts.insert("suggestions".to_owned(), made.suggestions.clone().into());
        }
    }
    session.output.one(&columns, &shown);
    warn(&client);
    if let (Format::Table, Some(text)) = (session.output.0, configuration) {
        print(&format!("\nOn the device:\n\n{text}\n"));
        if !made.suggestions.is_empty() {
            let rules = made.suggestions.join("\n");
            print(&format!(
                "\nTo tell it of the user's groups:\n\n{rules}\n\n"
            ));
        }
    }
}
