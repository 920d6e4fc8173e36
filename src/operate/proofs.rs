//! What a token's own codes prove: that its owner has it, and how far its clock is off.

use countersign_core::base::limits::{DRIFT_STEPS_MAX, WINDOW_STEPS_MAX};
use countersign_core::base::{RequestId, Secret, TokenId};
use countersign_core::ledger::query;
use countersign_core::ledger::storage::{self, ChangeOutcome, TokenState, change::Kind};
use countersign_core::otp::{self, Parameters};
use subtle::ConstantTimeEq;

use super::house::Asked;
use super::tokens::parameters;
use super::{Action, Caller, Operate, OperateError};
use crate::login::Ledger;

impl<L: Ledger> Operate<L> {
    /// Puts a token in or out of service. A pending one becomes active only by a code,
    /// which is spent by it.
    ///
    /// # Errors
    /// The code is missing or does not fit; or the state does not allow it.
    pub async fn set_token_state(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
        state: TokenState,
        code: Option<&Secret>,
    ) -> Result<ChangeOutcome, OperateError> {
        caller.may(Action::TokenState)?;
        let token = self.token(name)?;
        let asked = Asked::new(Action::TokenState, request)
            .with(token.id.to_be_bytes())
            .with(state.as_str_name());
        let proving = token.state() == TokenState::Pending && state == TokenState::Active;
        let proven_step = if proving {
            let code = code.ok_or_else(|| {
                OperateError::invalid("code", "a pending token needs one, as it shows it now")
            })?;
            self.proven_step(&token, code)?
        } else {
            0
        };
        let set = storage::SetTokenState {
            id: token.id,
            state: state.into(),
            proven_step,
        };
        self.change(caller, asked, Kind::SetTokenState(set)).await
    }

    fn proven_step(&self, token: &storage::Token, code: &Secret) -> Result<u64, OperateError> {
        let parameters = parameters(token)?;
        let seed = self.seed_of(token)?;
        let now = self.clock.wall();
        let window = WINDOW_STEPS_MAX;
        let steps = otp::matches(&seed, &parameters, code.expose(), now, 0, window);
        let newest = steps.last().map(|matched| matched.step);
        newest.ok_or_else(|| {
            let why =
                "it is not one that the token shows now; `token resync` where its clock is off";
            OperateError::invalid("code", why)
        })
    }

    /// Finds out by two successive codes how far a token's clock is off, and remembers
    /// it. Returns the drift, in steps.
    ///
    /// # Errors
    /// The codes do not follow each other near the present time, or the clock is off by
    /// more than a login may ever allow for.
    pub async fn resync_token(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
        codes: [&Secret; 2],
    ) -> Result<i32, OperateError> {
        caller.may(Action::TokenResync)?;
        let token = self.token(name)?;
        let asked = Asked::new(Action::TokenResync, request).with(token.id.to_be_bytes());
        let parameters = parameters(&token)?;
        let seed = self.seed_of(&token)?;
        let now = step_of(self.clock.wall().as_secs(), &parameters);
        let (proven_step, drift) = found(&seed, &parameters, now, codes)?;
        let resync = storage::ResyncToken {
            id: token.id,
            generation: token.generation,
            proven_step,
            drift,
        };
        self.change(caller, asked, Kind::ResyncToken(resync))
            .await?;
        Ok(query::counter(&self.ledger.view(), TokenId(token.id))?.drift)
    }
}

/// The later of the two steps that show the codes, nearest to the present first, and its
/// distance from the present.
fn found(
    seed: &Secret,
    parameters: &Parameters,
    now: u64,
    codes: [&Secret; 2],
) -> Result<(u64, i32), OperateError> {
    let shows = |step: u64, code: &Secret| {
        otp::code_at(seed, parameters, step)
            .is_some_and(|expected| expected.as_bytes().ct_eq(code.expose()).into())
    };
    let [first, second] = codes;
    let away = (0..=RESYNC_STEPS).flat_map(|away: i32| [away, away.saturating_neg()]);
    let found = away.into_iter().find_map(|drift| {
        let later = now.checked_add_signed(drift.into())?;
        let fits = shows(later.checked_sub(1)?, first) && shows(later, second);
        fits.then_some((later, drift))
    });
    match found {
        None => Err(OperateError::invalid(
            "codes",
            "they are not two successive ones of this token",
        )),
        Some((_, drift)) if drift.abs() > DRIFT_STEPS_MAX => Err(OperateError::invalid(
            "codes",
            format!(
                "the clock of the token is off by {drift} steps, more than {DRIFT_STEPS_MAX}: \
                 set its clock or replace it"
            ),
        )),
        Some(found) => Ok(found),
    }
}

fn step_of(seconds: u64, parameters: &Parameters) -> u64 {
    seconds
        .checked_div(parameters.period.as_secs())
        .expect("a period is never zero")
}

/// How far either side of the present two successive codes are looked for.
const RESYNC_STEPS: i32 = 50;
