//! Parts of rules as people write them, and back: conditions on the request, times of the
//! week, attributes with their values.
//!
//! Knows names of attributes; what is stored has their numbers. Must not know files.

mod attribute;
mod hours;
mod nas;

pub use attribute::{
    attribute, is_secret, names_secret, secret, secret_name, shown_attribute, shown_grant,
    shown_waiting,
};
pub use hours::{hours, shown_hours};
pub use nas::{call, nas, shown_nas};

/// What is wrong with a text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("\"{text}\": {why}")]
pub struct WrittenError {
    /// The text, as it may be shown.
    pub text: String,
    /// What is wrong with it, and what would be right.
    pub why: String,
}

impl WrittenError {
    fn of(text: &str, why: impl Into<String>) -> Self {
        Self {
            text: crate::base::Shown::from(text).to_string(),
            why: why.into(),
        }
    }
}
