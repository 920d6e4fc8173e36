//! The service Raft: what peers say, checked, and handed to the Raft core.
//!
//! Nothing here may stop the node: who says what cannot be meant is refused.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::{Stream, StreamExt, stream};
use openraft::async_runtime::watch::WatchReceiver;
use openraft::raft::AppendEntriesRequest;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

use super::codec;
use super::member::Member;
use super::messages::{self, MessageError, Speaker, read_header};
use super::raft::{SnapshotMeta, Types, Vote};
use super::snapshot::incoming::{RefusedSnapshot, Turn};
use super::snapshot::outgoing::PIECE_TIME_MAX;
use super::snapshot::{Image, Snapshot};
use crate::peers::wire;
use crate::peers::wire::raft_server::Raft;
use crate::peers::{Caller, Place, Places};

/// Serves for as long as the node takes part.
pub(super) struct RaftService {
    pub(super) member: Weak<Member>,
    /// Of appends.
    pub(super) streams: Places,
}

impl RaftService {
    fn member(&self) -> Result<Arc<Member>, Status> {
        self.member.upgrade().ok_or_else(stopping)
    }
}

type Replies = Pin<Box<dyn Stream<Item = Result<wire::AppendReply, Status>> + Send>>;

#[tonic::async_trait]
impl Raft for RaftService {
    type AppendEntriesStream = Replies;

    async fn request_vote(
        &self,
        request: Request<wire::VoteRequest>,
    ) -> Result<Response<wire::VoteReply>, Status> {
        let member = self.member()?;
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let from = member.hear(caller, asked.header)?;
        let vote = member.meant(messages::read_vote_request(from, &asked))?;
        let answer = if asked.pre {
            member.raft.pre_vote(vote).await
        } else {
            member.raft.vote(vote).await
        };
        let answer = answer.map_err(|_| stopping())?;
        Ok(Response::new(messages::vote_reply(&answer)))
    }

    async fn append_entries(
        &self,
        request: Request<Streaming<wire::AppendRequest>>,
    ) -> Result<Response<Replies>, Status> {
        let member = self.member()?;
        let caller = caller(&request)?;
        let place = self.streams.take(caller.0);
        let place = place.ok_or_else(|| Status::resource_exhausted("too many streams"))?;
        let heard = Arc::new(Heard::default());
        let appends = Appends {
            _place: place,
            member: self.member.clone(),
            caller,
            requests: request.into_inner(),
            heard: Arc::clone(&heard),
        };
        let appends = stream::unfold(appends, |mut appends| async move {
            appends.next().await.map(|append| (append, appends))
        });
        let (told, contact) = (Arc::clone(&heard), Arc::clone(&member.contact));
        let results = member.raft.stream_append(appends);
        let replies = results.map(move |result| {
            let result = result.map_err(|_| stopping())?;
            // LIMIT: the core has 64 appends of a stream in hand.
            let word = told.words().pop_front();
            if let (Ok(_), Some(word)) = (&result, word) {
                contact.heard(caller.0, &word.word, word.term, word.commit);
            }
            Ok(messages::append_reply(&result))
        });
        let fault = stream::once(async move { heard.fault() }).filter_map(async |fault| fault);
        Ok(Response::new(Box::pin(replies.chain(fault.map(Err)))))
    }

    async fn offer_snapshot(
        &self,
        request: Request<wire::SnapshotOffer>,
    ) -> Result<Response<wire::SnapshotStanding>, Status> {
        let member = self.member()?;
        let caller = caller(&request)?;
        let offer = request.into_inner();
        let vote = member.hear_offer(caller, &offer)?;
        if let Some(higher) = member.higher_vote(vote) {
            return Ok(Response::new(wire::SnapshotStanding {
                higher_vote: Some(codec::stored_vote(&higher)),
                ..wire::SnapshotStanding::default()
            }));
        }
        let mark = member.meant(offer.mark.ok_or(MessageError::Missing("mark")))?;
        member.covers(&mark, vote).await?;
        Ok(Response::new(member.incoming.offered(mark).await?))
    }

    async fn send_snapshot(
        &self,
        request: Request<Streaming<wire::SnapshotPiece>>,
    ) -> Result<Response<wire::SnapshotReply>, Status> {
        let (member, caller) = (self.member()?, caller(&request)?);
        // On a task of its own, that the end of the call does not cut off: half a piece
        // would cost the whole file, and once the core has the snapshot, nobody else may
        // begin to receive before it is in place.
        let received = tokio::spawn(receive(member, caller, request.into_inner()));
        received.await.map_err(|_| stopping())?
    }

