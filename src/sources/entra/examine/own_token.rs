//! What the application can prove, and what it may read.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Answered, Finding, LOOK_AT_WAY, amber, green, red};
use crate::sources::entra::Entra;
use crate::sources::entra::request::{Proof, Stamp};

impl Entra {
    pub(super) async fn find_own_token(&self) -> Finding {
        if matches!(self.grant.proof, Proof::Public) {
            let found = "a public client, which proves itself by nothing: Conditional Access \
                         covers only what it asks for";
            return green(STEP, found.to_owned());
        }
        let request_id = self.request_ids.next();
        let stamp = Stamp {
            id: &request_id,
            now: self.clock.wall(),
        };
        let graph = self.places.hosts.graph.as_str();
        let scope = format!("{graph}.default");
        let Ok(form) = self.grant.own_form(&scope, stamp) else {
            return red(
                STEP,
                "the certificate's key cannot sign",
                "upload a new one",
            );
        };
        let Some((status, said, answered)) = self.posted(form, &request_id).await else {
            return amber(STEP, "no answer", LOOK_AT_WAY);
        };
        if status == 200 && said.token {
            return self.granted(&answered);
        }
        let judged = self.decisions.judge(status, &said);
        let found = format!("refused with AADSTS{}", judged.answer.code);
        match judged.trouble {
            Some(trouble) => red(STEP, format!("{found}: {}", trouble.what), trouble.remedy),
            None => red(STEP, found, "look the number up"),
        }
    }

    fn granted(&self, answered: &Answered) -> Finding {
        if let Some(left) = self.certificate_left().filter(|left| *left < RENEW_BEFORE) {
            let days = left.as_secs() / 86_400;
            let found = format!("the client certificate is good for {days} more days");
            return amber(STEP, found, "make a new one, upload it and apply it here");
        }
        let held = roles(&answered.body);
        if held.is_empty() {
            return amber(
                STEP,
                "known; it may read no users and no groups",
                "nothing, unless groups of the directory are to be used: then grant the \
                 application permission User.Read.All or GroupMember.Read.All",
            );
        }
        green(STEP, format!("known; it holds {}", held.join(", ")))
    }

    fn certificate_left(&self) -> Option<Duration> {
        match &self.grant.proof {
            Proof::Certificate(certificate) => Some(certificate.expires.since(self.clock.wall())),
            Proof::Public | Proof::Secret(_) => None,
        }
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

const STEP: &str = "application";
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 86_400);
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
