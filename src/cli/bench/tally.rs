//! What came of the logins, and how it is told.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::output::{Format, Output};
use super::process::Spent;
use crate::device::{Answer, Report};

/// Counts of a second, or of all.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    accepts: u64,
    rejects: u64,
    lost: u64,
    /// Due while there was no room for more.
    unsent: u64,
    sent: u64,
    distrusted: u64,
    /// Microseconds from when a login was due to its answer.
    times: Histogram<u64>,
    /// What the first refusal said.
    refusal: Option<String>,
}

/// All of a run.
#[derive(Debug)]
pub(super) struct Result {
    pub(super) tally: Tally,
    pub(super) took: Duration,
    pub(super) server: Option<Spent>,
    pub(super) own: Option<Spent>,
    /// One line for it all, as for each second.
    pub(super) in_lines: bool,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            accepts: 0,
            rejects: 0,
            lost: 0,
            unsent: 0,
            sent: 0,
            distrusted: 0,
            times: Histogram::new(3).expect("three digits are allowed"),
            refusal: None,
        }
    }

    /// One that was never sent.
    pub(super) fn note_unsent(&mut self) {
        self.unsent = self.unsent.saturating_add(1);
    }

    /// One that began `late` after it was due.
    pub(super) fn note(&mut self, report: &Report, late: Duration) {
        self.sent = self.sent.saturating_add(report.sent.into());
        self.distrusted = self.distrusted.saturating_add(report.distrusted.into());
        let count = match &report.answer {
            Some(Answer::Accept) => &mut self.accepts,
            Some(Answer::Reject(text) | Answer::Challenge(text, _)) => {
                self.refusal.get_or_insert_with(|| text.clone());
                &mut self.rejects
            }
            None => &mut self.lost,
        };
        *count = count.saturating_add(1);
        if report.answer.is_some() {
            let took = report.took.saturating_add(late);
            let micros = took.as_micros().try_into().unwrap_or(u64::MAX);
            self.times.record(micros).expect(GROWS);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.accepts = self.accepts.saturating_add(other.accepts);
        self.rejects = self.rejects.saturating_add(other.rejects);
        self.lost = self.lost.saturating_add(other.lost);
        self.unsent = self.unsent.saturating_add(other.unsent);
        self.sent = self.sent.saturating_add(other.sent);
        self.distrusted = self.distrusted.saturating_add(other.distrusted);
        self.times.add(&other.times).expect(GROWS);
        if self.refusal.is_none() {
            self.refusal.clone_from(&other.refusal);
        }
    }

    /// Prints it as one line: what came of the logins that ended in this second.
    pub(super) fn show_second(&self, output: Output, second: u64) {
        let mut value = self.counts();
        if let Value::Object(fields) = &mut value {
            fields.insert("second".to_owned(), second.into());
        }
        output.next(SECOND_COLUMNS, &value);
    }

    fn counts(&self) -> Value {
        let millis = |quantile| self.times.value_at_quantile(quantile) as f64 / 1000.0;
        json!({
            "logins": self.logins(),
            "accepts": self.accepts,
            "rejects": self.rejects,
            "lost": self.lost,
            "unsent": self.unsent,
            "retries": self.sent.saturating_sub(self.logins()),
            "distrusted": self.distrusted,
            "p50_ms": millis(0.5),
            "p90_ms": millis(0.9),
            "p99_ms": millis(0.99),
            "p999_ms": millis(0.999),
            "max_ms": self.times.max() as f64 / 1000.0,
        })
    }

    /// How many logins took no longer than so many milliseconds, each step twice the one
    /// before, up to the longest of all.
    fn histogram(&self) -> Vec<Value> {
        let steps = self.times.iter_log(HISTOGRAM_STEP_MICROS, 2.0);
        let mut sum = 0_u64;
        let rows = steps.map(|step| {
            sum = sum.saturating_add(step.count_since_last_iteration());
            json!([step.value_iterated_to() as f64 / 1000.0, sum])
        });
        rows.collect()
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
        if self.in_lines && output.0 == Format::Json {
            output.next(COLUMNS, &self.value());
        } else {
            output.one(COLUMNS, &self.value());
        }
        let Tally {
            rejects,
            lost,
            unsent,
            refusal,
            ..
        } = &self.tally;
        if rejects.saturating_add(*lost).saturating_add(*unsent) == 0 {
            return Ok(());
        }
        let said = refusal.as_deref().unwrap_or("no answer");
        Err(Failure::Refused(format!(
            "{rejects} login(s) rejected, {lost} lost, {unsent} not sent; the first: {said}"
        )))
    }

    fn value(&self) -> Value {
        let tally = &self.tally;
        let logins = tally.logins();
        let each = |spent: &Spent| rounded(spent.cpu.as_secs_f64() * 1e6 / logins.max(1) as f64);
        let more = json!({
            "seconds": rounded(self.took.as_secs_f64()),
            "rate": rounded(logins as f64 / self.took.as_secs_f64()),
            "server_cpu_us": self.server.as_ref().map(each),
            "server_rss_kib": self.server.map(|server| server.resident_kib),
            "server_gone": self.server.map(|server| server.gone),
            "own_cpu_us": self.own.as_ref().map(each),
            "histogram": tally.histogram(),
        });
        let mut value = tally.counts();
        if let (Value::Object(fields), Value::Object(more)) = (&mut value, more) {
            fields.extend(more);
        }
        value
    }
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

const GROWS: &str = "the histogram grows as it has to";
const HISTOGRAM_STEP_MICROS: u64 = 125;
const SECOND_COLUMNS: &[&str] = &["second", "accepts", "rejects", "lost", "p50_ms", "max_ms"];
const COLUMNS: &[&str] = &[
    "logins",
    "accepts",
    "rejects",
    "lost",
    "unsent",
    "retries",
    "distrusted",
    "seconds",
    "rate",
    "p50_ms",
    "p90_ms",
    "p99_ms",
    "p999_ms",
    "max_ms",
    "server_cpu_us",
    "server_rss_kib",
    "server_gone",
    "own_cpu_us",
];
