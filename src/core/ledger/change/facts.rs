//! What the audit tells of a record: `key=value` pairs, and of two records those pairs in
//! which they differ. Texts are bounded and say when they were cut.
//!
//! Must not know any single kind of record.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::staying::staying;
use crate::base::Shown;
use crate::base::limits::{AUDIT_NAME_OCTETS_MAX, AUDIT_TEXT_OCTETS_MAX, AUDIT_VALUE_OCTETS_MAX};
use crate::seal::Sealed;

/// A record as `key=value` pairs.
#[derive(Default)]
pub(super) struct Facts {
    under: String,
    facts: Vec<Fact>,
}

struct Fact {
    key: String,
    value: Value,
    /// Says what the record is: told whatever else differs.
    names: bool,
}

#[derive(Eq, PartialEq)]
enum Value {
    /// Ours: a number, a word of an enum.
    Plain(String),
    /// From outside.
    Text(String),
    /// From outside, in order.
    List(Vec<String>),
    /// What may be shown of it, and what only tells it from another.
    Withheld(String, Vec<u8>),
}

impl Facts {
    /// What follows is of a part of the record; empty: of the record itself.
    pub(super) fn under(mut self, part: impl Into<String>) -> Self {
        self.under = part.into();
        self
    }

    /// One more pair, of a value that is ours: a number, a word of an enum.
    pub(super) fn with(self, key: &str, value: impl Display) -> Self {
        self.and(key, Value::Plain(value.to_string()))
    }

    /// One more pair, of a text from outside: quoted, so that it cannot look like another
    /// pair.
    pub(super) fn text(self, key: &str, value: &str) -> Self {
        self.and(key, Value::Text(value.to_owned()))
    }

    /// One more pair, of a text from outside by which the record is known.
    pub(super) fn name(mut self, key: &str, value: &str) -> Self {
        self = self.text(key, value);
        if let Some(last) = self.facts.last_mut() {
            last.names = true;
        }
        self
    }

    /// One more pair, of a list from outside.
    pub(super) fn list(self, key: &str, values: &[String]) -> Self {
        self.and(key, Value::List(values.to_vec()))
    }

    /// One more pair, of a sealed secret: by a name that tells nothing of it, and is another
    /// once the secret is.
    pub(super) fn sealed(self, key: &str, octets: &[u8]) -> Self {
        self.with(key, sealed(octets))
    }

    /// One more pair, of what may hold a secret in the clear: nothing of `value` is told but
    /// whether it is another. No digest of it: one would let secrets be guessed.
    pub(super) fn withheld(self, key: &str, shown: String, value: Vec<u8>) -> Self {
        self.and(key, Value::Withheld(shown, value))
    }

    /// All of it.
    pub(super) fn into_text(self) -> String {
        let pairs = self.facts.iter().map(|fact| fact.pair(&fact.value.told()));
        written(&pairs.collect::<Vec<_>>())
    }

    fn and(mut self, key: &str, value: Value) -> Self {
        let dot = if self.under.is_empty() { "" } else { "." };
        self.facts.push(Fact {
            key: format!("{}{dot}{key}", self.under),
            value,
            names: false,
        });
        self
    }

    /// With how many of the same key stand before it: a name that was cut may be another's.
    fn numbered(&self) -> impl Iterator<Item = ((&str, usize), &Fact)> {
        let mut counts = BTreeMap::<&str, usize>::new();
        self.facts.iter().map(move |fact| {
            let count = counts.entry(&fact.key).or_default();
            *count = count.saturating_add(1);
            ((&*fact.key, *count), fact)
        })
    }
}

/// In which pairs two states of a record differ: as they were, and as they are. A record
/// without pairs is one that is not there; of the other all is told that says anything.
pub(super) fn told(before: &Facts, after: &Facts) -> (String, String) {
    let old = one_side(before, after, |mine, theirs| differing(mine, theirs).0);
    let new = one_side(after, before, |mine, theirs| differing(theirs, mine).1);
    (old, new)
}

fn one_side(these: &Facts, others: &Facts, differing: impl Fn(&Value, &Value) -> String) -> String {
    let others: BTreeMap<_, _> = others.numbered().collect();
    let mut pairs: Vec<(u8, String)> = Vec::new();
    for (key, fact) in these.numbered() {
        let value = match others.get(&key) {
            Some(other) if other.value != fact.value => differing(&fact.value, &other.value),
            None if !fact.value.is_nothing() => format!("={}", fact.value.told()),
            Some(_) | None if fact.names => format!("={}", fact.value.told()),
            Some(_) | None => continue,
        };
        pairs.push((fact.rank(), format!("{}{value}", fact.key)));
    }
    // Long texts must not push a switch out.
    pairs.sort_by_key(|(rank, _)| *rank);
    let pairs: Vec<_> = pairs.into_iter().map(|(_, pair)| pair).collect();
    written(&pairs)
}

