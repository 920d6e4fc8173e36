//! `countersign token …`

use std::io::IsTerminal as _;
use std::path::PathBuf;

use countersign_core::base::Secret;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::connection::{Named, Session};
use super::failure::Failure;
use super::output::print;
use super::{secrets, show, user};
use crate::admin::api::token_service_client::TokenServiceClient;
use crate::admin::api::{self, TokenAlgorithm, TokenState};

/// What can be done with tokens. TOKEN is an id or a serial number.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes a token; prints its enrolment URI this once
    Add(Add),
    /// Lists tokens
    List(List),
    /// Shows one token
    Show { token: String },
    /// Shows a pending token's QR code, for an authenticator app
    Qr {
        token: String,
        /// What the app shows as the issuer
        #[arg(long, default_value = "Countersign")]
        issuer: String,
    },
    /// Takes a pending token into service, by a code that it shows now
    Activate {
        token: String,
        /// File with the code; - is standard input
        #[arg(long, default_value = "-")]
        code_file: PathBuf,
    },
    /// Takes a token out of service
    Disable { token: String },
    /// Takes a disabled token into service again
    Enable { token: String },
    /// Gives a token to a user
    Assign {
        token: String,
        /// Name of the user; without it the token goes to the inventory
        #[arg(long, default_value = "")]
        owner: String,
        /// Refuses when the token has another revision by now
        #[arg(long, default_value_t = 0)]
        revision: u64,
    },
    /// Finds out how far a token's clock is off, by two successive codes
    Resync {
        token: String,
        /// File with the two codes, a blank or line end between them; - is standard input
        #[arg(long, default_value = "-")]
        codes_file: PathBuf,
    },
    /// Removes a token for ever
    Remove {
        token: String,
        /// Refuses when the token has another revision by now
        #[arg(long, default_value_t = 0)]
        revision: u64,
    },
}

/// A new token.
#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// Name of the user; without it the token goes to the inventory
    #[arg(long, default_value = "")]
    owner: String,
    /// Hash of the codes
    #[arg(long, value_enum, default_value_t = Algorithm::Sha1)]
    algorithm: Algorithm,
    /// Length of a code
    #[arg(long, default_value_t = 6)]
    digits: u32,
    /// Seconds for which a code is shown
    #[arg(long, default_value_t = 30)]
    period: u32,
    /// What is printed on the device
    #[arg(long, default_value = "")]
    serial: String,
    /// Free text
    #[arg(long, default_value = "")]
    label: String,
    /// File with the seed in Base32; - is standard input; without it one is drawn
    #[arg(long, value_name = "FILE")]
    seed_file: Option<PathBuf>,
    /// In service at once, without proof; only with --seed-file
    #[arg(long, requires = "seed_file")]
    active: bool,
    /// What the app shows as the issuer
    #[arg(long, default_value = "Countersign")]
    issuer: String,
}

/// Which tokens.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only this user's
    #[arg(long, default_value = "", conflicts_with = "inventory")]
    owner: String,
    /// Only those without an owner
    #[arg(long)]
    inventory: bool,
    /// At most so many; 0: all
    #[arg(long, default_value_t = 1000)]
    limit: usize,
}

/// Hash of the codes.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Algorithm {
    /// What every app knows
    Sha1,
    Sha256,
    Sha512,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut tokens = TokenServiceClient::new(session.named());
        match self {
            Self::Add(add) => add.run(session, tokens).await,
            Self::List(list) => list.run(session, tokens).await,
            Self::Show { token } => {
                let answer = tokens.get_token(api::GetTokenRequest { token }).await;
                let token = session.done(answer)?;
                session.output.one(show::TOKEN, &show::token(&token));
                Ok(())
            }
            Self::Qr { token, issuer } => {
                let ask = api::GetTokenUriRequest { token, issuer };
                let answer = session.done(tokens.get_token_uri(ask).await)?;
                print(&picture(&answer.uri.unwrap_or_default().value)?);
                Ok(())
            }
            Self::Activate { token, code_file } => {
                let code = secrets::message(&secrets::read(&code_file)?)?;
                set_state(session, tokens, token, TokenState::Active, Some(code)).await
            }
            Self::Disable { token } => {
                set_state(session, tokens, token, TokenState::Disabled, None).await
            }
            Self::Enable { token } => {
                set_state(session, tokens, token, TokenState::Active, None).await
            }
            Self::Assign {
                token,
                owner,
                revision,
            } => {
                let assign = api::AssignTokenRequest {
                    request_id: session.request_id(),
                    token,
                    owner,
                    expected_revision: revision,
                };
                session.done(tokens.assign_token(assign).await).map(drop)
            }
            Self::Resync { token, codes_file } => {
                resync(session, tokens, token, &secrets::read(&codes_file)?).await
            }
            Self::Remove { token, revision } => {
                let remove = api::RemoveTokenRequest {
                    request_id: session.request_id(),
                    token,
                    expected_revision: revision,
                };
                session.done(tokens.remove_token(remove).await).map(drop)
            }
        }
    }
}

