//! The end of a run: what the nodes have, once nothing is sent any more.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;

use crate::admin::Operator;
use crate::history::{At, End, SECOND, Standing, Store};
use crate::run::Run;

/// Waits until every node has applied the same and has the same; tells how long it took.
pub(crate) async fn converge(run: &Run) -> (Vec<Standing>, Option<At>) {
    let begun = run.recorder.at();
    loop {
        let (standings, all) = standings(run).await;
        let states: BTreeSet<_> = standings.iter().map(|it| (it.applied, &it.hash)).collect();
        let took = run.recorder.at().saturating_sub(begun);
        if all && states.len() == 1 {
            return (standings, Some(took));
        }
        if took > PATIENCE {
            return (standings, None);
        }
        tokio::time::sleep(STEP).await;
    }
}

/// Waits until every node has applied more than any had when all could first be asked after
/// the last mending, while the load goes on; tells how long after that mending it was.
pub(crate) async fn caught_up(run: &Run) -> Option<At> {
    let (begun, mut mark) = (run.recorder.at(), None);
    while run.recorder.at().saturating_sub(begun) < PATIENCE {
        let (standings, all) = standings(run).await;
        if all && has_passed(&standings, &mut mark) {
            return Some(run.recorder.at().saturating_sub(run.recorder.mended()));
        }
        tokio::time::sleep(STEP).await;
    }
    None
}

/// Whether all are beyond the furthest of the first time.
fn has_passed(standings: &[Standing], mark: &mut Option<u64>) -> bool {
    let furthest = standings.iter().map(|it| it.applied).max();
    match *mark {
        None => *mark = furthest,
        Some(mark) => return standings.iter().all(|it| it.applied > mark),
    }
    false
}

/// How the nodes stand that have not died, and whether all of them tell it.
async fn standings(run: &Run) -> (Vec<Standing>, bool) {
    let asks: Vec<_> = alive(run).map(|operator| operator.standing()).collect();
    let asked = asks.len();
    let standings: Vec<_> = join_all(asks).await.into_iter().flatten().collect();
    let all = asked > 0 && standings.len() == asked;
    (standings, all)
}

fn alive(run: &Run) -> impl Iterator<Item = &Operator> {
    let operators = run.operators.iter();
    operators.filter(|it| run.fleet.has_died(it.node).is_ok_and(|died| !died))
}

/// What every node has.
pub(crate) async fn look(run: &Run) -> anyhow::Result<End> {
    let (standings, converged_after) = converge(run).await;
    let mut stores = Vec::new();
    for operator in alive(run) {
        stores.push(store(run, operator).await?);
    }
    Ok(End {
        standings,
        converged_after,
        stores,
    })
}

/// A node that has just lost its leader says so, and is asked again.
async fn store(run: &Run, operator: &Operator) -> anyhow::Result<Store> {
    let begun = run.recorder.at();
    loop {
        match operator.store().await {
            Err(_) if run.recorder.at().saturating_sub(begun) < PATIENCE => {
                tokio::time::sleep(STEP).await;
            }
            said => return said,
        }
    }
}

/// Whose password the stand-in for Entra was asked for.
pub(crate) fn questions(log: &str) -> Vec<String> {
    let lines = log.lines().filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let path = line.get("path")?.as_str()?;
        let user = line.get("user")?.as_str()?;
        path.ends_with("/token").then(|| user.to_owned())
    });
    lines.collect()
}

const PATIENCE: At = 60 * SECOND;
const STEP: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_questions_about_passwords_count() {
        let log = "{\"path\":\"/t/oauth2/v2.0/token\",\"user\":\"alice\"}\n\
                   {\"path\":\"/t/oauth2/v2.0/token\",\"user\":null}\n\
                   {\"path\":\"/common/userrealm/alice\",\"user\":\"alice\"}\n{broken";
        assert_eq!(questions(log), ["alice"]);
    }

    #[test]
    fn caught_up_is_who_has_what_was_written_since() {
        let at = |applied: [u64; 2]| {
            let standing = |applied| Standing {
                node: 1,
                applied,
                hash: String::new(),
                leader: 1,
            };
            applied.map(standing)
        };
        let mut mark = None;
        assert!(!has_passed(&at([7, 5]), &mut mark));
        assert!(!has_passed(&at([9, 7]), &mut mark), "one has only the old");
        assert!(has_passed(&at([9, 8]), &mut mark));
    }
}
