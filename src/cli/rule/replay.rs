//! `countersign rule replay …`

use std::path::PathBuf;

use countersign_core::base::Timestamp;
use serde_json::{Value, json};

use super::document;
use crate::admin::api;
use crate::admin::api::rule_service_client::RuleServiceClient;
use crate::cli::confirm::millis;
use crate::cli::connection::{Named, Session};
use crate::cli::failure::Failure;
use crate::cli::output::Format;
use crate::cli::show::moment;
use crate::login::Clock as _;
use crate::node::SystemClock;

/// Which past logins a draft would decide otherwise.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Replay {
    /// A TOML file with rules; - is standard input
    #[arg(long, value_name = "FILE")]
    draft: PathBuf,
    /// How far back: 30m, 24h
    #[arg(long, value_name = "TIME", value_parser = millis, default_value = "24h")]
    since: u32,
}

impl Replay {
    pub(super) async fn run(
        self,
        session: &Session,
        mut client: RuleServiceClient<Named>,
    ) -> Result<(), Failure> {
        let (rules, _) = document::read(&self.draft)?;
        let span = std::time::Duration::from_millis(self.since.into());
        let since: Timestamp = SystemClock.wall().minus(span);
        let replay = api::ReplayRulesRequest {
            rules: rules.into_iter().map(api::Rule::from).collect(),
            since: since.as_millis(),
        };
        let replayed = session.done(client.replay_rules(replay).await)?;
        let rows: Vec<Value> = replayed.differences.iter().map(shown).collect();
        if session.output.0 == Format::Json {
            let value = json!({
                "logins": replayed.logins,
                "gone": replayed.gone,
                "more": replayed.more,
                "differences": rows,
            });
            session.output.one(&[], &value);
            return Ok(());
        }
        let count = rows.len();
        session.output.list(DIFFERENCES, rows);
        eprintln!(
            "countersign: {} logins of this node looked at, {} of users or clients that are \
             gone; {count} kinds would differ{}",
            replayed.logins,
            replayed.gone,
            if replayed.more {
                "; earlier ones were left out"
            } else {
                ""
            },
        );
        Ok(())
    }
}

fn shown(it: &api::replay_rules_response::Difference) -> Value {
    json!({
        "user": it.user,
        "client": it.client,
        "caller": it.caller,
        "count": it.count,
        "last": moment(it.last),
        "now": it.now,
        "draft": it.draft,
    })
}

const DIFFERENCES: &[&str] = &["user", "client", "caller", "count", "last", "now", "draft"];
