//! Replies, as a device should check them.
//!
//! Knows how a reply is proven. Must not know what was asked beyond its header.

use ::radius::core::code::Code;
use thiserror::Error;

use super::datagram::{Datagram, Malformed};
use super::integrity::{Forged, MessageAuthenticator, has_packet_authenticator};
use super::question::Question;

/// A reply that its server has signed.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    datagram: Datagram<'a>,
    code: Code,
}

/// Why a reply is not believed; the device waits on for a right one.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Untrusted {
    /// It is no reply.
    #[error("code {0} is no reply's")]
    Code(u8),
    /// It answers another request.
    #[error("identifier {0} is another request's")]
    Identifier(u8),
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Its Message-Authenticator is missing or wrong.
    #[error(transparent)]
    MessageAuthenticator(#[from] Forged),
    /// Its Message-Authenticator is not the first attribute.
    #[error("Message-Authenticator is not the first attribute")]
    NotFirst,
    /// Its Response Authenticator is wrong.
    #[error("wrong Response Authenticator: wrong secret or forged")]
    ResponseAuthenticator,
}

impl<'a> Response<'a> {
    /// Checks a reply to `question`: identifier, Response Authenticator, and, but for an
    /// Accounting-Response, a Message-Authenticator as the first attribute. To an
    /// Accounting-Request, `question` has the authenticator that was sent.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with it.
    pub fn verify(octets: &'a [u8], question: &Question<'_>) -> Result<Self, Untrusted> {
        let response = Self::dangerous_verify_unprotected(octets, question)?;
        match MessageAuthenticator::find(&response.datagram)? {
            Some(authenticator) if authenticator.is_first() => Ok(response),
            Some(_) => Err(Untrusted::NotFirst),
            None if response.code == Code::AccountingResponse => Ok(response),
            None => Err(Forged::MessageAuthenticatorMissing.into()),
        }
    }

    /// The same of a server whose Message-Authenticator may stand anywhere. Nobody without the
    /// secret can make one there either (RFC 3579 §3.2); first in the packet it protects
    /// devices that do not look for one.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with it.
    pub fn verify_anywhere(octets: &'a [u8], question: &Question<'_>) -> Result<Self, Untrusted> {
        match Self::verify(octets, question) {
            Err(Untrusted::NotFirst) => Self::dangerous_verify_unprotected(octets, question),
            verified => verified,
        }
    }

    /// The same for servers older than CVE-2024-3596: a Message-Authenticator may be
    /// missing or stand elsewhere, but not be wrong.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with it.
    pub fn dangerous_verify_unprotected(
        octets: &'a [u8],
        question: &Question<'_>,
    ) -> Result<Self, Untrusted> {
        let datagram = Datagram::parse(octets)?;
        let code = datagram
            .code()
            .filter(|code| REPLIES.contains(code))
            .ok_or_else(|| Untrusted::Code(datagram.code_octet()))?;
        if datagram.identifier() != question.identifier {
            return Err(Untrusted::Identifier(datagram.identifier()));
        }
        let Question {
            authenticator,
            secret,
            ..
        } = *question;
        if !has_packet_authenticator(&datagram, authenticator, secret) {
            return Err(Untrusted::ResponseAuthenticator);
        }
        if let Some(found) = MessageAuthenticator::find(&datagram)?
            && !found.is_right(&datagram, authenticator, secret)
        {
            return Err(Forged::MessageAuthenticator.into());
        }
        Ok(Self { datagram, code })
    }

    /// What the server answers.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The reply's attributes.
    #[must_use]
    pub const fn datagram(&self) -> &Datagram<'a> {
        &self.datagram
    }
}

const REPLIES: [Code; 4] = [
    Code::AccessAccept,
    Code::AccessReject,
    Code::AccessChallenge,
    Code::AccountingResponse,
];
