//! Changes of operators and API tokens, and the one use of the bootstrap token.

use subtle::ConstantTimeEq;

use super::audit::Facts;
use super::check::{ensure, existing, name, present, put as store, ranges, revision, valid};
use super::done::{Done, Step, Stop, refuse};
use crate::base::limits::{API_TOKEN_NETWORKS_MAX, API_TOKENS_MAX, OPERATORS_MAX};
use crate::base::{Name, Timestamp};
use crate::ledger::query;
use crate::ledger::storage::change::Kind;
use crate::ledger::storage::{
    ApiToken, Change, Head, Operator, PutApiToken, PutOperator, Refusal, RemoveOperator,
    RevokeApiToken, Role,
};
use crate::ledger::table::{Draft, Read, Table};

/// Makes an operator, or changes its role. The first one comes with the bootstrap token,
/// which is spent by it.
pub(super) fn put(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    at: Timestamp,
    it: &PutOperator,
) -> Step {
    let operator = present(it.operator.as_ref(), "the operator")?;
    let name = name(&operator.name, "the name")?;
    valid(operator.role() != Role::Unspecified, "the role is unknown")?;
    if !it.bootstrap_hash.is_empty() {
        spend_bootstrap(head, at, it, operator)?;
    }
    let old = query::operator(draft, &name)?;
    match &old {
        Some(old) => revision(old.revision, it.expected_revision)?,
        None => check_new(draft, it.expected_revision)?,
    }
    let before = old.as_ref().map(facts).unwrap_or_default();
    if old.is_some() && operator.role() != Role::Admin {
        keep_an_admin(draft, &name)?;
    }
    let operator = Operator {
        created: old.as_ref().map_or(at.as_millis(), |old| old.created),
        revision: it.expected_revision.saturating_add(1),
        ..operator.clone()
    };
    store(draft, Table::Operators, name.as_str().as_bytes(), &operator);
    lower_tokens(draft, &name, operator.role())?;
    if let Some(token) = &it.first_token {
        create_token(draft, at, token)?;
    }
    Ok(Done {
        revision: operator.revision,
        before,
        after: facts(&operator),
        ..Done::default()
    })
}

/// Whether a change says by which API token it is allowed, or needs none: one of those that
/// make the first, or what a node has learnt of a client or a directory. Without this, whoever
/// has a node's key could do what administrators do.
#[must_use]
pub fn names_its_token(change: &Change) -> bool {
    let makes_first = match &change.kind {
        Some(Kind::PutOperator(it)) => !it.bootstrap_hash.is_empty(),
        // What the leader has read in a directory. It is trusted with that as with the verdict
        // on a password; how many users it refuses unasked is bounded.
        Some(Kind::SyncUsers(it)) => !it.confirmed,
        // What a node has seen; it only makes a client stricter, and only one that learns, or
        // moves a ceiling above which no setting counts.
        kind => matches!(
            kind,
            Some(Kind::Found(_) | Kind::LearnLockout(_) | Kind::LearnMessageAuthenticator(_))
        ),
    };
    let mut actor = change.actor.iter();
    makes_first || actor.any(|actor| !actor.token.is_empty())
}

/// Whether the API token that a change was allowed by still allows it (DESIGN §1, I5). A
/// node that lags behind has looked at tables in which it was not yet revoked.
pub(super) fn may_still(tables: &impl Read, at: Timestamp, change: &Change) -> Result<(), Stop> {
    if !names_its_token(change) {
        return refuse(Refusal::Forbidden, "the change names no API token");
    }
    let actor = change.actor.as_ref().filter(|it| !it.token.is_empty());
    let Some(actor) = actor else {
        return Ok(());
    };
    let token = query::api_token(tables, &actor.token)?;
    let allows = |token: &ApiToken| {
        let lives = token.expires == 0 || at.as_millis() < token.expires;
        lives && token.role >= actor.role
    };
    if token.as_ref().is_some_and(allows) {
        return Ok(());
    }
    refuse(
        Refusal::Forbidden,
        "the API token was revoked, lowered or has expired",
    )
}

/// Removes an operator and all its API tokens.
pub(super) fn remove(draft: &mut Draft<'_, impl Read>, it: &RemoveOperator) -> Step {
    let name = name(&it.name, "the name")?;
    let key = name.as_str().as_bytes();
    let operator: Operator = existing(draft, Table::Operators, key, "operator")?;
    keep_an_admin(draft, &name)?;
    for token in tokens_of(draft, &name)? {
        draft.delete(Table::ApiTokens, &token.hash);
    }
    draft.delete(Table::Operators, key);
    Ok(Done {
        before: facts(&operator),
        ..Done::default()
    })
}

/// Makes an API token of an operator. It is never replaced, only revoked.
pub(super) fn put_token(draft: &mut Draft<'_, impl Read>, at: Timestamp, it: &PutApiToken) -> Step {
    let token = present(it.token.as_ref(), "the token")?;
    create_token(draft, at, token)?;
    Ok(Done {
        revision: 1,
        after: token_facts(token),
        ..Done::default()
    })
}

