//! `countersign events` and `countersign audit`

use std::time::Duration;

use super::connection::Session;
use super::failure::Failure;
use super::show;
use crate::admin::api;
use crate::admin::api::event_service_client::EventServiceClient;

/// What happened on the node that is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Events {
    /// Goes on with what happens from now on
    #[arg(long)]
    follow: bool,
    /// Only this user's
    #[arg(long, default_value = "")]
    user: String,
    /// Only the login that was told this reference
    #[arg(long, default_value = "", value_name = "REF")]
    reference: String,
    /// Only the last hours
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    hours: u64,
    /// At most so many, the latest
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

/// Who changed what, newest first.
#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    /// Only records before this number
    #[arg(long, default_value_t = 0)]
    before: u64,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

impl Events {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut events = EventServiceClient::new(session.named());
        let answer = if self.follow {
            let user = self.user;
            events
                .follow_events(api::FollowEventsRequest { user })
                .await
        } else {
            let list = api::ListEventsRequest {
                from: since(self.hours),
                until: 0,
                user: self.user,
                reference: self.reference,
                limit: self.limit,
            };
            events.list_events(list).await
        };
        let mut stream = session.done(answer)?;
        while let Some(event) = stream.message().await? {
            session.output.next(show::EVENTS, &show::event(&event));
        }
        Ok(())
    }
}

impl Audit {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut events = EventServiceClient::new(session.named());
        let list = api::ListAuditRequest {
            before: self.before,
            limit: self.limit,
        };
        let listed = session.done(events.list_audit(list).await)?.records;
        let rows = listed.iter().map(show::audit).collect();
        session.output.list(show::AUDIT, rows);
        Ok(())
    }
}

/// So many hours ago, in milliseconds since 1970.
fn since(hours: u64) -> u64 {
    let span = Duration::from_secs(hours.saturating_mul(3600));
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let now = Duration::from_secs(now.try_into().unwrap_or_default());
    let from = now.saturating_sub(span).as_millis();
    from.try_into().unwrap_or_default()
}
