//! What came of the logins, and how it is told.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::output::Output;
use super::process::Cost;
use crate::device::{Answer, Report};

/// Counts of one device, or of all.
#[derive(Debug)]
pub(super) struct Tally {
    accepts: u64,
    rejects: u64,
    lost: u64,
    sent: u64,
    distrusted: u64,
    /// Microseconds from the first packet to the answer.
    times: Histogram<u64>,
    /// What the first refusal said.
    refusal: Option<String>,
}

/// All of a run.
#[derive(Debug)]
pub(super) struct Result {
    pub(super) tally: Tally,
    pub(super) took: Duration,
    pub(super) server: Option<(Cost, Cost)>,
    pub(super) own: (Cost, Cost),
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            accepts: 0,
            rejects: 0,
            lost: 0,
            sent: 0,
            distrusted: 0,
            times: Histogram::new(3).expect("three digits are allowed"),
            refusal: None,
        }
    }

    pub(super) fn note(&mut self, report: &Report) {
        self.sent = self.sent.saturating_add(report.sent.into());
        self.distrusted = self.distrusted.saturating_add(report.distrusted.into());
        let count = match &report.answer {
            Some(Answer::Accept) => &mut self.accepts,
            Some(Answer::Reject(text) | Answer::Challenge(text)) => {
                self.refusal.get_or_insert_with(|| text.clone());
                &mut self.rejects
            }
            None => &mut self.lost,
        };
        *count = count.saturating_add(1);
        if report.answer.is_some() {
            let micros = report.took.as_micros().try_into().unwrap_or(u64::MAX);
            self.times.record(micros).expect(GROWS);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.accepts = self.accepts.saturating_add(other.accepts);
        self.rejects = self.rejects.saturating_add(other.rejects);
        self.lost = self.lost.saturating_add(other.lost);
        self.sent = self.sent.saturating_add(other.sent);
        self.distrusted = self.distrusted.saturating_add(other.distrusted);
        self.times.add(&other.times).expect(GROWS);
        if self.refusal.is_none() {
            self.refusal.clone_from(&other.refusal);
        }
    }

    fn logins(&self) -> u64 {
        self.accepts
            .saturating_add(self.rejects)
            .saturating_add(self.lost)
    }
}

impl Result {
    /// Prints it.
    ///
    /// # Errors
    /// When a login was not let in: then the other figures are of something else.
    pub(super) fn show(&self, output: Output) -> std::result::Result<(), Failure> {
        output.one(COLUMNS, &self.value());
        let Tally {
            rejects,
            lost,
            refusal,
            ..
        } = &self.tally;
        if rejects.saturating_add(*lost) == 0 {
            return Ok(());
        }
        let said = refusal.as_deref().unwrap_or("no answer");
        Err(Failure::Refused(format!(
            "{rejects} login(s) rejected, {lost} lost; the first: {said}"
        )))
    }

    fn value(&self) -> Value {
        let tally = &self.tally;
        let logins = tally.logins();
        let millis = |quantile| tally.times.value_at_quantile(quantile) as f64 / 1000.0;
        let each = |(before, after): &(Cost, Cost)| {
            let cpu = after.cpu.saturating_sub(before.cpu);
            rounded(cpu.as_secs_f64() * 1e6 / logins.max(1) as f64)
        };
        json!({
            "logins": logins,
            "accepts": tally.accepts,
            "rejects": tally.rejects,
            "lost": tally.lost,
            "retries": tally.sent.saturating_sub(logins),
            "distrusted": tally.distrusted,
            "seconds": rounded(self.took.as_secs_f64()),
            "rate": rounded(logins as f64 / self.took.as_secs_f64()),
            "p50_ms": millis(0.5),
            "p99_ms": millis(0.99),
            "max_ms": tally.times.max() as f64 / 1000.0,
            "server_cpu_us": self.server.as_ref().map(each),
            "server_rss_kib": self.server.map(|(_, after)| after.resident_kib),
            "own_cpu_us": each(&self.own),
        })
    }
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

const GROWS: &str = "the histogram grows as it has to";
const COLUMNS: &[&str] = &[
    "logins",
    "accepts",
    "rejects",
    "lost",
    "retries",
    "distrusted",
    "seconds",
    "rate",
    "p50_ms",
    "p99_ms",
    "max_ms",
    "server_cpu_us",
    "server_rss_kib",
    "own_cpu_us",
];
