//! A text with places for a phone number, a message and a secret, each of which is escaped
//! as the place has it: no value can add a field, a header or a part of a path.
//!
//! Braces around anything else are braces: JSON is full of them.

/// A text with places.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    Text(String),
    Place(Place),
}

/// What stands in a place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Phone,
    Text,
    Secret,
}

/// How a value is written where it is put.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Escape {
    /// Inside a string of JSON (RFC 8259 §7).
    Json,
    /// A value of a form.
    Form,
    /// Inside a part of a URL (RFC 3986 §2.1).
    Url,
    /// As it is: what is written is checked as a whole.
    Plain,
}

/// What is put in.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) phone: &'a str,
    pub(super) text: &'a str,
    pub(super) secret: &'a str,
}

impl Template {
    pub(super) fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((at, word, place)) = first(rest) {
            let (before, after) = rest.split_at(at);
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Place(place));
            rest = after.strip_prefix(word).unwrap_or_default();
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Self(pieces)
    }

    pub(super) fn has(&self, place: Place) -> bool {
        self.0.contains(&Piece::Place(place))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn fill(&self, values: &Values<'_>, escape: Escape) -> String {
        let mut filled = String::new();
        for piece in &self.0 {
            let value = match piece {
                Piece::Text(text) => {
                    filled.push_str(text);
                    continue;
                }
                Piece::Place(Place::Phone) => values.phone,
                Piece::Place(Place::Text) => values.text,
                Piece::Place(Place::Secret) => values.secret,
            };
            filled.push_str(&escape.of(value));
        }
        filled
    }
}

impl Escape {
    fn of(self, value: &str) -> String {
        match self {
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                let inner = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
                inner.unwrap_or_default().to_owned()
            }
            Self::Form => url::form_urlencoded::byte_serialize(value.as_bytes()).collect(),
            Self::Url => value.bytes().map(percent).collect(),
            Self::Plain => value.to_owned(),
        }
    }
}

fn percent(octet: u8) -> String {
    if octet.is_ascii_alphanumeric() || b"-_~".contains(&octet) {
        char::from(octet).to_string()
    } else {
        format!("%{octet:02X}")
    }
}

/// The first place in a text, and the word that marks it.
fn first(text: &str) -> Option<(usize, &'static str, Place)> {
    let found = WORDS.iter().filter_map(|(word, place)| {
        let at = text.find(word)?;
        Some((at, *word, *place))
    });
    found.min_by_key(|(at, ..)| *at)
}

const WORDS: [(&str, Place); 3] = [
    ("{phone}", Place::Phone),
    ("{text}", Place::Text),
    ("{secret}", Place::Secret),
];

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: Values<'_> = Values {
        phone: "+49\",\"to\":\"+1",
        text: "a b&to=1\r\n\u{fc}/../\\",
        secret: "s?#",
    };

    fn filled(text: &str, escape: Escape) -> String {
        Template::parse(text).fill(&HOSTILE, escape)
    }

    #[test]
    fn a_value_stays_the_value_of_its_field() {
        let text = r#"{"to":"{phone}","text":"{text}","n":{"a":1}}"#;
        let json: serde_json::Value = serde_json::from_str(&filled(text, Escape::Json)).unwrap();
        assert_eq!(json["to"], HOSTILE.phone);
        assert_eq!(json["text"], HOSTILE.text);
        assert_eq!(json.as_object().unwrap().len(), 3);
        let form = filled("to={phone}&text={text}", Escape::Form);
        let fields: Vec<_> = url::form_urlencoded::parse(form.as_bytes()).collect();
        assert_eq!(fields.len(), 2);
        assert_eq!(
            (&*fields[0].1, &*fields[1].1),
            (HOSTILE.phone, HOSTILE.text)
        );
        let url = filled(
            "https://gw.example/{phone}/x?t={text}&k={secret}",
            Escape::Url,
        );
        let url = url::Url::parse(&url).unwrap();
        assert_eq!(url.path_segments().unwrap().count(), 2);
        let fields: Vec<_> = url.query_pairs().collect();
        assert_eq!(fields.len(), 2);
        assert_eq!(
            (&*fields[0].1, &*fields[1].1),
            (HOSTILE.text, HOSTILE.secret)
        );
    }

    #[test]
    fn what_was_put_in_is_not_read_as_a_template() {
        let values = Values {
            phone: "{secret}",
            text: "{phone}",
            secret: "hidden",
        };
        let filled = Template::parse("{text} {phone} {other} {").fill(&values, Escape::Plain);
        assert_eq!(filled, "{phone} {secret} {other} {");
    }
}
