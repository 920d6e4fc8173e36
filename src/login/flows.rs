//! The logins in hand: one flow for each, which every later packet of it joins.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_core::base::limits::{LOGIN_PACKETS_MAX, LOGINS_MAX};
use countersign_core::base::{ClientId, Reference, UserId};
use countersign_core::login::{Decision, Ending, LoginName, Outcome, Stages};
use countersign_core::policy::Grants;
use countersign_core::radius::{Attribute, Relayed};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What a flow tells every packet that joined it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) ending: Ending,
    /// What is granted by the rule that the login was claimed under.
    pub(super) grants: Grants,
    /// What goes on to the device of an old server's Accept.
    pub(super) relayed: Relayed,
    /// What an Accept to this packet alone carries beside that.
    pub(super) answer: Vec<Attribute>,
    pub(super) reference: Reference,
    pub(super) user: Option<UserId>,
    pub(super) stages: Stages,
}

impl Told {
    /// The outcome of one packet. An Accept carries `grants`, and nothing else does.
    pub(super) fn outcome(self, client: ClientId, grants: Vec<Attribute>) -> Outcome {
        let let_in = self.ending.decision == Decision::Accept;
        Outcome {
            decision: self.ending.decision,
            grants: if let_in { grants } else { Vec::new() },
            words: None,
            reason: self.ending.reason,
            source_code: self.ending.source_code,
            reference: self.reference,
            user: self.user,
            client,
            judged_by: None,
            stages: self.stages,
        }
    }
}

/// The logins in hand.
#[derive(Clone, Default)]
pub(super) struct Flows(Arc<Shards>);

#[derive(Default)]
struct Shards {
    shards: [Mutex<HashMap<LoginName, Packets>>; SHARDS],
    count: AtomicUsize,
}

/// The packets that wait for one flow.
struct Packets {
    /// When the last of their devices gives up.
    deadline: Instant,
    waiting: Vec<oneshot::Sender<Told>>,
}

/// What came of a packet.
pub(super) enum Entered {
    /// It is the first: its caller runs the flow.
    First(Ticket, oneshot::Receiver<Told>),
    /// Another runs it.
    Joined(oneshot::Receiver<Told>),
    /// LIMIT: `LOGINS_MAX` flows, or `LOGIN_PACKETS_MAX` packets of one.
    Full,
}

/// A flow's place among the logins in hand, until it has told the end.
pub(super) struct Ticket {
    flows: Flows,
    name: LoginName,
    /// False once the place was left: by then another flow may have it.
    held: bool,
}

impl Flows {
    pub(super) fn enter(&self, name: LoginName, deadline: Instant) -> Entered {
        let (teller, told) = oneshot::channel();
        match self.shard(&name).entry(name) {
            Entry::Occupied(mut flow) => {
                let packets = flow.get_mut();
                if packets.waiting.len() >= LOGIN_PACKETS_MAX {
                    return Entered::Full;
                }
                packets.deadline = packets.deadline.max(deadline);
                packets.waiting.push(teller);
                Entered::Joined(told)
            }
            Entry::Vacant(free) => {
                if self.0.count.fetch_add(1, Ordering::Relaxed) >= LOGINS_MAX {
                    self.0.count.fetch_sub(1, Ordering::Relaxed);
                    return Entered::Full;
                }
                let waiting = vec![teller];
                free.insert(Packets { deadline, waiting });
                let flows = self.clone();
                Entered::First(
                    Ticket {
                        flows,
                        name,
                        held: true,
                    },
                    told,
                )
            }
        }
    }

    fn shard(&self, name: &LoginName) -> MutexGuard<'_, HashMap<LoginName, Packets>> {
        let [first, ..] = &self.0.shards;
        let [octet, ..] = name.key.0;
        let shard = self.0.shards.get(usize::from(octet) % SHARDS);
        shard
            .unwrap_or(first)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// When the last device that waits for this login gives up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.flows
            .shard(&self.name)
            .get(&self.name)
            .map(|packets| packets.deadline)
    }

    /// Tells everyone, and lets the next packet begin anew.
    pub(super) fn tell(mut self, told: &Told) {
        for teller in self.leave() {
            // One that no longer waits has heard its deadline.
            let _ = teller.send(told.clone());
        }
    }

    fn leave(&mut self) -> Vec<oneshot::Sender<Told>> {
        if !std::mem::take(&mut self.held) {
            return Vec::new();
        }
        let packets = self.flows.shard(&self.name).remove(&self.name);
        packets.map_or_else(Vec::new, |packets| {
            self.flows.0.count.fetch_sub(1, Ordering::Relaxed);
            packets.waiting
        })
    }
}

impl Drop for Ticket {
    /// Also when the flow panicked: nobody may wait for it, or find it in the way.
    fn drop(&mut self) {
        drop(self.leave());
    }
}

const SHARDS: usize = 16;
