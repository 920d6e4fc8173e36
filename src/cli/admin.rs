//! `countersign admin …`

use std::path::PathBuf;

use countersign_core::base::{Entropy, Secret};
use data_encoding::BASE32_NOPAD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::connection::{Connection, Named, Session};
use super::failure::Failure;
use super::{secrets, show};
use crate::admin::api;
use crate::admin::api::bootstrap_service_client::BootstrapServiceClient;
use crate::admin::api::operator_service_client::OperatorServiceClient;
use crate::node::SystemEntropy;

/// What can be done with operators and API tokens.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes the first operator, by the bootstrap token of the cluster
    Bootstrap {
        /// Name of the operator
        name: String,
        /// File with the bootstrap token
        #[arg(long, value_name = "FILE")]
        bootstrap_token_file: PathBuf,
        /// New file for the operator's API token
        #[arg(long, value_name = "FILE")]
        save_token: PathBuf,
    },
    /// Makes an operator
    Add {
        name: String,
        #[arg(long, value_enum)]
        role: Role,
    },
    /// Lists operators
    List,
    /// Changes the role of an operator
    Set {
        name: String,
        #[arg(long, value_enum)]
        role: Role,
        /// The operator's revision, as `admin list` shows it
        #[arg(long)]
        revision: u64,
    },
    /// Removes an operator with all API tokens
    Remove { name: String },
    /// Makes an API token; prints it this once
    AddToken(AddToken),
    /// Lists API tokens
    ListTokens,
    /// Ends an API token
    RevokeToken { name: String },
}

/// A new API token.
#[derive(Debug, clap::Args)]
pub(super) struct AddToken {
    name: String,
    /// Who acts with it
    #[arg(long)]
    operator: String,
    #[arg(long, value_enum)]
    role: Role,
    /// When it ends (RFC 3339); without it never
    #[arg(long, value_parser = moment)]
    expires: Option<u64>,
    /// A network from which it may be used; may be given several times
    #[arg(long)]
    network: Vec<String>,
}

/// What an operator may do.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Role {
    /// Reads
    Auditor,
    /// Reads; changes users and their tokens
    Helpdesk,
    /// Everything
    Admin,
}

impl Role {
    fn message(self) -> i32 {
        match self {
            Self::Auditor => api::Role::Auditor,
            Self::Helpdesk => api::Role::Helpdesk,
            Self::Admin => api::Role::Admin,
        }
        .into()
    }
}

impl Command {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        if let Self::Bootstrap {
            name,
            bootstrap_token_file,
            save_token,
        } = self
        {
            let proof = secrets::read(&bootstrap_token_file)?;
            let session = connection.open_nameless()?;
            return bootstrap(&session, name, &proof, save_token).await;
        }
        let session = connection.open()?;
        self.run_named(&session).await
    }

    async fn run_named(self, session: &Session) -> Result<(), Failure> {
        let mut operators = OperatorServiceClient::new(session.named());
        match self {
            // Ran before an API token was read: there is none yet.
            Self::Bootstrap { .. } => Ok(()),
            Self::Add { name, role } => put(session, name, role, 0).await,
            Self::Set {
                name,
                role,
                revision,
            } => put(session, name, role, revision).await,
            Self::List => {
                let answer = operators.list_operators(api::ListOperatorsRequest {}).await;
                let listed = session.done(answer)?.operators;
                let rows = listed.iter().map(show::operator).collect();
                session.output.list(show::OPERATORS, rows);
                Ok(())
            }
            Self::Remove { name } => {
                let request_id = session.request_id();
                let remove = api::RemoveOperatorRequest { request_id, name };
                session
                    .done(operators.remove_operator(remove).await)
                    .map(drop)
            }
            Self::AddToken(new) => new.run(session, operators).await,
            Self::ListTokens => {
                let ask = api::ListApiTokensRequest {};
                let listed = session.done(operators.list_api_tokens(ask).await)?.tokens;
                let rows = listed.iter().map(show::api_token).collect();
                session.output.list(show::API_TOKENS, rows);
                Ok(())
            }
            Self::RevokeToken { name } => {
                let request_id = session.request_id();
                let revoke = api::RevokeApiTokenRequest { request_id, name };
                session
                    .done(operators.revoke_api_token(revoke).await)
                    .map(drop)
            }
        }
    }
}

impl AddToken {
    async fn run(
        self,
        session: &Session,
        mut operators: OperatorServiceClient<Named>,
    ) -> Result<(), Failure> {
        let add = api::AddApiTokenRequest {
            request_id: session.request_id(),
            name: self.name,
            operator: self.operator,
            role: self.role.message(),
            expires: self.expires.unwrap_or_default(),
            networks: self.network,
        };
        let added = session.done(operators.add_api_token(add).await)?;
        let mut shown = show::api_token(&added.token.unwrap_or_default());
        if let (Some(secret), Some(facts)) = (added.secret, shown.as_object_mut()) {
            facts.insert("secret".to_owned(), secret.value.into());
        }
        let columns = [show::API_TOKENS, &["secret"]].concat();
        session.output.one(&columns, &shown);
        Ok(())
    }
}

async fn put(
    session: &Session,
    name: String,
    role: Role,
    expected_revision: u64,
) -> Result<(), Failure> {
    let put = api::PutOperatorRequest {
        request_id: session.request_id(),
        name,
        role: role.message(),
        expected_revision,
    };
    let mut operators = OperatorServiceClient::new(session.named());
    session.done(operators.put_operator(put).await).map(drop)
}

/// The API token is drawn and kept here before the call: whatever becomes of the answer,
/// the operator has it. A file that is there already is the one of an earlier try.
async fn bootstrap(
    session: &Session,
    operator: String,
    proof: &Secret,
    save_token: PathBuf,
) -> Result<(), Failure> {
    let first = if save_token.exists() {
        secrets::read(&save_token)?
    } else {
        let text = BASE32_NOPAD.encode(&SystemEntropy.array::<32>());
        let text = format!("cst_{text}");
        secrets::keep(&save_token, &text)?;
        Secret::from(text)
    };
    let ask = api::BootstrapRequest {
        request_id: session.request_id(),
        bootstrap_token: Some(secrets::message(proof)?),
        operator,
        first_token: Some(secrets::message(&first)?),
    };
    let mut service = BootstrapServiceClient::new(session.named());
    let made = session.done(service.bootstrap(ask).await)?;
    let shown = show::api_token(&made.token.unwrap_or_default());
    session.output.one(show::API_TOKENS, &shown);
    Ok(())
}

fn moment(text: &str) -> Result<u64, String> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|e| e.to_string())?;
    let millis = moment.unix_timestamp().checked_mul(1000);
    let millis = millis.and_then(|millis| u64::try_from(millis).ok());
    millis.ok_or_else(|| "before 1970".to_owned())
}
