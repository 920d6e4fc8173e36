//! The command that makes a passcode, to messages and back.

use super::{key, passcode};
use crate::base::{ClientId, PlaceId, Timestamp, UserId};
use crate::ledger::storage;
use crate::ledger::{CommandError, SendPasscode};

impl From<&SendPasscode> for storage::SendPasscode {
    fn from(send: &SendPasscode) -> Self {
        Self {
            key: send.key.0.to_vec(),
            owner: Some(send.owner.into()),
            user: send.user.0,
            client: send.client.0,
            place: send.place.0.to_vec(),
            revisions: Some(send.revisions.into()),
            hash: send.hash.0.to_vec(),
            issued: send.issued.as_millis(),
        }
    }
}

impl TryFrom<storage::SendPasscode> for SendPasscode {
    type Error = CommandError;

    fn try_from(send: storage::SendPasscode) -> Result<Self, CommandError> {
        let owner = send.owner.ok_or(CommandError::Field("owner"))?;
        let revisions = send.revisions.ok_or(CommandError::Field("revisions"))?;
        Ok(Self {
            key: key(&send.key)?,
            owner: owner.try_into()?,
            user: UserId(send.user),
            client: ClientId(send.client),
            place: PlaceId::try_from(&*send.place).map_err(|_| CommandError::Field("place"))?,
            revisions: revisions.into(),
            hash: passcode(&send.hash)?,
            issued: Timestamp::from_millis(send.issued),
        })
    }
}
