//! Tokens: made, shown, given to users, put in and out of service.
//!
//! A seed goes in and never comes out, but for its enrolment URI while the token is
//! pending.

use countersign_core::base::limits::PAGE_RECORDS_MAX;
use countersign_core::base::{RequestId, Secret, TokenId, UserId};
use countersign_core::ledger::storage::{self, ChangeOutcome, TokenState, change::Kind};
use countersign_core::ledger::{Read, StoreError, fields, query};
use countersign_core::otp::{self, Parameters};

use super::house::{Asked, draw_id, seen_revision};
use super::read;
use super::{Action, Caller, Operate, OperateError};
use crate::login::Ledger;

/// A token as operators see it.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenShown {
    /// The record; its seed is sealed.
    pub token: storage::Token,
    /// Name of the owner; empty: in the inventory.
    pub owner: String,
    /// Learnt drift, in steps.
    pub drift: i32,
}

/// A new token.
#[derive(Debug, Default)]
pub struct NewToken {
    /// Name of the user; empty: to the inventory.
    pub owner: String,
    /// How its codes are computed.
    pub parameters: Parameters,
    /// Printed on the device; empty: none.
    pub serial: String,
    /// Free text.
    pub label: String,
    /// Base32; `None`: one is drawn.
    pub seed: Option<Secret>,
    /// In service at once, without proof: for a device that is in use already.
    pub active: bool,
    /// What the app shows as the issuer.
    pub issuer: String,
}

/// A token just made.
#[derive(Debug)]
pub struct TokenAdded {
    /// The token.
    pub token: TokenShown,
    /// The enrolment URI, where the token is pending. Holds the seed.
    pub uri: Option<Secret>,
}

/// Which tokens are listed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum TokensOf {
    /// All.
    #[default]
    Everybody,
    /// Those without an owner.
    Nobody,
    /// One user's.
    User(String),
}

impl<L: Ledger> Operate<L> {
    /// Makes a token.
    ///
    /// # Errors
    /// Refused when the serial is taken, the seed is none, or the user has too many.
    pub async fn add_token(
        &self,
        caller: &Caller,
        request: RequestId,
        new: NewToken,
    ) -> Result<TokenAdded, OperateError> {
        caller.may(Action::TokenAdd)?;
        let owner = self.owner(&new.owner)?.unwrap_or_default();
        let mut token = storage::Token {
            owner: owner.id,
            serial: new.serial,
            label: new.label,
            state: initial_state(new.active, new.seed.is_some())?.into(),
            ..parameters_stored(new.parameters)
        };
        let asked = Asked::new(Action::TokenAdd, request).with_message(&token);
        let seed = match new.seed {
            Some(text) => decoded(&text)?,
            None => otp::draw_seed(new.parameters.algorithm, &mut self.chance()),
        };
        if token.state() == TokenState::Pending {
            // Before anything is made: a token that nobody can enrol is of no use.
            drop(uri(&seed, &token, &owner.name, &new.issuer)?);
        }
        token.id = draw_id(&mut self.chance());
        let row = token.id.to_be_bytes();
        token.seed = self.seal(&fields::token_seed(self.cluster_id()?, &row), &seed)?;
        let put = storage::PutToken {
            token: Some(token),
            expected_revision: 0,
        };
        let done = self.change(caller, asked, Kind::PutToken(put)).await?;
        let token = self.token_back(request, done.id).await?;
        let pending = token.token.state() == TokenState::Pending;
        let uri = pending
            .then(|| self.uri_of(&token, &new.issuer))
            .transpose()?;
        Ok(TokenAdded { token, uri })
    }

