//! Which past logins a draft of the rules would decide otherwise than the rules in force.
//!
//! An event holds the user's name as typed, the client, the caller and the time; what else a
//! device may have said of itself is not kept, and counts as not said.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_core::base::{Name, Timestamp};
use countersign_core::ledger::rules::{self, Rule};
use countersign_core::ledger::storage::{self, Client, User};
use countersign_core::ledger::{Read, query};
use countersign_core::login::facts;
use countersign_core::policy::NameForms;

use super::trial::{RuleTrial, RuleTrialResult, request, result};
use super::{RuleWritten, read};
use crate::login::Ledger;
use crate::operate::{Action, Caller, Event, EventQuery, Operate, OperateError};

/// What a draft would change.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Replayed {
    /// Logins of this node that were looked at.
    pub logins: u64,
    /// Of these, by users or through clients that are gone.
    pub gone: u64,
    /// Whether there were more than were looked at: the latest were.
    pub more: bool,
    /// Those that would differ, the latest first.
    pub differences: Vec<Difference>,
}

/// Logins of one user from one place that would be decided otherwise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// As typed.
    pub user: String,
    /// Name of the client.
    pub client: String,
    /// Calling-Station-Id.
    pub caller: String,
    /// How many.
    pub count: u64,
    /// The last of them.
    pub last: Timestamp,
    /// What the rules in force decide.
    pub now: String,
    /// What the draft would.
    pub draft: String,
}

/// What tells a difference from others.
type Key = (String, String, String, String, String);

impl<L: Ledger> Operate<L> {
    /// Holds a draft against this node's logins since then. One at a time, on a thread of its
    /// own: thousands of logins are judged twice, and the event loop serves new ones.
    ///
    /// # Errors
    /// When the caller may not, the draft contradicts itself, the events cannot be read,
    /// another replay runs, or there are more differences than one answer holds.
    pub async fn replay_rules(
        &self,
        caller: &Caller,
        draft: &[RuleWritten],
        since: Timestamp,
    ) -> Result<Replayed, OperateError> {
        self.reading(caller, Action::RuleTest)?;
        self.reading(caller, Action::EventsRead)?;
        let turn = Arc::clone(&self.replays).try_acquire_owned();
        let turn = turn.map_err(|_| OperateError::Busy("a replay of rules"))?;
        let mut stored = self.stored(draft)?;
        self.seal_rules(&mut stored)?;
        let draft = parsed(&stored)?;
        let wanted = EventQuery {
            from: since,
            until: Timestamp::from_millis(u64::MAX),
            user: String::new(),
            reference: String::new(),
            limit: LOGINS_MAX,
        };
        let events = Arc::clone(&self.events);
        self.aside(move |view| {
            // Held to the end, also where the caller has gone.
            let _turn = turn;
            let events = events.list(&wanted).map_err(OperateError::Events)?;
            let lists = [parsed(&query::rules(view)?)?, draft];
            replayed(view, &events, &lists)
        })
        .await
    }
}

fn replayed(
    view: &impl Read,
    events: &[Event],
    lists: &[Vec<Rule>; 2],
) -> Result<Replayed, OperateError> {
    let clients = read::Clients::read(view)?;
    let mut replayed = Replayed {
        more: events.len() >= LOGINS_MAX,
        ..Replayed::default()
    };
    let mut found = BTreeMap::new();
    for event in events.iter().filter(|event| event.kind == "login") {
        replayed.logins = replayed.logins.saturating_add(1);
        match decided(view, &clients, event, lists)? {
            None => replayed.gone = replayed.gone.saturating_add(1),
            Some([now, draft]) if now != draft => add(&mut found, event, now, draft),
            Some(_) => {}
        }
    }
    replayed.differences = found.into_iter().map(difference).collect();
    let octets: usize = replayed.differences.iter().map(length).sum();
    if octets > DIFFERENCES_OCTETS_MAX {
        let why = format!(
            "{} kinds of logins would differ, more than one answer holds; look less far back",
            replayed.differences.len()
        );
        return Err(OperateError::invalid("since", why));
    }
    replayed
        .differences
        .sort_by_key(|it| std::cmp::Reverse(it.last));
    Ok(replayed)
}

fn parsed(stored: &storage::Rules) -> Result<Vec<Rule>, OperateError> {
    rules::parse(stored).map_err(|why| OperateError::invalid("rules", why))
}

/// What each of the lists decides of a login; `None`: its user or client is gone.
fn decided(
    view: &impl Read,
    clients: &read::Clients,
    event: &Event,
    lists: &[Vec<Rule>; 2],
) -> Result<Option<[String; 2]>, OperateError> {
    let Some(client) = clients.find(&event.client) else {
        return Ok(None);
    };
    let names = Name::candidates(event.user.as_bytes(), &client.default_domain);
    let user = match names {
        Ok(names) => query::user_by_names(view, &names)?,
        Err(_) => None,
    };
    let Some(user) = user else {
        return Ok(None);
    };
    // As it is now: what there was then is not kept.
    let has_token = query::has_token(view, &user.tokens)?;
    Ok(Some(lists.each_ref().map(|rules| {
        told(&judge(rules, event, client, (&user, has_token)))
    })))
}

fn judge(
    rules: &[Rule],
    event: &Event,
    client: &Client,
    (user, has_token): (&User, bool),
) -> RuleTrialResult {
    let trial = RuleTrial {
        user: event.user.clone(),
        client: event.client.clone(),
        at: event.at,
        ..RuleTrial::default()
    };
    let forms = NameForms::read(&client.name_forms).unwrap_or_default();
    let mut request = request(&trial, client, event.at);
    if !forms.take(&request.user_name) {
        return RuleTrialResult::default();
    }
    let caller = (!event.caller.is_empty()).then(|| event.caller.clone().into_bytes());
    request.caller.calling_station_id = caller;
    result(
        rules,
        &facts(&request, &client.name, (user, has_token)),
        client,
    )
}

/// In one line.
fn told(result: &RuleTrialResult) -> String {
    if !result.refusal.is_empty() {
        return format!("refused: {}", result.refusal);
    }
    let decides = result.steps.last().map_or("", |step| &step.rule);
    let parts = [
        decides.to_owned(),
        result.factors.clone(),
        result.to.clone(),
        result.prompt.clone(),
        result.passcode.clone(),
        result.burn_code.clone(),
        result.attributes.join(" "),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    parts.join(", ")
}

fn add(found: &mut BTreeMap<Key, (u64, Timestamp)>, event: &Event, now: String, draft: String) {
    let (user, client) = (event.user.to_lowercase(), event.client.clone());
    let key = (user, client, event.caller.clone(), now, draft);
    let seen = found.entry(key).or_default();
    *seen = (seen.0.saturating_add(1), seen.1.max(event.at));
}

fn difference(
    ((user, client, caller, now, draft), (count, last)): (Key, (u64, Timestamp)),
) -> Difference {
    Difference {
        user,
        client,
        caller,
        count,
        last,
        now,
        draft,
    }
}

/// Octets of its texts.
const fn length(it: &Difference) -> usize {
    let names = it.user.len().saturating_add(it.client.len());
    let told = it.now.len().saturating_add(it.draft.len());
    names.saturating_add(it.caller.len()).saturating_add(told)
}

/// LIMIT: logins that are looked at, the latest.
const LOGINS_MAX: usize = 10_000;
/// LIMIT: octets of what would differ. With what is around it, less than the 4 MiB that a
/// client of gRPC takes.
const DIFFERENCES_OCTETS_MAX: usize = 3 << 20;
