//! What is read says how old it may be.

use std::fs;

use anyhow::Context;
use countersign::admin::api::ListUsersRequest;
use countersign::admin::api::user_service_client::UserServiceClient;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic::{Code, Request};

use super::super::cluster::{Cluster, NODES};
use super::super::process::until;

/// What became of reading the users at `node`, and what it says of its tables: whose they
/// are, up to which entry, and whether they are in sync.
async fn read(cluster: &Cluster, node: usize) -> anyhow::Result<(Code, [u64; 3])> {
    let demo = &cluster.demo;
    let ca = fs::read(demo.told("/admin/ca_file"))?;
    let trust = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
    let admin = demo.told(&format!("/nodes/{node}/admin")).to_owned();
    let channel = Endpoint::from_shared(admin)?.tls_config(trust)?;
    let mut users = UserServiceClient::new(channel.connect().await?);
    let token = fs::read_to_string(demo.told("/admin/token_file"))?;
    let mut request = Request::new(ListUsersRequest::default());
    let bearer = format!("Bearer {}", token.trim()).parse()?;
    request.metadata_mut().insert("authorization", bearer);
    let (headers, code) = match users.list_users(request).await {
        Ok(listed) => (listed.metadata().clone(), Code::Ok),
        Err(refused) => (refused.metadata().clone(), refused.code()),
    };
    let number = |key: &str| -> anyhow::Result<u64> {
        let value = headers.get(key).context("no such header")?;
        Ok(value.to_str()?.parse()?)
    };
    let told = [
        number("countersign-node")?,
        number("countersign-applied")?,
        number("countersign-in-sync")?,
    ];
    Ok((code, told))
}

#[tokio::test]
async fn a_read_tells_whose_tables_were_read_and_whether_they_may_be_old() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    let leader = cluster.settled().await?;
    let applied = cluster.standing(leader)?.number("applied");
    for node in NODES {
        until("a node in sync says so", async || {
            let said = read(&cluster, node).await;
            let own = node as u64 + 1;
            said.is_ok_and(|(code, [whose, index, in_sync])| {
                (code, whose, in_sync) == (Code::Ok, own, 1) && Some(index) >= applied
            })
        })
        .await?;
    }
    let last = (leader + 1) % 3;
    for node in NODES.into_iter().filter(|node| *node != last) {
        cluster.kill(node).await?;
    }
    until("a node without a quorum says so", async || {
        let said = read(&cluster, last).await;
        let own = last as u64 + 1;
        said.is_ok_and(|(code, [whose, index, in_sync])| {
            (code, whose, in_sync) == (Code::Unavailable, own, 0) && Some(index) >= applied
        })
    })
    .await
}
