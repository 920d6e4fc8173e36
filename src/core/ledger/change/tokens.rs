//! Changes of tokens. A seed only goes in: it is sealed before it gets here, and no
//! outcome or audit record shows it.

use super::audit::{Facts, told};
use super::check::{ensure, existing, present, put as store, revision, sealed, text, valid};
use super::done::{Done, Step, refuse};
use crate::base::limits::{DRIFT_STEPS_MAX, PROOF_STEPS_MAX, SERIAL_OCTETS_MAX, USER_TOKENS_MAX};
use crate::base::{Timestamp, TokenId};
use crate::ledger::query;
use crate::ledger::storage::{
    AssignToken, Counter, PutToken, Refusal, RemoveToken, ResyncToken, SetTokenState, Token,
    TokenAlgorithm, TokenState, User,
};
use crate::ledger::table::{Draft, Read, Table};

/// Makes a token, or replaces one: all but its id, its owner and the time of its making.
///
/// An empty seed keeps the stored one; then algorithm, digits, period and state stay too,
/// since the counter would not fit another period, and activation needs its proof. Another
/// seed is a new generation. What is spent stays spent where the period is the same: it
/// may be the old seed once more, and one step's wait is a small price.
pub(super) fn put(draft: &mut Draft<'_, impl Read>, at: Timestamp, it: &PutToken) -> Step {
    let token = present(it.token.as_ref(), "the token")?;
    if it.expected_revision == 0 {
        let made = create(draft, at, token)?;
        return Ok(changed(&made, &Facts::default()));
    }
    let old = load(draft, token.id)?;
    revision(old.revision, it.expected_revision)?;
    valid(
        token.owner == old.owner,
        "the owner is changed by assigning",
    )?;
    let token = replaced(&old, token)?;
    index_serial(draft, &old.serial, &token)?;
    if token.generation != old.generation {
        let counter = query::counter(draft, TokenId(token.id))?;
        let same = token.period == old.period;
        start_counter(draft, &token, if same { counter.last_spent } else { 0 });
    }
    save(draft, &token);
    Ok(changed(&token, &facts(&old)))
}

/// Makes a token whose id and serial number are free. It may be active at once where the
/// operator vouches for it (an import), and pending otherwise.
pub(super) fn create(
    draft: &mut Draft<'_, impl Read>,
    at: Timestamp,
    token: &Token,
) -> Step<Token> {
    check(token)?;
    check_new_seed(token)?;
    let taken = query::token(draft, TokenId(token.id))?.is_some();
    ensure(!taken, Refusal::Exists, || "the token id is taken".into())?;
    let token = Token {
        generation: 1,
        revision: 1,
        created: at.as_millis(),
        ..token.clone()
    };
    index_serial(draft, "", &token)?;
    own(draft, &token)?;
    start_counter(draft, &token, 0);
    save(draft, &token);
    Ok(token)
}

/// Removes a token with its counter. Its id is never given to another.
pub(super) fn remove(draft: &mut Draft<'_, impl Read>, it: &RemoveToken) -> Step {
    let token = load(draft, it.id)?;
    revision(token.revision, it.expected_revision)?;
    disown(draft, &token)?;
    if !token.serial.is_empty() {
        draft.delete(Table::Serials, &query::serial_key(&token.serial));
    }
    for table in [Table::Tokens, Table::Counters] {
        draft.delete(table, &it.id.to_be_bytes());
    }
    Ok(Done {
        id: it.id,
        before: facts(&token).into_text(),
        ..Done::default()
    })
}

/// Activates or disables a token. Pending → active needs proof of possession, and the
/// proving code is spent by it. Nothing becomes pending again but by a new seed, and a
/// pending token is not disabled but removed: so "disabled" means "was proven once", and
/// disabling is no way round the proof.
pub(super) fn set_state(
    draft: &mut Draft<'_, impl Read>,
    at: Timestamp,
    it: &SetTokenState,
) -> Step {
    let mut token = load(draft, it.id)?;
    let before = facts(&token);
    match (token.state(), it.state()) {
        (_, TokenState::Unspecified) => valid(false, "the state is unknown")?,
        (old, new) if old == new => return Ok(changed(&token, &before)),
        (TokenState::Pending, TokenState::Active) => {
            let counter = query::counter(draft, TokenId(it.id))?;
            spend(
                draft,
                at,
                &token,
                &counter,
                (it.proven_step, it.proven_step),
            )?;
        }
        (TokenState::Active, TokenState::Disabled) | (TokenState::Disabled, TokenState::Active) => {
        }
        _ => refuse(
            Refusal::State,
            "this state does not follow from the token's",
        )?,
    }
    token.state = it.state;
    token.revision = token.revision.saturating_add(1);
    save(draft, &token);
    Ok(changed(&token, &before))
}

