//! `countersign client …`

use std::path::PathBuf;

use super::connection::{Named, Session};
use super::failure::Failure;
use super::{secrets, show};
use crate::admin::api;
use crate::admin::api::client_service_client::ClientServiceClient;

/// What can be done with RADIUS clients.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes a client; prints its secret this once, where it was drawn
    Add {
        name: String,
        /// An address or range; may be given several times
        #[arg(long, required_unless_present = "certificate_name")]
        range: Vec<String>,
        /// A DNS name or URI in the SAN of its certificate, by which it is known over RadSec;
        /// may be given several times
        #[arg(long, value_name = "NAME")]
        certificate_name: Vec<String>,
        /// File with the shared secret; - is standard input; without it one is drawn
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        #[command(flatten)]
        policy: Policy,
    },
    /// Lists clients
    List,
    /// Shows one client
    Show { name: String },
    /// Changes a client; what is not given stays
    Set(Set),
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
    },
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

/// How a client's logins are judged.
#[derive(Debug, clap::Args)]
pub(super) struct Policy {
    /// What a login must show; without it every login is refused
    #[arg(long, value_enum)]
    factors: Option<Factors>,
    /// Whether requests must carry a Message-Authenticator
    #[arg(long, value_enum)]
    message_authenticator: Option<MessageAuthenticator>,
    /// Milliseconds that the device waits for one answer
    #[arg(long)]
    timeout_ms: Option<u32>,
    /// How often it asks one server
    #[arg(long)]
    tries: Option<u32>,
    /// How many servers it asks
    #[arg(long)]
    servers: Option<u32>,
    /// Milliseconds in which the same login again is a retry; 0: computed
    #[arg(long)]
    retry_grace_ms: Option<u32>,
    /// No retry grace at all (RFC 6238 §5.2 to the letter)
    #[arg(long)]
    strict_grace: Option<bool>,
    /// Domain of bare user names
    #[arg(long)]
    default_domain: Option<String>,
    /// Language of the texts that users read: de, pt-BR; by default the common ones
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// When a code is spent
    #[arg(long, value_enum)]
    burn_code: Option<BurnCode>,
    /// What is answered while no password source can be asked
    #[arg(long, value_enum)]
    on_source_down: Option<OnSourceDown>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Factors {
    /// The password and the code behind it
    #[value(name = "both")]
    PasswordAndCode,
    /// The code alone
    Code,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum MessageAuthenticator {
    Require,
    LimitProxyState,
    No,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum BurnCode {
    OnAccept,
    OnMatch,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum OnSourceDown {
    Reject,
    Silent,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut clients = ClientServiceClient::new(session.named());
        let request_id = session.request_id();
        match self {
            Self::Add {
                name,
                range,
                certificate_name,
                secret_file,
                policy,
            } => {
                let add = api::AddClientRequest {
                    request_id,
                    name,
                    ranges: range,
                    certificate_names: certificate_name,
                    secret: secrets::optional(secret_file.as_deref())?,
                    policy: Some(policy.over(api::ClientPolicy {
                        timeout_ms: 3000,
                        tries: 3,
                        servers: 2,
                        ..Default::default()
                    })),
                };
                with_secret(session, session.done(clients.add_client(add).await)?)
            }
            Self::List => list(session, clients).await,
            Self::Show { name } => {
                let answer = clients.get_client(api::GetClientRequest { name }).await;
                shown(session, &session.done(answer)?)
            }
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
            } => {
                let rotate = api::RotateClientSecretRequest {
                    request_id,
                    name,
                    secret: secrets::optional(secret_file.as_deref())?,
                    drop_old,
                };
                let rotated = clients.rotate_client_secret(rotate).await;
                with_secret(session, session.done(rotated)?)
            }
        }
    }
}

impl Set {
    async fn run(
        self,
        session: &Session,
        mut clients: ClientServiceClient<Named>,
    ) -> Result<(), Failure> {
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
            policy: Some(self.policy.over(old.policy.unwrap_or_default())),
        };
        shown(session, &session.done(clients.set_client(set).await)?)
    }
}

impl Policy {
    /// What was given, over what was there.
    fn over(self, mut policy: api::ClientPolicy) -> api::ClientPolicy {
        put(&mut policy.timeout_ms, self.timeout_ms);
        put(&mut policy.tries, self.tries);
        put(&mut policy.servers, self.servers);
        put(&mut policy.retry_grace_ms, self.retry_grace_ms);
        put(&mut policy.strict_grace, self.strict_grace);
        put(&mut policy.default_domain, self.default_domain);
        put(&mut policy.language, self.language);
        let factors = self.factors.map(|it| match it {
            Factors::PasswordAndCode => api::Factors::PasswordAndCode.into(),
            Factors::Code => api::Factors::Code.into(),
        });
        put(&mut policy.factors, factors);
        let mode = self.message_authenticator.map(|it| match it {
            MessageAuthenticator::Require => api::MessageAuthenticator::Require.into(),
            MessageAuthenticator::LimitProxyState => {
                api::MessageAuthenticator::LimitProxyState.into()
            }
            MessageAuthenticator::No => api::MessageAuthenticator::No.into(),
        });
        put(&mut policy.message_authenticator, mode);
        let burn = self.burn_code.map(|it| match it {
            BurnCode::OnAccept => api::BurnCode::OnAccept.into(),
            BurnCode::OnMatch => api::BurnCode::OnMatch.into(),
        });
        put(&mut policy.burn_code, burn);
        let down = self.on_source_down.map(|it| match it {
            OnSourceDown::Reject => api::OnSourceDown::Reject.into(),
            OnSourceDown::Silent => api::OnSourceDown::Silent.into(),
        });
        put(&mut policy.on_source_down, down);
        policy
    }
}

fn put<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}

async fn list(session: &Session, mut clients: ClientServiceClient<Named>) -> Result<(), Failure> {
    let answer = clients.list_clients(api::ListClientsRequest {}).await;
    let listed = session.done(answer)?.clients;
    let rows = listed.iter().map(show::client).collect();
    session.output.list(show::CLIENTS, rows);
    Ok(())
}

fn shown(session: &Session, client: &api::Client) -> Result<(), Failure> {
    session.output.one(show::CLIENT, &show::client(client));
    Ok(())
}

fn with_secret(session: &Session, made: api::ClientWithSecret) -> Result<(), Failure> {
    let mut shown = show::client(&made.client.unwrap_or_default());
    let mut columns = show::CLIENT.to_vec();
    if let (Some(secret), Some(facts)) = (made.secret, shown.as_object_mut()) {
        facts.insert("secret".to_owned(), secret.value.into());
        columns.push("secret");
    }
    session.output.one(&columns, &shown);
    Ok(())
}
