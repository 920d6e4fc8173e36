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
//!
//! With `account.` before them, as in `{account.groups}`, the places of groups stand for those that
//! the directory tells while the login runs.

use super::Names;

/// A text with places.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Client,
    DirectoryName,
    /// One value for each group with this prefix.
    Each(Whose, String),
    Joined(Whose, String),
    Text(String),
    User,
}

/// Who tells of groups.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Whose {
    /// The directory, which is asked about the account.
    Account,
    /// The store, as an operator or the last synchronisation wrote them.
    User,
}

/// Why a text is no template.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TemplateError {
    /// A brace that opens nothing or closes nothing.
    #[error("a single brace; write {{{{ or }}}} for one in the text")]
    Brace,
    /// Nothing is known by this name.
    #[error(
        "{{{0}}} is none of user, user.name, client, groups, groups:SEPARATOR, group:PREFIX, \
         and the last three with account. before them"
    )]
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
        let lists = parts.iter().filter(|part| matches!(part, Part::Each(..)));
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

    /// Whether it can be filled only when the directory has told the groups of the account.
    #[must_use]
    pub fn asks_directory(&self) -> bool {
        let of_account = |part: &Part| match part {
            Part::Each(whose, _) | Part::Joined(whose, _) => *whose == Whose::Account,
            Part::Client | Part::DirectoryName | Part::Text(_) | Part::User => false,
        };
        self.0.iter().any(of_account)
    }

    /// The values for one login: mostly one, for each group one, or none.
    #[must_use]
    pub fn fill(&self, names: &Names<'_>) -> Vec<String> {
        let lists = self.0.iter().find_map(|part| match part {
            Part::Each(whose, prefix) => Some((whose.groups(names), prefix)),
            Part::Client | Part::DirectoryName | Part::Joined(..) | Part::Text(_) | Part::User => {
                None
            }
        });
        let Some((groups, prefix)) = lists else {
            return vec![self.one(names, "")];
        };
        let groups = groups.iter();
        let groups = groups.filter(|group| group.starts_with(&**prefix));
        groups.map(|group| self.one(names, group)).collect()
    }

    fn one(&self, names: &Names<'_>, group: &str) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Client => text.push_str(names.client),
                Part::DirectoryName => text.push_str(names.directory),
                Part::Each(..) => text.push_str(group),
                Part::Joined(whose, separator) => {
                    text.push_str(&whose.groups(names).join(separator));
                }
                Part::Text(fixed) => text.push_str(fixed),
                Part::User => text.push_str(names.typed),
            }
        }
        text
    }
}

impl Whose {
    const fn groups<'a>(self, names: &Names<'a>) -> &'a [&'a str] {
        match self {
            Self::Account => names.account_groups,
            Self::User => names.groups,
        }
    }
}

impl Part {
    fn read(place: &str) -> Result<Self, TemplateError> {
        let (word, more) = place
            .split_once(':')
            .map_or((place, None), |(word, more)| (word, Some(more.to_owned())));
        let (whose, word) = word
            .strip_prefix("account.")
            .map_or((Whose::User, word), |word| (Whose::Account, word));
        Ok(match (word, more, whose) {
            ("client", None, Whose::User) => Self::Client,
            ("group", Some(prefix), _) if !prefix.is_empty() => Self::Each(whose, prefix),
            ("groups", None, _) => Self::Each(whose, String::new()),
            ("groups", Some(separator), _) => Self::Joined(whose, separator),
            ("user", None, Whose::User) => Self::User,
            ("user.name", None, Whose::User) => Self::DirectoryName,
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
            account_groups: &["vpn-live", "all"],
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
            ("{account.groups:;}", "vpn-live;all"),
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
        assert_eq!(filled("{account.groups}", &groups), ["vpn-live", "all"]);
        assert_eq!(filled("{account.group:vpn-}", &groups), ["vpn-live"]);
    }

    #[test]
    fn it_is_known_which_places_a_directory_must_fill() {
        let asks = |text| Template::parse(text).unwrap().asks_directory();
        assert!(asks("a{account.groups}") && asks("{account.groups:;}"));
        assert!(asks("{account.group:a} of {groups:;}"));
        assert!(!asks("{groups} {user} {client} account.groups") && !asks("{group:account.}"));
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
        for place in [
            "",
            "User",
            "password",
            "group",
            "group:",
            "user:x",
            "account",
            "account.user",
            "account.account.groups",
        ] {
            let text = format!("{{{place}}}");
            let unknown = Err(TemplateError::Unknown(place.to_owned()));
            assert_eq!(Template::parse(&text), unknown);
        }
        let two = Template::parse("{groups}{group:a}");
        assert_eq!(two, Err(TemplateError::Lists));
        let two = Template::parse("{groups}{account.groups}");
        assert_eq!(two, Err(TemplateError::Lists));
    }
}
