//! In which forms a user's name may be typed.
//!
//! Must not know whose name it is.

use crate::ledger::storage;

/// How a user's name was typed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NameForm {
    /// `user`.
    Bare,
    /// `DOMAIN\user`.
    DownLevel,
    /// `user@domain`.
    Upn,
}

/// The forms that a client takes; by default all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NameForms {
    bare: bool,
    down_level: bool,
    upn: bool,
}

impl NameForm {
    /// The form of what was typed. A backslash tells more than an `@` behind it, as when
    /// the name is looked up.
    #[must_use]
    pub fn of(typed: &[u8]) -> Self {
        if typed.contains(&b'\\') {
            Self::DownLevel
        } else if typed.contains(&b'@') {
            Self::Upn
        } else {
            Self::Bare
        }
    }
}

impl NameForms {
    /// Reads what a client's entry says; nothing: all forms. `None`: a form that this
    /// program cannot name.
    #[must_use]
    pub fn read(stored: &[i32]) -> Option<Self> {
        if stored.is_empty() {
            return Some(Self::default());
        }
        let mut forms = Self {
            bare: false,
            down_level: false,
            upn: false,
        };
        for &number in stored {
            match storage::NameForm::try_from(number).ok()? {
                storage::NameForm::Bare => forms.bare = true,
                storage::NameForm::DownLevel => forms.down_level = true,
                storage::NameForm::Upn => forms.upn = true,
                storage::NameForm::Unspecified => return None,
            }
        }
        Some(forms)
    }

    /// Whether a name may be typed so.
    #[must_use]
    pub fn take(self, typed: &[u8]) -> bool {
        match NameForm::of(typed) {
            NameForm::Bare => self.bare,
            NameForm::DownLevel => self.down_level,
            NameForm::Upn => self.upn,
        }
    }
}

impl Default for NameForms {
    fn default() -> Self {
        Self {
            bare: true,
            down_level: true,
            upn: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_the_form_in_which_it_was_typed() {
        assert_eq!(NameForm::of(b"alice"), NameForm::Bare);
        assert_eq!(NameForm::of(b"CONTOSO\\alice"), NameForm::DownLevel);
        assert_eq!(NameForm::of(b"alice@contoso.example"), NameForm::Upn);
        let both = br"CONTOSO\alice@contoso.example";
        assert_eq!(NameForm::of(both), NameForm::DownLevel);
    }

    #[test]
    fn a_client_takes_the_forms_that_it_names_and_all_where_it_names_none() {
        let upn = NameForms::read(&[storage::NameForm::Upn.into()]).expect("a form");
        assert!(upn.take(b"alice@contoso.example"));
        assert!(!upn.take(b"alice") && !upn.take(br"CONTOSO\alice"));
        assert_eq!(NameForms::read(&[]), Some(NameForms::default()));
        assert!(NameForms::default().take(b"alice"));
    }

    #[test]
    fn a_form_that_nobody_knows_is_not_read() {
        assert_eq!(NameForms::read(&[0]), None);
        assert_eq!(NameForms::read(&[1, 99]), None);
    }
}
