//! What a run tells: to people in sentences, to programs as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use crate::history::{At, Due, Fate, Heard, History, seconds};
use crate::judge::{self, Violation};

/// Prints the outcome.
pub(crate) fn print(history: &History, violations: &[Violation]) {
    println!();
    println!("{}", summary(history));
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for violation in violations {
        let count = told.entry(violation.invariant).or_default();
        *count += 1;
        // LIMIT: what anyone reads; the report has all.
        if *count <= SENTENCES_MAX {
            println!("VIOLATED {}: {}", violation.invariant, violation.sentence);
        }
    }
    for (invariant, count) in told {
        println!("{invariant}: {count} violations");
    }
    if violations.is_empty() {
        println!("{}: nothing was found that violates them", judge::judged());
    }
}

fn summary(history: &History) -> String {
    let heard = |wanted: fn(&Heard) -> bool| {
        let logins = history.logins.iter();
        logins.filter(|login| wanted(&login.heard)).count()
    };
    let right = history
        .visits
        .iter()
        .filter(|visit| visit.due == Due::Accept);
    let right_accepted = right.clone().filter(|it| it.heard == Heard::Accept);
    let longest = right_accepted.clone().map(|it| it.ended - it.begun).max();
    let mut caught_up = history.caught_up_after.iter().copied();
    let caught_up = caught_up.try_fold(0, |longest, after| Some(after?.max(longest)));
    let written = |fate: Fate| history.writes.iter().filter(|it| it.fate == fate).count();
    format!(
        "{} logins: {} accepted, {} refused, {} unanswered; {} of {} right ones of patient \
         devices accepted, the longest after {}; {} questions at the source; \
         {} writes acknowledged, {} refused, {} unknown; {} faults, caught up {} after \
         their mending at the latest; equal {} after the load; {} stories not begun",
        history.logins.len(),
        heard(|it| *it == Heard::Accept),
        heard(|it| matches!(it, Heard::Reject(_))),
        heard(|it| *it == Heard::Silence),
        right_accepted.count(),
        right.count(),
        seconds(longest.unwrap_or_default()),
        history.questions.len(),
        written(Fate::Acknowledged),
        written(Fate::Refused),
        written(Fate::Unknown),
        history.faults.len(),
        or_never(caught_up),
        or_never(history.end.converged_after),
        history.stories_dropped,
    )
}

fn or_never(after: Option<At>) -> String {
    after.map_or_else(|| "never".to_owned(), seconds)
}

/// Writes the outcome for programs.
pub(crate) fn write(
    file: &Path,
    replay: &str,
    history: &History,
    violations: &[Violation],
) -> anyhow::Result<()> {
    let value: Value = json!({
        "replay": replay,
        "summary": summary(history),
        "faults": history.faults,
        "ends": history.ends,
        "end": history.end.standings,
        "violations": violations,
    });
    std::fs::write(file, serde_json::to_vec_pretty(&value)?)
        .with_context(|| format!("{} cannot be written", file.display()))
}

/// Writes all that happened, one file for a closer look.
pub(crate) fn keep(file: &Path, history: &History) -> anyhow::Result<()> {
    let file = std::io::BufWriter::new(std::fs::File::create(file)?);
    Ok(serde_json::to_writer(file, history)?)
}

const SENTENCES_MAX: usize = 10;
