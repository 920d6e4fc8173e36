//! `countersign rule test …`

use std::path::PathBuf;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::document;
use crate::admin::api;
use crate::admin::api::rule_service_client::RuleServiceClient;
use crate::cli::connection::{Named, Session};
use crate::cli::failure::Failure;
use crate::cli::output::Format;

/// A login to try the rules on.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Test {
    /// The user's name, as typed
    user: String,
    /// Name of the client
    #[arg(long)]
    client: String,
    /// What the request would say: Calling-Station-Id=198.51.100.7
    #[arg(long, value_name = "NAME=VALUE")]
    attr: Vec<String>,
    /// When, in RFC 3339; by default now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<u64>,
    /// A TOML file with rules to try in place of those in force; - is standard input
    #[arg(long, value_name = "FILE")]
    draft: Option<PathBuf>,
}

impl Test {
    pub(super) async fn run(
        self,
        session: &Session,
        mut client: RuleServiceClient<Named>,
    ) -> Result<(), Failure> {
        let draft = self.draft.as_deref().map(document::read).transpose()?;
        let is_draft = draft.is_some();
        let (rules, _) = draft.unwrap_or_default();
        let test = api::TestRulesRequest {
            user: self.user,
            client: self.client,
            attributes: self.attr,
            at: self.at.unwrap_or_default(),
            draft: is_draft,
            rules: rules.into_iter().map(api::Rule::from).collect(),
        };
        let result = session.done(client.test_rules(test).await)?;
        let shown = shown(&result);
        if session.output.0 == Format::Table && !result.steps.is_empty() {
            let steps = shown.get("steps").and_then(Value::as_array);
            session
                .output
                .list(STEPS, steps.cloned().unwrap_or_default());
        }
        session.output.one(RESULT, &shown);
        Ok(())
    }
}

fn shown(result: &api::TestRulesResponse) -> Value {
    let step = |step: &api::test_rules_response::Step| {
        let matches = step.mismatch.is_empty();
        let said = if matches {
            "it decides"
        } else {
            &*step.mismatch
        };
        json!({ "rule": step.rule, "matches": matches, "why": said })
    };
    let refused = !result.refusal.is_empty();
    json!({
        "steps": result.steps.iter().map(step).collect::<Vec<_>>(),
        "decision": if refused { "refuse" } else { "ask" },
        "refusal": result.refusal,
        "factors": result.factors,
        "to": result.to,
        "initial_logins": result.initial_logins,
        "initial_logins_used": result.initial_logins_used,
        "burn_code": result.burn_code,
        "prompt": result.prompt,
        "attributes": result.attributes,
    })
}

fn moment(text: &str) -> Result<u64, String> {
    let moment = OffsetDateTime::parse(text, &Rfc3339);
    let moment = moment.map_err(|_| "a time is like 2026-11-28T20:00:00Z".to_owned())?;
    let millis = moment.unix_timestamp_nanos() / 1_000_000;
    u64::try_from(millis).map_err(|_| "before 1970".to_owned())
}

const STEPS: &[&str] = &["rule", "matches", "why"];
const RESULT: &[&str] = &[
    "decision",
    "refusal",
    "factors",
    "to",
    "initial_logins",
    "initial_logins_used",
    "prompt",
    "burn_code",
    "attributes",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_its_distance_from_utc() {
        assert_eq!(moment("2026-11-28T13:00:00+01:00"), Ok(1_795_867_200_000));
        assert!(moment("2026-11-28").is_err() && moment("1969-12-31T23:59:59Z").is_err());
    }
}
