//! Devices that are known: what a client of each is given, and how the device is told.
//!
//! The facts are in `devices.toml`, which is part of the program. Must not know clients
//! that are there.

use std::sync::LazyLock;

use countersign_core::ledger::storage;
use serde::Deserialize;

use super::OperateError;

pub(super) use render::{Server, configuration};

mod render;

/// One device.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// As operators name it.
    pub name: String,
    /// As its vendor does.
    pub title: String,
    /// How long it waits for one answer, in milliseconds.
    pub timeout_ms: u32,
    /// How often it asks one server.
    pub tries: u32,
    /// How many servers it can have.
    pub servers: u32,
    message_authenticator: Mode,
    /// Whether it can ask for the code by itself.
    pub challenge: bool,
    /// What an Accept tells it of groups.
    pub groups: Vec<String>,
    /// What an operator should know of it.
    pub notes: Vec<String>,
    /// How the device is told; see `devices.toml`.
    configuration: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Auto,
    Require,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Devices {
    profile: Vec<Profile>,
}

/// All of them, by name.
#[must_use]
pub fn profiles() -> &'static [Profile] {
    static ALL: LazyLock<Vec<Profile>> = LazyLock::new(|| {
        let read: Devices = toml::from_str(include_str!("profiles/devices.toml"))
            .expect("a test reads the very text");
        let mut all = read.profile;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    });
    &ALL
}

/// The one with this name.
///
/// # Errors
/// When there is none.
pub(super) fn find(name: &str) -> Result<&'static Profile, OperateError> {
    let mut all = profiles().iter();
    all.find(|profile| profile.name == name)
        .ok_or_else(|| OperateError::NotFound {
            kind: "profile",
            name: name.to_owned(),
        })
}

impl Profile {
    /// The client as it was given, and where nothing was said as this device needs it.
    #[must_use]
    pub fn under(&self, mut client: storage::Client) -> storage::Client {
        let or = |given: &mut u32, own: u32| {
            if *given == 0 {
                *given = own;
            }
        };
        or(&mut client.timeout, self.timeout_ms);
        or(&mut client.tries, self.tries);
        or(&mut client.servers, self.servers);
        if client.message_authenticator == 0 {
            let mode = match self.message_authenticator {
                Mode::Auto => storage::MessageAuthenticatorMode::Auto,
                Mode::Require => storage::MessageAuthenticatorMode::Require,
            };
            client.message_authenticator = mode.into();
        }
        if client.factors == 0 {
            client.factors = storage::Factors::PasswordAndCode.into();
        }
        client.profile.clone_from(&self.name);
        client
    }

    /// Commands that tell a client of this device of the user's groups.
    #[must_use]
    pub fn suggestions(&self, client: &str) -> Vec<String> {
        let rule = |(number, attribute): (usize, &String)| {
            let name = if number == 0 {
                format!("{client}-groups")
            } else {
                format!("{client}-groups-{}", number.saturating_add(1))
            };
            format!(
                "countersign rule add {} --client {} --factors both --attribute {}",
                quoted(&name),
                quoted(client),
                quoted(attribute)
            )
        };
        self.groups.iter().enumerate().map(rule).collect()
    }
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@/=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