/// Revokes an API token.
pub(super) fn revoke_token(draft: &mut Draft<'_, impl Read>, it: &RevokeApiToken) -> Step {
    let wanted = name(&it.name, "the name")?;
    let tokens = query::api_tokens(draft)?;
    let Some(token) = tokens.iter().find(|token| is_named(&token.name, &wanted)) else {
        return refuse(Refusal::NotFound, "no such API token");
    };
    draft.delete(Table::ApiTokens, &token.hash);
    Ok(Done {
        before: token_facts(token),
        ..Done::default()
    })
}

/// Takes the bootstrap token: the right one, in time, once, for an administrator with a
/// token to log in with.
fn spend_bootstrap(
    head: &mut Head,
    at: Timestamp,
    it: &PutOperator,
    operator: &Operator,
) -> Step<()> {
    // An empty stored hash means spent; the given one is never empty here.
    let right: bool = it.bootstrap_hash.ct_eq(&head.bootstrap_hash).into();
    let in_time = at < Timestamp::from_millis(head.bootstrap_until);
    ensure(right && in_time, Refusal::Bootstrap, || {
        "the bootstrap token is wrong, spent or too old".into()
    })?;
    let first = operator.role() == Role::Admin && it.first_token.is_some();
    valid(
        first,
        "the first operator is an administrator with an API token",
    )?;
    head.bootstrap_hash.clear();
    head.bootstrap_until = 0;
    Ok(())
}

fn check_new(tables: &impl Read, expected: u64) -> Step<()> {
    ensure(expected == 0, Refusal::NotFound, || {
        "no such operator".into()
    })?;
    let count = query::operators(tables)?.len();
    ensure(count < OPERATORS_MAX, Refusal::Limit, || {
        format!("a cluster has at most {OPERATORS_MAX} operators")
    })
}

/// Refuses to take the last administrator away: nobody could make another.
fn keep_an_admin(tables: &impl Read, leaving: &Name) -> Step<()> {
    let admins = query::operators(tables)?;
    let mut admins = admins.iter().filter(|it| it.role() == Role::Admin);
    let others = admins.clone().any(|it| !is_named(&it.name, leaving));
    let concerned = admins.any(|it| is_named(&it.name, leaving));
    ensure(others || !concerned, Refusal::LastAdmin, || {
        "the last administrator stays".into()
    })
}

/// No token may do more than its operator: a demotion counts for tokens made before it.
fn lower_tokens(draft: &mut Draft<'_, impl Read>, operator: &Name, role: Role) -> Step<()> {
    for mut token in tokens_of(draft, operator)? {
        if token.role > role.into() {
            token.set_role(role);
            store(draft, Table::ApiTokens, &token.hash.clone(), &token);
        }
    }
    Ok(())
}

fn create_token(draft: &mut Draft<'_, impl Read>, at: Timestamp, token: &ApiToken) -> Step<()> {
    let token_name = name(&token.name, "the token's name")?;
    let operator_name = name(&token.operator, "the token's operator")?;
    valid(token.hash.len() == 32, "a token's hash has 32 octets")?;
    let late = token.expires != 0 && token.expires <= at.as_millis();
    valid(!late, "the token has expired before it begins")?;
    ensure(
        token.networks.len() <= API_TOKEN_NETWORKS_MAX,
        Refusal::Limit,
        || format!("a token has at most {API_TOKEN_NETWORKS_MAX} networks"),
    )?;
    ranges(&token.networks)?;
    let Some(operator) = query::operator(draft, &operator_name)? else {
        return refuse(Refusal::NotFound, "no such operator");
    };
    let fits = token.role() != Role::Unspecified && token.role <= operator.role;
    valid(fits, "a token has a role, and not more than its operator")?;
    let others = query::api_tokens(draft)?;
    ensure(others.len() < API_TOKENS_MAX, Refusal::Limit, || {
        format!("a cluster has at most {API_TOKENS_MAX} API tokens")
    })?;
    let taken = |other: &ApiToken| other.hash == token.hash || is_named(&other.name, &token_name);
    ensure(!others.iter().any(taken), Refusal::Exists, || {
        "an API token with this name or hash exists".into()
    })?;
    let token = ApiToken {
        created: at.as_millis(),
        ..token.clone()
    };
    store(draft, Table::ApiTokens, &token.hash, &token);
    Ok(())
}

fn tokens_of(tables: &impl Read, operator: &Name) -> Step<Vec<ApiToken>> {
    let mut tokens = query::api_tokens(tables)?;
    tokens.retain(|token| is_named(&token.operator, operator));
    Ok(tokens)
}

fn is_named(text: &str, name: &Name) -> bool {
    Name::fold(text).as_ref() == Ok(name)
}

fn facts(operator: &Operator) -> String {
    Facts::default()
        .text("name", &operator.name)
        .with("role", operator.role().as_str_name())
        .into_text()
}

fn token_facts(token: &ApiToken) -> String {
    Facts::default()
        .text("operator", &token.operator)
        .with("role", token.role().as_str_name())
        .with("expires", token.expires)
        .list("networks", &token.networks)
        .into_text()
}