    /// Tokens, `limit` of them, with ids above `after`. A page may have fewer although
    /// more follow; the second value says where.
    ///
    /// # Errors
    /// When nobody has the owner's name.
    pub fn list_tokens(
        &self,
        caller: &Caller,
        of: &TokensOf,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<TokenShown>, Option<u64>), OperateError> {
        self.reading(caller, Action::TokenList)?;
        let view = self.ledger.view();
        if let TokensOf::User(name) = of {
            let owned = query::tokens_of(&view, UserId(self.user(name)?.id))?;
            let tokens: Result<_, StoreError> =
                owned.into_iter().map(|o| shown(&view, o.token)).collect();
            return Ok((tokens?, None));
        }
        let limit = limit.clamp(1, PAGE_RECORDS_MAX);
        let page = query::tokens(&view, TokenId(after), limit)?;
        let full = page.len() == limit;
        let next = page.last().map(|token| token.id).filter(|_| full);
        let tokens: Result<_, StoreError> = page
            .into_iter()
            .filter(|token| *of == TokensOf::Everybody || token.owner == 0)
            .map(|token| shown(&view, token))
            .collect();
        Ok((tokens?, next))
    }

    /// One token, by id or serial.
    ///
    /// # Errors
    /// When there is none.
    pub fn show_token(&self, caller: &Caller, name: &str) -> Result<TokenShown, OperateError> {
        self.reading(caller, Action::TokenShow)?;
        let token = self.token(name)?;
        Ok(shown(&self.ledger.view(), token)?)
    }

    /// The enrolment URI of a pending token. Holds the seed.
    ///
    /// # Errors
    /// Refused for a token that is not pending: its seed is never shown again.
    pub fn token_uri(
        &self,
        caller: &Caller,
        name: &str,
        issuer: &str,
    ) -> Result<Secret, OperateError> {
        self.reading(caller, Action::TokenUri)?;
        let token = self.token(name)?;
        if token.state() != TokenState::Pending {
            return Err(OperateError::Refused {
                refusal: storage::Refusal::State,
                detail: "only a pending token shows its seed".to_owned(),
            });
        }
        let token = shown(&self.ledger.view(), token)?;
        self.uri_of(&token, issuer)
    }

    /// Removes a token for ever.
    ///
    /// # Errors
    /// Refused when somebody else changed it since.
    pub async fn remove_token(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
        expected: u64,
    ) -> Result<ChangeOutcome, OperateError> {
        caller.may(Action::TokenRemove)?;
        let asked = Asked::new(Action::TokenRemove, request)
            .with(name)
            .with(expected.to_be_bytes());
        // One that is gone may be gone by the first try of this very request.
        let token = read::token(&self.ledger.view(), name)?.unwrap_or_default();
        let remove = storage::RemoveToken {
            id: token.id,
            expected_revision: seen_revision(expected, token.revision),
        };
        self.change(caller, asked, Kind::RemoveToken(remove)).await
    }

    /// Gives a token to a user, or puts it back to the inventory.
    ///
    /// # Errors
    /// Refused when the user has too many, or somebody else changed the token since.
    pub async fn assign_token(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
        owner: &str,
        expected: u64,
    ) -> Result<ChangeOutcome, OperateError> {
        caller.may(Action::TokenAssign)?;
        let token = self.token(name)?;
        let owner = self.owner(owner)?.map_or(0, |user| user.id);
        let asked = Asked::new(Action::TokenAssign, request)
            .with(token.id.to_be_bytes())
            .with(owner.to_be_bytes())
            .with(expected.to_be_bytes());
        let assign = storage::AssignToken {
            id: token.id,
            owner,
            expected_revision: seen_revision(expected, token.revision),
        };
        self.change(caller, asked, Kind::AssignToken(assign)).await
    }

    pub(super) fn token(&self, name: &str) -> Result<storage::Token, OperateError> {
        let found = read::token(&self.ledger.view(), name)?;
        found.ok_or_else(|| OperateError::NotFound {
            kind: "token",
            name: name.to_owned(),
        })
    }

    pub(super) fn seed_of(&self, token: &storage::Token) -> Result<Secret, OperateError> {
        let row = token.id.to_be_bytes();
        self.open(&fields::token_seed(self.cluster_id()?, &row), &token.seed)
    }

