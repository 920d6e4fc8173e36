//! One login, decided: a pure machine that is told facts and says what to do next.
//!
//! [`Dialogue`] reads the request; [`Rule`], [`Identity`], [`Case`] and [`Case::judge`] read
//! the tables, in this order; [`Flow`] says which command, question or wait comes next, and
//! how it ends.
//!
//! Must not know: sockets, tasks, how commands are replicated, which directory answers.

mod case;
mod dialogue;
mod ending;
mod exchange;
mod flow;
mod identity;
mod judge;
mod key;
mod masked;
mod passcode;
mod place;
pub mod reason;
mod request;
mod response;
mod rule;
mod split;

pub use case::Case;
pub use dialogue::{Apart, Dialogue, Opened};
pub use ending::{Decision, Ending, Outcome, Pace, Stages, Words};
pub use exchange::{
    Against, Answer, Claim, Doubt, Finished, Forwarded, ProposeError, Question, Waited,
};
pub use flow::{Asking, Beginning, Flow, Judging, Settling, Waiting};
pub use identity::Identity;
pub use judge::Secrets;
pub use key::{
    ATTEMPT_KEYS_HOLD, ATTEMPT_KEYS_LIFE, ATTEMPT_KEYS_NOTICE, AttemptKeys, AttemptMacs, LoginName,
    NextMac,
};
pub use passcode::{Asking as PasscodeAsking, Message, Passcode, ask as ask_passcode};
pub use place::Place;
pub use reason::{Explanation, Reason};
pub use request::{Call, Caller, Request};
pub use response::{Response, code_of};
pub use rule::{Rule, RuleList, Senders, Stop, facts};