/// Gives a token to a user, or back to the inventory. What it has spent stays spent, and
/// the generation is a new one: a claim made under the old owner is worth nothing, also
/// when the token comes back before it is settled.
pub(super) fn assign(draft: &mut Draft<'_, impl Read>, it: &AssignToken) -> Step {
    let old = load(draft, it.id)?;
    revision(old.revision, it.expected_revision)?;
    let mut token = Token {
        owner: it.owner,
        revision: old.revision.saturating_add(1),
        ..old.clone()
    };
    if token.owner != old.owner {
        disown(draft, &old)?;
        own(draft, &token)?;
        turn(draft, &mut token)?;
    }
    save(draft, &token);
    Ok(changed(&token, &facts(&old)))
}

/// Sets the drift by two proven, successive steps; both are spent by it, and neither may
/// be spent before: a code overheard is no proof.
pub(super) fn resync(draft: &mut Draft<'_, impl Read>, at: Timestamp, it: &ResyncToken) -> Step {
    let token = load(draft, it.id)?;
    ensure(token.generation == it.generation, Refusal::Revision, || {
        "the seed was changed meanwhile".into()
    })?;
    let far = it.drift.unsigned_abs() > DRIFT_STEPS_MAX.unsigned_abs();
    ensure(!far, Refusal::Limit, || {
        format!("a drift of more than {DRIFT_STEPS_MAX} steps")
    })?;
    let old = query::counter(draft, TokenId(it.id))?;
    let before = Facts::default().with("drift", old.drift).into_text();
    let steps = (it.proven_step.saturating_sub(1), it.proven_step);
    let counter = Counter {
        drift: it.drift,
        ..old
    };
    spend(draft, at, &token, &counter, steps)?;
    Ok(Done {
        before,
        after: Facts::default().with("drift", it.drift).into_text(),
        ..changed(&token, &Facts::default())
    })
}

/// Takes a token from a user who is being removed, and whose record goes as a whole. A
/// pending one stays pending: disabled would say that it was proven.
pub(super) fn release(draft: &mut Draft<'_, impl Read>, id: TokenId) -> Step<()> {
    let mut token = load(draft, id.0)?;
    token.owner = 0;
    turn(draft, &mut token)?;
    if token.state() != TokenState::Pending {
        token.set_state(TokenState::Disabled);
    }
    token.revision = token.revision.saturating_add(1);
    save(draft, &token);
    Ok(())
}

fn load(tables: &impl Read, id: u64) -> Step<Token> {
    existing(tables, Table::Tokens, &id.to_be_bytes(), "token")
}

fn save(draft: &mut Draft<'_, impl Read>, token: &Token) {
    store(draft, Table::Tokens, &token.id.to_be_bytes(), token);
}

/// The stored token as the message changes it.
fn replaced(old: &Token, token: &Token) -> Step<Token> {
    check(token)?;
    let keeps = token.seed.is_empty() || token.seed == old.seed;
    if keeps {
        let same = (token.algorithm, token.digits, token.period)
            == (old.algorithm, old.digits, old.period);
        valid(same, "algorithm, digits and period go with the seed")?;
        ensure(token.state == old.state, Refusal::State, || {
            "the state is changed on its own".into()
        })?;
    } else {
        check_new_seed(token)?;
    }
    Ok(Token {
        seed: if keeps { &old.seed } else { &token.seed }.clone(),
        generation: old.generation.saturating_add((!keeps).into()),
        revision: old.revision.saturating_add(1),
        created: old.created,
        ..token.clone()
    })
}

fn check(token: &Token) -> Step<()> {
    valid(token.id != 0, "the token id is 0")?;
    let algorithm = token.algorithm();
    valid(
        algorithm != TokenAlgorithm::Unspecified,
        "the algorithm is unknown",
    )?;
    valid((6..=8).contains(&token.digits), "codes have 6 to 8 digits")?;
    valid(
        matches!(token.period, 30 | 60),
        "a period has 30 or 60 seconds",
    )?;
    let serial = token.serial.as_bytes();
    let readable = serial.iter().all(u8::is_ascii_graphic);
    valid(
        readable && serial.len() <= SERIAL_OCTETS_MAX,
        "a serial has at most 64 visible ASCII signs",
    )?;
    text(&token.label, "the label")
}

fn check_new_seed(token: &Token) -> Step<()> {
    sealed(&token.seed, "the seed")?;
    let begins = matches!(token.state(), TokenState::Pending | TokenState::Active);
    valid(begins, "a new seed is pending or active")
}

