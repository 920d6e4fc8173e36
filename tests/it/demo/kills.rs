//! Killed at any moment, started again: nothing acknowledged is lost, no code lets two in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::ensure;
use countersign::device::Device;
use countersign::login::Clock;
use countersign::node::{SystemClock, SystemEntropy};
use countersign_core::base::Entropy;
use futures_util::StreamExt;

use super::codes::calm_step;
use super::process::{self, Process, until};
use super::world::{Demo, Verdict, login};

/// What was acknowledged so far.
#[derive(Default)]
struct Kept {
    /// User by number → logins with the one code that were accepted.
    accepted: HashMap<u32, u32>,
    made: Vec<String>,
    /// Logins that may have been accepted or not.
    unanswered: u32,
}

struct Round<'a> {
    demo: &'a Demo,
    code: &'a str,
    number: u32,
}

impl Round<'_> {
    /// Kills the node amid logins and changes; tells whom it may have let in.
    async fn strike(
        &self,
        running: Option<u32>,
        next: &AtomicU32,
        kept: &mut Kept,
    ) -> anyhow::Result<Vec<u32>> {
        let pid = running.map_or_else(|| self.demo.pid(), Ok)?;
        let mut hasty = self.demo.proxy()?;
        (hasty.timeout, hasty.tries) = (Duration::from_millis(300), 1);
        let killer = async {
            tokio::time::sleep(moment()).await;
            process::kill(pid)
        };
        let (made, logins, killed) = tokio::join!(self.make(), self.stream(&hasty, next), killer);
        killed?;
        kept.made.extend(made);
        for (user, verdict) in &logins {
            ensure!(*verdict != Verdict::Reject, "load{user} was refused");
            let accepted = u32::from(*verdict == Verdict::Accept);
            kept.accepted.insert(*user, accepted);
            kept.unanswered += 1 - accepted;
        }
        Ok(logins.iter().map(|(user, _)| *user).collect())
    }

    /// Logs in users that nobody was before, eight at a time, until the node dies.
    async fn stream(&self, device: &Device, next: &AtomicU32) -> Vec<(u32, Verdict)> {
        let logins = futures_util::stream::repeat(()).map(|()| {
            let user = next.fetch_add(1, Ordering::Relaxed);
            async move { (user, self.login(device, user, "203.0.113.5").await) }
        });
        let logins = logins.buffer_unordered(8);
        let logins = logins.scan(0, |silent, (user, verdict)| {
            *silent += u32::from(verdict == Verdict::Silence);
            std::future::ready((*silent < 8).then_some((user, verdict)))
        });
        logins.take(STREAM_LOGINS_MAX).collect().await
    }

    async fn login(&self, device: &Device, user: u32, caller: &str) -> Verdict {
        let name = format!("load{user}@contoso.example");
        login(device, &name, self.code, caller)
            .await
            .unwrap_or(Verdict::Silence)
    }

    /// Makes users one by one until the node dies; tells the acknowledged ones.
    async fn make(&self) -> Vec<String> {
        let mut made = Vec::new();
        loop {
            let name = format!("kept{}-{}@contoso.example", self.number, made.len());
            let mut command = tokio::process::Command::from(self.demo.command());
            let said = command.args(["user", "add", &name]).output().await;
            if !said.is_ok_and(|said| said.status.success()) {
                return made;
            }
            made.push(name);
        }
    }

    /// What must hold after the restart.
    async fn check(&self, device: &Device, kept: &mut Kept, fresh: &[u32]) -> anyhow::Result<()> {
        let users = futures_util::stream::iter(fresh.iter().copied());
        // Callers of this round alone: the same login again would be a retry.
        let callers = ["198.51.100", "192.0.2"].map(|net| format!("{net}.{}", self.number));
        let [here, there] = &callers;
        let again = users.map(|user| async move {
            let one = self.login(device, user, here).await;
            let two = self.login(device, user, there).await;
            (user, [one, two])
        });
        let again: Vec<_> = again.buffer_unordered(16).collect().await;
        for (user, verdicts) in again {
            let accepts = verdicts.iter().filter(|it| **it == Verdict::Accept).count();
            let accepted = kept.accepted.entry(user).or_default();
            *accepted += u32::try_from(accepts)?;
            ensure!(
                *accepted <= 1,
                "round {}: load{user} got in {accepted} times",
                self.number
            );
            ensure!(!verdicts.contains(&Verdict::Silence), "load{user}: silence");
        }
        let listed = self
            .demo
            .run(&["user", "list", "--prefix", "kept", "--limit", "0"])?;
        for name in &kept.made {
            ensure!(
                listed.out.contains(name),
                "round {}: {name} is lost",
                self.number
            );
        }
        Ok(())
    }
}

/// Somewhere between the first login of a round and a few hundred later.
fn moment() -> Duration {
    let [octet, finer] = SystemEntropy.array();
    Duration::from_micros(5_000 + u64::from(u16::from_be_bytes([octet, finer])) * 6)
}

async fn restart(demo: &Demo) -> anyhow::Result<Process> {
    let node = Process::serve(demo.config(), &demo.node_log())?;
    until("ready again", async || demo.watch("ready").await.is_some()).await?;
    Ok(node)
}

#[tokio::test]
async fn killed_at_any_moment_it_loses_nothing_and_lets_nobody_in_twice() -> anyhow::Result<()> {
    let demo = Demo::start(6100)?;
    let device = demo.proxy()?;
    let person = demo.load(1)?;
    // The newest code of the window stays valid for a minute and more.
    let code = person.app.code(calm_step(25).await + 1)?;
    let (next, mut kept) = (AtomicU32::new(1), Kept::default());
    let (mut node, mut slowest) = (None::<Process>, Duration::ZERO);
    for number in 0..ROUNDS {
        let round = Round {
            demo: &demo,
            code: &code,
            number,
        };
        let running = node.as_ref().map(|node| node.0.id());
        let fresh = round.strike(running, &next, &mut kept).await?;
        let begun = SystemClock.monotonic();
        node = Some(restart(&demo).await?);
        slowest = slowest.max(begun.elapsed());
        round.check(&device, &mut kept, &fresh).await?;
    }
    let everyone: Vec<_> = kept.accepted.keys().copied().collect();
    let last = Round {
        demo: &demo,
        code: &code,
        number: ROUNDS,
    };
    last.check(&device, &mut kept, &everyone).await?;
    let control = next.fetch_add(1, Ordering::Relaxed);
    let verdict = last.login(&device, control, "203.0.113.5").await;
    ensure!(
        verdict == Verdict::Accept,
        "the code has left its window: nothing was shown"
    );
    println!(
        "{ROUNDS} kills: {} logins ({} unanswered), {} users made; ready after {slowest:?}",
        kept.accepted.len(),
        kept.unanswered,
        kept.made.len()
    );
    Ok(())
}

const ROUNDS: u32 = 12;
const STREAM_LOGINS_MAX: usize = 500;
