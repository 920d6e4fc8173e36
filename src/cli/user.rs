//! `countersign user …`

use std::path::PathBuf;

use super::connection::{Named, Session};
use super::failure::Failure;
use super::{secrets, show};
use crate::admin::api::user_service_client::UserServiceClient;
use crate::admin::api::{self, UserStatus};

/// What can be done with users.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes a user
    Add {
        /// As the directory knows the user
        name: String,
        #[command(flatten)]
        parts: New,
    },
    /// Lists users by name
    List {
        /// Only names that begin so
        #[arg(long, default_value = "")]
        prefix: String,
        /// At most so many; 0: all
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Shows one user
    Show {
        /// Name or alias
        name: String,
    },
    /// Changes a user; what is not given stays
    Set {
        /// Name or alias
        name: String,
        #[command(flatten)]
        parts: Edit,
        /// Refuses when the user has another revision by now
        #[arg(long, default_value_t = 0)]
        revision: u64,
    },
    /// Removes a user; the tokens go to the inventory, out of service
    Remove {
        /// Name or alias
        name: String,
        /// Refuses when the user has another revision by now
        #[arg(long, default_value_t = 0)]
        revision: u64,
    },
    /// Gives a user whom no directory has a password, or takes it away
    Password {
        /// Name or alias
        name: String,
        /// The password, in a file; - is standard input
        #[arg(long, value_name = "FILE", required_unless_present = "none")]
        file: Option<PathBuf>,
        /// None any more: a directory is asked from now on
        #[arg(long, conflicts_with = "file")]
        none: bool,
    },
    /// Forgets wrong passwords and wrong codes
    Unlock {
        /// Name or alias
        name: String,
    },
    /// Grants a user once more the logins without a token that rules allow
    Allow {
        /// Name or alias
        name: String,
    },
    /// Lets a user in no more
    Disable {
        /// Name or alias
        name: String,
    },
    /// Lets a disabled user in again
    Enable {
        /// Name or alias
        name: String,
    },
}

/// What a new user has.
#[derive(Debug, clap::Args)]
pub(super) struct New {
    /// Another name; may be given several times
    #[arg(long)]
    alias: Vec<String>,
    /// Free text
    #[arg(long, default_value = "")]
    contact: String,
    /// Where passcodes are sent to by e-mail
    #[arg(long, default_value = "")]
    email: String,
    /// Where passcodes are sent to by SMS: + and digits
    #[arg(long, default_value = "")]
    phone: String,
    /// A group; may be given several times
    #[arg(long)]
    group: Vec<String>,
}

impl New {
    fn adding(self, request_id: Vec<u8>, name: String) -> api::AddUserRequest {
        api::AddUserRequest {
            request_id,
            name,
            aliases: self.alias,
            contact: self.contact,
            email: self.email,
            phone: self.phone,
            groups: self.group,
        }
    }
}

/// What of a user is to be otherwise.
#[derive(Debug, clap::Args)]
pub(super) struct Edit {
    /// Another directory name
    #[arg(long)]
    rename: Option<String>,
    /// All aliases, in place of the present ones; once with '' for none
    #[arg(long)]
    alias: Option<Vec<String>>,
    /// Free text
    #[arg(long)]
    contact: Option<String>,
    /// Where passcodes are sent to by e-mail; '' for nowhere
    #[arg(long)]
    email: Option<String>,
    /// Where passcodes are sent to by SMS: + and digits; '' for nowhere
    #[arg(long)]
    phone: Option<String>,
    /// All groups, in place of the present ones; once with '' for none
    #[arg(long)]
    group: Option<Vec<String>>,
}

impl Edit {
    fn setting(self, request_id: Vec<u8>, name: String, revision: u64) -> api::SetUserRequest {
        api::SetUserRequest {
            request_id,
            name,
            expected_revision: revision,
            new_name: self.rename,
            contact: self.contact,
            email: self.email,
            phone: self.phone,
            aliases: self.alias.map(texts),
            groups: self.group.map(texts),
        }
    }
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut users = UserServiceClient::new(session.named());
        let request_id = session.request_id();
        match self {
            Self::List { prefix, limit } => list(session, users, prefix, limit).await,
            Self::Show { name } => {
                let answer = users.get_user(api::GetUserRequest { name }).await;
                shown(session, answer)
            }
            Self::Add { name, parts } => {
                let add = parts.adding(request_id, name);
                shown(session, users.add_user(add).await)
            }
            Self::Set {
                name,
                parts,
                revision,
            } => {
                let set = parts.setting(request_id, name, revision);
                shown(session, users.set_user(set).await)
            }
            Self::Remove { name, revision } => {
                let remove = api::RemoveUserRequest {
                    request_id,
                    name,
                    expected_revision: revision,
                };
                session.done(users.remove_user(remove).await).map(drop)
            }
            Self::Password { name, file, .. } => set_password(session, users, name, file).await,
            Self::Unlock { name } => {
                let unlock = api::UnlockUserRequest { request_id, name };
                session.done(users.unlock_user(unlock).await).map(drop)
            }
            Self::Allow { name } => {
                let allow = api::AllowUserRequest { request_id, name };
                session.done(users.allow_user(allow).await).map(drop)
            }
            Self::Disable { name } => set_status(session, users, name, UserStatus::Disabled).await,
            Self::Enable { name } => set_status(session, users, name, UserStatus::Active).await,
        }
    }
}

fn shown(
    session: &Session,
    answer: Result<tonic::Response<api::User>, tonic::Status>,
) -> Result<(), Failure> {
    let user = session.done(answer)?;
    session.output.one(show::USER, &show::user(&user));
    Ok(())
}

/// Without a file it has none any more.
async fn set_password(
    session: &Session,
    mut users: UserServiceClient<Named>,
    name: String,
    file: Option<PathBuf>,
) -> Result<(), Failure> {
    let set = api::SetUserPasswordRequest {
        request_id: session.request_id(),
        name,
        password: secrets::optional(file.as_deref())?,
    };
    session.done(users.set_user_password(set).await).map(drop)
}

async fn set_status(
    session: &Session,
    mut users: UserServiceClient<Named>,
    name: String,
    status: UserStatus,
) -> Result<(), Failure> {
    let set = api::SetUserStatusRequest {
        request_id: session.request_id(),
        name,
        status: status.into(),
    };
    session.done(users.set_user_status(set).await).map(drop)
}

async fn list(
    session: &Session,
    mut users: UserServiceClient<Named>,
    name_prefix: String,
    limit: usize,
) -> Result<(), Failure> {
    let (mut rows, mut page_token) = (Vec::new(), String::new());
    loop {
        let ask = api::ListUsersRequest {
            page_size: 1000,
            page_token,
            name_prefix: name_prefix.clone(),
        };
        let page = session.done(users.list_users(ask).await)?;
        rows.extend(page.users.iter().map(show::user));
        page_token = page.next_page_token;
        if page_token.is_empty() || (limit > 0 && rows.len() >= limit) {
            break;
        }
    }
    cut(&mut rows, limit, !page_token.is_empty());
    session.output.list(show::USERS, rows);
    Ok(())
}

/// Cuts a listing at its limit and says so.
pub(super) fn cut<T>(rows: &mut Vec<T>, limit: usize, more: bool) {
    if limit > 0 && (more || rows.len() > limit) {
        rows.truncate(limit);
        eprintln!("countersign: there are more; --limit 0 shows all");
    }
}

/// One empty text stands for none.
fn texts(values: Vec<String>) -> api::Texts {
    let values = values.into_iter().filter(|text| !text.is_empty()).collect();
    api::Texts { values }
}
