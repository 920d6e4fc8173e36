//! What the application may read at Graph, and whether Graph answers.

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{Answered, Finding, Heard, LOOK_AT_WAY, STEP_TIME_MAX, amber, exchange, green};
use crate::sources::entra::Entra;
use crate::sources::entra::graph;
use crate::sources::entra::request::Proof;

impl Entra {
    /// `granted`: what brought the application's own token.
    pub(super) async fn find_graph(&self, granted: Option<Answered>) -> Finding {
        if matches!(self.grant.proof, Proof::Public) {
            let found = "a public client has no Graph: no account and no group is looked up";
            return green(STEP, found.to_owned());
        }
        let Some(granted) = granted else {
            return amber(
                STEP,
                "the application has no token to ask with",
                LOOK_AT_WAY,
            );
        };
        let held = roles(&granted.body);
        let shown = held.join(", ");
        let holds = |any: &[&str]| held.iter().any(|held| any.contains(held));
        if held.is_empty() {
            return amber(
                STEP,
                "the application may read no accounts and no groups",
                GRANT,
            );
        }
        if !holds(&ACCOUNTS) {
            let found = format!("it holds {shown}, and may not read whether accounts are enabled");
            return amber(STEP, found, GRANT);
        }
        let names = if holds(&NAMES) {
            ""
        } else {
            "; groups are known by their ids alone: their names, and the synchronisation of \
             users, need GroupMember.Read.All"
        };
        match self.graph_answers(&granted).await {
            Ok(()) => green(
                STEP,
                format!("it answers; the application holds {shown}{names}"),
            ),
            Err(finding) => finding,
        }
    }

    async fn graph_answers(&self, granted: &Answered) -> Result<(), Finding> {
        let host = self.places.hosts.graph.host_str().unwrap_or_default();
        let (bearer, url) = (
            graph::bearer(granted),
            graph::anyone(&self.places.hosts.graph),
        );
        let (Some(bearer), Some(url)) = (bearer, url) else {
            let found = "the application's token cannot be used";
            return Err(amber(STEP, found, LOOK_AT_WAY));
        };
        let (deadline, id) = (Instant::now() + STEP_TIME_MAX, self.request_ids.next());
        let bounds = (deadline, exchange::DOCUMENT_OCTETS_MAX);
        let (found, remedy) = match exchange::get(&self.http, &url, bearer, &id, bounds).await {
            Heard::Answered(answered) if answered.status == 200 => return Ok(()),
            Heard::Answered(answered) => (
                format!("{host} refuses with status {}", answered.status),
                "grant the permissions with consent; try again later".to_owned(),
            ),
            Heard::NoConnection => (
                format!("no connection to {host}"),
                format!("open port 443 to {host} in firewalls and proxies"),
            ),
            Heard::Nothing | Heard::TooMuch => (
                format!("{host} gives no answer that can be read"),
                "look for a proxy that answers in its place".to_owned(),
            ),
        };
        Err(amber(STEP, found, remedy))
    }
}

/// The permissions in a token that matter here. Its signature is of no interest: it came from
/// the token endpoint itself.
fn roles(body: &[u8]) -> Vec<&'static str> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let token = body.get("access_token").and_then(Value::as_str);
    let claims = token.and_then(|token| token.split('.').nth(1));
    let claims = claims.and_then(|part| BASE64URL_NOPAD.decode(part.as_bytes()).ok());
    let claims = Zeroizing::new(claims.unwrap_or_default());
    let claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
    let held = claims.get("roles").and_then(Value::as_array);
    let held = held.map(Vec::as_slice).unwrap_or_default();
    let holds = |role: &&str| held.iter().any(|held| held.as_str() == Some(*role));
    READING.iter().copied().filter(holds).collect()
}

const STEP: &str = "Graph";
const GRANT: &str = "nothing, unless accounts and groups are to be looked up or synchronised: \
                     then grant the application permissions User.Read.All and \
                     GroupMember.Read.All; else set sync = false";
/// Each lets an application read whether an account is enabled.
const ACCOUNTS: [&str; 2] = ["Directory.Read.All", "User.Read.All"];
/// Each lets an application read what groups are called.
const NAMES: [&str; 3] = [
    "Directory.Read.All",
    "Group.Read.All",
    "GroupMember.Read.All",
];
/// Each lets an application read who is in which group, or more.
const READING: [&str; 4] = [
    "Directory.Read.All",
    "Group.Read.All",
    "GroupMember.Read.All",
    "User.Read.All",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_known_permissions_are_read_of_a_token() {
        let token = |claims: Value| {
            let part = BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
            json!({"access_token": format!("e30.{part}.sig")}).to_string()
        };
        let held = json!({"roles": ["User.Read.All", "evil\r\n", 7, "Group.Read.All"]});
        let read = roles(token(held).as_bytes());
        assert_eq!(read, ["Group.Read.All", "User.Read.All"]);
        for body in [
            token(json!({"roles": "User.Read.All"})),
            token(json!([])),
            json!({"access_token": "User.Read.All"}).to_string(),
            json!({"access_token": "a.%%%.c"}).to_string(),
            String::new(),
        ] {
            assert!(roles(body.as_bytes()).is_empty(), "{body}");
        }
    }
}
