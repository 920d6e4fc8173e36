//! The run itself: as many devices as logins may be in flight, each with a socket of its
//! own, one login after the other.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::super::failure::Failure;
use super::plan::{Login, Plan};
use super::process::Processes;
use super::tally::{Result as Outcome, Tally};
use crate::device::{Credentials, Device, Lines};
use crate::login::Clock;
use crate::node::{SystemClock, SystemEntropy};

/// What to do.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) device: Device,
    pub(super) caller: String,
    pub(super) plan: Plan,
    pub(super) in_flight: usize,
    pub(super) longest: Duration,
    pub(super) server: Processes,
}

struct Run {
    device: Device,
    caller: String,
    plan: Mutex<Plan>,
    end: Instant,
}

/// Runs until the time is over or no code is left.
///
/// # Errors
/// When a socket or a process of the server cannot be had.
pub(super) async fn run(load: Load) -> Result<Outcome, Failure> {
    let Load {
        device,
        caller,
        plan,
        in_flight,
        longest,
        server,
    } = load;
    let own = Processes::own();
    let before = (server.cost()?, own.cost()?);
    let begun = Instant::now();
    let run = Arc::new(Run {
        device,
        caller,
        plan: Mutex::new(plan),
        end: begun + longest,
    });
    let mut slots = JoinSet::new();
    for _ in 0..in_flight {
        slots.spawn(Arc::clone(&run).slot());
    }
    let mut tally = Tally::new();
    while let Some(slot) = slots.join_next().await {
        let slot = slot.map_err(io::Error::other).flatten();
        tally.add(&slot.map_err(|error| Failure::Usage(error.to_string()))?);
    }
    let took = begun.elapsed();
    let after = (server.cost()?, own.cost()?);
    Ok(Outcome {
        tally,
        took,
        server: (!server.0.is_empty()).then_some((before.0, after.0)),
        own: (before.1, after.1),
    })
}

impl Run {
    async fn slot(self: Arc<Self>) -> io::Result<Tally> {
        let mut lines = Lines::default();
        let mut tally = Tally::new();
        while let Some(login) = self.next() {
            let credentials = Credentials {
                name: &login.name,
                password: &login.password,
                caller: &self.caller,
            };
            let report = self
                .device
                .login(&credentials, &mut lines, &mut SystemEntropy)
                .await?;
            tally.note(&report);
        }
        Ok(tally)
    }

    fn next(&self) -> Option<Login> {
        if Instant::now() >= self.end {
            return None;
        }
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.next(SystemClock.wall())
    }
}
