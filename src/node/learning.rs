//! Learns of clients what their packets show, and tells the cluster.
//!
//! Bounded: one question at a time, a few that wait; what is dropped comes with the client's
//! next packet. Must not know packets.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{ClientId, NodeId};
use tokio::sync::mpsc;

use super::parts::NodeOperate;

/// A client that has sent a right Message-Authenticator, and its revision then.
pub(super) type Lesson = (ClientId, u64);

/// Takes lessons from the ports.
#[derive(Clone, Debug)]
pub(super) struct Pupil(mpsc::Sender<Lesson>);

impl Pupil {
    /// One, and what it hears.
    pub(super) fn new() -> (Self, mpsc::Receiver<Lesson>) {
        let (sender, lessons) = mpsc::channel(LESSONS_MAX);
        (Self(sender), lessons)
    }

    /// Never waits.
    pub(super) fn hear(&self, lesson: Lesson) {
        // Full: the client's next packet says the same.
        let _full = self.0.try_send(lesson);
    }
}

/// Tells the cluster of each lesson, for as long as the node runs.
pub(super) async fn learn(
    node: NodeId,
    operate: Arc<NodeOperate>,
    mut lessons: mpsc::Receiver<Lesson>,
) {
    while let Some((client, revision)) = lessons.recv().await {
        let learnt = operate.learn_message_authenticator(node, client, revision);
        if let Err(error) = learnt.await {
            tracing::debug!(%error, "a client's Message-Authenticator is not learnt yet");
            tokio::time::sleep(LEARN_AGAIN).await;
        }
    }
}

/// LIMIT: lessons that wait; a client says the same with each packet.
const LESSONS_MAX: usize = 16;
/// How long after a failure the next is tried.
const LEARN_AGAIN: Duration = Duration::from_secs(1);
