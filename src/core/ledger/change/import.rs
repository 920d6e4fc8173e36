//! Rows of a file of users and tokens, done one by one or all together.

use super::audit::Facts;
use super::check::{ensure, name, present, valid};
use super::dispatch::carry_over;
use super::done::{Done, Refused, Step, Stop, bounded, refuse};
use super::{tokens, users};
use crate::base::Timestamp;
use crate::base::limits::ATOMIC_ROWS_MAX;
use crate::ledger::query;
use crate::ledger::storage::{Import, ImportRow, Refusal, RowOutcome, Token};
use crate::ledger::table::{Draft, Read};

/// Imports the rows, each on a draft of its own, and tells how each of them ended. With
/// `atomic`, one refused row refuses all of them; every row is still tried, so that all
/// faults are told at once.
pub(super) fn import(draft: &mut Draft<'_, impl Read>, at: Timestamp, it: &Import) -> Step {
    ensure(it.rows.len() <= ATOMIC_ROWS_MAX, Refusal::Limit, || {
        format!("more than {ATOMIC_ROWS_MAX} rows in one change")
    })?;
    let mut rows = Vec::with_capacity(it.rows.len());
    let mut made = Made::default();
    for row in &it.rows {
        let outcome = tried(draft, at, row)?;
        if outcome.refusal() == Refusal::Unspecified {
            made.note(row, outcome.detail == FOR_KNOWN);
        }
        rows.push(outcome);
    }
    let refused = |row: &&RowOutcome| row.refusal() != Refusal::Unspecified;
    let count = rows.iter().filter(refused).count();
    let first = rows.iter().find(refused).cloned();
    if let Some(first) = first.filter(|_| it.atomic) {
        return Err(Stop::Refused(Refused {
            refusal: first.refusal(),
            detail: format!("{count} rows, first row {}: {}", first.number, first.detail),
            rows,
        }));
    }
    let after = Facts::default()
        .with("done", rows.len().saturating_sub(count))
        .with("refused", count)
        .list("tokens_of_known_users", &made.known)
        .list("users", &made.users)
        .list("tokens", &made.tokens);
    Ok(Done {
        after: after.into_text(),
        rows,
        ..Done::default()
    })
}

/// What the audit tells of the rows that were done.
#[derive(Default)]
struct Made {
    /// Tokens of users who were there: with one of these somebody else can be logged in.
    known: Vec<String>,
    users: Vec<String>,
    tokens: Vec<String>,
}

impl Made {
    fn note(&mut self, row: &ImportRow, for_known: bool) {
        let owner = row.user.as_ref().map(|user| &user.name);
        if let Some(token) = &row.token {
            let state = token.state().as_str_name();
            let state = state.strip_prefix("TOKEN_STATE_").unwrap_or(state);
            let serial = match &*token.serial {
                "" => format!("token {}", token.id),
                serial => serial.to_owned(),
            };
            let of = owner.map_or_else(String::new, |owner| format!(" of {owner}"));
            let state = state.to_ascii_lowercase();
            let tokens = if for_known {
                &mut self.known
            } else {
                &mut self.tokens
            };
            tokens.push(format!("{serial} {state}{of}"));
        }
        if !for_known {
            self.users.extend(owner.cloned());
        }
    }
}

/// Does one row, or tells why not.
fn tried(draft: &mut Draft<'_, impl Read>, at: Timestamp, row: &ImportRow) -> Step<RowOutcome> {
    let mut trial = Draft::new(&*draft);
    let (refusal, detail) = match run(&mut trial, at, row) {
        Ok(detail) => {
            let writes = trial.into_writes();
            carry_over(draft, writes);
            (Refusal::Unspecified, detail.to_owned())
        }
        Err(Stop::Refused(refused)) => (refused.refusal, bounded(refused.detail)),
        Err(Stop::Store(error)) => return Err(Stop::Store(error)),
    };
    Ok(RowOutcome {
        number: row.number,
        refusal: refusal.into(),
        detail,
    })
}

/// A user that is there already is used as it is: a file never overwrites what an
/// operator has set.
fn run(draft: &mut Draft<'_, impl Read>, at: Timestamp, row: &ImportRow) -> Step<&'static str> {
    let Some(user) = &row.user else {
        let token = present(row.token.as_ref(), "user and token")?;
        valid(token.owner == 0, "a row without a user has an owner")?;
        tokens::create(draft, at, token)?;
        return Ok("token made, in the inventory");
    };
    let name = name(&user.name, "the name")?;
    let known = query::user_id_by_name(draft, &name)?;
    let owner = match known {
        Some(id) => id.0,
        None => users::create(draft, at, user)?.id,
    };
    match (&row.token, known) {
        (Some(token), _) => {
            let token = Token {
                owner,
                ..token.clone()
            };
            tokens::create(draft, at, &token)?;
            Ok(if known.is_some() {
                FOR_KNOWN
            } else {
                "user and token made"
            })
        }
        (None, None) => Ok("user made"),
        (None, Some(_)) => refuse(Refusal::Exists, "the user is there already"),
    }
}

const FOR_KNOWN: &str = "token made for a known user";
