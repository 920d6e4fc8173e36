//! What is wrong with a rule, and with which.

use super::template::TemplateError;
use crate::base::limits::{INITIAL_LOGINS_MAX, RULES_MAX, RULES_OCTETS_MAX};
use crate::base::{NameError, Shown};
use crate::radius::{NoNumber, Number, Ungrantable, ValueError};

/// A rule that is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("rule \"{rule}\": {fault}")]
pub struct RuleError {
    /// Its name, as it may be shown.
    pub rule: String,
    /// What is wrong with it.
    #[source]
    pub fault: Fault,
}

impl RuleError {
    pub(super) fn of(name: &str, fault: Fault) -> Self {
        let rule = Shown::from(name).to_string();
        Self { rule, fault }
    }
}

/// What is wrong with a rule.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    /// Of the list as a whole.
    #[error("there are at most {RULES_MAX} rules of {RULES_OCTETS_MAX} octets in all")]
    List,
    /// Its name is none.
    #[error("its name is no name: {0}")]
    Name(NameError),
    /// Two rules share a name.
    #[error("another rule has the same name")]
    Duplicate,
    /// It stands behind a rule that matches everything.
    #[error("it is never reached: rule \"{0}\" before it matches every login")]
    Unreachable(String),
    /// Nothing says what to show.
    #[error("the factors are none of both, code, password, forward and deny")]
    Factors,
    /// The old server does not go with the factors.
    #[error("to names an old server of the settings where the factors are forward, and only there")]
    To,
    /// The old server sees to all of it.
    #[error("it forwards, and so neither burns, sends nor asks for anything itself")]
    ForwardAsks,
    /// A way round the second factor must end.
    #[error("it lets in without a token, and so needs until: the date on which that ends")]
    NoUntil,
    /// Another login asks for a code, or for nothing.
    #[error("initial_logins are of a rule whose factors are password")]
    InitialFactors,
    /// So many that nobody would enrol.
    #[error("initial_logins are 1 to {INITIAL_LOGINS_MAX}")]
    InitialLogins,
    /// A mode of another version.
    #[error("burn_code is neither on-accept nor on-match")]
    BurnCode,
    /// What is refused gets nothing.
    #[error("it denies, and so neither grants, burns nor asks for anything")]
    DenyGrants,
    /// A mode of another version.
    #[error("prompt is none of append, challenge and either")]
    Prompt,
    /// There is nothing to ask for.
    #[error("it asks for no code, and so has no prompt for one")]
    NoPrompt,
    /// A way of another version.
    #[error("passcode is neither email nor sms")]
    Passcode,
    /// There is nothing to send a code for.
    #[error("it asks for no code, and so sends none")]
    NoPasscode,
    /// Nothing of it can be asked for a passcode.
    #[error("a passcode is asked for in a challenge: prompt must be challenge or either")]
    PasscodePrompt,
    /// There is nothing to burn.
    #[error("it asks for no code, and so burns none")]
    NoCode,
    /// More of something than there may be.
    #[error("it has more than {1} {0}")]
    Many(&'static str, usize),
    /// A value of a condition that never holds, or always would.
    #[error("{0} \"{1}\" {2}")]
    Condition(&'static str, String, &'static str),
    /// A condition on an attribute of which nothing is known here.
    #[error("attribute {0} of a request is not looked at")]
    Nas(u32),
    /// No attribute at all.
    #[error(transparent)]
    NoNumber(#[from] NoNumber),
    /// An attribute that no Accept may carry.
    #[error(transparent)]
    Ungrantable(#[from] Ungrantable),
    /// A type of another version.
    #[error("attribute {0} is of no known type")]
    Type(Number),
    /// Its text is no template.
    #[error("attribute {0}: {1}")]
    Template(Number, TemplateError),
    /// Nobody asks the directory.
    #[error(
        "attribute {0} stands for groups of the account: that needs account = required, so \
         that the directory is asked"
    )]
    NoAccount(Number),
    /// Its text is no value of its type.
    #[error("attribute {0}: {1}")]
    Value(Number, ValueError),
    /// A sealed value where none is looked for.
    #[error("attribute {0} is sealed, and its type is none of salted and tagged-salted")]
    Sealed(Number),
    /// A secret that is not sealed.
    #[error("attribute {0} is a secret, and must be sealed before it is stored")]
    Unsealed(Number),
    /// Its value is empty or does not fit.
    #[error("attribute {0}: a value has 1 to {1} octets")]
    Length(Number, usize),
}

impl Fault {
    pub(super) fn condition(what: &'static str, value: &str, why: &'static str) -> Self {
        Self::Condition(what, Shown::from(value).to_string(), why)
    }
}
