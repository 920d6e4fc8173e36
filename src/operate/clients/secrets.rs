//! Shared secrets of clients: drawn, sealed, rotated with the old one beside the new.
//!
//! Must not know which of them devices use.

use countersign_core::base::limits::CLIENT_SECRETS_MAX;
use countersign_core::base::{Entropy as _, RequestId, Secret};
use countersign_core::ledger::fields;
use countersign_core::ledger::storage::{self, Refusal, change::Kind};
use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};

use super::ClientAdded;
use crate::login::Ledger;
use crate::operate::house::{Asked, Chance};
use crate::operate::{Action, Caller, Operate, OperateError};

impl<L: Ledger> Operate<L> {
    /// Gives a client a new secret. The old ones stay valid beside it, so that devices
    /// can be changed one by one, until [`Self::finish_rotation`].
    ///
    /// # Errors
    /// Refused when there is no room for one more, or somebody else changed the client
    /// meanwhile.
    pub async fn rotate_client_secret(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
        secret: Option<Secret>,
        drop_old: bool,
    ) -> Result<ClientAdded, OperateError> {
        caller.may(Action::ClientRotateSecret)?;
        let mut client = self.client(name)?;
        let asked = Asked::new(Action::ClientRotateSecret, request)
            .with(client.id.to_be_bytes())
            .with([u8::from(drop_old)]);
        let drawn = secret.is_none();
        let odd_given = secret.as_ref().and_then(odd);
        let new = self.seal_client_secret(client.id, secret)?;
        if drop_old {
            client.secrets.clear();
        }
        client.secrets.insert(0, new);
        if client.secrets.len() > CLIENT_SECRETS_MAX && !self.is_known(request)? {
            return Err(unfinished());
        }
        let mut rotated = self
            .put_secrets(caller, asked, request, client, drawn)
            .await?;
        rotated.warnings.extend(odd_given);
        Ok(rotated)
    }

    /// Ends the secrets before the newest. What was seen of them lately is warned of.
    ///
    /// # Errors
    /// Refused when there is but one, or somebody else changed the client meanwhile.
    pub async fn finish_rotation(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
    ) -> Result<ClientAdded, OperateError> {
        caller.may(Action::ClientRotateSecret)?;
        let mut client = self.client(name)?;
        let asked = Asked::new(Action::ClientRotateSecret, request)
            .with(client.id.to_be_bytes())
            .with("finish");
        let ended = self.ended(&client).await;
        client.secrets.truncate(1);
        let mut finished = self
            .put_secrets(caller, asked, request, client, false)
            .await?;
        finished.warnings.extend(ended);
        Ok(finished)
    }

    async fn put_secrets(
        &self,
        caller: &Caller,
        asked: Asked,
        request: RequestId,
        client: storage::Client,
        show: bool,
    ) -> Result<ClientAdded, OperateError> {
        let put = storage::PutClient {
            expected_revision: client.revision,
            client: Some(client),
            learn_anew: false,
        };
        let done = self.change(caller, asked, Kind::PutClient(put)).await?;
        self.client_back(request, &done, show).await
    }

    /// What whoever ends the old secrets should know of them.
    async fn ended(&self, client: &storage::Client) -> Option<String> {
        let nodes = self.sightings.of(client_id(client)).await;
        let used = super::seen::secrets_used(client, &nodes);
        let (new, old) = used.split_first()?;
        let old = old.iter().copied().max().unwrap_or_default();
        if *new == 0 && old == 0 {
            let text = "no node has seen which secret the device uses, since it proves none of \
                        its packets: try a login now";
            return Some(text.to_owned());
        }
        (old > *new).then(|| {
            "the last packet was proven by an old secret: a device that still has it is a \
             stranger now; `client rotate-secret` with its secret file brings it back"
                .to_owned()
        })
    }

    pub(super) fn seal_client_secret(
        &self,
        client: u64,
        secret: Option<Secret>,
    ) -> Result<Vec<u8>, OperateError> {
        let secret = secret.unwrap_or_else(|| drawn_secret(&mut self.chance()));
        if !(SECRET_OCTETS_MIN..=SECRET_OCTETS_MAX).contains(&secret.len()) {
            let why = format!("a secret has {SECRET_OCTETS_MIN} to {SECRET_OCTETS_MAX} octets");
            return Err(OperateError::invalid("secret", why));
        }
        let row = client.to_be_bytes();
        self.seal(&fields::client_secret(self.cluster_id()?, &row), &secret)
    }
}

/// Nobody here knows which of the old secrets devices still use: none is dropped unasked.
fn unfinished() -> OperateError {
    OperateError::Refused {
        refusal: Refusal::Limit,
        detail: format!(
            "{CLIENT_SECRETS_MAX} secrets are valid: end the old ones first, with --finish once \
             no device has them any more, or with --drop-old at once"
        ),
    }
}

const fn client_id(client: &storage::Client) -> countersign_core::base::ClientId {
    countersign_core::base::ClientId(client.id)
}

/// What tells a sealed secret from others: where packets proven by it were seen, and which
/// of a client's it is. Nobody learns the secret from it.
#[must_use]
pub fn secret_digest(sealed: &[u8]) -> [u8; 8] {
    let digest = Sha256::digest(sealed);
    digest.first_chunk().copied().unwrap_or_default()
}

/// A given secret that devices misread.
pub(super) fn odd(secret: &Secret) -> Option<String> {
    let plain = secret.expose().iter().all(u8::is_ascii_alphanumeric);
    (!plain).then(|| {
        "the secret has other signs than letters and digits: some devices misread quotes, \
         blanks, # or %"
            .to_owned()
    })
}

/// 160 random bits in 32 signs that every device's form takes.
fn drawn_secret(chance: &mut Chance) -> Secret {
    let octets = Secret::new(chance.array::<20>().to_vec());
    let mut text = BASE32_NOPAD.encode(octets.expose());
    text.make_ascii_lowercase();
    Secret::from(text)
}

/// Shorter ones are found from a single captured packet.
const SECRET_OCTETS_MIN: usize = 8;
/// Longer than any device takes.
const SECRET_OCTETS_MAX: usize = 128;
