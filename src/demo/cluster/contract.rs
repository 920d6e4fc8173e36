//! `demo.json`: what the demo tells to scripts. Keys are only ever added.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// The whole file.
#[derive(Debug, Serialize)]
pub(super) struct Demo {
    pub(super) nodes: Vec<Node>,
    pub(super) clients: Vec<Client>,
    pub(super) radsec: RadSec,
    pub(super) admin: Admin,
    pub(super) entra: Entra,
    pub(super) users: Vec<User>,
    pub(super) load: Load,
}

/// A node and where it listens.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Node {
    pub(super) id: u16,
    pub(super) pid: u32,
    pub(super) radius: String,
    pub(super) accounting: String,
    pub(super) radsec: String,
    pub(super) admin: String,
    /// Where the other nodes reach it; a cluster of one has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peers: Option<String>,
    pub(super) metrics: String,
    pub(super) config: PathBuf,
}

/// A RADIUS client, told apart by the address that it sends from.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) cidr: &'static str,
    pub(super) secret: String,
    pub(super) factors: &'static str,
}

/// How to come over TLS: the authority of the nodes, and the certificate of the client `vpn`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RadSec {
    pub(super) ca_file: PathBuf,
    #[serde(flatten)]
    pub(super) vpn: Identity,
    /// The same of the client `proxy`, who is asked for the code alone.
    pub(super) proxy: Identity,
}

/// A certificate, its key and the name in it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Identity {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) name: String,
}

/// How to act as the operator.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Admin {
    pub(super) token_file: PathBuf,
    pub(super) ca_file: PathBuf,
}

/// The stand-in for Entra.
#[derive(Debug, Serialize)]
pub(super) struct Entra {
    pub(super) authority: String,
    pub(super) tenant: String,
    pub(super) client_id: String,
    pub(super) ca_file: PathBuf,
    pub(super) log: PathBuf,
    pub(super) control: String,
}

/// A user to log in as.
#[derive(Clone, Debug, Serialize)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) totp_secret: String,
    pub(super) note: &'static str,
}

/// Users for a load generator: `{n}` is 1 to `users`; all have one password and one seed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Load {
    pub(super) users: u32,
    pub(super) name: String,
    pub(super) password: String,
    pub(super) totp_secret: String,
}

impl Demo {
    /// Writes the file whole or not at all.
    pub(super) fn write(&self, dir: &Path) -> anyhow::Result<()> {
        let unfinished = dir.join("demo.json.new");
        fs::write(&unfinished, serde_json::to_string_pretty(self)?)?;
        fs::rename(unfinished, dir.join("demo.json"))?;
        Ok(())
    }
}
