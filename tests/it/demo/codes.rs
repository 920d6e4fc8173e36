//! What the app of a user shows, now and at other times.

use std::time::Duration;

use anyhow::Context;
use countersign::login::Clock;
use countersign::node::SystemClock;
use countersign_core::base::Secret;
use countersign_core::otp::{Parameters, code_at, from_base32};

/// A user's app.
pub(super) struct App(Secret);

impl App {
    pub(super) fn new(base32: &str) -> anyhow::Result<Self> {
        Ok(Self(from_base32(base32)?.seed))
    }

    /// The seed's octets.
    pub(super) fn octets(&self) -> &[u8] {
        self.0.expose()
    }

    /// The code of this step of time.
    pub(super) fn code(&self, step: u64) -> anyhow::Result<String> {
        let code = code_at(&self.0, &Parameters::default(), step).context("no code")?;
        Ok(code.as_str().to_owned())
    }

    /// So many different codes that no step about now has.
    pub(super) fn wrong(&self, count: usize) -> anyhow::Result<Vec<String>> {
        let now = step();
        let near = (now.saturating_sub(3)..now.saturating_add(6)).map(|at| self.code(at));
        let near = near.collect::<anyhow::Result<Vec<_>>>()?;
        let all = (0..1_000_000).map(|number| format!("{number:06}"));
        Ok(all
            .filter(|code| !near.contains(code))
            .take(count)
            .collect())
    }
}

/// The present step of 30 seconds.
pub(super) fn step() -> u64 {
    SystemClock.wall().as_secs() / PERIOD_SECS
}

/// The present step, once it lasts for at least so many seconds more.
pub(super) async fn calm_step(secs: u64) -> u64 {
    let gone = SystemClock.wall().as_secs() % PERIOD_SECS;
    if gone.saturating_add(secs) > PERIOD_SECS {
        let rest = PERIOD_SECS.saturating_sub(gone);
        tokio::time::sleep(Duration::from_secs(rest)).await;
    }
    step()
}

const PERIOD_SECS: u64 = 30;
