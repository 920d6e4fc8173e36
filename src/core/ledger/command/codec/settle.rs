//! What a source said, to octets and back.

use super::{CommandError, key};
use crate::ledger::{Carried, Settle, SourceOutcome, storage};

impl From<&Settle> for storage::Settle {
    fn from(settle: &Settle) -> Self {
        let outcome = match settle.outcome {
            SourceOutcome::Right => storage::SourceOutcome::Right,
            SourceOutcome::Wrong => storage::SourceOutcome::Wrong,
            SourceOutcome::Denied => storage::SourceOutcome::Denied,
            SourceOutcome::NotAsked => storage::SourceOutcome::NotAsked,
            SourceOutcome::Unanswered => storage::SourceOutcome::Unanswered,
        };
        Self {
            key: settle.key.0.to_vec(),
            epoch: Some(settle.epoch.into()),
            outcome: outcome.into(),
            relayed: settle.relayed.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<storage::Settle> for Settle {
    type Error = CommandError;

    fn try_from(settle: storage::Settle) -> Result<Self, CommandError> {
        let outcome = match settle.outcome() {
            storage::SourceOutcome::Right => SourceOutcome::Right,
            storage::SourceOutcome::Wrong => SourceOutcome::Wrong,
            storage::SourceOutcome::Denied => SourceOutcome::Denied,
            storage::SourceOutcome::NotAsked => SourceOutcome::NotAsked,
            storage::SourceOutcome::Unanswered => SourceOutcome::Unanswered,
            storage::SourceOutcome::Unspecified => return Err(CommandError::Field("outcome")),
        };
        let relayed = settle.relayed.as_ref().map(Carried::try_from).transpose();
        let relayed = relayed.map_err(|_| CommandError::Field("relayed"))?;
        if relayed.is_some() && outcome != SourceOutcome::Right {
            return Err(CommandError::Field("relayed"));
        }
        Ok(Self {
            key: key(&settle.key)?,
            epoch: settle.epoch.ok_or(CommandError::Field("epoch"))?.into(),
            outcome,
            relayed,
        })
    }
}
