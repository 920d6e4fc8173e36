//! The end of a run: what the nodes have, once nothing is sent any more.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;

use crate::history::{At, End, SECOND, Standing};
use crate::run::Run;

/// Waits until every node has applied the same and has the same; tells how long it took.
pub(crate) async fn converge(run: &Run) -> (Vec<Standing>, Option<At>) {
    let begun = run.recorder.at();
    loop {
        let asks = run.operators.iter().map(|operator| operator.standing());
        let standings: Vec<_> = join_all(asks).await.into_iter().flatten().collect();
        let states: BTreeSet<_> = standings.iter().map(|it| (it.applied, &it.hash)).collect();
        let took = run.recorder.at().saturating_sub(begun);
        if standings.len() == run.operators.len() && states.len() == 1 {
            return (standings, Some(took));
        }
        if took > PATIENCE {
            return (standings, None);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What every node has.
pub(crate) async fn look(run: &Run) -> anyhow::Result<End> {
    let (standings, converged_after) = converge(run).await;
    let mut stores = Vec::new();
    for operator in &run.operators {
        stores.push(operator.store().await?);
    }
    Ok(End {
        standings,
        converged_after,
        stores,
    })
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

#[cfg(test)]
mod tests {
    #[test]
    fn only_questions_about_passwords_count() {
        let log = "{\"path\":\"/t/oauth2/v2.0/token\",\"user\":\"alice\"}\n\
                   {\"path\":\"/t/oauth2/v2.0/token\",\"user\":null}\n\
                   {\"path\":\"/common/userrealm/alice\",\"user\":\"alice\"}\n{broken";
        assert_eq!(super::questions(log), ["alice"]);
    }
}
