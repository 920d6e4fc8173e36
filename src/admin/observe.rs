//! Status, events and audit over gRPC.

use std::pin::Pin;
use std::time::Duration;

use countersign_core::base::{NodeId, Timestamp};
use data_encoding::HEXLOWER;
use futures_util::{Stream, stream};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, Interval, interval_at};
use tonic::{Request, Response, Status};

use super::api::{
    self, cluster_service_server::ClusterService, event_service_server::EventService,
};
use super::auth::{caller, renewed};
use super::convert::page_size;
use super::server::Desk;
use crate::login::Ledger;
use crate::operate::{
    Action, AuditShown, Caller, Event, EventQuery, LinkStanding, Member, NodeRole,
};

#[tonic::async_trait]
impl<L: Ledger> ClusterService for Desk<L> {
    async fn get_status(
        &self,
        request: Request<api::GetStatusRequest>,
    ) -> Result<Response<api::ClusterStatus>, Status> {
        let caller = caller(&request)?;
        let status = self.0.status(&caller)?;
        let members = self.0.members(&caller).await?;
        let own = |member: &&Member| member.node == status.standing.node;
        let clock = members
            .iter()
            .find(own)
            .and_then(|own| own.said.as_ref().ok());
        let clock = clock.map_or(0, |own| own.now);
        let role = match status.standing.role {
            NodeRole::Leader => "leader",
            NodeRole::Voter => "voter",
            NodeRole::Replica => "replica",
        };
        Ok(Response::new(api::ClusterStatus {
            node: status.standing.node.0.into(),
            cluster: status.cluster,
            role: role.to_owned(),
            term: status.standing.term,
            leader: status.standing.leader.map_or(0, |node| node.0.into()),
            applied: status.standing.applied,
            state_hash: HEXLOWER.encode(&status.state_hash),
            entry_time: status.entry_time,
            cluster_version: status.cluster_version,
            program_version: status.program_version.to_owned(),
            in_sync: status.in_sync,
            demo: status.demo,
            members: members.into_iter().map(|it| member(it, clock)).collect(),
        }))
    }

    async fn transfer_leader(
        &self,
        request: Request<api::TransferLeaderRequest>,
    ) -> Result<Response<api::TransferLeaderResponse>, Status> {
        let caller = caller(&request)?;
        let to = match request.into_inner().node {
            0 => None,
            node => Some(NodeId(u16::try_from(node).map_err(|_| no_node())?)),
        };
        let leader = self.0.transfer_leader(&caller, to).await?.0.into();
        Ok(Response::new(api::TransferLeaderResponse { leader }))
    }
}

fn no_node() -> Status {
    Status::invalid_argument("node: a number from 1 to 65535")
}

/// `clock` is that of the node that was asked.
fn member(member: Member, clock: u64) -> api::MemberStatus {
    let node = member.node.0.into();
    let it = match member.said {
        Ok(it) => it,
        Err(fault) => {
            return api::MemberStatus {
                node,
                fault,
                ..Default::default()
            };
        }
    };
    let offset = i128::from(it.now).saturating_sub(clock.into());
    api::MemberStatus {
        node,
        fault: String::new(),
        role: it.role,
        term: it.term,
        leader: it.leader.map_or(0, |node| node.0.into()),
        last_log: it.last_log,
        committed: it.committed,
        applied: it.applied,
        applied_at: it.applied_at,
        state_hash: HEXLOWER.encode(&it.hash),
        fsync_p50_micros: it.fsync_p50_micros,
        fsync_p99_micros: it.fsync_p99_micros,
        certificate_expires: it.certificate_expires,
        in_sync: it.in_sync,
        fenced: it.fenced,
        program_version: it.program,
        clock_offset_ms: offset.try_into().unwrap_or(i64::MAX),
        links: it.links.into_iter().map(link).collect(),
        strangers: Some(api::StrangersStatus {
            refused: it.strangers.count,
            refusal: it.strangers.last,
        }),
    }
}

fn link(it: LinkStanding) -> api::LinkStatus {
    api::LinkStatus {
        node: it.node.0.into(),
        connected: it.connected,
        fault: it.fault,
        refused: it.refused.count,
        refusal: it.refused.last,
    }
}

type Events = Pin<Box<dyn Stream<Item = Result<api::Event, Status>> + Send>>;

