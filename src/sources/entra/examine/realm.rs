//! Who judges the passwords of a domain.

use serde_json::Value;

use super::{Finding, LOOK_AT_WAY, amber, green, red};
use crate::sources::entra::Entra;

impl Entra {
    pub(super) async fn find_realm(&self, domain: Option<&str>) -> Finding {
        let Some(domain) = domain else {
            let remedy = "examine again with a domain of your users";
            return amber(STEP, "no domain to ask about", remedy);
        };
        let path = format!("common/userrealm/radius-probe@{domain}");
        let answered = match self.got(&path).await {
            Ok(answered) if answered.status == 200 => answered,
            Ok(answered) => {
                let found = format!("answered with status {}", answered.status);
                return amber(STEP, found, "try again later");
            }
            Err(missed) => return amber(STEP, missed.words(), LOOK_AT_WAY),
        };
        let body: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
        match body.get("account_type").and_then(Value::as_str) {
            Some("Managed") => green(STEP, format!("Entra judges the passwords of {domain}")),
            Some("Federated") => amber(
                STEP,
                format!(
                    "another provider judges the passwords of {domain}: every one is wrong here"
                ),
                "synchronise password hashes and set AllowCloudPasswordValidation in a home realm \
                 discovery policy, or ask the domain's own directory over LDAP",
            ),
            Some("Unknown") => red(
                STEP,
                format!("no tenant has the domain {domain}"),
                "correct the domain of the users' directory names",
            ),
            Some(_) | None => amber(STEP, "an answer that says nothing", "try again later"),
        }
    }
}

const STEP: &str = "domain";