    fn uri_of(&self, token: &TokenShown, issuer: &str) -> Result<Secret, OperateError> {
        let seed = self.seed_of(&token.token)?;
        uri(&seed, &token.token, &token.owner, issuer)
    }

    /// The user of this name; of an empty one nobody.
    fn owner(&self, name: &str) -> Result<Option<storage::User>, OperateError> {
        (!name.is_empty()).then(|| self.user(name)).transpose()
    }

    async fn token_back(&self, request: RequestId, id: u64) -> Result<TokenShown, OperateError> {
        self.read_back(request, |view| {
            let token = query::token(view, TokenId(id))?;
            token.map(|token| shown(view, token)).transpose()
        })
        .await
    }
}

fn shown(tables: &impl Read, token: storage::Token) -> Result<TokenShown, StoreError> {
    let owner = query::user(tables, UserId(token.owner))?;
    let drift = query::counter(tables, TokenId(token.id))?.drift;
    Ok(TokenShown {
        owner: owner.map(|user| user.name).unwrap_or_default(),
        drift,
        token,
    })
}

/// The enrolment URI, with what tells the token from others as its account.
fn uri(
    seed: &Secret,
    token: &storage::Token,
    owner: &str,
    issuer: &str,
) -> Result<Secret, OperateError> {
    let account = [owner, &token.serial, &token.label];
    let account = account.into_iter().find(|text| !text.is_empty());
    let account = account.unwrap_or("token");
    otp::provisioning_uri(seed, &parameters(token)?, issuer, account)
        .map_err(|e| OperateError::invalid("issuer or account", e))
}

/// A drawn seed has to be proven: nobody has it yet.
fn initial_state(active: bool, given: bool) -> Result<TokenState, OperateError> {
    match (active, given) {
        (true, false) => Err(OperateError::invalid(
            "active",
            "a drawn seed is in no device yet; give the seed or leave the token pending",
        )),
        (true, true) => Ok(TokenState::Active),
        (false, _) => Ok(TokenState::Pending),
    }
}

pub(super) fn decoded(text: &Secret) -> Result<Secret, OperateError> {
    let text = std::str::from_utf8(text.expose());
    let text = text.map_err(|_| OperateError::invalid("seed", "not Base32"))?;
    let decoded = otp::from_base32(text.trim());
    decoded
        .map(|decoded| decoded.seed)
        .map_err(|e| OperateError::invalid("seed", e))
}

/// A record with these parameters and nothing else.
pub(super) fn parameters_stored(parameters: Parameters) -> storage::Token {
    let algorithm = match parameters.algorithm {
        otp::Algorithm::Sha1 => storage::TokenAlgorithm::Sha1,
        otp::Algorithm::Sha256 => storage::TokenAlgorithm::Sha256,
        otp::Algorithm::Sha512 => storage::TokenAlgorithm::Sha512,
    };
    storage::Token {
        algorithm: algorithm.into(),
        digits: parameters.digits.count().try_into().unwrap_or_default(),
        period: parameters.period.as_secs().try_into().unwrap_or_default(),
        ..Default::default()
    }
}

/// The parameters of a stored token.
pub(super) fn parameters(token: &storage::Token) -> Result<Parameters, OperateError> {
    let algorithm = match token.algorithm() {
        storage::TokenAlgorithm::Unspecified => {
            return Err(OperateError::invalid("algorithm", "not known to this node"));
        }
        storage::TokenAlgorithm::Sha1 => otp::Algorithm::Sha1,
        storage::TokenAlgorithm::Sha256 => otp::Algorithm::Sha256,
        storage::TokenAlgorithm::Sha512 => otp::Algorithm::Sha512,
    };
    let digits = otp::Digits::try_from(token.digits);
    let period = otp::Period::try_from(u64::from(token.period));
    Ok(Parameters {
        algorithm,
        digits: digits.map_err(|e| OperateError::invalid("digits", e))?,
        period: period.map_err(|e| OperateError::invalid("period", e))?,
    })
}
