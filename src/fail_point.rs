//! Where a node dies on purpose, so that tests can see what others make of its death.
//!
//! Only in a build with the feature `dangerous-fail-points`, which serves a demo's store
//! alone, and only at the point that `COUNTERSIGN_DIE_AT` names; else all of it is empty.
//! Must not know what a login is.

use countersign_core::ledger::{Command, Outcome};

/// A step of a login that was just taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Point {
    /// The leader has handed a Begin to its log.
    BeginProposed,
    /// The leader's tables have it; nobody was told.
    BeginApplied,
    /// The login's own node was told.
    BeginAnswered,
    /// The password source has answered.
    SourceAsked,
    /// As with a Begin.
    SettleProposed,
    /// As with a Begin.
    SettleApplied,
    /// As with a Begin.
    SettleAnswered,
    /// The reply has left the node.
    ReplySent,
}

/// Dies here, if this is the point.
#[inline]
pub(crate) fn fail_point(point: Point) {
    #[cfg(feature = "dangerous-fail-points")]
    armed::die_at(point);
    #[cfg(not(feature = "dangerous-fail-points"))]
    let _ = point;
}

/// These commands were handed to the log.
#[inline]
pub(crate) fn proposed(commands: &[Command]) {
    for command in commands {
        match command {
            Command::Begin(_) => fail_point(Point::BeginProposed),
            Command::Settle(_) => fail_point(Point::SettleProposed),
            Command::SendPasscode(_) | Command::Change(_) | Command::Unreadable(_) => {}
        }
    }
}

/// The tables show these outcomes.
#[inline]
pub(crate) fn applied(outcomes: &[Outcome]) {
    for outcome in outcomes {
        match outcome {
            Outcome::Begin(_) => fail_point(Point::BeginApplied),
            Outcome::Settle(_) => fail_point(Point::SettleApplied),
            Outcome::SendPasscode(_) | Outcome::Change(_) | Outcome::Unreadable(_) => {}
        }
    }
}

#[cfg(feature = "dangerous-fail-points")]
mod armed {
    use std::sync::LazyLock;

    use super::Point;

    pub(super) fn die_at(point: Point) {
        if *CHOSEN == Some(point) {
            // As with SIGKILL nothing is flushed and nobody is told.
            std::process::abort();
        }
    }

    static CHOSEN: LazyLock<Option<Point>> = LazyLock::new(|| {
        let name = std::env::var("COUNTERSIGN_DIE_AT").ok()?;
        let point = ALL.into_iter().find(|(known, _)| *known == name);
        Some(point.expect("COUNTERSIGN_DIE_AT names a point").1)
    });

    const ALL: [(&str, Point); 8] = [
        ("begin-proposed", Point::BeginProposed),
        ("begin-applied", Point::BeginApplied),
        ("begin-answered", Point::BeginAnswered),
        ("source-asked", Point::SourceAsked),
        ("settle-proposed", Point::SettleProposed),
        ("settle-applied", Point::SettleApplied),
        ("settle-answered", Point::SettleAnswered),
        ("reply-sent", Point::ReplySent),
    ];
}