/// What follows the key on either side.
fn differing(old: &Value, new: &Value) -> (String, String) {
    let (before, after) = match (old, new) {
        (Value::List(old), Value::List(new)) if !(is_short(old) && is_short(new)) => {
            let (old_stay, new_stay) = staying(old, new);
            (moved(old, &old_stay), moved(new, &new_stay))
        }
        _ => (format!("={}", old.told()), format!("={}", new.told())),
    };
    if before == after {
        return (format!("{before}(old)"), format!("{after}(new)"));
    }
    (before, after)
}

/// How many values a long list has, and those that do not stay, each with its place.
fn moved(values: &[String], stay: &[bool]) -> String {
    let places = values.iter().zip(stay).enumerate();
    let moved = places.filter(|(_, (_, stays))| !**stays);
    let moved = moved.map(|(at, (value, _))| format!("{}:{}", at.saturating_add(1), shown(value)));
    format!(
        "({})={}",
        values.len(),
        quoted(&joined(&moved.collect::<Vec<_>>()))
    )
}

impl Fact {
    fn pair(&self, value: &str) -> String {
        format!("{}={value}", self.key)
    }

    const fn rank(&self) -> u8 {
        match self.value {
            _ if self.names => 0,
            Value::Plain(_) => 1,
            Value::Text(_) | Value::List(_) | Value::Withheld(..) => 2,
        }
    }
}

impl Value {
    fn told(&self) -> String {
        match self {
            Self::Plain(value) => value.clone(),
            Self::Text(value) | Self::Withheld(value, _) => quoted(&shown(value)),
            Self::List(values) => {
                let values: Vec<_> = values.iter().map(|value| shown(value)).collect();
                quoted(&joined(&values))
            }
        }
    }

    /// As where nothing was ever said: not worth its room where a record is new.
    fn is_nothing(&self) -> bool {
        match self {
            Self::Plain(value) => {
                matches!(&**value, "" | "0" | "any" | "false" | "none")
                    || value.ends_with("_UNSPECIFIED")
            }
            Self::Text(value) => value.is_empty(),
            Self::List(values) => values.is_empty(),
            Self::Withheld(_, value) => value.is_empty(),
        }
    }
}

/// As it is shown: without controls, and within the bound.
pub(super) fn shown(text: &str) -> String {
    cut(text, AUDIT_VALUE_OCTETS_MAX)
}

/// A name from outside in front of what is said of it.
pub(super) fn titled(what: &str, name: &str) -> String {
    format!("{what}.{}", quoted(&cut(name, AUDIT_NAME_OCTETS_MAX)))
}

/// The name of a sealed secret.
pub(super) fn sealed(octets: &[u8]) -> String {
    if octets.is_empty() {
        return "none".to_owned();
    }
    format!("sealed:{}", Sealed::fingerprint_of(octets))
}

