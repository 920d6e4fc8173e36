//! What a verified Access-Request offers as proof of its user.
//!
//! Knows which combinations RFC 2865 §4.1 allows. Must not judge any of them.

use thiserror::Error;

use super::attribute::kind;
use super::packet::{Kind, Packet, Verified};
use super::password::{self, Password, Unreadable};

/// The proof of an Access-Request. A `State` beside a password is read with
/// [`Packet::state_attribute`].
#[derive(Debug)]
pub enum Credentials<'a> {
    /// CHAP-Password: can be checked only against a secret that the server knows.
    Chap,
    /// EAP-Message: a conversation.
    Eap,
    /// User-Password, un-hidden.
    Pap(Password),
    /// State alone: the answer to a challenge that asked for nothing.
    State(&'a [u8]),
}

/// Why an Access-Request proves nothing; to be answered with a Reject.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Uncredentialed {
    /// More than one kind of proof (RFC 2865 §4.1, RFC 3579 §3.1).
    #[error("more than one of User-Password, CHAP-Password, ARAP-Password and EAP-Message")]
    Conflict,
    /// No proof at all.
    #[error("no User-Password, CHAP-Password, EAP-Message or State")]
    Missing,
    /// It is no Access-Request.
    #[error("not an Access-Request")]
    NotAccess,
    /// The password cannot be un-hidden.
    #[error(transparent)]
    Password(#[from] Unreadable),
    /// An attribute that may stand once stands twice: which one counts would be a guess.
    #[error("attribute {0} stands more than once")]
    Repeated(u8),
    /// A proof that is not served.
    #[error("attribute {0} is not served")]
    Unserved(u8),
}

impl<'a> Packet<'a, Verified<'a>> {
    /// Sorts out what proof the packet offers.
    ///
    /// # Errors
    ///
    /// None, too many or unreadable ones.
    pub fn credentials(&self) -> Result<Credentials<'a>, Uncredentialed> {
        if self.kind() != Kind::AccessRequest {
            return Err(Uncredentialed::NotAccess);
        }
        self.once(kind::USER_NAME)?;
        let hidden = self.once(kind::USER_PASSWORD)?;
        let chap = self.once(kind::CHAP_PASSWORD)?;
        let arap = self.once(kind::ARAP_PASSWORD)?;
        let state = self.once(kind::STATE)?;
        match (hidden, chap, arap, self.has_eap(), state) {
            (Some(hidden), None, None, false, _) => {
                let authenticator = self.datagram().authenticator();
                let password = password::unhide(hidden, self.secret(), authenticator)?;
                Ok(Credentials::Pap(password))
            }
            (None, Some(_), None, false, _) => Ok(Credentials::Chap),
            (None, None, Some(_), false, _) => Err(Uncredentialed::Unserved(kind::ARAP_PASSWORD)),
            (None, None, None, true, _) => Ok(Credentials::Eap),
            (None, None, None, false, Some(state)) => Ok(Credentials::State(state)),
            (None, None, None, false, None) => Err(Uncredentialed::Missing),
            _ => Err(Uncredentialed::Conflict),
        }
    }

    fn once(&self, kind: u8) -> Result<Option<&'a [u8]>, Uncredentialed> {
        let mut values = self.datagram().all(kind);
        let value = values.next();
        match values.next() {
            Some(_) => Err(Uncredentialed::Repeated(kind)),
            None => Ok(value),
        }
    }
}
