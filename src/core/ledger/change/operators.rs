//! Changes of operators and API tokens, and the one use of the bootstrap token.

use subtle::ConstantTimeEq;

use super::audit::{Facts, told};
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
    let admins_before = admins(draft, at)?;
    let old = query::operator(draft, &name)?;
    match &old {
        Some(old) => revision(old.revision, it.expected_revision)?,
        None => check_new(draft, it.expected_revision)?,
    }
    let operator = Operator {
        created: old.as_ref().map_or(at.as_millis(), |old| old.created),
        revision: it.expected_revision.saturating_add(1),
        ..operator.clone()
    };
    store(draft, Table::Operators, name.as_str().as_bytes(), &operator);
    let lowered = lower_tokens(draft, &name, operator.role())?;
    let mut new = facts(&operator).list("tokens_lowered", &lowered);
    if let Some(token) = &it.first_token {
        create_token(draft, at, token)?;
        new = token_facts(new.under("token"), token);
    }
    keep_an_admin(&admins_before, &admins(draft, at)?)?;
    let (before, after) = told(&old.as_ref().map(facts).unwrap_or_default(), &new);
    Ok(Done {
        revision: operator.revision,
        before,
        after,
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
    let allows = |token: &ApiToken| lives(token, at) && token.role >= actor.role;
    if token.as_ref().is_some_and(allows) {
        return Ok(());
    }
    refuse(
        Refusal::Forbidden,
        "the API token was revoked, lowered or has expired",
    )
}

/// Removes an operator and all its API tokens.
pub(super) fn remove(draft: &mut Draft<'_, impl Read>, at: Timestamp, it: &RemoveOperator) -> Step {
    let name = name(&it.name, "the name")?;
    let key = name.as_str().as_bytes();
    let operator: Operator = existing(draft, Table::Operators, key, "operator")?;
    let admins_before = admins(draft, at)?;
    let mut revoked = Vec::new();
    for token in tokens_of(draft, &name)? {
        draft.delete(Table::ApiTokens, &token.hash);
        revoked.push(token.name);
    }
    draft.delete(Table::Operators, key);
    keep_an_admin(&admins_before, &admins(draft, at)?)?;
    let before = facts(&operator).list("tokens", &revoked);
    Ok(Done {
        before: before.into_text(),
        ..Done::default()
    })
}

/// Makes an API token of an operator. It is never replaced, only revoked.
pub(super) fn put_token(draft: &mut Draft<'_, impl Read>, at: Timestamp, it: &PutApiToken) -> Step {
    let token = present(it.token.as_ref(), "the token")?;
    create_token(draft, at, token)?;
    Ok(Done {
        revision: 1,
        after: token_facts(Facts::default(), token).into_text(),
        ..Done::default()
    })
}

/// Revokes an API token.
pub(super) fn revoke_token(
    draft: &mut Draft<'_, impl Read>,
    at: Timestamp,
    it: &RevokeApiToken,
) -> Step {
    let wanted = name(&it.name, "the name")?;
    let tokens = query::api_tokens(draft)?;
    let Some(token) = tokens.iter().find(|token| is_named(&token.name, &wanted)) else {
        return refuse(Refusal::NotFound, "no such API token");
    };
    let admins_before = admins(draft, at)?;
    draft.delete(Table::ApiTokens, &token.hash);
    keep_an_admin(&admins_before, &admins(draft, at)?)?;
    Ok(Done {
        before: token_facts(Facts::default(), token).into_text(),
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

/// Who is left to do everything.
#[derive(Eq, PartialEq)]
struct Admins {
    /// There is an administrator.
    named: bool,
    /// One of them has a token that still allows everything.
    able: bool,
}

fn admins(tables: &impl Read, at: Timestamp) -> Step<Admins> {
    let mut operators = query::operators(tables)?;
    operators.retain(|operator| operator.role() == Role::Admin);
    let tokens = query::api_tokens(tables)?;
    let able = |operator: &Operator| {
        let name = Name::fold(&operator.name);
        let mut tokens = tokens.iter();
        name.is_ok_and(|name| tokens.any(|it| is_admins(it, at) && is_named(&it.operator, &name)))
    };
    Ok(Admins {
        named: !operators.is_empty(),
        able: operators.iter().any(able),
    })
}

fn is_admins(token: &ApiToken, at: Timestamp) -> bool {
    lives(token, at) && token.role() == Role::Admin
}

fn lives(token: &ApiToken, at: Timestamp) -> bool {
    token.expires == 0 || at.as_millis() < token.expires
}

/// Refuses a change after which nobody could make another administrator: an operator without
/// a token can do nothing.
fn keep_an_admin(before: &Admins, after: &Admins) -> Step<()> {
    let stays = (after.named || !before.named) && (after.able || !before.able);
    ensure(stays, Refusal::LastAdmin, || {
        "the last administrator who has a valid token stays: give another one a token first".into()
    })
}

/// No token may do more than its operator: a demotion counts for tokens made before it.
fn lower_tokens(
    draft: &mut Draft<'_, impl Read>,
    operator: &Name,
    role: Role,
) -> Step<Vec<String>> {
    let mut lowered = Vec::new();
    for mut token in tokens_of(draft, operator)? {
        if token.role > role.into() {
            token.set_role(role);
            store(draft, Table::ApiTokens, &token.hash.clone(), &token);
            lowered.push(token.name);
        }
    }
    Ok(lowered)
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

fn facts(operator: &Operator) -> Facts {
    Facts::default()
        .name("name", &operator.name)
        .with("role", operator.role().as_str_name())
}

fn token_facts(facts: Facts, token: &ApiToken) -> Facts {
    facts
        .text("name", &token.name)
        .text("operator", &token.operator)
        .with("role", token.role().as_str_name())
        .with("expires", token.expires)
        .list("networks", &token.networks)
}