fn cut(text: &str, octets: usize) -> String {
    let mut text = Shown::from(text).to_string().replace('"', "'");
    if text.len() > octets {
        text.truncate(text.floor_char_boundary(octets));
        text.push('…');
    }
    text
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// Whether a list can be told whole.
fn is_short(values: &[String]) -> bool {
    let octets = values.iter().map(|value| shown(value).len());
    values.len() <= LIST_VALUES && octets.sum::<usize>() <= AUDIT_VALUE_OCTETS_MAX
}

/// As many as there is room for, at least one; and where not all are told, a digest of all, so
/// that two lists that begin alike are told apart.
fn joined(values: &[String]) -> String {
    let mut text = String::new();
    for (at, value) in values.iter().enumerate() {
        let is_full = text.len().saturating_add(value.len()) > AUDIT_VALUE_OCTETS_MAX;
        if at > 0 && is_full {
            let rest = values.len().saturating_sub(at);
            let digest = digest(values);
            write!(text, ",and {rest} more #{digest}").expect("a string takes every text");
            break;
        }
        let comma = if at > 0 { "," } else { "" };
        write!(text, "{comma}{value}").expect("a string takes every text");
    }
    text
}

fn digest(values: &[String]) -> String {
    let mut hash = Sha256::new();
    for value in values {
        hash.update((value.len() as u64).to_be_bytes());
        hash.update(value);
    }
    HEXLOWER.encode(hash.finalize().first_chunk::<4>().map_or(&[], |it| it))
}

/// As many pairs as there is room for.
fn written(pairs: &[String]) -> String {
    let room = AUDIT_TEXT_OCTETS_MAX.saturating_sub(MORE_OCTETS);
    let mut text = String::new();
    for (at, pair) in pairs.iter().enumerate() {
        if text.len().saturating_add(pair.len()) >= room {
            let rest = pairs.len().saturating_sub(at);
            write!(text, " and {rest} more").expect("a string takes every text");
            break;
        }
        let blank = if at > 0 { " " } else { "" };
        write!(text, "{blank}{pair}").expect("a string takes every text");
    }
    text
}

/// Values of a list that is told whole.
const LIST_VALUES: usize = 8;
/// Room for how many pairs were left out.
const MORE_OCTETS: usize = 24;
/// A key of a part with its name, a value, signs around and between them.
const PAIR_OCTETS: usize = AUDIT_NAME_OCTETS_MAX + 2 * AUDIT_VALUE_OCTETS_MAX + 64;

const _: () = assert!(PAIR_OCTETS + MORE_OCTETS <= AUDIT_TEXT_OCTETS_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    fn list(values: impl IntoIterator<Item = u32>) -> Facts {
        let values: Vec<_> = values.into_iter().map(|n| format!("v{n}")).collect();
        Facts::default().list("values", &values)
    }

    #[test]
    fn what_two_records_share_is_not_told_but_for_their_name() {
        let facts = |digits: u32| {
            let facts = Facts::default()
                .name("serial", "HT1")
                .with("digits", digits);
            facts.text("label", "desk")
        };
        let (before, after) = told(&facts(6), &facts(8));
        assert_eq!(before, "serial=\"HT1\" digits=6");
        assert_eq!(after, "serial=\"HT1\" digits=8");
    }

    #[test]
    fn of_a_new_record_all_is_told_that_says_anything() {
        let new = Facts::default().text("a", "x").text("b", "").with("c", 0);
        let new = new.with("d", "KIND_UNSPECIFIED");
        assert_eq!(
            told(&Facts::default(), &new),
            (String::new(), "a=\"x\"".to_owned())
        );
    }

    #[test]
    fn of_a_long_list_what_came_went_or_moved_is_told_with_its_place() {
        let (before, after) = told(&list(1..=20), &list((1..=20).chain([21])));
        assert_eq!(
            (&*before, &*after),
            ("values(20)=\"\"", "values(21)=\"21:v21\"")
        );
        let others = (1..=20).filter(|n| *n != 9).chain([9]);
        let (before, after) = told(&list(1..=20), &list(others));
        assert_eq!(
            (&*before, &*after),
            ("values(20)=\"9:v9\"", "values(20)=\"20:v9\"")
        );
    }

    #[test]
    fn long_lists_that_begin_alike_are_told_apart_where_they_are_told_whole() {
        let text = |end| list((0..200).chain([end])).into_text();
        assert!(text(1000).contains(" more #"), "{}", text(1000));
        assert_ne!(text(1000), text(1001));
    }

    #[test]
    fn what_looks_alike_is_said_to_differ() {
        let text = |end: &str| Facts::default().text("text", &("x".repeat(300) + end));
        let (before, after) = told(&text("a"), &text("b"));
        assert!(
            before.ends_with("…\"(old)") && after.ends_with("…\"(new)"),
            "{after}"
        );
        let url = |query: &[u8]| {
            let shown = "https://sms.contoso.example/".to_owned();
            Facts::default().withheld("url", shown, query.to_vec())
        };
        let (before, after) = told(&url(b"key=1"), &url(b"key=2"));
        assert_eq!(before, "url=\"https://sms.contoso.example/\"(old)");
        assert_eq!(after, "url=\"https://sms.contoso.example/\"(new)");
    }

    #[test]
    fn a_text_that_was_cut_says_how_much_is_left_out_and_keeps_switches() {
        let facts = |sign: &str, dangerous| {
            let texts = (0..20).fold(Facts::default(), |facts, n| {
                facts.text(&format!("text{n}"), &sign.repeat(200))
            });
            texts.with("dangerous", dangerous)
        };
        let (before, after) = told(&facts("a", false), &facts("b", true));
        assert!(
            before.starts_with("dangerous=false text0=\"aaa"),
            "{before}"
        );
        assert!(after.starts_with("dangerous=true text0=\"bbb"), "{after}");
        assert!(after.ends_with(" and 16 more"), "{after}");
        assert!(after.len() <= AUDIT_TEXT_OCTETS_MAX);
    }

    #[test]
    fn the_first_pair_always_fits() {
        let long = "\u{202e}".repeat(5000);
        let facts = |end: u32| {
            let under = Facts::default().under(titled("rule", &long));
            let values = [long.clone(), format!("{long}{end}"), end.to_string()];
            under.list("account_groups_of_the_directory", &values)
        };
        let (before, after) = told(&facts(1), &facts(2));
        assert!(before.len() <= AUDIT_TEXT_OCTETS_MAX && before.starts_with("rule."));
        assert_ne!(before, after);
    }
}
