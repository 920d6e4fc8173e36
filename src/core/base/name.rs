//! The name by which a user is looked up, folded so that one person has one spelling.
//!
//! A name is only a key: the password source is asked with the stored directory name,
//! never with what was typed. Must not know: who has which name.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::limits::NAME_OCTETS_MAX;
use super::text::steers;

/// A folded name: NFC, ASCII letters in lower case, no character that steers the screen,
/// no blank at either edge, no trailing dot, 1 to [`NAME_OCTETS_MAX`] octets.
///
/// Only ASCII is folded: a wider case fold depends on the language and on the Unicode
/// version, and must not differ between nodes.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum NameError {
    /// Directories ignore it, so that two spellings would be one account.
    #[error("a blank at an edge or a dot at the end")]
    Edge,
    /// Nothing is left.
    #[error("empty")]
    Empty,
    /// Longer than [`NAME_OCTETS_MAX`] octets.
    #[error("longer than {NAME_OCTETS_MAX} octets")]
    Long,
    /// A control, zero-width or bidirectional character.
    #[error("a control or invisible character")]
    Steers,
    /// Broken UTF-8.
    #[error("not UTF-8")]
    Utf8,
}

impl Name {
    /// Folds a text.
    ///
    /// # Errors
    /// What makes it no name. Nothing is repaired: a name that had to be trimmed is not
    /// the one that was registered.
    pub fn fold(text: &str) -> Result<Self, NameError> {
        // The raw length is bounded first, so that normalising costs little.
        if text.len() > NAME_OCTETS_MAX {
            return Err(NameError::Long);
        }
        let folded: String = text.nfc().map(|c| c.to_ascii_lowercase()).collect();
        if folded.is_empty() {
            Err(NameError::Empty)
        } else if folded.len() > NAME_OCTETS_MAX {
            Err(NameError::Long)
        } else if folded.chars().any(steers) {
            Err(NameError::Steers)
        } else if folded.trim() != folded || folded.ends_with('.') {
            Err(NameError::Edge)
        } else {
            Ok(Self(folded))
        }
    }

    /// The look-up keys for what was typed, in the order in which to try them; at most 4.
    ///
    /// What was typed comes first, so that a stored name or alias always wins. Then the
    /// other spellings of the same account, where `domain` is the client's default domain
    /// (empty: none):
    ///
    /// | typed | then |
    /// |---|---|
    /// | `user` | `user@domain` |
    /// | `user@domain` | `user` |
    /// | `user@other` | nothing |
    /// | `NETBIOS\user` | `user@domain`, `user`: such a name tells no DNS domain |
    /// | `dns.name\user` | `user@dns.name`; `user` where that is the default domain |
    ///
    /// # Errors
    /// When what was typed is no name. A spelling that is no name is left out.
    pub fn candidates(typed: &[u8], domain: &str) -> Result<Vec<Self>, NameError> {
        let text = std::str::from_utf8(typed).map_err(|_| NameError::Utf8)?;
        let name = Self::fold(text)?;
        let home = domain.to_ascii_lowercase();
        let others = match (name.0.split_once('\\'), name.0.rsplit_once('@')) {
            (Some((_, user)), _) if user.contains('@') => vec![user.to_owned()],
            (Some((there, user)), _) if there.contains('.') => {
                in_domain(user, there, there == home)
            }
            (Some((_, user)), _) => in_domain(user, &home, true),
            (None, Some((user, there))) if there == home => vec![user.to_owned()],
            (None, Some(_)) => Vec::new(),
            (None, None) => in_domain(&name.0, &home, false),
        };
        let others = others.iter().filter_map(|text| Self::fold(text).ok());
        let mut names: Vec<_> = std::iter::once(name.clone()).chain(others).collect();
        names.dedup();
        Ok(names)
    }

    /// The folded text; its octets are the look-up key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `user@domain` where there is a domain, and `user` itself where `bare`.
fn in_domain(user: &str, domain: &str, bare: bool) -> Vec<String> {
    let qualified = (!domain.is_empty() && !user.is_empty()).then(|| format!("{user}@{domain}"));
    let alone = bare.then(|| user.to_owned());
    qualified.into_iter().chain(alone).collect()
}

#[cfg(test)]
mod tests;
