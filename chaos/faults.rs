//! What is done to the nodes: mostly to one at a time, now and then to two.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;

use crate::dice::Dice;
use crate::end;
use crate::history::{Fault, FaultKind};
use crate::run::Run;

/// One fault to come.
#[derive(Clone, Copy, Debug)]
struct Planned {
    node: u16,
    kind: FaultKind,
    /// From now.
    after: Duration,
    lasts: Duration,
}

/// Hurts and mends until it is told to stop; at its end everything is mended, and all nodes
/// have caught up or never will.
pub(crate) async fn cause(run: Arc<Run>, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let mut dice = Dice::new(run.seed, "faults", 0);
    loop {
        let gap = Duration::from_millis(dice.between(2_000, 7_000));
        tokio::select! {
            () = tokio::time::sleep(gap) => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
        let delay = *dice.one_of(&DELAYS_MILLIS).unwrap_or(&0);
        run.delay_source(delay).await?;
        let planned = plan(&run, &mut dice).await;
        let carried = planned.iter().map(|planned| carry_out(&run, *planned));
        for done in join_all(carried).await {
            done?;
        }
        // At once: whatever is waited for in between would be told as the cluster's time.
        run.recorder.caught_up(end::caught_up(&run).await);
    }
}

async fn plan(run: &Run, dice: &mut Dice) -> Vec<Planned> {
    let ids = run.fleet.ids();
    let mut victims = dice.shuffled(&ids);
    let at_leader = dice.percent(40);
    let leader = leader(run).await;
    if at_leader && let Some(leader) = leader {
        victims.sort_by_key(|id| *id != leader);
    }
    // Two at a time leave a cluster of three without a quorum.
    let two = dice.percent(20) && ids.len() > 1;
    victims.truncate(if two { 2 } else { 1 });
    let planned = victims.into_iter().enumerate().map(|(number, node)| {
        let kind = *dice.one_of(&KINDS).unwrap_or(&FaultKind::Kill);
        let lasts = match kind {
            FaultKind::Freeze => *dice.one_of(&FREEZES_MILLIS).unwrap_or(&1_000),
            FaultKind::Kill | FaultKind::Terminate => dice.between(0, 5_000),
        };
        let least = if two { 5_000 } else { 0 };
        let after = if number == 0 { 0 } else { dice.below(1_500) };
        Planned {
            node,
            kind,
            after: Duration::from_millis(after),
            lasts: Duration::from_millis(lasts.max(least)),
        }
    });
    planned.collect()
}

async fn carry_out(run: &Run, planned: Planned) -> anyhow::Result<()> {
    match inflict(run, planned).await {
        // How it ended is written down, and the run ends for it.
        Err(error) if run.fleet.has_died(planned.node)? => {
            println!("  {error:#}");
            Ok(())
        }
        done => done,
    }
}

async fn inflict(run: &Run, planned: Planned) -> anyhow::Result<()> {
    let Planned { node, kind, .. } = planned;
    tokio::time::sleep(planned.after).await;
    let begun = run.recorder.at();
    match kind {
        FaultKind::Freeze => run.fleet.freeze(node).await?,
        FaultKind::Kill => run.fleet.kill(node).await?,
        FaultKind::Terminate => run.fleet.terminate(node).await?,
    }
    let down = run.recorder.at();
    tokio::time::sleep(planned.lasts).await;
    let up = run.recorder.at();
    match kind {
        FaultKind::Freeze => run.fleet.thaw(node)?,
        FaultKind::Kill | FaultKind::Terminate => run.fleet.start(node)?,
    }
    let ready = run.fleet.ready(node, READY_PATIENCE).await;
    let fault = Fault {
        node,
        kind,
        begun,
        down,
        up,
        healed: ready.is_ok().then(|| run.recorder.at()),
    };
    match &ready {
        Ok(()) => println!("  {}", fault.told()),
        Err(error) => println!("  {} ({error:#})", fault.told()),
    }
    run.recorder.fault(fault);
    Ok(())
}

/// Who leads, as the first says who knows.
async fn leader(run: &Run) -> Option<u16> {
    let asks = run.operators.iter().map(|operator| operator.standing());
    let said = join_all(asks).await;
    let leaders = said.into_iter().filter_map(|said| Some(said.ok()?.leader));
    leaders.into_iter().find(|leader| *leader > 0)
}

/// As often as they stand here.
const KINDS: [FaultKind; 4] = [
    FaultKind::Kill,
    FaultKind::Kill,
    FaultKind::Freeze,
    FaultKind::Terminate,
];
/// Shorter than an election, longer, and longer than a lease.
const FREEZES_MILLIS: [u64; 5] = [100, 400, 1_500, 5_000, 14_000];
/// How long the password source thinks.
const DELAYS_MILLIS: [u64; 4] = [0, 100, 400, 1_500];
const READY_PATIENCE: Duration = Duration::from_secs(60);
