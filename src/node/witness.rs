//! Binds the RADIUS ports to telemetry: one outcome feeds events, metrics and log lines.

use std::sync::Arc;

use countersign_core::base::{ClientId, Operations, Shown};
use countersign_core::login::{Decision, Outcome, Reason};

use super::learning::Pupil;
use super::system::SystemClock;
use crate::login::Clock as _;
use crate::net::{Ended, Evidence, Heard, Sender, Session, Witness, learns};
use crate::telemetry::events::{Events, Record};
use crate::telemetry::{Metrics, Noise, Shown as Seen, Sightings};

/// Tells telemetry what the ports saw.
#[derive(Debug)]
pub(super) struct Reporter {
    pub(super) events: Arc<Events>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) noise: Arc<Noise>,
    pub(super) sightings: Arc<Sightings>,
    pub(super) pupil: Pupil,
}

impl Witness for Reporter {
    fn heard(&self, heard: &Heard<'_>) {
        let client = ClientId(heard.client.entry.id);
        let proof = |place: usize, by_message_authenticator| {
            let digest = heard.client.digests.get(place).copied();
            Seen::Proof(digest.unwrap_or_default(), by_message_authenticator)
        };
        let seen = match heard.how {
            Evidence::Access(place) => proof(place, true),
            Evidence::Other(place) => proof(place, false),
            Evidence::Bare => Seen::Nothing,
            Evidence::Session => Seen::Certificate(heard.certificate.unwrap_or_default()),
            Evidence::Refused(reason) => Seen::Refused(reason),
        };
        self.sightings
            .packet(client, heard.source.ip(), seen, SystemClock.wall());
        if matches!(heard.how, Evidence::Access(_)) && learns(&heard.client.entry) {
            self.pupil.hear((client, heard.client.entry.revision));
        }
    }

    fn login(&self, ended: &Ended<'_>) {
        let Outcome {
            decision,
            reason,
            reference,
            source_code,
            judged_by,
            stages,
            ..
        } = *ended.outcome;
        let answer = match decision {
            Decision::Accept => "accept",
            Decision::Reject => "reject",
            Decision::Challenge => "challenge",
            Decision::Silent => "silence",
        };
        self.metrics.count("outcomes", answer);
        self.metrics.count("logins", reason.code());
        let spans = [
            ("queue", stages.queued),
            ("judge", stages.judged),
            ("begin", stages.begun),
            ("source", stages.asked),
            ("settle", stages.settled),
            ("wait", stages.waited),
        ];
        for (stage, span) in spans.into_iter().filter(|(_, span)| !span.is_zero()) {
            self.metrics.time("stage_seconds", stage, span);
        }
        self.metrics.time("stage_seconds", "whole", ended.took);
        let reference = if decision == Decision::Reject {
            reference.to_string()
        } else {
            String::new()
        };
        tracing::debug!(
            answer, reason = reason.code(), %reference,
            user = %Shown(ended.user), client = ended.client, source = %ended.source.ip(), "login",
        );
        self.sightings
            .login(ended.outcome.client, answer, reason, SystemClock.wall());
        self.events.tell(Record {
            at: ended.arrived.as_millis(),
            kind: kind(reason).into(),
            reference,
            user: String::from_utf8_lossy(ended.user).into_owned(),
            client: ended.client.to_owned(),
            source: ended.source.ip().to_string(),
            caller: String::from_utf8_lossy(ended.caller).into_owned(),
            answer: answer.into(),
            reason: reason.code().into(),
            source_code,
            took: ended.took.as_millis().try_into().unwrap_or(u32::MAX),
            // One event for each login: of the node that its device asked.
            detail: detail([
                ended.certificate.map(shown_by),
                judged_by.map(|node| format!("judged by node {node}")),
            ]),
        });
    }

    fn dropped(&self, sender: &Sender<'_>, reason: Reason) {
        let Sender {
            source,
            client,
            certificate,
        } = *sender;
        if client.is_none() {
            self.sightings.stranger(source.ip(), SystemClock.wall());
        }
        self.metrics.count("datagrams", reason.code());
        if self.noise.add(source.ip(), client, certificate, reason) {
            let client = client.unwrap_or("unknown");
            let certificate = certificate.map(|name| Shown::from(name).to_string());
            tracing::warn!(
                %source, client, certificate, reason = reason.code(), "dropped: {reason}"
            );
        }
    }

    async fn account(&self, session: Session) -> bool {
        let record = Record {
            at: session.arrived.as_millis(),
            kind: "accounting".into(),
            user: String::from_utf8_lossy(&session.user).into_owned(),
            client: session.client,
            source: session.source.ip().to_string(),
            caller: String::from_utf8_lossy(&session.caller).into_owned(),
            answer: "recorded".into(),
            reason: Reason::Accepted.code().into(),
            detail: detail([
                Some(session.detail),
                session.certificate.as_deref().map(shown_by),
            ]),
            ..Record::default()
        };
        self.events.record(record).await.is_ok()
    }
}

fn shown_by(certificate: &str) -> String {
    format!("certificate {certificate}")
}

fn detail(parts: [Option<String>; 2]) -> String {
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

/// Told apart for who audits: where a login is re-validated, no new code was shown.
const fn kind(reason: Reason) -> &'static str {
    if matches!(reason, Reason::Revalidated) {
        "revalidation"
    } else {
        "login"
    }
}
