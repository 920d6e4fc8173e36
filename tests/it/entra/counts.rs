//! What operators can count.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::sources::entra::Surroundings;
use countersign_core::base::Operations;
use serde_json::json;

use super::{PASSWORD, ask, ask_with, public, settings, surroundings};
use crate::stand_in::StandIn;

/// Keeps how often each series was told.
#[derive(Debug, Default)]
struct Counted(Mutex<BTreeMap<String, u32>>);

impl Counted {
    fn add(&self, kind: &str, name: &str, label: &str) {
        let mut series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *series.entry(format!("{kind} {name} {label}")).or_default() += 1;
    }
}

impl Operations for Counted {
    fn count(&self, name: &'static str, label: &'static str) {
        self.add("count", name, label);
    }

    fn time(&self, name: &'static str, label: &'static str, _: Duration) {
        self.add("time", name, label);
    }

    fn level(&self, name: &'static str, label: &'static str, _: u64) {
        self.add("level", name, label);
    }
}

#[tokio::test]
async fn answers_are_counted_by_reason_and_timed_by_outcome() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let counted = Arc::new(Counted::default());
    let surroundings = Surroundings {
        operations: counted.clone(),
        ..surroundings(&stand_in)?
    };
    let source = public(&settings(&stand_in), &surroundings)?;
    ask(&source).await;
    ask(&source).await;
    ask_with(&source, "no_mfa@contoso.example", PASSWORD).await;
    let unknown = json!({"status": 400, "body": r#"{"error_codes":[4711]}"#});
    stand_in.control(json!({"canned": unknown})).await?;
    ask(&source).await;
    let series = counted.0.lock().unwrap_or_else(PoisonError::into_inner);
    let expected = [
        ("count source_answers CS-R000", 2),
        ("count source_answers CS-R402", 1),
        ("count source_answers CS-R413", 1),
        ("count source_unknown_codes entra", 1),
        ("time source_seconds denied", 2),
        ("time source_seconds right", 2),
    ];
    let expected = expected.map(|(name, times)| (name.to_owned(), times));
    assert_eq!(*series, BTreeMap::from(expected));
    Ok(())
}
