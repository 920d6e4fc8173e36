//! `countersign rule forwarded …`

use serde_json::{Value, json};

use crate::admin::api;
use crate::admin::api::rule_service_client::RuleServiceClient;
use crate::cli::connection::{Named, Session};
use crate::cli::failure::Failure;
use crate::cli::output::Format;
use crate::cli::show::moment;
use crate::cli::user::cut;

/// Who still goes to an old server.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Forwarded {
    /// Only whom this old server has let in, by its name in the settings
    #[arg(long, value_name = "SERVER")]
    to: Option<String>,
    /// Leaves out who has a token by now
    #[arg(long)]
    without_token: bool,
    /// At most so many, the latest; 0: all
    #[arg(long, default_value_t = 1000)]
    limit: usize,
}

impl Forwarded {
    pub(super) async fn run(
        self,
        session: &Session,
        mut client: RuleServiceClient<Named>,
    ) -> Result<(), Failure> {
        let (mut found, mut never, mut page_token) = (Vec::new(), 0_u64, String::new());
        loop {
            let ask = api::ListForwardedRequest {
                page_size: 1000,
                page_token,
            };
            let page = session.done(client.list_forwarded(ask).await)?;
            found.extend(page.forwarded.into_iter().filter(|it| self.wants(it)));
            never = never.saturating_add(page.never);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        found.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.user.cmp(&b.user)));
        let count = found.len();
        cut(&mut found, self.limit, false);
        let rows: Vec<Value> = found.iter().map(shown).collect();
        if session.output.0 == Format::Json {
            let value = json!({ "forwarded": rows, "never": never });
            session.output.one(&[], &value);
            return Ok(());
        }
        session.output.list(FORWARDED, rows);
        eprintln!(
            "countersign: {count} users were let in by an old server; {never} active users \
             without a token never were"
        );
        Ok(())
    }

    fn wants(&self, it: &api::list_forwarded_response::Forwarded) -> bool {
        let to = self.to.as_ref();
        to.is_none_or(|to| *to == it.server) && !(self.without_token && it.has_token)
    }
}

fn shown(it: &api::list_forwarded_response::Forwarded) -> Value {
    json!({
        "user": it.user,
        "server": it.server,
        "last": moment(it.at),
        "has_token": it.has_token,
    })
}

const FORWARDED: &[&str] = &["user", "server", "last", "has_token"];
