//! The leader dies between any two steps of a login: never two Accepts, and a device that
//! tries again is let in.

use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Context, ensure};
use countersign::device::Device;

use super::cluster::{Cluster, NODES};
use super::codes::step;
use super::world::{HOME, Person, Verdict, login};

/// Whom the device asks first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum First {
    /// The leader: it judges, and dies.
    Leader,
    /// Another node, which judges while the leader dies.
    Other,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Factors {
    Both,
    Code,
}

struct Case {
    point: &'static str,
    first: First,
    factors: Factors,
}

impl Factors {
    fn device(self, cluster: &Cluster) -> anyhow::Result<Device> {
        match self {
            Self::Both => cluster.demo.vpn(),
            Self::Code => cluster.demo.proxy(),
        }
    }

    fn typed(self, person: &Person, step: u64) -> anyhow::Result<String> {
        let code = person.app.code(step)?;
        Ok(match self {
            Self::Both => person.password.clone() + &code,
            Self::Code => code,
        })
    }
}

impl Case {
    async fn run(&self, cluster: &Cluster, number: u32) -> anyhow::Result<()> {
        let person = cluster.demo.load(number)?;
        let leader = usize::try_from(number)? % NODES.len();
        cluster.kill(leader).await?;
        let environment = [("COUNTERSIGN_DIE_AT", self.point)];
        let config = cluster.demo.told(&format!("/nodes/{leader}/config"));
        cluster.restart_as(leader, Path::new(config), &environment)?;
        cluster.ready(leader).await?;
        cluster.lead(leader).await?;
        let offset = match self.first {
            First::Leader => 0,
            First::Other => 1,
        };
        let servers = NODES.map(|at| (leader + offset + at) % NODES.len());
        let device = cluster.at(self.factors.device(cluster)?, &servers)?;
        // The newest code of the window stays valid for a minute and more.
        let newest = step() + 1;
        let typed = self.factors.typed(&person, newest)?;
        let verdict = login(&device, &person.name, &typed, HOME).await?;
        ensure!(verdict == Verdict::Accept, "{verdict:?}");
        cluster.gone(leader).await.context("it did not die there")?;
        cluster.restart(leader)?;
        cluster.ready(leader).await?;
        let asked = cluster.demo.asked(&person.name)?;
        ensure!(self.allowed().contains(&asked), "{asked} questions");
        cluster
            .is_spent(
                || self.factors.device(cluster),
                &person.name,
                &typed,
                newest,
            )
            .await
    }
}

impl Case {
    /// How often the source may have been asked: once more only where who asked died, and
    /// its question may have had no answer that anybody else can know of.
    fn allowed(&self) -> RangeInclusive<usize> {
        let asker_died = self.first == First::Leader;
        match (self.factors, self.point) {
            (Factors::Code, _) => 0..=0,
            (Factors::Both, "source-asked" | "settle-proposed") if asker_died => 1..=2,
            (Factors::Both, _) => 1..=1,
        }
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for factors in [Factors::Both, Factors::Code] {
        for first in [First::Leader, First::Other] {
            for (point, at_leader, with_source) in POINTS {
                let reached = at_leader || first == First::Leader;
                if reached && (!with_source || factors == Factors::Both) {
                    cases.push(Case {
                        point,
                        first,
                        factors,
                    });
                }
            }
        }
    }
    cases
}

#[tokio::test]
async fn the_leader_dies_between_any_two_steps_of_a_login() -> anyhow::Result<()> {
    let cases = cases();
    let cluster = Cluster::start(u32::try_from(cases.len())?)?;
    for (number, case) in (1..).zip(&cases) {
        let Case {
            point,
            first,
            factors,
        } = case;
        let done = case.run(&cluster, number).await;
        done.with_context(|| format!("{point}, {first:?} first, {factors:?}"))?;
        println!("{point}, {first:?} asked first, {factors:?}: let in once");
    }
    Ok(())
}

/// Its name; whether the leader comes by whoever judges; whether only with a source.
const POINTS: [(&str, bool, bool); 8] = [
    ("begin-proposed", true, false),
    ("begin-applied", true, false),
    ("begin-answered", false, false),
    ("source-asked", false, true),
    ("settle-proposed", true, true),
    ("settle-applied", true, true),
    ("settle-answered", false, true),
    ("reply-sent", false, false),
];
