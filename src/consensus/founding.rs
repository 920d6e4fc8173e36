//! Before there is a log: who is there, and may all of them begin together.
//!
//! One node founds, the first of `initial_members`, and only when every listed node says
//! that its disk was never part of a cluster. A node that says otherwise, or nothing, is
//! asked again: two clusters are worse than none.
//!
//! What if the founder dies here? Greeted: nothing has changed. Some admitted: they hold
//! no log and count as blank. Initialised: its log has the members, it elects when it is
//! back.

mod service;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::NodeId;
use countersign_core::ledger::CLUSTER_VERSION;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};
use tonic::Status;

pub(super) use self::service::FoundingService;
use super::member::{FIRST_INCARNATION, Member};
use super::raft::{Peer, RaftId};
use crate::peers::wire::founding_client::FoundingClient;
use crate::peers::wire::{AdmitRequest, GreetReply, GreetRequest, Stage};
use crate::peers::{Link, Links};

/// Runs until this node has a log or a vote. Does nothing for a node that founds alone.
pub(super) async fn run(member: Arc<Member>) {
    let mut told = Instant::now();
    while let Some(links) = member.peers.as_ref().map(|peers| Arc::clone(&peers.links)) {
        match member.stage() {
            Ok(Stage::Member) => return member.wait_for("a leader".to_owned()),
            Ok(own) => take_a_step(&member, &links, own).await,
            Err(error) => member.wait_for(format!("its own store: {error}")),
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            let waits_for = member.waits_for();
            tracing::warn!(node = ?member.id.node(), %waits_for, "not part of a cluster yet");
        }
        sleep(ASK_EVERY).await;
    }
}

/// Asks everybody and, where this node may, founds.
async fn take_a_step(member: &Member, links: &Links, own: Stage) {
    let greeted = greet_all(member, links).await;
    let waits_for = describe(&greeted);
    let is_member = |reply: &GreetReply| reply.stage() == Stage::Member;
    let knows = |(_, greeted): &&(NodeId, Greeted)| greeted.as_ref().is_ok_and(is_member);
    if own == Stage::Blank
        && let Some((node, _)) = greeted.iter().find(knows)
    {
        return member.wait_for(format!(
            "an operator: this disk is blank, but node {node} is part of a cluster already; \
             it will not take part again under the same number"
        ));
    }
    let first = member.initial_members().first();
    if first.map(|(node, _)| *node) != member.id.node() {
        let first = first.map_or(0, |(node, _)| node.0);
        return member.wait_for(format!("node {first} to found the cluster; {waits_for}"));
    }
    if !greeted
        .iter()
        .all(|(node, greeted)| may_begin(*node, greeted))
    {
        return member.wait_for(waits_for);
    }
    match found(member, links).await {
        Ok(()) => tracing::info!("all members are here: the cluster begins"),
        Err(status) => member.wait_for(format!("all members: {}", status.message())),
    }
}

type Greeted = Result<GreetReply, Status>;

async fn greet_all(member: &Member, links: &Links) -> Vec<(NodeId, Greeted)> {
    let others = others(member).map(|(node, address)| {
        let mut client = client(links, *node, address);
        let sent_at = member.clock.wall().as_millis();
        async move {
            let greeted = within(client.greet(GreetRequest { sent_at })).await;
            (*node, greeted)
        }
    });
    join_all(others).await
}

/// Whether a node that answered so can be part of a new cluster.
fn may_begin(node: NodeId, greeted: &Greeted) -> bool {
    let Ok(reply) = greeted else {
        return false;
    };
    let first_life = RaftId::new(node, FIRST_INCARNATION);
    let stage = match reply.stage() {
        Stage::Blank => true,
        Stage::Admitted => reply.raft_id == first_life.0,
        Stage::Member | Stage::Unspecified => false,
    };
    stage && reply.version_max >= CLUSTER_VERSION
}

/// Admits all, itself first, then begins. Any of them refusing leaves it for later.
async fn found(member: &Member, links: &Links) -> Result<(), Status> {
    member
        .admit()
        .map_err(|error| Status::internal(error.to_string()))?;
    let members = member.initial_members();
    let request = AdmitRequest {
        incarnation: u32::from(FIRST_INCARNATION),
        members: members.iter().map(|(node, _)| node.0.into()).collect(),
    };
    for (node, address) in others(member) {
        let mut client = client(links, *node, address);
        let reply = within(client.admit(request.clone())).await?;
        let id = RaftId::new(*node, FIRST_INCARNATION);
        if reply.stage() != Stage::Admitted || reply.raft_id != id.0 {
            let stage = reply.stage().as_str_name();
            return Err(Status::aborted(format!("node {node} says {stage}")));
        }
    }
    let voters: BTreeMap<u64, Peer> = members
        .iter()
        .map(|(node, address)| {
            let peer = Peer {
                address: address.clone(),
            };
            (RaftId::new(*node, FIRST_INCARNATION).0, peer)
        })
        .collect();
    let failed = |cause: String| Status::internal(cause);
    let begun = member.raft.initialize(voters).await;
    begun.map_err(|error| failed(error.to_string()))?;
    let elected = member.raft.trigger().elect(true).await;
    elected.map_err(|fatal| failed(fatal.to_string()))
}

fn others(member: &Member) -> impl Iterator<Item = &(NodeId, String)> {
    let members = member.initial_members().iter();
    members.filter(|(node, _)| Some(*node) != member.id.node())
}

fn client(links: &Links, node: NodeId, address: &str) -> FoundingClient<Link> {
    FoundingClient::new(links.to(node, address))
}

async fn within<T>(
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, Status> {
    let reply = timeout(ANSWER_TIME_MAX, call).await;
    let reply = reply.map_err(|_| Status::deadline_exceeded("no answer"))?;
    Ok(reply?.into_inner())
}

/// In words, for the log.
fn describe(greeted: &[(NodeId, Greeted)]) -> String {
    let one = |(node, greeted): &(NodeId, Greeted)| match greeted {
        Ok(reply) if may_begin(*node, greeted) => {
            format!("node {node} is ready ({})", reply.stage().as_str_name())
        }
        Ok(reply) => format!("node {node} says {}", reply.stage().as_str_name()),
        Err(status) => format!("node {node} does not answer ({})", cause(status)),
    };
    greeted.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The innermost cause: tonic's own text says no more than that something failed.
fn cause(status: &Status) -> String {
    let mut inner: &dyn std::error::Error = status;
    while let Some(source) = inner.source() {
        inner = source;
    }
    match status.message() {
        "" => inner.to_string(),
        message if std::ptr::addr_eq(inner, status) => message.to_owned(),
        message => format!("{message}: {inner}"),
    }
}

/// Between two rounds of questions.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// How long a node may take to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// How often a node that waits says so.
pub(super) const TELL_EVERY: Duration = Duration::from_secs(10);
