//! What `demo.json` tells, and what its users' apps show.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use countersign::login::Clock;
use countersign::node::SystemClock;
use countersign_core::base::Secret;
use countersign_core::otp::{Parameters, code_at, from_base32};
use serde::Deserialize;

/// What is read of the file.
#[derive(Debug, Deserialize)]
struct Told {
    nodes: Vec<Node>,
    clients: Vec<ToldClient>,
    admin: Admin,
    entra: Entra,
    load: Load,
}

/// A node as the demo made it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) id: u16,
    pub(crate) pid: u32,
    pub(crate) radius: SocketAddr,
    pub(crate) admin: String,
    pub(crate) metrics: String,
    pub(crate) config: PathBuf,
}

#[derive(Debug, Deserialize)]
struct ToldClient {
    name: String,
    cidr: String,
    secret: String,
}

/// How to act as the operator.
#[derive(Debug, Deserialize)]
pub(crate) struct Admin {
    pub(crate) token_file: PathBuf,
    pub(crate) ca_file: PathBuf,
}

/// The stand-in for Entra.
#[derive(Debug, Deserialize)]
pub(crate) struct Entra {
    pub(crate) ca_file: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) control: String,
}

#[derive(Debug, Deserialize)]
struct Load {
    users: u64,
    name: String,
    password: String,
    totp_secret: String,
}

/// A RADIUS client that this program plays.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) source: IpAddr,
    pub(crate) secret: Secret,
}

/// The cluster and everyone around it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) nodes: Vec<Node>,
    pub(crate) admin: Admin,
    pub(crate) entra: Entra,
    /// Password and code.
    pub(crate) vpn: Client,
    /// The code alone.
    pub(crate) proxy: Client,
    /// The code alone, unless the operator has just tightened it.
    pub(crate) gate: Client,
    pub(crate) users: u64,
    name: String,
    pub(crate) password: String,
    seed: Secret,
}

impl World {
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let told: Told = serde_json::from_slice(&std::fs::read(file)?)
            .with_context(|| format!("{}", file.display()))?;
        let client = |name: &'static str| {
            let found = told.clients.iter().find(|it| it.name == name);
            let found = found.with_context(|| format!("the demo has no client {name}"))?;
            let address = found.cidr.split('/').next().unwrap_or_default();
            anyhow::Ok(Client {
                name,
                source: address.parse()?,
                secret: Secret::from(found.secret.clone()),
            })
        };
        Ok(Self {
            vpn: client("vpn")?,
            proxy: client("proxy")?,
            gate: Client {
                name: GATE,
                source: GATE_SOURCE.parse()?,
                secret: Secret::from(GATE_SECRET.to_owned()),
            },
            nodes: told.nodes,
            admin: told.admin,
            entra: told.entra,
            users: told.load.users,
            name: told.load.name,
            password: told.load.password,
            seed: from_base32(&told.load.totp_secret)?.seed,
        })
    }

    /// The user's name.
    pub(crate) fn user(&self, number: u64) -> String {
        self.name.replace("{n}", &number.to_string())
    }

    /// What the app shows so many steps from now.
    pub(crate) fn code(&self, ahead: i64) -> String {
        self.code_of(step().saturating_add_signed(ahead))
    }

    /// A code that no step about now has.
    pub(crate) fn wrong_code(&self, number: u64) -> String {
        let now = step();
        let near = now.saturating_sub(4)..now.saturating_add(8);
        let near: Vec<_> = near.map(|step| self.code_of(step)).collect();
        let codes = (0..).map(|more: u64| format!("{:06}", number.wrapping_add(more) % 1_000_000));
        let mut codes = codes.filter(|code| !near.contains(code));
        codes.next().unwrap_or_default()
    }

    fn code_of(&self, step: u64) -> String {
        let code = code_at(&self.seed, &Parameters::default(), step);
        code.map(|code| code.as_str().to_owned())
            .unwrap_or_default()
    }
}

fn step() -> u64 {
    SystemClock.wall().as_secs() / Parameters::default().period.as_secs()
}

/// The client that this program adds.
pub(crate) const GATE: &str = "gate";
pub(crate) const GATE_SOURCE: &str = "127.0.0.3";
/// Of a cluster that lives for minutes on loopback.
pub(crate) const GATE_SECRET: &str = "chaos-gate-secret-of-a-demo";