impl Add {
    async fn run(
        self,
        session: &Session,
        mut tokens: TokenServiceClient<Named>,
    ) -> Result<(), Failure> {
        let algorithm = match self.algorithm {
            Algorithm::Sha1 => TokenAlgorithm::Sha1,
            Algorithm::Sha256 => TokenAlgorithm::Sha256,
            Algorithm::Sha512 => TokenAlgorithm::Sha512,
        };
        let add = api::AddTokenRequest {
            request_id: session.request_id(),
            owner: self.owner,
            algorithm: algorithm.into(),
            digits: self.digits,
            period: self.period,
            serial: self.serial,
            label: self.label,
            seed: secrets::optional(self.seed_file.as_deref())?,
            active: self.active,
            issuer: self.issuer,
        };
        let added = session.done(tokens.add_token(add).await)?;
        let mut shown = show::token(&added.token.unwrap_or_default());
        if let (Some(uri), Some(facts)) = (added.uri, shown.as_object_mut()) {
            facts.insert("uri".to_owned(), uri.value.into());
        }
        session
            .output
            .one(&[show::TOKEN, &["uri"]].concat(), &shown);
        Ok(())
    }
}

impl List {
    async fn run(
        self,
        session: &Session,
        mut tokens: TokenServiceClient<Named>,
    ) -> Result<(), Failure> {
        let (mut rows, mut page_token) = (Vec::new(), String::new());
        loop {
            let ask = api::ListTokensRequest {
                page_size: 1000,
                page_token,
                owner: self.owner.clone(),
                inventory: self.inventory,
            };
            let page = session.done(tokens.list_tokens(ask).await)?;
            rows.extend(page.tokens.iter().map(show::token));
            page_token = page.next_page_token;
            if page_token.is_empty() || (self.limit > 0 && rows.len() >= self.limit) {
                break;
            }
        }
        user::cut(&mut rows, self.limit, !page_token.is_empty());
        session.output.list(show::TOKENS, rows);
        Ok(())
    }
}

async fn set_state(
    session: &Session,
    mut tokens: TokenServiceClient<Named>,
    token: String,
    state: TokenState,
    code: Option<api::SecretText>,
) -> Result<(), Failure> {
    let set = api::SetTokenStateRequest {
        request_id: session.request_id(),
        token,
        state: state.into(),
        code,
    };
    session.done(tokens.set_token_state(set).await).map(drop)
}

async fn resync(
    session: &Session,
    mut tokens: TokenServiceClient<Named>,
    token: String,
    codes: &Secret,
) -> Result<(), Failure> {
    let mut parts = codes
        .expose()
        .split(u8::is_ascii_whitespace)
        .filter(|part| !part.is_empty())
        .map(|part| secrets::message(&Secret::from(part)));
    let (Some(first), Some(second), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Failure::Usage("two codes are needed".to_owned()));
    };
    let resync = api::ResyncTokenRequest {
        request_id: session.request_id(),
        token,
        first: Some(first?),
        second: Some(second?),
    };
    let drift = session.done(tokens.resync_token(resync).await)?.drift;
    let shown = serde_json::json!({ "drift": drift });
    session.output.one(&["drift"], &shown);
    Ok(())
}

/// The QR code in half blocks. On a terminal its colours are set, so that it can be
/// scanned whatever the terminal's own are.
pub(super) fn picture(uri: &str) -> Result<String, Failure> {
    let code = QrCode::new(uri);
    let code = code.map_err(|e| Failure::Usage(format!("no QR code holds the URI: {e}")))?;
    let drawn = code.render::<Dense1x2>().quiet_zone(true).build();
    if !std::io::stdout().is_terminal() {
        return Ok(format!("{drawn}\n"));
    }
    let coloured = |line: &str| format!("\u{1b}[30;107m{line}\u{1b}[0m\n");
    Ok(drawn.lines().map(coloured).collect())
}
