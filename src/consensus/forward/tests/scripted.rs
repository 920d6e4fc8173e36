//! A leader's service that fails as it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::world::ASKER;
use crate::consensus::forward::Proposals;
use crate::peers::wire::ledger_server::Ledger;
use crate::peers::wire::{ProposeReply, ProposeRequest};

/// What the first stream does; later ones are served as they should be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// Proposes what it is sent, and dies before it answers.
    DiesAfterProposing,
    /// Answers what nobody asked.
    AnswersAnother,
    /// Answers the first request when the second comes, then what nobody asked.
    AnswersLate,
    /// Takes everything and says nothing.
    Silent,
}

pub(super) struct Scripted {
    pub(super) proposals: Proposals,
    pub(super) fault: Fault,
    pub(super) streams: Arc<AtomicUsize>,
    /// Told of each request of the first stream.
    pub(super) seen: mpsc::UnboundedSender<usize>,
}

#[tonic::async_trait]
impl Ledger for Scripted {
    type ProposeStream = ReceiverStream<Result<ProposeReply, Status>>;

    async fn propose(
        &self,
        request: Request<Streaming<ProposeRequest>>,
    ) -> Result<Response<Self::ProposeStream>, Status> {
        if self.streams.fetch_add(1, Ordering::SeqCst) > 0 {
            return self.proposals.propose(request).await;
        }
        let (replies, outgoing) = mpsc::channel(8);
        let (proposals, fault, seen) = (self.proposals.clone(), self.fault, self.seen.clone());
        let mut requests = request.into_inner();
        tokio::spawn(async move {
            let mut late = None;
            while let Ok(Some(request)) = requests.message().await {
                seen.send(request.commands.len()).unwrap();
                match fault {
                    Fault::Silent => {}
                    Fault::DiesAfterProposing => {
                        proposals.take(ASKER, request).unwrap().await;
                        return;
                    }
                    Fault::AnswersLate => {
                        let Some(reply) = late.take() else {
                            late = Some(proposals.take(ASKER, request).unwrap().await);
                            continue;
                        };
                        let nonsense = ProposeReply::default();
                        replies.send(Ok(reply)).await.unwrap();
                        replies.send(Ok(nonsense)).await.unwrap();
                    }
                    Fault::AnswersAnother => {
                        let mut reply = proposals.take(ASKER, request).unwrap().await;
                        reply.number += 77;
                        replies.send(Ok(reply)).await.unwrap();
                    }
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }
}
