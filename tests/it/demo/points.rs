//! The leader dies between any two steps of a login: never two Accepts, and a device that
//! tries again is let in.

use anyhow::{Context, ensure};
use countersign::device::Device;

use super::codes::step;
use super::fleet::{Fleet, NODES};
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
    fn device(self, fleet: &Fleet) -> anyhow::Result<Device> {
        match self {
            Self::Both => fleet.demo.vpn(),
            Self::Code => fleet.demo.proxy(),
        }
    }

    fn typed(self, person: &Person) -> anyhow::Result<String> {
        // The newest code of the window stays valid for a minute and more.
        let code = person.app.code(step() + 1)?;
        Ok(match self {
            Self::Both => person.password.clone() + &code,
            Self::Code => code,
        })
    }
}

impl Case {
    async fn run(&self, fleet: &Fleet, number: u32) -> anyhow::Result<()> {
        let person = fleet.demo.load(number)?;
        let leader = usize::try_from(number)? % NODES;
        fleet.kill(leader).await?;
        let environment = [("COUNTERSIGN_DIE_AT", self.point)];
        fleet.restart(leader, &environment).await?;
        fleet.lead(leader).await?;
        let offset = match self.first {
            First::Leader => 0,
            First::Other => 1,
        };
        let servers: Vec<_> = (0..NODES)
            .map(|at| (leader + offset + at) % NODES)
            .collect();
        let device = fleet.asks(self.factors.device(fleet)?, &servers)?;
        let typed = self.factors.typed(&person)?;
        let verdict = login(&device, &person.name, &typed, HOME).await?;
        ensure!(verdict == Verdict::Accept, "{verdict:?}");
        fleet.gone(leader).await.context("it did not die there")?;
        fleet.restart(leader, &[]).await?;
        let asked = fleet.demo.asked(&person.name)?;
        let allowed = match self.factors {
            Factors::Both => 1..=2,
            Factors::Code => 0..=0,
        };
        ensure!(allowed.contains(&asked), "{asked} questions");
        fleet
            .is_spent(|| self.factors.device(fleet), &person.name, &typed)
            .await
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
    let fleet = Fleet::start(u32::try_from(cases.len())?)?;
    for (number, case) in (1..).zip(&cases) {
        let Case {
            point,
            first,
            factors,
        } = case;
        let done = case.run(&fleet, number).await;
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
