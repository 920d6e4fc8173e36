//! What an examination of a source found, step by step.

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Light {
    /// As it should be.
    Green,
    /// Logins may go on; something is not as it should be, or could not be looked at.
    Amber,
    /// No login that needs this can succeed.
    Red,
}

/// One step. Texts are ours, with values of the settings in them; what a directory said is
/// shown by its number alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What was looked at, in a few words.
    pub step: &'static str,
    /// How it is.
    pub light: Light,
    /// What was seen.
    pub found: String,
    /// What to do about it; empty where nothing is to be done.
    pub remedy: String,
}
