//! Answers as tables for people or as JSON for programs, both from one value.
//!
//! A table passes every text through [`Shown`]: names come from outside and must not steer
//! the terminal. JSON escapes for itself.

use std::io::{self, Write as _};

use countersign_core::base::Shown;
use serde_json::Value;

/// How answers are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Prints answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output(pub(super) Format);

impl Output {
    /// Things of one kind, a line each.
    pub(super) fn list(self, columns: &[&str], rows: Vec<Value>) {
        print(&match self.0 {
            Format::Json => pretty(&Value::Array(rows)),
            Format::Table => table(columns, &rows),
        });
    }

    /// One thing, a line for each of its facts.
    pub(super) fn one(self, columns: &[&str], thing: &Value) {
        print(&match self.0 {
            Format::Json => pretty(thing),
            Format::Table => facts(columns, thing),
        });
    }

    /// One of a stream of things, on one line.
    pub(super) fn next(self, columns: &[&str], thing: &Value) {
        print(&match self.0 {
            Format::Json => format!("{thing}\n"),
            Format::Table => {
                let cells: Vec<_> = columns.iter().map(|column| cell(thing, column)).collect();
                let cells: Vec<_> = cells.into_iter().filter(|cell| !cell.is_empty()).collect();
                format!("{}\n", cells.join("  "))
            }
        });
    }
}

/// Prints what is no answer by itself: a document, a picture.
pub(super) fn print(text: &str) {
    // A reader that went away (`| head`) is no failure.
    drop(io::stdout().lock().write_all(text.as_bytes()));
}

/// `TOKEN_STATE_ACTIVE` as people and programs read it: `active`.
pub(super) fn word(name: &str, prefix: &str) -> String {
    let word = name.strip_prefix(prefix).unwrap_or(name);
    word.to_ascii_lowercase().replace('_', "-")
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

pub(super) fn table(columns: &[&str], rows: &[Value]) -> String {
    let heads = columns.iter().map(|column| head(column)).collect();
    let cells = rows
        .iter()
        .map(|row| columns.iter().map(|column| cell(row, column)).collect());
    let lines: Vec<Vec<String>> = std::iter::once(heads).chain(cells).collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|at| {
            let of = |line: &Vec<String>| line.get(at).map_or(0, |cell| cell.chars().count());
            lines.iter().map(of).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in &lines {
        let padded = line.iter().zip(&widths);
        let padded: Vec<_> = padded
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn facts(columns: &[&str], thing: &Value) -> String {
    let width = columns.iter().map(|column| column.len()).max().unwrap_or(0);
    let line = |column: &&str| format!("{:width$}  {}\n", head(column), cell(thing, column));
    columns.iter().map(line).collect()
}

fn head(column: &str) -> String {
    column.replace('_', " ").to_uppercase()
}

fn cell(row: &Value, column: &str) -> String {
    row.get(column).map(text).unwrap_or_default()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => (if *yes { "yes" } else { "no" }).to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => Shown::from(&**text).to_string(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(","),
        Value::Object(_) => Shown::from(&*value.to_string()).to_string(),
    }
}
