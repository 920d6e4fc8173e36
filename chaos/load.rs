//! The load: stories begun at an even rate, whatever becomes of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign::login::Clock;
use countersign::node::SystemClock;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::dice::Dice;
use crate::run::Run;
use crate::stories::Story;

/// Gives each story a user that none had before, as long as there are any.
#[derive(Debug)]
pub(crate) struct Users {
    next: AtomicU64,
    all: u64,
}

impl Users {
    pub(crate) fn new(all: u64) -> Self {
        let next = AtomicU64::new(0);
        Self { next, all }
    }

    pub(crate) fn take(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.all).then(|| number + 1)
    }

    /// Whether anyone asked for one in vain.
    pub(crate) fn ran_out(&self) -> bool {
        self.next.load(Ordering::Relaxed) > self.all
    }
}

/// Begins stories until it is told to stop, then waits for those under way.
pub(crate) async fn bear(run: Arc<Run>, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let (mut dice, mut stories) = (Dice::new(run.seed, "stories", 0), JoinSet::new());
    let step = Duration::from_secs(1) / u32::try_from(run.logins_per_second).unwrap_or(1);
    let mut next = SystemClock.monotonic();
    let mut number = 0;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
        let story = Story::drawn(&mut dice);
        number += 1;
        next += step * u32::try_from(story.logins()).unwrap_or(1);
        // LIMIT: stories under way.
        if stories.len() >= STORIES_MAX {
            run.recorder.story_dropped();
        } else if let Some(user) = run.users.take() {
            let (run, mut dice) = (Arc::clone(&run), Dice::new(run.seed, "story", number));
            stories.spawn(async move { story.run(run.devices(), user, &mut dice).await });
        }
        while let Some(ended) = stories.try_join_next() {
            ended??;
        }
    }
    while let Some(ended) = stories.join_next().await {
        ended??;
    }
    Ok(())
}

const STORIES_MAX: usize = 4_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_in_vain_is_noticed() {
        let users = Users::new(2);
        assert_eq!([users.take(), users.take()], [Some(1), Some(2)]);
        assert!(!users.ran_out());
        assert_eq!(users.take(), None);
        assert!(users.ran_out());
    }
}
