//! One line of an event file.

use std::borrow::Cow;

use countersign_core::base::{NodeId, Timestamp};
use countersign_core::login::Reason;
use serde::{Deserialize, Serialize};

use crate::operate::{Event, EventQuery};

/// What happened. Texts from outside are as they came; JSON escapes them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Record {
    /// Milliseconds since 1970.
    pub at: u64,
    /// `login`, `revalidation`, `accounting`, `noise`.
    pub kind: Cow<'static, str>,
    /// What the user was told.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// The user's name as typed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Name of the client entry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client: String,
    /// Address that the packet came from.
    pub source: String,
    /// Calling-Station-Id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub caller: String,
    /// `accept`, `reject`, `silence`, `recorded`.
    pub answer: Cow<'static, str>,
    /// The stable reason, `CS-R…`.
    pub reason: Cow<'static, str>,
    /// The source's own code; 0: none.
    #[serde(skip_serializing_if = "is_zero")]
    pub source_code: u32,
    /// From the first packet to the answer, in milliseconds.
    pub took: u32,
    /// What else is worth knowing: accounting's fields, how often noise came.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Which files an event belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Budget {
    /// Logins that were let in, accounting.
    Granted,
    /// Logins that were not.
    Refused,
    /// Packets that are no requests of ours, added up.
    Noise,
}

impl Record {
    /// Which budget pays for it.
    #[must_use]
    pub fn budget(&self) -> Budget {
        match (&*self.kind, &*self.answer) {
            ("noise", _) => Budget::Noise,
            (_, "accept" | "recorded") => Budget::Granted,
            _ => Budget::Refused,
        }
    }

    /// Whether a query asks for it.
    #[must_use]
    pub fn fits(&self, query: &EventQuery) -> bool {
        let at = Timestamp::from_millis(self.at);
        let is = |asked: &str, value: &str| asked.is_empty() || asked.eq_ignore_ascii_case(value);
        (query.from..query.until).contains(&at)
            && is(&query.user, &self.user)
            && is(&query.reference, &self.reference)
    }

    /// The event as operators see it: the reason in words, and where it happened.
    #[must_use]
    pub fn event(&self, node: NodeId) -> Event {
        let reason = Reason::ALL
            .iter()
            .find(|reason| reason.code() == self.reason);
        let said = reason.map(|reason| reason.explanation());
        Event {
            at: Timestamp::from_millis(self.at),
            node,
            kind: self.kind.to_string(),
            reference: self.reference.clone(),
            user: self.user.clone(),
            client: self.client.clone(),
            source: self.source.clone(),
            caller: self.caller.clone(),
            answer: self.answer.to_string(),
            reason: self.reason.to_string(),
            cause: match (said, self.detail.is_empty()) {
                (Some(said), true) => said.cause.to_owned(),
                (Some(said), false) => format!("{} ({})", said.cause, self.detail),
                (None, _) => self.detail.clone(),
            },
            remedy: said.map_or_else(String::new, |said| format!("{}: {}", said.who, said.remedy)),
            source_code: self.source_code,
            took_millis: self.took,
        }
    }
}
