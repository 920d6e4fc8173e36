//! The machine's clock and its source of chance: the only place that asks for either.

use countersign_core::base::{Entropy, Timestamp};
use tokio::time::Instant;

use crate::login::Clock;

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    /// A clock before 1970 is taken for 1970.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that is handed out"
    )]
    fn wall(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_millis(
            since.map_or(0, |span| span.as_millis().try_into().unwrap_or(u64::MAX)),
        )
    }
}

/// The operating system's random octets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the chance that is handed out"
    )]
    fn fill(&mut self, octets: &mut [u8]) {
        // Without it no key, nonce or authenticator is safe: better no process.
        getrandom::fill(octets).expect("the operating system gives random octets");
    }
}