/// Enters a token among its owner's, if it has one. The owner's revision stays: an edit of
/// the user touches no token, so it need not be refused for one.
fn own(draft: &mut Draft<'_, impl Read>, token: &Token) -> Step<()> {
    if token.owner == 0 {
        return Ok(());
    }
    let mut owner: User = existing(draft, Table::Users, &token.owner.to_be_bytes(), "owner")?;
    ensure(owner.tokens.len() < USER_TOKENS_MAX, Refusal::Limit, || {
        format!("a user has at most {USER_TOKENS_MAX} tokens")
    })?;
    let at = owner.tokens.partition_point(|&id| id < token.id);
    owner.tokens.insert(at, token.id);
    store(draft, Table::Users, &token.owner.to_be_bytes(), &owner);
    Ok(())
}

/// Strikes a token from its owner's, if it has one.
fn disown(draft: &mut Draft<'_, impl Read>, token: &Token) -> Step<()> {
    if token.owner == 0 {
        return Ok(());
    }
    let mut owner: User = existing(draft, Table::Users, &token.owner.to_be_bytes(), "owner")?;
    owner.tokens.retain(|&id| id != token.id);
    store(draft, Table::Users, &token.owner.to_be_bytes(), &owner);
    Ok(())
}

/// Turns the index of serial numbers from `old` to the token's.
fn index_serial(draft: &mut Draft<'_, impl Read>, old: &str, token: &Token) -> Step<()> {
    let (old, new) = (query::serial_key(old), query::serial_key(&token.serial));
    if old == new {
        return Ok(());
    }
    if !new.is_empty() {
        let taken = draft.get(Table::Serials, &new)?.is_some();
        ensure(!taken, Refusal::Exists, || {
            format!("the serial \"{}\" is taken", token.serial)
        })?;
        draft.put(Table::Serials, &new, token.id.to_be_bytes().to_vec());
    }
    if !old.is_empty() {
        draft.delete(Table::Serials, &old);
    }
    Ok(())
}

/// A counter for the token's generation.
fn start_counter(draft: &mut Draft<'_, impl Read>, token: &Token, last_spent: u64) {
    let counter = Counter {
        generation: token.generation,
        last_spent,
        ..Counter::default()
    };
    store(draft, Table::Counters, &token.id.to_be_bytes(), &counter);
}

/// Raises the generation and keeps what the counter knows of the device.
fn turn(draft: &mut Draft<'_, impl Read>, token: &mut Token) -> Step<()> {
    token.generation = token.generation.saturating_add(1);
    let counter = Counter {
        generation: token.generation,
        burned_by: Vec::new(),
        ..query::counter(draft, TokenId(token.id))?
    };
    store(draft, Table::Counters, &token.id.to_be_bytes(), &counter);
    Ok(())
}

/// Spends proven steps, from the first to the last. None may be spent, and the last must
/// be near the entry's time: a far one would shut the token out for as long.
fn spend(
    draft: &mut Draft<'_, impl Read>,
    at: Timestamp,
    token: &Token,
    counter: &Counter,
    (first, last): (u64, u64),
) -> Step<()> {
    let now = at.as_secs().checked_div(token.period.into()).unwrap_or(0);
    ensure(
        last.abs_diff(now) <= PROOF_STEPS_MAX,
        Refusal::State,
        || "the proof is missing or too far from now".into(),
    )?;
    ensure(first > counter.last_spent, Refusal::State, || {
        "the proving code is spent".into()
    })?;
    let counter = Counter {
        generation: counter.generation,
        last_spent: last,
        burned_by: Vec::new(),
        drift: counter.drift,
    };
    store(draft, Table::Counters, &token.id.to_be_bytes(), &counter);
    Ok(())
}

fn changed(token: &Token, before: &Facts) -> Done {
    let (before, after) = told(before, &facts(token));
    Done {
        id: token.id,
        revision: token.revision,
        before,
        after,
        ..Done::default()
    }
}

fn facts(token: &Token) -> Facts {
    let Token {
        id: _,
        owner,
        seed,
        algorithm: _,
        digits,
        period,
        serial,
        label,
        state: _,
        generation,
        revision: _,
        created: _,
    } = token;
    Facts::default()
        .name("serial", serial)
        .with("owner", owner)
        .text("label", label)
        .with("state", token.state().as_str_name())
        .with("algorithm", token.algorithm().as_str_name())
        .with("digits", digits)
        .with("period", period)
        .with("generation", generation)
        .sealed("seed", seed)
}
