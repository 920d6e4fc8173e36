//! Reads a TOML table key by key and notes every fault instead of stopping at the first.
//!
//! Knows lines and kinds of values. Must not know what a key means.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong in the file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// From 1; 0 where it belongs to no line.
    pub line: usize,
    /// Which key, `section.key`.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// A file's text and the faults found so far.
#[derive(Debug)]
pub(super) struct Sheet<'t> {
    text: &'t str,
    folder: PathBuf,
    pub(super) faults: Vec<Fault>,
    /// What can be run, but had better be otherwise.
    pub(super) advice: Vec<Fault>,
}

/// A table of the file; what is taken from it is gone, what is left was not expected.
#[derive(Debug)]
pub(super) struct Section<'t> {
    name: &'static str,
    line: usize,
    table: DeTable<'t>,
}

impl<'t> Sheet<'t> {
    /// Parses the text; syntax errors are faults like all others.
    pub(super) fn open(file: &Path, text: &'t str) -> (Self, Section<'t>) {
        let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut sheet = Self {
            text,
            folder,
            faults: Vec::new(),
            advice: Vec::new(),
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let line = error.span().map_or(0, |span| sheet.line(&span));
            let message = error.message().to_owned();
            sheet.faults.push(Fault {
                line,
                key: String::new(),
                what: message,
                remedy: "mend the line; strings need quotes, sections [brackets]".into(),
            });
        }
        (
            sheet,
            Section {
                name: "",
                line: 0,
                table: table.into_inner(),
            },
        )
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        before.matches('\n').count().saturating_add(1)
    }

    /// Notes a fault.
    pub(super) fn fault(&mut self, at: &At, what: impl fmt::Display, remedy: impl Into<String>) {
        let (line, key) = (at.line, at.key.clone());
        self.faults.push(Fault {
            line,
            key,
            what: what.to_string(),
            remedy: remedy.into(),
        });
    }

    /// Notes what is no fault.
    pub(super) fn advise(&mut self, at: &At, what: impl fmt::Display, remedy: impl Into<String>) {
        let (line, key) = (at.line, at.key.clone());
        self.advice.push(Fault {
            line,
            key,
            what: what.to_string(),
            remedy: remedy.into(),
        });
    }

