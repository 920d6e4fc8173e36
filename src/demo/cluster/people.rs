//! Who is there: clients, users, the load generator's users. Drawn anew for each demo, so
//! that no secret of a demo is worth anything elsewhere.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use countersign::node::SystemEntropy;
use countersign_core::base::Entropy;
use countersign_core::otp::{Algorithm, draw_seed, to_base32};
use data_encoding::BASE32_NOPAD;

use super::contract::{Client, Load, User};
use crate::entra;

/// Everyone in the demo.
#[derive(Debug)]
pub(super) struct People {
    pub(super) clients: [Client; 2],
    pub(super) users: [User; 2],
    pub(super) load: Load,
}

impl People {
    pub(super) fn draw(load_users: u32) -> Self {
        let client = |name, cidr, factors| Client {
            name,
            cidr,
            secret: word(),
            factors,
        };
        let user = |name: &str, note| User {
            name: format!("{name}@contoso.example"),
            password: word(),
            totp_secret: seed(),
            note,
        };
        Self {
            clients: [
                client("vpn", "127.0.0.1/32", "both"),
                client("proxy", "127.0.0.2/32", "code"),
            ],
            users: [user("alice", "MFA on"), user("bob", "no MFA: refused")],
            load: Load {
                users: load_users,
                name: "load{n}@contoso.example".to_owned(),
                password: word(),
                totp_secret: seed(),
            },
        }
    }

    /// The stand-in's accounts.
    pub(super) fn accounts(&self) -> anyhow::Result<Vec<entra::Account>> {
        let [alice, bob] = &self.users;
        let account = |user: &User, state: &str| {
            let text = format!("{}:{}:{state}", user.name, user.password);
            text.parse()
                .map_err(|error| anyhow::anyhow!("an account of the demo: {error}"))
        };
        Ok(vec![account(alice, "mfa")?, account(bob, "no_mfa")?])
    }

    /// Writes the file of users and tokens that an operator would import.
    pub(super) fn write_csv(&self, file: &Path) -> anyhow::Result<()> {
        let mut csv =
            String::from("upn,serial number,secret key,time interval,manufacturer,model\n");
        for (number, user) in self.users.iter().enumerate() {
            let User {
                name, totp_secret, ..
            } = user;
            writeln!(csv, "{name},demo{number},{totp_secret},30,Contoso,App")?;
        }
        let seed = &self.load.totp_secret;
        for n in 1..=self.load.users {
            let name = self.load.name.replace("{n}", &n.to_string());
            writeln!(csv, "{name},load{n},{seed},30,Contoso,App")?;
        }
        super::node::write_private(file, csv.as_bytes())
            .with_context(|| format!("{} cannot be written", file.display()))
    }
}

/// 160 random bits; no sign of it needs quoting anywhere.
fn word() -> String {
    BASE32_NOPAD.encode(&SystemEntropy.array::<20>())
}

fn seed() -> String {
    let seed = draw_seed(Algorithm::Sha1, &mut SystemEntropy);
    String::from_utf8_lossy(to_base32(&seed).expose()).into_owned()
}
