//! What the stand-in is told on its command line.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use countersign_core::base::Secret;

use super::account::{Account, Standing};

/// Options of `countersign-demo entra`.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Directory for certificates, the log and the client secret
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// An account as NAME:PASSWORD:STATE, the state one of mfa, `no_mfa`, locked,
    /// disabled, expired, blocked, unknown
    #[arg(long = "user", value_name = "NAME:PASSWORD:STATE")]
    pub(crate) users: Vec<Account>,
    /// This many accounts load1@DOMAIN, load2@DOMAIN … that demand MFA
    #[arg(long, default_value_t = 0)]
    pub(crate) load_users: u32,
    /// The password of all of these
    #[arg(long, default_value = "load-Password-1")]
    pub(crate) load_password: String,
    /// The tenant's id
    #[arg(long, default_value = TENANT)]
    pub(crate) tenant: String,
    /// The tenant's domain
    #[arg(long, default_value = DOMAIN)]
    pub(crate) domain: String,
    /// The public application's id
    #[arg(long, default_value = CLIENT_ID)]
    pub(crate) client_id: String,
    /// The confidential application's id; its secret is written to DIR/entra-client-secret
    #[arg(long, default_value = CONFIDENTIAL_CLIENT_ID)]
    pub(crate) confidential_client_id: String,
    /// A permission that the confidential application holds in its own tokens
    #[arg(long = "role", default_values_t = ROLES.map(str::to_owned))]
    pub(crate) roles: Vec<String>,
    /// What clients call this server, as `https://HOST[:PORT]`, if not by its address
    #[arg(long)]
    pub(crate) authority: Option<String>,
    /// Further host names for the server certificate
    #[arg(long = "name")]
    pub(crate) names: Vec<String>,
    /// Lock an account after ten wrong passwords in a row
    #[arg(long)]
    pub(crate) smart_lockout: bool,
}

impl Options {
    /// For a demo with these accounts and `load_users` more, on a free port of loopback.
    pub(crate) fn demo(
        dir: PathBuf,
        users: Vec<Account>,
        load_users: u32,
        load_password: &str,
    ) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            dir,
            users,
            load_users,
            load_password: load_password.to_owned(),
            tenant: TENANT.to_owned(),
            domain: DOMAIN.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            confidential_client_id: CONFIDENTIAL_CLIENT_ID.to_owned(),
            roles: ROLES.map(str::to_owned).into(),
            authority: None,
            names: Vec::new(),
            smart_lockout: false,
        }
    }

    /// Named and load accounts; of one name, the named one.
    pub(super) fn accounts(&self) -> impl Iterator<Item = Account> {
        let load = (1..=self.load_users).map(|number| {
            let name = format!("load{number}@{}", self.domain);
            let password = Secret::from(self.load_password.clone());
            Account::new(&name, password, Standing::Mfa)
        });
        load.chain(self.users.iter().cloned())
    }
}

/// Writes a file that only its owner may read.
pub(super) fn write_private(path: &Path, octets: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(octets)
}

const TENANT: &str = "7d2c4f1e-9a53-4b8e-8f06-3c1b5e7a9d20";
const DOMAIN: &str = "contoso.example";
const ROLES: [&str; 2] = ["User.Read.All", "GroupMember.Read.All"];
const CLIENT_ID: &str = "1b6f0c3a-52d7-4e19-a8c4-90e2d7f3b615";
const CONFIDENTIAL_CLIENT_ID: &str = "e49a7d58-0c2b-4f36-b1d9-6a83f5c07e42";
