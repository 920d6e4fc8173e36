//! Counts, times and levels, as Prometheus reads them.
//!
//! Knows names and labels that are constants of the code. A name or label from outside
//! never comes here: the set of series is bounded by the source text.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use countersign_core::base::Operations;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Every series of the node. A family begins when it is first told of.
#[derive(Default)]
pub struct Metrics {
    registry: Mutex<Registry>,
    counts: Families<Counter>,
    levels: Families<Gauge>,
    times: Families<Histogram, Buckets>,
}

type Label = [(&'static str, &'static str); 1];
type Families<M, C = fn() -> M> = RwLock<HashMap<&'static str, Family<Label, M, C>>>;

/// Makes a histogram whose buckets double from 50 µs to 26 s.
#[derive(Clone, Copy, Default)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        let bounds = std::iter::successors(Some(50e-6), |bound| Some(bound * 2.0));
        Histogram::new(bounds.take(20))
    }
}

impl Metrics {
    /// The text that Prometheus scrapes.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing into a String cannot fail.
        let _infallible = encode(&mut text, &registry);
        text
    }
}

impl Operations for Metrics {
    fn count(&self, name: &'static str, label: &'static str) {
        let begin = || Family::new_with_constructor(Counter::default as fn() -> Counter);
        with(&self.counts, &self.registry, name, begin, |family| {
            family.get_or_create(&labelled(name, label)).inc();
        });
    }

    fn time(&self, name: &'static str, label: &'static str, span: Duration) {
        let begin = || Family::new_with_constructor(Buckets);
        with(&self.times, &self.registry, name, begin, |family| {
            family
                .get_or_create(&labelled(name, label))
                .observe(span.as_secs_f64());
        });
    }

    fn level(&self, name: &'static str, label: &'static str, value: u64) {
        let begin = || Family::new_with_constructor(Gauge::default as fn() -> Gauge);
        with(&self.levels, &self.registry, name, begin, |family| {
            family
                .get_or_create(&labelled(name, label))
                .set(value.try_into().unwrap_or(i64::MAX));
        });
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Uses the family of `name`, which is made and registered the first time.
fn with<M, C>(
    families: &Families<M, C>,
    registry: &Mutex<Registry>,
    name: &'static str,
    begin: impl FnOnce() -> Family<Label, M, C>,
    tell: impl FnOnce(&Family<Label, M, C>),
) where
    M: prometheus_client::encoding::EncodeMetric
        + prometheus_client::metrics::TypedMetric
        + fmt::Debug
        + Send
        + Sync
        + 'static,
    C: MetricConstructor<M> + Clone + Send + Sync + 'static,
{
    if let Some(family) = families
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(name)
    {
        return tell(family);
    }
    let mut families = families.write().unwrap_or_else(PoisonError::into_inner);
    let family = families.entry(name).or_insert_with(|| {
        let family = begin();
        let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register(format!("countersign_{name}"), help(name), family.clone());
        family
    });
    tell(family);
}

fn labelled(name: &str, label: &'static str) -> Label {
    [(known(name).map_or("kind", |(_, key, _)| key), label)]
}

fn help(name: &str) -> &'static str {
    known(name).map_or("see the manual", |(_, _, help)| help)
}

fn known(name: &str) -> Option<(&'static str, &'static str, &'static str)> {
    SERIES.iter().copied().find(|(known, _, _)| *known == name)
}

/// Name, key of the label, help.
const SERIES: &[(&str, &str, &str)] = &[
    (
        "certificate_expires_seconds",
        "of",
        "when a certificate of this node ends, in seconds since 1970",
    ),
    (
        "certificate_reloads",
        "fate",
        "renewed certificates that were taken into force or refused",
    ),
    (
        "datagrams",
        "reason",
        "datagrams dropped in silence, by reason",
    ),
    ("events", "fate", "events that were not kept"),
    (
        "fsync_seconds",
        "of",
        "time that the disk took to make a batch durable",
    ),
    (
        "in_hand",
        "what",
        "requests in hand, commands that wait for an entry",
    ),
    ("logins", "reason", "logins that ended, by reason"),
    (
        "outcomes",
        "answer",
        "logins that ended, by what the device was told",
    ),
    (
        "peer_calls_refused",
        "reason",
        "connections and calls of peers that were refused, by reason",
    ),
    ("raft", "what", "the term, and indexes of the log"),
    (
        "source_alarms",
        "trouble",
        "password sources that are in this trouble now",
    ),
    (
        "source_answers",
        "reason",
        "answers of the password source, by reason",
    ),
    (
        "source_seconds",
        "outcome",
        "time that the password source took",
    ),
    (
        "source_spared",
        "why",
        "questions that the password source was not asked",
    ),
    (
        "source_unknown_codes",
        "source",
        "answers with a code that no table knows",
    ),
    (
        "stage_seconds",
        "stage",
        "time that a login spent in a stage",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_rendered() {
        let metrics = Metrics::default();
        metrics.count("logins", "CS-R000");
        metrics.count("logins", "CS-R000");
        metrics.level("in_hand", "logins", 3);
        metrics.time("stage_seconds", "commit", Duration::from_millis(2));
        let text = metrics.render();
        assert!(
            text.contains("countersign_logins_total{reason=\"CS-R000\"} 2"),
            "{text}"
        );
        assert!(
            text.contains("countersign_in_hand{what=\"logins\"} 3"),
            "{text}"
        );
        assert!(
            text.contains("countersign_stage_seconds_count{stage=\"commit\"} 1"),
            "{text}"
        );
    }
}