    /// A section; an empty one where it is missing.
    pub(super) fn section(&mut self, root: &mut Section<'t>, name: &'static str) -> Section<'t> {
        let Some((at, value)) = self.take(root, name) else {
            return Section {
                name,
                line: 0,
                table: DeTable::new(),
            };
        };
        if let DeValue::Table(table) = value {
            return Section {
                name,
                line: at.line,
                table,
            };
        }
        self.fault(
            &at,
            "is no section",
            format!("write [{name}] on a line of its own"),
        );
        Section {
            name,
            line: at.line,
            table: DeTable::new(),
        }
    }

    /// A value that is written as a string and parsed from it.
    pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(
        &mut self,
        section: &mut Section<'t>,
        key: &'static str,
        example: &str,
    ) -> Option<(At, T)> {
        let (at, value) = self.take(section, key)?;
        let DeValue::String(text) = &value else {
            self.fault(
                &at,
                format!("is of type {}", value.type_str()),
                say(key, example),
            );
            return None;
        };
        self.parse(&at, text, key, example).map(|value| (at, value))
    }

    /// A list of such values.
    pub(super) fn list<T: FromStr<Err: fmt::Display>>(
        &mut self,
        section: &mut Section<'t>,
        key: &'static str,
        example: &str,
    ) -> Option<(At, Vec<T>)> {
        let (at, value) = self.take(section, key)?;
        let DeValue::Array(items) = &value else {
            let remedy = format!("write {key} = [\"{example}\"]");
            self.fault(&at, format!("is of type {}", value.type_str()), remedy);
            return None;
        };
        let texts = items
            .iter()
            .map(|item| item.get_ref().as_str().map(ToOwned::to_owned));
        let texts: Vec<_> = texts.collect();
        let parsed = texts.into_iter().filter_map(|text| {
            let Some(text) = text else {
                self.fault(
                    &at,
                    "has a value without quotes",
                    format!("write \"{example}\""),
                );
                return None;
            };
            self.parse(&at, &text, key, example)
        });
        let parsed = parsed.collect();
        Some((at, parsed))
    }

    /// A whole number within a range.
    pub(super) fn number(
        &mut self,
        section: &mut Section<'t>,
        key: &'static str,
        range: Range<u64>,
    ) -> Option<(At, u64)> {
        let (at, value) = self.take(section, key)?;
        let number = value
            .as_integer()
            .and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some((at, number)),
            None => {
                let last = range.end.saturating_sub(1);
                let remedy = format!("write a whole number from {} to {last}", range.start);
                self.fault(&at, "is no such number", remedy);
                None
            }
        }
    }

    /// A switch, off where it is missing.
    pub(super) fn switch(&mut self, section: &mut Section<'t>, key: &'static str) -> bool {
        let Some((at, value)) = self.take(section, key) else {
            return false;
        };
        value.as_bool().unwrap_or_else(|| {
            self.fault(
                &at,
                "is no switch",
                format!("write {key} = true or {key} = false"),
            );
            false
        })
    }

    /// A path; a relative one starts at the folder of the file.
    pub(super) fn path(
        &mut self,
        section: &mut Section<'t>,
        key: &'static str,
    ) -> Option<(At, PathBuf)> {
        let (at, path) = self.parsed::<PathBuf>(section, key, "/etc/countersign/file")?;
        Some((at, self.folder.join(path)))
    }

    /// A path of a file that must be there and be readable.
    pub(super) fn file(
        &mut self,
        section: &mut Section<'t>,
        key: &'static str,
    ) -> Option<(At, PathBuf)> {
        let (at, path) = self.path(section, key)?;
        if let Err(error) = std::fs::File::open(&path) {
            let what = format!("{} cannot be read: {error}", path.display());
            self.fault(
                &at,
                what,
                "make the file, or mend the path or its permissions",
            );
        }
        Some((at, path))
    }

    /// Says that a key is needed.
    pub(super) fn missing(&mut self, section: &Section<'_>, key: &str, example: &str) {
        let at = At {
            line: section.line,
            key: section.path(key),
        };
        self.fault(&at, "is missing", say(key, example));
    }

    /// Says that a list is needed.
    pub(super) fn missing_list(&mut self, section: &Section<'_>, key: &str, example: &str) {
        let at = At {
            line: section.line,
            key: section.path(key),
        };
        self.fault(&at, "is missing", format!("write {key} = [\"{example}\"]"));
    }

    /// What is left in a section was not expected there.
    pub(super) fn close(&mut self, section: &Section<'t>) {
        let left: Vec<_> = section
            .table
            .keys()
            .map(|key| At {
                line: self.line(&key.span()),
                key: section.path(key.get_ref()),
            })
            .collect();
        for at in left {
            self.fault(
                &at,
                "is not known here",
                "remove it, or mend its name or section",
            );
        }
    }

    fn take(&self, section: &mut Section<'t>, key: &str) -> Option<(At, DeValue<'t>)> {
        let (_, value) = section.table.remove_entry(key)?;
        let line = self.line(&Spanned::span(&value));
        Some((
            At {
                line,
                key: section.path(key),
            },
            value.into_inner(),
        ))
    }

    fn parse<T: FromStr<Err: fmt::Display>>(
        &mut self,
        at: &At,
        text: &str,
        key: &str,
        example: &str,
    ) -> Option<T> {
        text.parse()
            .inspect_err(|error| self.fault(at, format!("\"{text}\": {error}"), say(key, example)))
            .ok()
    }
}

/// Where a key stands.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) line: usize,
    pub(super) key: String,
}

impl At {
    /// No line of its own.
    pub(super) fn nowhere(key: &str) -> Self {
        Self {
            line: 0,
            key: key.to_owned(),
        }
    }
}

impl Section<'_> {
    /// Whether the key is there, and not taken yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }
}

fn say(key: &str, example: &str) -> String {
    format!("write {key} = \"{example}\"")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, "{} ", self.key)?;
        }
        write!(f, "{}; {}", self.what, self.remedy)
    }
}
