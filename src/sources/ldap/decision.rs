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

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeName {
    Denied,
    NotAsked,
    Right,
    Unanswered,
    Wrong,
}

fn rows(listed: Vec<Row>) -> Result<Rows, TableError> {
    let mut rows = Rows::new();
    for row in listed {
        let meaning = (row.outcome.into(), reason_called(&row.reason)?);
        for code in row.codes {
            if rows.insert(code, meaning).is_some() {
                return Err(TableError::Twice(code));
            }
        }
    }
    Ok(rows)
}

impl From<OutcomeName> for SourceOutcome {
    fn from(name: OutcomeName) -> Self {
        match name {
            OutcomeName::Denied => Self::Denied,
            OutcomeName::NotAsked => Self::NotAsked,
            OutcomeName::Right => Self::Right,
            OutcomeName::Unanswered => Self::Unanswered,
            OutcomeName::Wrong => Self::Wrong,
        }
    }
}

fn reason_called(name: &str) -> Result<Reason, TableError> {
    let mut all = Reason::ALL.iter().copied();
    all.find(|reason| format!("{reason:?}") == name)
        .ok_or_else(|| TableError::Unknown(name.to_owned()))
}

const UNKNOWN: (SourceOutcome, Reason) = (SourceOutcome::Denied, Reason::UnknownAnswer);
/// Invalid credentials.
const REFUSED: u32 = 49;

#[cfg(test)]
mod tests;
