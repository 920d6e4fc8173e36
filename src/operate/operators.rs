//! Operators and their API tokens, and how the first of both comes to be.

use std::net::IpAddr;

use countersign_core::base::{Entropy, Name, RequestId, Secret};
use countersign_core::ledger::storage::{self, ChangeOutcome, Refusal, change::Kind};
use countersign_core::ledger::{Table, query};
use ipnet::IpNet;
use subtle::ConstantTimeEq;

use super::caller::{hash, is_written, written};
use super::house::Asked;
use super::{Action, Caller, Operate, OperateError, Role};
use crate::login::Ledger;

/// A new API token.
#[derive(Clone, Debug)]
pub struct NewApiToken {
    /// What operators call it.
    pub name: String,
    /// Who acts with it.
    pub operator: String,
    /// What it may do, at most.
    pub role: Role,
    /// Milliseconds since 1970; 0: never.
    pub expires: u64,
    /// From where it may be used; none: from anywhere.
    pub networks: Vec<String>,
}

/// An API token just made.
#[derive(Debug)]
pub struct ApiTokenAdded {
    /// The record.
    pub token: storage::ApiToken,
    /// The token itself, shown this once.
    pub secret: Secret,
}

impl<L: Ledger> Operate<L> {
    /// Whether there is an operator at all. Until then only [`Self::bootstrap`] works.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn has_operators(&self) -> Result<bool, OperateError> {
        Ok(!query::operators(&self.ledger.view())?.is_empty())
    }

    /// Makes the first operator, by the bootstrap token of the cluster. `first` is the API
    /// token that the caller drew and kept before it called: were it drawn here, a lost
    /// answer would lock everybody out for ever.
    ///
    /// # Errors
    /// Refused when the bootstrap token is wrong, spent or late.
    pub async fn bootstrap(
        &self,
        source: IpAddr,
        request: RequestId,
        bootstrap_token: &Secret,
        operator: &str,
        first: Secret,
    ) -> Result<ApiTokenAdded, OperateError> {
        self.in_sync()?;
        if !is_written(&first) {
            let why = "not of the form of one: cst_ and 52 signs of Base32";
            return Err(OperateError::invalid("first token", why));
        }
        let bootstrap_hash = hash(bootstrap_token);
        self.may_bootstrap(request, &bootstrap_hash)?;
        let asked = Asked::new(Action::OperatorPut, request)
            .with(operator)
            .with(bootstrap_hash)
            .with(hash(&first));
        let token = storage::ApiToken {
            name: format!("{operator}-first"),
            operator: operator.to_owned(),
            hash: hash(&first).to_vec(),
            role: storage::Role::Admin.into(),
            ..Default::default()
        };
        let put = storage::PutOperator {
            operator: Some(storage::Operator {
                name: operator.to_owned(),
                role: storage::Role::Admin.into(),
                ..Default::default()
            }),
            expected_revision: 0,
            bootstrap_hash: bootstrap_hash.to_vec(),
            first_token: Some(token.clone()),
        };
        let actor = storage::Actor {
            name: "bootstrap".to_owned(),
            source: source.to_string(),
            ..Default::default()
        };
        self.propose(actor, asked, Kind::PutOperator(put)).await?;
        Ok(ApiTokenAdded {
            token,
            secret: first,
        })
    }

    /// Whether it is worth a command: anybody may call this, and each command is a commit
    /// and an audit record. The ledger decides.
    fn may_bootstrap(&self, request: RequestId, hash: &[u8; 32]) -> Result<(), OperateError> {
        let view = self.ledger.view();
        let head = query::head(&view)?;
        let known: Option<storage::Request> = query::record(&view, Table::Requests, &request.0)?;
        if known.is_some() || bool::from(head.bootstrap_hash.ct_eq(hash)) {
            return Ok(());
        }
        Err(OperateError::Refused {
            refusal: Refusal::Bootstrap,
            detail: String::new(),
        })
    }

    /// Makes an operator (`expected` 0), or changes the role of one.
    ///
    /// # Errors
    /// Refused when nobody would be left who may do everything.
    pub async fn put_operator(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
        role: Role,
        expected: u64,
    ) -> Result<ChangeOutcome, OperateError> {
        let operator = storage::Operator {
            name: name.to_owned(),
            role: role.stored().into(),
            ..Default::default()
        };
        let asked = Asked::new(Action::OperatorPut, request)
            .with_message(&operator)
            .with(expected.to_be_bytes());
        let put = storage::PutOperator {
            operator: Some(operator),
            expected_revision: expected,
            ..Default::default()
        };
        self.change(caller, asked, Kind::PutOperator(put)).await
    }

    /// All operators.
    ///
    /// # Errors
    /// When the caller may not, or the node is not in sync.
    pub fn list_operators(&self, caller: &Caller) -> Result<Vec<storage::Operator>, OperateError> {
        self.reading(caller, Action::OperatorList)?;
        Ok(query::operators(&self.ledger.view())?)
    }

    /// Removes an operator and all API tokens of theirs.
    ///
    /// # Errors
    /// Refused when nobody would be left who may do everything.
    pub async fn remove_operator(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
    ) -> Result<ChangeOutcome, OperateError> {
        let asked = Asked::new(Action::OperatorRemove, request).with(name);
        let remove = storage::RemoveOperator {
            name: name.to_owned(),
        };
        self.change(caller, asked, Kind::RemoveOperator(remove))
            .await
    }

    /// Makes an API token: 256 random bits, of which only a hash is stored.
    ///
    /// # Errors
    /// Refused when the name is taken, the operator is not there, or this is the retry of
    /// a request that was done: its token was told in the answer that got lost.
    pub async fn add_api_token(
        &self,
        caller: &Caller,
        request: RequestId,
        new: NewApiToken,
    ) -> Result<ApiTokenAdded, OperateError> {
        let mut token = storage::ApiToken {
            name: new.name,
            operator: new.operator,
            role: new.role.stored().into(),
            expires: new.expires,
            networks: networks(&new.networks)?,
            ..Default::default()
        };
        let asked = Asked::new(Action::ApiTokenAdd, request).with_message(&token);
        let secret = written(&self.chance().array());
        token.hash = hash(&secret).to_vec();
        let put = storage::PutApiToken {
            token: Some(token.clone()),
        };
        self.change(caller, asked, Kind::PutApiToken(put)).await?;
        let stored = self.api_token_back(request, &token).await?;
        if stored.hash != token.hash {
            return Err(OperateError::Refused {
                refusal: Refusal::Exists,
                detail: "this request made it before, and the token was told only in the answer \
                         that got lost: revoke it and add another"
                    .to_owned(),
            });
        }
        Ok(ApiTokenAdded {
            token: stored,
            secret,
        })
    }

    async fn api_token_back(
        &self,
        request: RequestId,
        token: &storage::ApiToken,
    ) -> Result<storage::ApiToken, OperateError> {
        self.read_back(request, |view| {
            let tokens = query::api_tokens(view)?;
            Ok(tokens.into_iter().find(|t| same_name(&t.name, &token.name)))
        })
        .await
    }

    /// All API tokens, without what proves them.
    ///
    /// # Errors
    /// When the caller may not, or the node is not in sync.
    pub fn list_api_tokens(&self, caller: &Caller) -> Result<Vec<storage::ApiToken>, OperateError> {
        self.reading(caller, Action::ApiTokenList)?;
        let mut tokens = query::api_tokens(&self.ledger.view())?;
        tokens.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tokens)
    }

    /// Revokes an API token.
    ///
    /// # Errors
    /// When there is none of this name.
    pub async fn revoke_api_token(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
    ) -> Result<ChangeOutcome, OperateError> {
        let asked = Asked::new(Action::ApiTokenRevoke, request).with(name);
        let revoke = storage::RevokeApiToken {
            name: name.to_owned(),
        };
        self.change(caller, asked, Kind::RevokeApiToken(revoke))
            .await
    }
}

fn same_name(one: &str, other: &str) -> bool {
    one == other || Name::fold(one).is_ok_and(|one| Name::fold(other) == Ok(one))
}

fn networks(texts: &[String]) -> Result<Vec<String>, OperateError> {
    let one = |text: &String| {
        let network = text.trim().parse::<IpNet>();
        network
            .map(|network| network.trunc().to_string())
            .map_err(|e| OperateError::invalid("networks", e))
    };
    texts.iter().map(one).collect()
}
