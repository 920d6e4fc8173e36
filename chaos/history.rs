//! What happened in a run, as devices, the operator and the faults themselves saw it.
//!
//! Must not know what any of it should have been: that is the judges' part.

use serde::Serialize;

/// Microseconds of the monotonic clock since the run began.
pub(crate) type At = u64;

/// A whole run.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct History {
    /// How many nodes there are, numbered from 1.
    pub(crate) nodes: u16,
    /// How long after its settling another packet is part of an accepted login.
    pub(crate) grace: At,
    /// How long a node that asks the source holds its attempt.
    pub(crate) lease: At,
    /// How long it waits for the source's answer.
    pub(crate) source_timeout: At,
    pub(crate) logins: Vec<Login>,
    pub(crate) visits: Vec<Visit>,
    pub(crate) writes: Vec<Write>,
    pub(crate) faults: Vec<Fault>,
    /// Each end of a node's process, until the demo was put away.
    pub(crate) ends: Vec<Ended>,
    /// Of each time that faults were mended: from the last mending until every node had
    /// applied something that was written after it; none: never.
    pub(crate) caught_up_after: Vec<Option<At>>,
    /// A story or the operator found no user left.
    pub(crate) users_ran_out: bool,
    /// Why it was not played to its end.
    pub(crate) failed: Option<String>,
    /// Stories that were not begun, since so many were under way.
    pub(crate) stories_dropped: u64,
    /// Whose password the source was asked for, one entry a question.
    pub(crate) questions: Vec<String>,
    pub(crate) end: End,
}

/// One packet to one server, sent again as a device does, and what was heard.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Login {
    pub(crate) client: &'static str,
    pub(crate) user: String,
    pub(crate) password: Password,
    pub(crate) code: String,
    /// The code is one of the user's token, now.
    pub(crate) is_code_right: bool,
    /// Calling-Station-Id.
    pub(crate) caller: String,
    pub(crate) node: u16,
    /// The device waited as long as DESIGN, L1, has it.
    pub(crate) is_patient: bool,
    pub(crate) begun: At,
    pub(crate) ended: At,
    pub(crate) heard: Heard,
}

/// What was typed in front of the code.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) enum Password {
    /// Nothing: the client is to ask for the code alone.
    None,
    Right,
    /// One of several wrong ones.
    Wrong(u8),
}

/// What a device heard.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum Heard {
    Accept,
    /// With the text of the refusal, which names the event.
    Reject(String),
    Silence,
}

/// One login of a user as a device carries it out: server after server, until one answers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Visit {
    pub(crate) user: String,
    pub(crate) due: Due,
    pub(crate) begun: At,
    pub(crate) ended: At,
    pub(crate) heard: Heard,
}

/// What a visit comes to as far as device and user are concerned.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum Due {
    /// The device keeps trying, and user, password and code are right and fresh.
    Accept,
    /// The same, but others use the code at the same time: one of this user's visits of
    /// this kind is let in.
    AcceptOfOne,
    /// It may be refused.
    Nothing,
}

/// An administrative write, sent under one request id until it is answered.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Write {
    pub(crate) what: What,
    pub(crate) begun: At,
    pub(crate) ended: At,
    pub(crate) fate: Fate,
    /// Nodes that were asked, and what each said.
    pub(crate) tries: Vec<(u16, String)>,
}

/// What a write asks for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum What {
    AddUser(String),
    /// The client asks for password and code from now on.
    Tighten(&'static str),
    /// The client asks for the code alone again.
    Loosen(&'static str),
    Disable(String),
    Enable(String),
}

/// What the operator knows of a write.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum Fate {
    Acknowledged,
    Refused,
    Unknown,
}

/// A fault of one node.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fault {
    pub(crate) node: u16,
    pub(crate) kind: FaultKind,
    /// Just before it was caused.
    pub(crate) begun: At,
    /// It was in effect for sure from here
    pub(crate) down: At,
    /// to here, just before it was mended.
    pub(crate) up: At,
    /// The node said that it is ready again; none: it did not in time.
    pub(crate) healed: Option<At>,
}

/// What was done to a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum FaultKind {
    Freeze,
    Kill,
    Terminate,
}

/// The end of a node's process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Ended {
    pub(crate) node: u16,
    pub(crate) at: At,
    /// What it was told; none: nothing.
    pub(crate) told: Option<FaultKind>,
    pub(crate) how: How,
}

/// What the system tells of a process that has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum How {
    /// It did not, as long as it was waited for.
    Not,
    Signal(i32),
    Status(i32),
}

/// How the cluster stood at the end, with everything mended and nothing sent any more.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct End {
    pub(crate) standings: Vec<Standing>,
    /// From the end of the load to equal states; none: never.
    pub(crate) converged_after: Option<At>,
    pub(crate) stores: Vec<Store>,
}

/// How far a node has applied, and the hash of what it has.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Standing {
    pub(crate) node: u16,
    pub(crate) applied: u64,
    pub(crate) hash: String,
    pub(crate) leader: u16,
}

/// What a node has of what was written.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Store {
    pub(crate) node: u16,
    /// Users that the run added, and how often the audit has their making.
    pub(crate) users: Vec<(String, usize)>,
    /// Users of the run that are disabled.
    pub(crate) disabled: Vec<String>,
}

/// As it stands in sentences.
pub(crate) fn seconds(at: At) -> String {
    format!("{}.{:03} s", at / SECOND, at % SECOND / 1000)
}

/// A second of [`At`].
pub(crate) const SECOND: At = 1_000_000;

impl Login {
    /// What makes two logins one attempt.
    pub(crate) fn attempt(&self) -> (&'static str, &str, Password, &str, &str) {
        let Self {
            client,
            user,
            password,
            code,
            caller,
            ..
        } = self;
        (client, user, *password, code, caller)
    }

    /// Whether it may be let in as far as it depends on what was typed.
    pub(crate) fn is_right(&self) -> bool {
        self.is_code_right && !matches!(self.password, Password::Wrong(_))
    }

    /// The login in a sentence.
    pub(crate) fn told(&self) -> String {
        let heard = match &self.heard {
            Heard::Accept => "Access-Accept".to_owned(),
            Heard::Reject(text) => format!("Access-Reject \"{text}\""),
            Heard::Silence => "nothing".to_owned(),
        };
        format!(
            "{} through {} ({:?} password, code {}, caller {}) asked node {} at {} \
             and heard {heard} at {}",
            self.user,
            self.client,
            self.password,
            self.code,
            self.caller,
            self.node,
            seconds(self.begun),
            seconds(self.ended),
        )
    }
}

impl Fault {
    /// The fault in a sentence.
    pub(crate) fn told(&self) -> String {
        let healed = self.healed.map_or_else(|| "never".to_owned(), seconds);
        format!(
            "{:?} of node {} from {} to {}, ready again: {healed}",
            self.kind,
            self.node,
            seconds(self.begun),
            seconds(self.up),
        )
    }

    /// Whether the process lost its memory.
    pub(crate) fn ends_process(&self) -> bool {
        matches!(self.kind, FaultKind::Kill | FaultKind::Terminate)
    }
}
