//! From the directory's answer to a bind to a verdict, by `decisions.toml`. Decides by
//! numbers alone.
//!
//! Must not know: connections, entries.

use std::collections::BTreeMap;

use countersign_core::ledger::SourceOutcome;
use countersign_core::login::Reason;
use serde::Deserialize;

use super::message::Outcome;
use super::settings::Kind;
use crate::login::Answer;
use crate::sources::words::{OutcomeName, reason_called};

/// The table.
#[derive(Debug)]
pub(super) struct Decisions {
    kind: Kind,
    data: Rows,
    policy: Rows,
    result: Rows,
}

/// What each number means.
type Rows = BTreeMap<u32, (SourceOutcome, Reason)>;

impl Decisions {
    /// The table that is built in, for one kind of directory.
    pub(super) fn new(kind: Kind) -> Self {
        Self::parse(include_str!("decisions.toml"), kind)
            .expect("decisions.toml is part of the binary and read by the tests")
    }

    fn parse(text: &str, kind: Kind) -> Result<Self, TableError> {
        let file: File = toml::from_str(text)?;
        Ok(Self {
            kind,
            data: rows(file.data)?,
            policy: rows(file.policy)?,
            result: rows(file.result)?,
        })
    }

    /// The verdict on the answer to a bind.
    pub(super) fn judge(&self, said: &Outcome) -> Answer {
        let row = match self.kind {
            Kind::ActiveDirectory => said.data.filter(|_| said.code == REFUSED).map(|data| {
                // One that is in no table denies: it is not the plain "wrong".
                self.data.get(&data).copied().unwrap_or(UNKNOWN)
            }),
            Kind::OpenLdap => said
                .policy
                .and_then(|error| self.by_policy(error, said.code)),
        };
        let (outcome, reason) = row.unwrap_or_else(|| {
            let row = self.result.get(&said.code);
            row.copied().unwrap_or(UNKNOWN)
        });
        Answer::new(outcome, reason, Self::number(said))
    }

    /// The number that says most: that of Win32, or the result.
    pub(super) fn number(said: &Outcome) -> u32 {
        said.data.unwrap_or(said.code)
    }

    /// Whether the server tells of itself, not of the account: another may be in order.
    pub(super) const fn is_of_server(said: &Outcome) -> bool {
        // Limits of time and work, busy, unavailable, "other".
        matches!(said.code, 3 | 11 | 51 | 52 | 80)
    }

    /// Whether it is the account or its password that is refused: by any server alike.
    pub(super) const fn is_of_account(said: &Outcome) -> bool {
        said.code == REFUSED
    }

    /// Whether the password itself is called wrong, which counts towards a lock. Whatever else
    /// Active Directory says (locked, expired) it says without counting.
    pub(super) const fn is_wrong(said: &Outcome) -> bool {
        Self::is_of_account(said)
            && said.policy.is_none()
            && matches!(said.data, None | Some(0x525 | 0x52e))
    }

    /// The policy's word explains a refusal. Beside a success it counts as well: such a
    /// bind is good for changing the password and nothing else.
    fn by_policy(&self, error: u32, code: u32) -> Option<(SourceOutcome, Reason)> {
        if !matches!(code, 0 | REFUSED) {
            return None;
        }
        Some(self.policy.get(&error).copied().unwrap_or(UNKNOWN))
    }
}

/// Why the table cannot be used.
#[derive(Debug, thiserror::Error)]
enum TableError {
    #[error("not a table of decisions")]
    Syntax(#[from] toml::de::Error),
    #[error("number {0} stands twice")]
    Twice(u32),
    #[error("no reason is called {0}")]
    Unknown(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: Vec<Row>,
    policy: Vec<Row>,
    result: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    outcome: OutcomeName,
    reason: String,
    #[serde(rename = "about")]
    _about: String,
    codes: Vec<u32>,
}

fn rows(listed: Vec<Row>) -> Result<Rows, TableError> {
    let mut rows = Rows::new();
    for row in listed {
        let meaning = (row.outcome.into(), called(&row.reason)?);
        for code in row.codes {
            if rows.insert(code, meaning).is_some() {
                return Err(TableError::Twice(code));
            }
        }
    }
    Ok(rows)
}

fn called(name: &str) -> Result<Reason, TableError> {
    reason_called(name).ok_or_else(|| TableError::Unknown(name.to_owned()))
}

const UNKNOWN: (SourceOutcome, Reason) = (SourceOutcome::Denied, Reason::UnknownAnswer);
/// Invalid credentials.
const REFUSED: u32 = 49;

#[cfg(test)]
mod tests;
