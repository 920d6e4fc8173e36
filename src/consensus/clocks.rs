//! Whether this node's time of day can be believed, by what the other members' clocks say
//! of it (DESIGN §4).
//!
//! Codes are judged by the time of day, and a leader stamps entries by it. A clock that is
//! off refuses right codes in the name of the whole cluster, takes old ones, and ends
//! every wait and lock at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_core::base::limits::CLOCKS_APART_MAX;
use countersign_core::base::{NodeId, Timestamp};
use tokio::time::Instant;

use crate::login::Clock;

/// What is wrong with this node's clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ClockFault {
    /// More members say another time, and agree on it, than say this node's.
    Skewed {
        /// By so much theirs are ahead, in milliseconds.
        ahead: i64,
    },
    /// It is behind what a leader has stamped, and no majority shares its time.
    Behind(Duration),
}

impl fmt::Display for ClockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skewed { ahead } => {
                let (off, way) = (
                    ahead.unsigned_abs(),
                    if *ahead > 0 { "behind" } else { "ahead of" },
                );
                write!(f, "its clock is {off} ms {way} those of the other members")
            }
            Self::Behind(by) => {
                write!(
                    f,
                    "its clock is {} ms behind the last entry",
                    by.as_millis()
                )
            }
        }
    }
}

/// The clocks of the cluster, as this node sees them.
pub(super) struct Clocks {
    own: Arc<dyn Clock>,
    others: Mutex<BTreeMap<NodeId, Told>>,
}

/// What a member's clock said.
#[derive(Clone, Copy, Debug)]
struct Told {
    /// Less this node's, in milliseconds.
    ahead: i64,
    at: Instant,
}

impl Clocks {
    /// Nothing is known of any other yet.
    pub(super) fn new(own: Arc<dyn Clock>) -> Self {
        Self {
            own,
            others: Mutex::default(),
        }
    }

    /// What is wrong with the own clock; `stamped` is entry time as far as applied.
    pub(super) fn fault(&self, stamped: Timestamp) -> Option<ClockFault> {
        judge(&self.ahead(), stamped.since(self.own.wall()))
    }

    /// Whether the others say another time.
    pub(super) fn are_against(&self) -> bool {
        judge(&self.ahead(), Duration::ZERO).is_some()
    }

    fn ahead(&self) -> Vec<i64> {
        let now = self.own.monotonic();
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |told: &&Told| now.saturating_duration_since(told.at) <= TOLD_MAX;
        others
            .values()
            .filter(fresh)
            .map(|told| told.ahead)
            .collect()
    }

    /// A member's clock said `time`, between two looks at the own one.
    pub(super) fn told(&self, node: NodeId, time: Timestamp, before: Look, after: Look) {
        let way = after.at.saturating_duration_since(before.at) / 2;
        let told = Told {
            ahead: difference(time, before.time.plus(way)),
            at: after.at,
        };
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.insert(node, told);
    }

    /// Both of the own clocks now.
    pub(super) fn look(&self) -> Look {
        Look {
            time: self.own.wall(),
            at: self.own.monotonic(),
        }
    }
}

/// What the own clocks said at one time.
#[derive(Clone, Copy)]
pub(super) struct Look {
    time: Timestamp,
    at: Instant,
}

/// The rule. Two clocks agree when they differ by no more than [`CLOCKS_APART_MAX`]. A
/// single other one proves nothing: it may be the one that is off. Whoever shares the time
/// of most members is not behind, whatever a leader has stamped.
fn judge(ahead: &[i64], behind: Duration) -> Option<ClockFault> {
    let apart = |one: i64, other: i64| one.abs_diff(other) > CLOCKS_APART_MAX.as_millis() as u64;
    let with = ahead
        .iter()
        .filter(|other| !apart(**other, 0))
        .count()
        .saturating_add(1);
    let against = ahead.iter().filter(|one| apart(**one, 0)).map(|&one| {
        let agreeing = ahead.iter().filter(|other| !apart(one, **other)).count();
        (agreeing, one)
    });
    let (against, ahead) = against.max().unwrap_or_default();
    if against >= 2 && against > with {
        return Some(ClockFault::Skewed { ahead });
    }
    let alone = with < 2 || with <= against;
    (alone && behind > CLOCKS_APART_MAX).then_some(ClockFault::Behind(behind))
}

fn difference(one: Timestamp, other: Timestamp) -> i64 {
    let apart = one.as_millis().abs_diff(other.as_millis());
    let apart = i64::try_from(apart).unwrap_or(i64::MAX);
    if one < other { -apart } else { apart }
}

/// What was told longer ago counts no more; a few rounds may be lost.
const TOLD_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