#[tonic::async_trait]
impl<L: Ledger> EventService for Desk<L> {
    type ListEventsStream = Events;
    type FollowEventsStream = Events;

    async fn list_events(
        &self,
        request: Request<api::ListEventsRequest>,
    ) -> Result<Response<Events>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let until = match asked.until {
            0 => u64::MAX,
            until => until,
        };
        let query = EventQuery {
            from: Timestamp::from_millis(asked.from),
            until: Timestamp::from_millis(until),
            user: asked.user,
            reference: asked.reference,
            limit: page_size(asked.limit),
        };
        let events = self.0.list_events(&caller, query).await?;
        let events = events.into_iter().map(|it| Ok(event(it)));
        Ok(Response::new(Box::pin(tokio_stream::iter(events))))
    }

    async fn follow_events(
        &self,
        request: Request<api::FollowEventsRequest>,
    ) -> Result<Response<Events>, Status> {
        let caller = caller(&request)?;
        let user = request.into_inner().user;
        let events = self.0.follow_events(&caller)?;
        let follower = Follower {
            desk: self.clone(),
            caller,
            events,
            user,
            looks: interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY),
        };
        Ok(Response::new(follower.into_stream()))
    }

    async fn list_audit(
        &self,
        request: Request<api::ListAuditRequest>,
    ) -> Result<Response<api::ListAuditResponse>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let limit = page_size(asked.limit);
        let records = self.0.list_audit(&caller, asked.before, limit)?;
        Ok(Response::new(api::ListAuditResponse {
            records: records.into_iter().map(audit).collect(),
        }))
    }
}

/// Whoever follows the events, and may have lost the right to since.
struct Follower<L> {
    desk: Desk<L>,
    caller: Caller,
    events: broadcast::Receiver<Event>,
    /// Whose events; empty: everybody's.
    user: String,
    looks: Interval,
}

impl<L: Ledger> Follower<L> {
    fn into_stream(self) -> Events {
        let steps = stream::unfold(Some(self), |open| async move {
            let mut follower = open?;
            let next = follower.next().await?;
            let goes_on = next.is_ok();
            Some((next, goes_on.then_some(follower)))
        });
        Box::pin(steps)
    }

    /// One that was too slow is told how much it missed, and goes on.
    async fn next(&mut self) -> Option<Result<api::Event, Status>> {
        loop {
            let next = tokio::select! {
                biased;
                _ = self.looks.tick() => match self.may_go_on() {
                    Ok(()) => continue,
                    Err(status) => return Some(Err(status)),
                },
                next = self.events.recv() => next,
            };
            match next {
                Ok(next) if self.wants(&next) => return Some(Ok(event(next))),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    return Some(Ok(api::Event {
                        missed,
                        ..Default::default()
                    }));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// By the own tables, also where they are old: who watches a node that is cut off needs
    /// to, and what it has heard of is known to it.
    fn may_go_on(&self) -> Result<(), Status> {
        let renewed = renewed(&self.desk.0, &self.caller)?;
        Ok(renewed.may(Action::EventsRead)?)
    }

    fn wants(&self, event: &Event) -> bool {
        self.user.is_empty() || event.user.eq_ignore_ascii_case(&self.user)
    }
}

fn event(event: Event) -> api::Event {
    api::Event {
        at: event.at.as_millis(),
        node: event.node.0.into(),
        kind: event.kind,
        reference: event.reference,
        user: event.user,
        client: event.client,
        source: event.source,
        caller: event.caller,
        answer: event.answer,
        reason: event.reason,
        cause: event.cause,
        remedy: event.remedy,
        source_code: event.source_code,
        took_ms: event.took_millis,
        missed: 0,
    }
}

fn audit(shown: AuditShown) -> api::AuditRecord {
    let actor = shown.record.actor.unwrap_or_default();
    api::AuditRecord {
        number: shown.number,
        at: shown.record.at,
        operator: actor.name,
        source: actor.source,
        action: shown.record.action,
        subject: shown.record.subject,
        before: shown.record.before,
        after: shown.record.after,
        refused: shown.record.refused,
    }
}

/// How long a follower may go on whose API token was revoked or has ended.
const LOOK_EVERY: Duration = Duration::from_secs(30);