    async fn transfer_leader(
        &self,
        request: Request<wire::TransferRequest>,
    ) -> Result<Response<wire::TransferReply>, Status> {
        let member = self.member()?;
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let from = member.hear(caller, asked.header)?;
        let asked = member.meant(messages::read_transfer_request(from, &asked))?;
        // Its outcomes would come from tables that are not the cluster's, or its stamps from
        // a clock that is not.
        let contact = &member.contact;
        let fenced = contact.hashes().difference().is_some() || contact.clock_fault().is_some();
        if fenced && *asked.to_node_id() == member.id.0 {
            return Ok(Response::new(wire::TransferReply { taken: false }));
        }
        let taken = member.raft.handle_transfer_leader(asked).await;
        let taken = taken.map_err(|_| stopping())?.is_ok();
        Ok(Response::new(wire::TransferReply { taken }))
    }
}

impl Member {
    /// Who speaks; refused where it is not who called, means another, or does not vote: it
    /// cannot stand for election, and lead even less.
    fn hear(&self, caller: Caller, header: Option<wire::Header>) -> Result<Speaker, Status> {
        let between = self.meant(read_header(header))?;
        if between.from.node() != Some(caller.0) {
            self.operations.count(REFUSED, "speaks_for_another");
            return Err(Status::permission_denied("speaks for another node"));
        }
        let taken = self.takes(between.from, between.to);
        if !taken.map_err(|_| stopping())? {
            self.operations.count(REFUSED, "incarnation");
            return Err(Status::failed_precondition("meant for another incarnation"));
        }
        if !self.may_vote(between.from) {
            self.operations.count(REFUSED, "no_voter");
            return Err(Status::permission_denied("only voters say so"));
        }
        Ok(Speaker {
            id: between.from,
            own_term: self.term(),
        })
    }

    /// Counts what cannot be meant.
    fn meant<T>(&self, read: Result<T, MessageError>) -> Result<T, Status> {
        read.map_err(|error| {
            self.operations.count(REFUSED, "message");
            error.into()
        })
    }

    fn hear_offer(&self, caller: Caller, offer: &wire::SnapshotOffer) -> Result<Vote, Status> {
        let from = self.hear(caller, offer.header)?;
        self.meant(messages::read_offer_vote(from, offer))
    }

    /// The newest term that this node has seen.
    fn term(&self) -> u64 {
        let metrics = self.raft.server_metrics();
        let vote = metrics.borrow_watched().vote;
        vote.leader_id.term
    }

    /// What a snapshot covers that the leader of `vote` has.
    async fn covers(&self, mark: &wire::SnapshotMark, vote: Vote) -> Result<SnapshotMeta, Status> {
        let meta = self.meant(messages::read_snapshot_mark(mark, vote.leader_id.term))?;
        let committed = self
            .raft
            .with_raft_state(|state| state.local_committed().copied());
        let committed = committed.await.map_err(|_| stopping())?;
        self.meant(messages::beyond(&meta, committed))?;
        Ok(meta)
    }

    fn higher_vote(&self, vote: Vote) -> Option<Vote> {
        let own = self.raft.server_metrics().borrow_watched().vote;
        (own.leader_id.term > vote.leader_id.term).then_some(own)
    }
}

/// A leader's appends, until one cannot be meant.
struct Appends {
    _place: Place,
    member: Weak<Member>,
    caller: Caller,
    requests: Streaming<wire::AppendRequest>,
    heard: Arc<Heard>,
}

impl Appends {
    async fn next(&mut self) -> Option<AppendEntriesRequest<Types>> {
        let message = self.requests.message().await;
        match message.and_then(|message| message.map(|it| self.read(it)).transpose()) {
            Ok(read) => read,
            Err(fault) => {
                self.heard.stop(fault);
                None
            }
        }
    }

    fn read(&self, mut sent: wire::AppendRequest) -> Result<AppendEntriesRequest<Types>, Status> {
        let member = self.member.upgrade().ok_or_else(stopping)?;
        let from = member.hear(self.caller, sent.header)?;
        let word = sent.word.take().unwrap_or_default();
        let read = member.meant(messages::read_append_request(from, sent))?;
        self.heard.words().push_back(Word {
            word,
            term: read.vote.leader_id.term,
            commit: read.leader_commit.map_or(0, |commit| commit.index),
        });
        Ok(read)
    }
}

