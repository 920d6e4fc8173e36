//! What a verified Access-Request offers as proof of its user.
//!
//! Knows which combinations RFC 2865 §4.1 allows. Must not judge any of them.

use thiserror::Error;

use super::attribute::{Number, kind};
use super::chap::Chap;
use super::ms_chap::{self, MsChap2};
use super::packet::{Kind, Packet, Verified};
use super::password::{self, Password, Unreadable};

/// The proof of an Access-Request. A `State` beside a password is read with
/// [`Packet::state_attribute`].
#[derive(Debug)]
pub enum Credentials<'a> {
    /// CHAP-Password: can be checked only against a secret that the server knows.
    Chap(Chap),
    /// EAP-Message: a conversation.
    Eap,
    /// MS-CHAP2-Response: as CHAP.
    MsChap2(MsChap2),
    /// User-Password, un-hidden.
    Pap(Password),
    /// State alone: the answer to a challenge that asked for nothing.
    State(&'a [u8]),
}

/// Why an Access-Request proves nothing; to be answered with a Reject.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Uncredentialed {
    /// More than one kind of proof (RFC 2865 §4.1, RFC 3579 §3.1).
    #[error("more than one of User-Password, CHAP-Password, MS-CHAP, ARAP-Password, EAP-Message")]
    Conflict,
    /// A part of a response has a length that it cannot have, or is missing.
    #[error("attribute {0} of {1} octets")]
    Length(Number, usize),
    /// No proof at all.
    #[error("no User-Password, CHAP-Password, MS-CHAP2-Response, EAP-Message or State")]
    Missing,
    /// It is no Access-Request.
    #[error("not an Access-Request")]
    NotAccess,
    /// The password cannot be un-hidden.
    #[error(transparent)]
    Password(#[from] Unreadable),
    /// An attribute that may stand once stands twice: which one counts would be a guess.
    #[error("attribute {0} stands more than once")]
    Repeated(Number),
    /// A proof that is not served.
    #[error("attribute {0} is not served")]
    Unserved(Number),
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
        let name = self.once(kind::USER_NAME)?;
        let hidden = self.once(kind::USER_PASSWORD)?;
        let chap = self.once(kind::CHAP_PASSWORD)?;
        let arap = self.once(kind::ARAP_PASSWORD)?;
        let state = self.once(kind::STATE)?;
        let microsoft = self.microsoft()?;
        let proofs = [hidden, chap, arap, microsoft.map(|(_, value)| value)];
        let proofs = proofs.iter().flatten().count();
        if proofs.saturating_add(usize::from(self.has_eap())) > 1 {
            return Err(Uncredentialed::Conflict);
        }
        if let Some(hidden) = hidden {
            let authenticator = self.datagram().authenticator();
            let password = match self.secret() {
                Some(secret) => password::unhide(hidden, secret, authenticator),
                None => password::unhidden(hidden),
            };
            return Ok(Credentials::Pap(password?));
        }
        if let Some(chap) = chap {
            let challenge = self.once(kind::CHAP_CHALLENGE)?;
            let authenticator = self.datagram().authenticator();
            // RFC 9765 §5.1.2: without it there is nothing that the device drew.
            let of_packet = self.secret().map_or(&[][..], |_| authenticator);
            let challenge = challenge.unwrap_or(of_packet);
            return Ok(Credentials::Chap(Chap::new(chap, challenge)?));
        }
        if arap.is_some() {
            return Err(Uncredentialed::Unserved(Number::Standard(
                kind::ARAP_PASSWORD,
            )));
        }
        match (microsoft, state) {
            (Some((ms_chap::RESPONSE, response)), _) => {
                let challenge = self.once_of_vendor(ms_chap::CHALLENGE)?.unwrap_or_default();
                let made = MsChap2::new(response, challenge, name.unwrap_or_default())?;
                Ok(Credentials::MsChap2(made))
            }
            (Some((other, _)), _) => Err(Uncredentialed::Unserved(other)),
            (None, _) if self.has_eap() => Ok(Credentials::Eap),
            (None, Some(state)) => Ok(Credentials::State(state)),
            (None, None) => Err(Uncredentialed::Missing),
        }
    }

    /// The only proof in Microsoft's attributes: a response of MS-CHAP in either version, or
    /// a change of the password.
    fn microsoft(&self) -> Result<Option<(Number, &'a [u8])>, Uncredentialed> {
        let mut found = None;
        for number in ms_chap::PROOFS {
            let value = self.once_of_vendor(number)?;
            if let Some(value) = value
                && found.replace((number, value)).is_some()
            {
                return Err(Uncredentialed::Conflict);
            }
        }
        Ok(found)
    }

    fn once(&self, kind: u8) -> Result<Option<&'a [u8]>, Uncredentialed> {
        only(self.datagram().all(kind), Number::Standard(kind))
    }

    fn once_of_vendor(&self, number: Number) -> Result<Option<&'a [u8]>, Uncredentialed> {
        let (_, vendor, kind) = number.parts();
        let frames = self.vendors().filter(|frame| frame.id == vendor);
        let inner = frames.filter_map(|frame| frame.attributes()).flatten();
        let inner = inner.filter(|raw| u32::from(raw.kind) == kind);
        only(inner.map(|raw| raw.value), number)
    }
}

fn only<'a>(
    mut values: impl Iterator<Item = &'a [u8]>,
    number: Number,
) -> Result<Option<&'a [u8]>, Uncredentialed> {
    let value = values.next();
    match values.next() {
        Some(_) => Err(Uncredentialed::Repeated(number)),
        None => Ok(value),
    }
}
