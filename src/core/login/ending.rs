//! How a login ends, in one type: the reply, the events and the metrics come from it.
//!
//! Must not know how any of them is written.

use std::time::Duration;

use super::Reason;
use crate::base::{ClientId, NodeId, Reference, UserId};
use crate::radius::Attribute;

/// What the device hears.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Decision {
    /// Access-Accept.
    Accept,
    /// Access-Reject with one text for every reason, and the reference.
    Reject,
    /// Access-Challenge: the code is asked for in an answer of its own.
    Challenge,
    /// Nothing, so that the device asks again or elsewhere.
    Silent,
}

/// When the device hears it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Pace {
    /// At once.
    AtOnce,
    /// At once: it took the time that a refusal takes, and is the measure for the others.
    Measured,
    /// After the time that a measured refusal took lately, so that causes look alike.
    Even,
    /// At the deadline: until then another server may still decide.
    AtDeadline,
}

/// How one flow ended, for every packet that joined it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ending {
    /// What the device hears.
    pub decision: Decision,
    /// Why, for operators.
    pub reason: Reason,
    /// When the device hears it.
    pub pace: Pace,
    /// The source's own code, 0 where it gave none.
    pub source_code: u32,
}

impl Ending {
    /// Let in. Only for a verdict that an applied command returned.
    pub(super) const ACCEPT: Self = Self {
        decision: Decision::Accept,
        reason: Reason::Accepted,
        pace: Pace::AtOnce,
        source_code: 0,
    };

    /// The code is asked for, of anybody alike.
    pub const CHALLENGE: Self = Self {
        decision: Decision::Challenge,
        reason: Reason::Challenged,
        pace: Pace::AtOnce,
        source_code: 0,
    };

    /// A refusal that took less than a source takes.
    #[must_use]
    pub const fn reject(reason: Reason) -> Self {
        Self {
            decision: Decision::Reject,
            reason,
            pace: Pace::Even,
            source_code: 0,
        }
    }

    /// No answer.
    #[must_use]
    pub const fn silent(reason: Reason) -> Self {
        Self {
            decision: Decision::Silent,
            reason,
            pace: Pace::AtOnce,
            source_code: 0,
        }
    }
}

/// The outcome of one request: reply, event, metric and log line are derived from it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// What the device hears.
    pub decision: Decision,
    /// What an Accept carries; nothing else carries any of it.
    pub grants: Vec<Attribute>,
    /// What a Challenge or a Reject says; boxed, as most logins have none.
    pub words: Option<Box<Words>>,
    /// Why, for operators.
    pub reason: Reason,
    /// The source's own code (AADSTS number), 0 where it gave none.
    pub source_code: u32,
    /// What a refused user reads out to the help desk.
    pub reference: Reference,
    /// Whose login, where the name is known.
    pub user: Option<UserId>,
    /// Through which client.
    pub client: ClientId,
    /// The peer that judged it; `None`: this node.
    pub judged_by: Option<NodeId>,
    /// Where the time went.
    pub stages: Stages,
}

/// What a Challenge or a Reject says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Words {
    /// What the user reads.
    pub message: String,
    /// State of a Challenge (RFC 2865 §5.24); empty in a Reject.
    pub state: Vec<u8>,
}

impl Outcome {
    /// What the user reads.
    #[must_use]
    pub fn message(&self) -> &str {
        self.words.as_ref().map_or("", |words| &words.message)
    }

    /// State of a Challenge.
    #[must_use]
    pub fn state(&self) -> &[u8] {
        self.words.as_ref().map_or(&[], |words| &words.state)
    }
}

/// How long each stage of a login took, by the node's monotonic clock. Zero: not reached.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stages {
    /// Waiting for the user's turn.
    pub queued: Duration,
    /// Finding the code's steps.
    pub judged: Duration,
    /// Recording the claim.
    pub begun: Duration,
    /// Asking the source.
    pub asked: Duration,
    /// Recording its answer.
    pub settled: Duration,
    /// Waiting for another node or a leader.
    pub waited: Duration,
}
