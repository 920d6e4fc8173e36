//! Everything at one time, at all nodes.

use super::super::cluster::{Cluster, NODES};
use super::super::volley::one_of_three;

#[tokio::test]
async fn of_three_callers_at_three_nodes_with_one_code_exactly_one_is_let_in() -> anyhow::Result<()>
{
    let cluster = Cluster::start(900)?;
    let set = ["client", "set", "proxy", "--retry-grace-ms", "90000"];
    cluster.done(0, &set).await?;
    let device = cluster.at(cluster.demo.proxy()?, &NODES)?;
    one_of_three(&cluster.demo, &device, 900).await?;
    cluster.settled().await?;
    Ok(())
}
