//! Whether this process stood still while something was waited for: stopped by a signal,
//! or its machine paused. The monotonic clock goes on meanwhile; what waits does not see it.

use std::time::Duration;

use tokio::time::{Instant, timeout};

/// What `future` comes to, and whether the process stood still meanwhile for long.
pub(super) async fn noticing<T>(future: impl Future<Output = T>) -> (T, bool) {
    let mut future = std::pin::pin!(future);
    let mut stood_still = false;
    loop {
        let looked = Instant::now();
        let ended = timeout(LOOK_EVERY, &mut future).await;
        stood_still |= looked.elapsed() > LOOK_EVERY.saturating_add(STILL_MIN);
        if let Ok(ended) = ended {
            return (ended, stood_still);
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Longer than a busy machine keeps a task waiting.
const STILL_MIN: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_noticed_and_a_long_wait_is_none() {
        let (_, stood_still) = noticing(sleep(Duration::from_secs(5))).await;
        assert!(!stood_still);
        let (_, stood_still) = noticing(async {
            sleep(Duration::from_millis(300)).await;
            advance(Duration::from_secs(3)).await;
        })
        .await;
        assert!(stood_still);
    }
}