/// What came with the appends that the core has in hand, in their order.
#[derive(Default)]
struct Heard {
    words: Mutex<VecDeque<Word>>,
    fault: Mutex<Option<Status>>,
}

struct Word {
    word: wire::LeaderWord,
    term: u64,
    commit: u64,
}

impl Heard {
    fn words(&self) -> std::sync::MutexGuard<'_, VecDeque<Word>> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self, fault: Status) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    fn fault(&self) -> Option<Status> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.take()
    }
}

async fn next_piece(
    pieces: &mut Streaming<wire::SnapshotPiece>,
) -> Result<wire::SnapshotPiece, Status> {
    let piece = timeout(PIECE_TIME_MAX, pieces.message()).await;
    let piece = piece.map_err(|_| Status::deadline_exceeded("no piece came"))??;
    piece.ok_or_else(|| Status::data_loss("the snapshot ends before it is whole"))
}

/// Takes a snapshot, piece by piece, and puts it in place.
async fn receive(
    member: Arc<Member>,
    caller: Caller,
    mut pieces: Streaming<wire::SnapshotPiece>,
) -> Result<Response<wire::SnapshotReply>, Status> {
    let mut piece = next_piece(&mut pieces).await?;
    let offer = piece.offer.take().ok_or(MessageError::Missing("offer"));
    let offer = member.meant(offer)?;
    let vote = member.hear_offer(caller, &offer)?;
    if let Some(higher) = member.higher_vote(vote) {
        return Ok(snapshot_reply(&higher));
    }
    let mark = member.meant(offer.mark.ok_or(MessageError::Missing("mark")))?;
    let mut turn = member.incoming.turn().await?;
    while !turn.take(&mark, &piece).await? {
        piece = next_piece(&mut pieces).await?;
    }
    let meta = member.covers(&mark, vote).await?;
    install(&member, vote, meta, turn).await
}

/// Puts a whole snapshot in place.
async fn install(
    member: &Member,
    vote: Vote,
    meta: SnapshotMeta,
    mut turn: Turn,
) -> Result<Response<wire::SnapshotReply>, Status> {
    let (files, content) = turn.files().ok_or(RefusedSnapshot::Unknown)?;
    let images = Arc::clone(&member.images);
    let staged = blocking(move || images.stage(files, &content)).await;
    turn.clear();
    let snapshot = Snapshot {
        meta,
        snapshot: staged.map_err(RefusedSnapshot::Disk)?,
    };
    let Ok(installed) = install_staged(member, vote, snapshot).await else {
        // A thread may be about to make these tables the node's. Nobody else may stage, and
        // with it drop, any more; what is left over goes when the store is opened.
        turn.close();
        return Err(stopping());
    };
    // What the core did not want is in nobody's way.
    let images = Arc::clone(&member.images);
    blocking(move || images.drop_staged())
        .await
        .map_err(RefusedSnapshot::Disk)?;
    drop(turn);
    Ok(snapshot_reply(&installed))
}

async fn install_staged(member: &Member, vote: Vote, snapshot: Snapshot) -> Result<Vote, Status> {
    debug_assert!(matches!(snapshot.snapshot, Image::Staged { .. }));
    let installed = member.raft.install_full_snapshot(vote, snapshot).await;
    Ok(installed.map_err(|_| stopping())?.vote)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

fn snapshot_reply(vote: &Vote) -> Response<wire::SnapshotReply> {
    Response::new(wire::SnapshotReply {
        vote: Some(codec::stored_vote(vote)),
    })
}

impl From<RefusedSnapshot> for Status {
    fn from(refused: RefusedSnapshot) -> Self {
        tracing::warn!(error = %refused, "a snapshot was refused");
        let text = refused.to_string();
        match refused {
            RefusedSnapshot::Busy => Self::resource_exhausted(text),
            RefusedSnapshot::Disk(_) => Self::internal(text),
            RefusedSnapshot::File(_) => Self::data_loss(text),
            RefusedSnapshot::Large => Self::out_of_range(text),
            RefusedSnapshot::Newer(_) | RefusedSnapshot::Order | RefusedSnapshot::Unknown => {
                Self::failed_precondition(text)
            }
        }
    }
}

/// Who called, as the listener found.
pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    let caller = request.extensions().get::<Caller>();
    caller
        .copied()
        .ok_or_else(|| Status::permission_denied("not a peer"))
}

pub(super) fn stopping() -> Status {
    Status::unavailable("this node is stopping")
}

/// Counts calls of peers that were refused, by what was wrong with them.
const REFUSED: &str = "peer_calls_refused";

#[cfg(test)]
mod tests;
