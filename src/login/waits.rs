//! What a login waits for: a leader, another flow, the end of a doubt.
//!
//! Must not know what comes after the wait; the flow says that.

use std::time::Duration;

use countersign_core::base::limits::{BUSY_STEP, COMMAND_LIFE, LEASE_MAX, LOGIN_PARK, WATCH_STEP};
use countersign_core::base::{AttemptKey, Timestamp};
use countersign_core::ledger::attempts::{self, State};
use countersign_core::ledger::{Command, Settle, SourceOutcome, StoreError, query};
use countersign_core::login::{Doubt, Waited};
use tokio::time::{sleep, timeout};

use super::driver::House;
use super::ports::{Clock, Ledger, PasswordSource};

/// Resolves when another try is worth its commit.
pub(super) async fn changed<L: Ledger, S: PasswordSource, C: Clock>(
    house: &House<L, S, C>,
    waited: Waited,
) {
    match waited {
        Waited::Leader => leader(house).await,
        // Whose claim it is, only the ledger knows; so it is asked, but not all the time.
        Waited::Claim => sleep(BUSY_STEP).await,
        Waited::Attempt(key, until) => attempt(house, &key, until).await,
    }
}

/// A command was refused, or there is no leader: waits until there is one again. A node
/// that has not noticed yet waits for nothing longer than [`LOGIN_PARK`].
pub(super) async fn leader<L: Ledger, S: PasswordSource, C: Clock>(house: &House<L, S, C>) {
    let back = async {
        while house.may_judge().is_some() {
            sleep(BUSY_STEP).await;
        }
        house.ready().await;
    };
    let _ = timeout(LOGIN_PARK, back).await;
}

/// Waits for another flow, mostly another node's, to settle this login, or for the end of
/// its lease, as this node's own tables show it.
async fn attempt<L: Ledger, S, C>(house: &House<L, S, C>, key: &AttemptKey, until: Timestamp) {
    let is_settled = |state| matches!(state, State::Settled { .. });
    if !matches!(state(house, key), Ok(Some(State::InFlight { until: own })) if own == until) {
        // The tables show another record, or none: either they have overtaken the ledger's
        // answer, or they lag behind it. A verdict is one; else a claim a while later tells,
        // and not one after the other as fast as they are committed.
        let settled = watch(house, || {
            state(house, key).ok()?.filter(|now| is_settled(*now))
        });
        let _ = timeout(BUSY_STEP, settled).await;
        return;
    }
    watch(house, || {
        let over = house.ledger.standing().is_none_or(|now| now >= until);
        let in_flight = State::InFlight { until };
        let same = matches!(state(house, key), Ok(Some(now)) if now == in_flight);
        (over || !same).then_some(())
    })
    .await;
    // Entry time here may be a little ahead of the leader's.
    sleep(WATCH_STEP).await;
}

/// Looks each time the tables have moved on, until there is something to see. Entry time
/// also moves while nothing is applied.
async fn watch<L: Ledger, S, C, T>(house: &House<L, S, C>, look: impl Fn() -> Option<T>) -> T {
    loop {
        let progress = house.ledger.progress();
        if let Some(seen) = look() {
            return seen;
        }
        let _ = timeout(LOGIN_PARK, progress).await;
        sleep(WATCH_STEP).await;
    }
}

fn state<L: Ledger, S, C>(
    house: &House<L, S, C>,
    key: &AttemptKey,
) -> Result<Option<State>, StoreError> {
    let issued = house.ledger.standing().unwrap_or_default();
    let view = house.ledger.view();
    let head = query::head(&view)?;
    Ok(attempts::look(&view, &head, key, issued)?.map(|attempt| attempt.state))
}

/// Gives back a grant that came after its flow had ended: settled as not asked as soon as
/// the tables show it, or forgotten once the claim cannot be applied any more.
pub(super) async fn release<L: Ledger, S: PasswordSource, C: Clock>(
    house: &House<L, S, C>,
    doubt: Doubt,
) {
    // What was applied in time is in the tables a contact later at the latest.
    let dead = doubt.issued.plus(COMMAND_LIFE).plus(CONTACT_SLACK);
    let look = || match grant(house, doubt) {
        Some(settle) => Some(Some(settle)),
        None => house
            .ledger
            .standing()
            .filter(|now| *now > dead)
            .map(|_| None),
    };
    let given_back = async {
        while let Some(settle) = watch(house, look).await {
            let settled = house.ledger.propose(Command::Settle(settle), COMMAND_LIFE);
            let settled = settled.await;
            tracing::debug!(?settled, "a grant without a flow was given back");
            if settled.is_ok() {
                return;
            }
            leader(house).await;
        }
    };
    // LIMIT: without a leader the lease ends at last by itself.
    let _ = timeout(LEASE_MAX, given_back).await;
}

fn grant<L: Ledger, S, C>(house: &House<L, S, C>, doubt: Doubt) -> Option<Settle> {
    let view = house.ledger.view();
    let head = query::head(&view).ok()?;
    let attempt = attempts::look(&view, &head, &doubt.key, doubt.issued).ok()??;
    let own = attempt.owner == doubt.owner && matches!(attempt.state, State::InFlight { .. });
    own.then_some(Settle {
        key: doubt.key,
        epoch: attempt.epoch,
        outcome: SourceOutcome::NotAsked,
        relayed: None,
    })
}

/// More than the oldest contact that lets a node judge.
const CONTACT_SLACK: Duration = Duration::from_secs(1);
