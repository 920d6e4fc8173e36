//! `countersign events` and `countersign audit`

use std::time::Duration;

use super::connection::Session;
use super::failure::Failure;
use super::{show, user};
use crate::admin::api;
use crate::admin::api::event_service_client::EventServiceClient;

/// What happened on the node that is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Events {
    /// Tells what happens from now on, in place of what has happened
    #[arg(long, conflicts_with_all = ["reference", "hours", "limit"])]
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
    /// At most so many, the latest; no more than 10000
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

/// Who changed what, newest first.
#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    /// Only records before this number
    #[arg(long, default_value_t = 0)]
    before: u64,
    /// At most so many; 0: all
    #[arg(long, default_value_t = 100)]
    limit: usize,
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
        let (mut rows, mut before, mut more) = (Vec::new(), self.before, true);
        while more && (self.limit == 0 || rows.len() < self.limit) {
            let left = self.limit.saturating_sub(rows.len());
            let list = api::ListAuditRequest {
                before,
                limit: page(left),
            };
            let listed = session.done(events.list_audit(list).await)?.records;
            // A page may be short because its records are long: only an empty one is the last.
            more = listed.last().is_some_and(|last| last.number > 0);
            before = listed.last().map_or(before, |last| last.number);
            rows.extend(listed.iter().map(show::audit));
        }
        user::cut(&mut rows, self.limit, more);
        session.output.list(show::AUDIT, rows);
        Ok(())
    }
}

/// What to ask for where so many are wanted; 0: all.
fn page(left: usize) -> u32 {
    match u32::try_from(left) {
        Ok(left @ 1..PAGE_MAX) => left,
        Ok(_) | Err(_) => PAGE_MAX,
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

/// Records that a node tells at one time.
const PAGE_MAX: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_listing_is_asked_for_in_pages() {
        assert_eq!(
            [0, 1, 999, 1000, 5000].map(page),
            [1000, 1, 999, 1000, 1000]
        );
    }
}
