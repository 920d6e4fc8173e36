//! The service Founding.

use std::sync::{Arc, Weak};

use countersign_core::ledger::CLUSTER_VERSION;
use tonic::{Request, Response, Status};

use crate::consensus::member::{FIRST_INCARNATION, Member};
use crate::consensus::service::{caller, stopping};
use crate::peers::wire;
use crate::peers::wire::Stage;
use crate::peers::wire::founding_server::Founding;

/// Tells how far this disk has come, and lets it be admitted.
pub(in crate::consensus) struct FoundingService(pub(in crate::consensus) Weak<Member>);

#[tonic::async_trait]
impl Founding for FoundingService {
    async fn greet(
        &self,
        _: Request<wire::GreetRequest>,
    ) -> Result<Response<wire::GreetReply>, Status> {
        let member = self.0.upgrade().ok_or_else(stopping)?;
        let stage = stage(&member)?;
        Ok(Response::new(wire::GreetReply {
            stage: stage.into(),
            raft_id: id_in(&member, stage),
            version_max: CLUSTER_VERSION,
            sent_at: member.clock.wall().as_millis(),
        }))
    }

    async fn admit(
        &self,
        request: Request<wire::AdmitRequest>,
    ) -> Result<Response<wire::AdmitReply>, Status> {
        let member = self.0.upgrade().ok_or_else(stopping)?;
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let own = member.initial_members();
        if own.first().map(|(node, _)| *node) != Some(caller.0) {
            let text = "this node's initial_members begin with another node";
            return Err(Status::permission_denied(text));
        }
        if !own
            .iter()
            .map(|(node, _)| u32::from(node.0))
            .eq(asked.members)
        {
            let text = "this node's initial_members are others";
            return Err(Status::failed_precondition(text));
        }
        if asked.incarnation != u32::from(FIRST_INCARNATION) {
            return Err(Status::failed_precondition(
                "no incarnation of a blank disk",
            ));
        }
        if stage(&member)? == Stage::Blank {
            let admitted = Arc::clone(&member);
            let written = tokio::task::spawn_blocking(move || admitted.admit()).await;
            written
                .map_err(|_| stopping())?
                .map_err(|_| Status::internal("the store takes no write"))?;
        }
        let stage = stage(&member)?;
        Ok(Response::new(wire::AdmitReply {
            stage: stage.into(),
            raft_id: id_in(&member, stage),
        }))
    }
}

fn stage(member: &Member) -> Result<Stage, Status> {
    member
        .stage()
        .map_err(|_| Status::internal("the store cannot be read"))
}

fn id_in(member: &Member, stage: Stage) -> u64 {
    match stage {
        Stage::Admitted | Stage::Member => member.id.0,
        Stage::Blank | Stage::Unspecified => 0,
    }
}
