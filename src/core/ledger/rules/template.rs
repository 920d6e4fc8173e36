//! Texts with places for what is known of a login.
//!
//! | place | stands for |
//! |---|---|
//! | `{user}` | the name as typed |
//! | `{user.name}` | the name in the directory |
//! | `{client}` | the name of the client |
//! | `{groups}` | each group of the user: one value for each |
//! | `{group:PREFIX}` | each group that begins with it |
//! | `{groups:SEPARATOR}` | all groups in one value |
//! | `{{`, `}}` | a brace |

use super::Names;

/// A text with places.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Client,
    DirectoryName,
    /// One value for each group with this prefix.
    Each(String),
    Joined(String),
    Text(String),
    User,
}

/// Why a text is no template.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TemplateError {
    /// A brace that opens nothing or closes nothing.
    #[error("a single brace; write {{{{ or }}}} for one in the text")]
    Brace,
    /// Nothing is known by this name.
    #[error("{{{0}}} is none of user, user.name, client, groups, groups:SEPARATOR, group:PREFIX")]
    Unknown(String),
    /// More than one value could be made of it in more than one way.
    #[error("only one of {{groups}} and {{group:PREFIX}} may stand in a value")]
    Lists,
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// Why it is no template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, braces) = rest.split_at(at);
            literal(&mut parts, before);
            if let Some(after) = doubled(braces) {
                literal(&mut parts, braces.get(..1).unwrap_or_default());
                rest = after;
                continue;
            }
            let opened = braces.strip_prefix('{').ok_or(TemplateError::Brace)?;
            let (place, after) = opened.split_once('}').ok_or(TemplateError::Brace)?;
            parts.push(Part::read(place)?);
            rest = after;
        }
        literal(&mut parts, rest);
        let lists = parts.iter().filter(|part| matches!(part, Part::Each(_)));
        if lists.count() > 1 {
            return Err(TemplateError::Lists);
        }
        Ok(Self(parts))
    }

    /// The text, where nothing of a login stands in it.
    #[must_use]
    pub fn fixed(&self) -> Option<&str> {
        match &*self.0 {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The values for one login: mostly one, for each group one, or none.
    #[must_use]
    pub fn fill(&self, names: &Names<'_>) -> Vec<String> {
        let lists = self.0.iter().find_map(|part| match part {
            Part::Each(prefix) => Some(prefix),
            Part::Client | Part::DirectoryName | Part::Joined(_) | Part::Text(_) | Part::User => {
                None
            }
        });
        let Some(prefix) = lists else {
            return vec![self.one(names, "")];
        };
        let groups = names.groups.iter();
        let groups = groups.filter(|group| group.starts_with(&**prefix));
        groups.map(|group| self.one(names, group)).collect()
    }

    fn one(&self, names: &Names<'_>, group: &str) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Client => text.push_str(names.client),
                Part::DirectoryName => text.push_str(names.directory),
                Part::Each(_) => text.push_str(group),
                Part::Joined(separator) => text.push_str(&names.groups.join(separator)),
                Part::Text(fixed) => text.push_str(fixed),
                Part::User => text.push_str(names.typed),
            }
        }
        text
    }
}

impl Part {
    fn read(place: &str) -> Result<Self, TemplateError> {
        let (word, more) = place
            .split_once(':')
            .map_or((place, None), |(word, more)| (word, Some(more.to_owned())));
        Ok(match (word, more) {
            ("client", None) => Self::Client,
            ("group", Some(prefix)) if !prefix.is_empty() => Self::Each(prefix),
            ("groups", None) => Self::Each(String::new()),
            ("groups", Some(separator)) => Self::Joined(separator),
            ("user", None) => Self::User,
            ("user.name", None) => Self::DirectoryName,
            _ => return Err(TemplateError::Unknown(unknown(place))),
        })
    }
}

/// What stands behind a doubled brace.
fn doubled(braces: &str) -> Option<&str> {
    let opened = braces.strip_prefix("{{");
    opened.or_else(|| braces.strip_prefix("}}"))
}

/// Joins a text to the one before it, so that a fixed template has one part.
fn literal(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(before)) => before.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// A name that nobody has, as it may be shown.
fn unknown(place: &str) -> String {
    crate::base::Shown::from(place).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, groups: &[&str]) -> Vec<String> {
        let names = Names {
            typed: "Alice",
            directory: "alice@contoso.example",
            client: "fw1",
            groups,
        };
        Template::parse(text).unwrap().fill(&names)
    }

    #[test]
    fn places_are_filled_with_what_they_stand_for() {
        for (text, expected) in [
            ("{user} at {client}", "Alice at fw1"),
            ("{user.name}", "alice@contoso.example"),
            ("OU={groups:;};", "OU=vpn-a;staff;vpn-b;"),
            ("{{{user}}}", "{Alice}"),
            ("{groups:}", "vpn-astaffvpn-b"),
        ] {
            assert_eq!(filled(text, &["vpn-a", "staff", "vpn-b"]), [expected]);
        }
    }

    #[test]
    fn a_list_makes_one_value_for_each_group() {
        let groups = ["vpn-a", "staff", "vpn-b"];
        assert_eq!(filled("{groups}", &groups), groups);
        assert_eq!(
            filled("OU={group:vpn-};", &groups),
            ["OU=vpn-a;", "OU=vpn-b;"]
        );
        assert!(filled("OU={groups};", &[]).is_empty());
    }

    #[test]
    fn what_a_group_is_called_is_not_read_as_a_template() {
        assert_eq!(filled("{groups}", &["{user}"]), ["{user}"]);
    }

    #[test]
    fn a_text_without_places_is_fixed() {
        assert_eq!(
            Template::parse("{{staff}}").unwrap().fixed(),
            Some("{staff}")
        );
        assert_eq!(Template::parse("").unwrap().fixed(), Some(""));
        assert_eq!(Template::parse("{user}").unwrap().fixed(), None);
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in ["{", "}", "{user", "user}", "a{b", "{user}}"] {
            assert_eq!(Template::parse(text), Err(TemplateError::Brace), "{text}");
        }
        for place in ["", "User", "password", "group", "group:", "user:x"] {
            let text = format!("{{{place}}}");
            let unknown = Err(TemplateError::Unknown(place.to_owned()));
            assert_eq!(Template::parse(&text), unknown);
        }
        let two = Template::parse("{groups}{group:a}");
        assert_eq!(two, Err(TemplateError::Lists));
    }
}
