//! The run itself: devices with a socket for each server, and when each login begins.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use super::super::failure::Failure;
use super::super::output::Output;
use super::plan::{Login, Plan};
use super::process::Processes;
use super::tally::{Result as Outcome, Tally};
use crate::device::{Credentials, Device, Lines, Memory};
use crate::login::Clock;
use crate::node::{SystemClock, SystemEntropy};

/// What to do.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) device: Device,
    /// How long it leaves out a server that was silent.
    pub(super) dead_time: Duration,
    pub(super) caller: String,
    pub(super) plan: Plan,
    pub(super) pace: Pace,
    /// Most logins at one time.
    pub(super) in_flight: usize,
    pub(super) longest: Duration,
    pub(super) server: Processes,
    /// A line each second.
    pub(super) progress: Option<Output>,
}

/// When a login begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// When the one before has ended: a slow server is asked less often.
    Closed,
    /// So many a second, however slow the server is, as users come.
    Open(f64),
}

struct Run {
    device: Device,
    memory: Arc<Memory>,
    caller: String,
    plan: Mutex<Plan>,
    end: Instant,
    counts: Mutex<Counts>,
    /// Sockets of logins that have ended, for those that begin.
    idle: Mutex<Vec<Lines>>,
}

/// Of this second, and of those before it.
struct Counts {
    second: Tally,
    before: Tally,
}

/// Runs until the time is over or no code is left.
///
/// # Errors
/// When a socket or a process of the server cannot be had.
pub(super) async fn run(load: Load) -> Result<Outcome, Failure> {
    let own = Processes::own();
    let before = (load.server.costs()?, own.costs()?);
    let begun = Instant::now();
    let run = Arc::new(Run {
        device: load.device,
        memory: Arc::new(Memory::new(load.dead_time)),
        caller: load.caller,
        plan: Mutex::new(load.plan),
        end: begun + load.longest,
        counts: Mutex::new(Counts {
            second: Tally::new(),
            before: Tally::new(),
        }),
        idle: Mutex::default(),
    });
    let mut told = JoinSet::new();
    told.spawn(Arc::clone(&run).tell(begun, load.progress));
    let driven = match load.pace {
        Pace::Closed => Arc::clone(&run).closed(load.in_flight).await,
        Pace::Open(rate) => Arc::clone(&run).open(rate, load.in_flight).await,
    };
    driven.map_err(|error| Failure::Usage(error.to_string()))?;
    told.shutdown().await;
    let took = begun.elapsed();
    let (_, tally) = run.turn();
    Ok(Outcome {
        tally,
        took,
        server: load.server.spent(&before.0),
        own: own.spent(&before.1),
        in_lines: load.progress.is_some(),
    })
}

impl Run {
    /// As many devices as logins may be in flight, one login after the other.
    async fn closed(self: Arc<Self>, in_flight: usize) -> io::Result<()> {
        let mut slots = JoinSet::new();
        for _ in 0..in_flight {
            let run = Arc::clone(&self);
            slots.spawn(async move {
                while let Some(login) = run.next() {
                    run.log_in(&login, Instant::now()).await?;
                }
                Ok(())
            });
        }
        while let Some(slot) = slots.join_next().await {
            slot.map_err(io::Error::other).flatten()?;
        }
        Ok(())
    }

    /// A login at each tick. One for which there is no room is not sent, and counted.
    async fn open(self: Arc<Self>, rate: f64, in_flight: usize) -> io::Result<()> {
        let room = Arc::new(Semaphore::new(in_flight));
        let mut logins = JoinSet::new();
        let mut ticks = interval_at(Instant::now(), Duration::from_secs_f64(1.0 / rate));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            // Counted from when it was due: a bench that is late must not look like a
            // server that is quick.
            let due = ticks.tick().await;
            while let Some(ended) = logins.try_join_next() {
                ended.map_err(io::Error::other).flatten()?;
            }
            // LIMIT: logins at one time.
            let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                if Instant::now() >= self.end {
                    break;
                }
                self.note(Tally::note_unsent);
                continue;
            };
            let Some(login) = self.next() else {
                break;
            };
            let run = Arc::clone(&self);
            logins.spawn(async move {
                let done = run.log_in(&login, due).await;
                drop(place);
                done
            });
        }
        while let Some(ended) = logins.join_next().await {
            ended.map_err(io::Error::other).flatten()?;
        }
        Ok(())
    }

    async fn log_in(&self, login: &Login, due: Instant) -> io::Result<()> {
        let idle = locked(&self.idle).pop();
        let mut lines = idle.unwrap_or_else(|| Lines::remembering(Arc::clone(&self.memory)));
        let credentials = Credentials {
            state: None,
            name: &login.name,
            password: &login.password,
            caller: &self.caller,
        };
        let late = due.elapsed();
        let report = self
            .device
            .login(&credentials, &mut lines, &mut SystemEntropy)
            .await?;
        locked(&self.idle).push(lines);
        self.note(|tally| tally.note(&report, late));
        Ok(())
    }

    fn next(&self) -> Option<Login> {
        if Instant::now() >= self.end {
            return None;
        }
        locked(&self.plan).next(SystemClock.wall())
    }

    fn note(&self, note: impl FnOnce(&mut Tally)) {
        note(&mut locked(&self.counts).second);
    }

    /// Ends a second: its counts, and those of all so far.
    fn turn(&self) -> (Tally, Tally) {
        let mut counts = locked(&self.counts);
        let second = std::mem::replace(&mut counts.second, Tally::new());
        counts.before.add(&second);
        let all = counts.before.clone();
        (second, all)
    }

    async fn tell(self: Arc<Self>, begun: Instant, output: Option<Output>) {
        let Some(output) = output else {
            return;
        };
        for second in 1.. {
            sleep_until(begun + Duration::from_secs(second)).await;
            self.turn().0.show_second(output, second);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
