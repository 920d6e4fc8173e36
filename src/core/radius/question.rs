//! Requests, as a device would send them: for the operator's `login`, the load generator
//! and tests.
//!
//! Knows how a request is written. Must not draw its chance: that is an argument.

use ::radius::core::code::Code;

use super::attribute::{Number, kind};
use super::chap::Chap;
use super::datagram::{Authenticator, Raw};
use super::encode::{Unencodable, Writer};
use super::ms_chap::{self, MsChap2};
use super::{password, salted};
use crate::base::Secret;

/// What every request needs.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Matches the reply; not in use for another request from the same port.
    pub identifier: u8,
    /// 16 fresh random octets; an Accounting-Request computes its own.
    pub authenticator: &'a Authenticator,
    /// Shared with the server.
    pub secret: &'a Secret,
}

impl Question<'_> {
    /// An Access-Request with PAP and, as its first attribute, a Message-Authenticator.
    ///
    /// # Errors
    ///
    /// A value or the whole is too long, or an attribute is not to be set by hand.
    pub fn access_request(
        &self,
        user_name: &[u8],
        password: &Secret,
        attributes: &[Raw<'_>],
    ) -> Result<Vec<u8>, Unencodable> {
        let mut packet = Vec::new();
        let mut writer = Writer::protected(&mut packet);
        self.write_pap(user_name, password, &mut writer)?;
        self.finish(Code::AccessRequest, writer, attributes)?;
        Ok(packet)
    }

    /// The same without Message-Authenticator, as many devices still send it.
    ///
    /// # Errors
    ///
    /// As [`Question::access_request`].
    pub fn dangerous_unprotected_access_request(
        &self,
        user_name: &[u8],
        password: &Secret,
        attributes: &[Raw<'_>],
    ) -> Result<Vec<u8>, Unencodable> {
        let mut packet = Vec::new();
        let mut writer = Writer::new(&mut packet);
        self.write_pap(user_name, password, &mut writer)?;
        self.finish(Code::AccessRequest, writer, attributes)?;
        Ok(packet)
    }

    /// An Access-Request with CHAP in place of PAP.
    ///
    /// # Errors
    ///
    /// As [`Question::access_request`].
    pub fn chap_request(
        &self,
        user_name: &[u8],
        made: &Chap,
        attributes: &[Raw<'_>],
    ) -> Result<Vec<u8>, Unencodable> {
        let mut packet = Vec::new();
        let mut writer = Writer::protected(&mut packet);
        writer.octets(kind::USER_NAME, user_name)?;
        writer.octets(kind::CHAP_PASSWORD, made.password().expose())?;
        writer.octets(kind::CHAP_CHALLENGE, made.challenge().expose())?;
        self.finish(Code::AccessRequest, writer, attributes)?;
        Ok(packet)
    }

    /// An Access-Request with MS-CHAPv2 in place of PAP.
    ///
    /// # Errors
    ///
    /// As [`Question::access_request`].
    pub fn ms_chap2_request(
        &self,
        user_name: &[u8],
        made: &MsChap2,
        attributes: &[Raw<'_>],
    ) -> Result<Vec<u8>, Unencodable> {
        let mut packet = Vec::new();
        let mut writer = Writer::protected(&mut packet);
        writer.octets(kind::USER_NAME, user_name)?;
        for (number, value) in [
            (ms_chap::CHALLENGE, made.challenge()),
            (ms_chap::RESPONSE, made.response()),
        ] {
            if let Number::Vendor(vendor, kind) = number {
                writer.vendor(vendor, kind, value.expose())?;
            }
        }
        self.finish(Code::AccessRequest, writer, attributes)?;
        Ok(packet)
    }

    /// A Status-Server (RFC 5997 §3).
    ///
    /// # Errors
    ///
    /// As [`Question::access_request`].
    pub fn status_server(&self, attributes: &[Raw<'_>]) -> Result<Vec<u8>, Unencodable> {
        let mut packet = Vec::new();
        let writer = Writer::protected(&mut packet);
        self.finish(Code::StatusServer, writer, attributes)?;
        Ok(packet)
    }

    /// An Accounting-Request (RFC 2866 §4.1). Its authenticator stands in octets 4 to 19.
    ///
    /// # Errors
    ///
    /// As [`Question::access_request`].
    pub fn accounting_request(&self, attributes: &[Raw<'_>]) -> Result<Vec<u8>, Unencodable> {
        let mut packet = Vec::new();
        let mut writer = Writer::new(&mut packet);
        write_others(attributes, &mut writer)?;
        writer.account(self.identifier, self.secret)?;
        Ok(packet)
    }

    /// The clear value of a salt-encrypted attribute of the reply to this request, its tag
    /// left out; `None`: it is none.
    #[must_use]
    pub fn unsalted(&self, value: &[u8]) -> Option<Secret> {
        salted::unhide(value, self.secret, self.authenticator)
    }

    pub(super) fn write_pap(
        &self,
        user_name: &[u8],
        password: &Secret,
        writer: &mut Writer<'_>,
    ) -> Result<(), Unencodable> {
        writer.octets(kind::USER_NAME, user_name)?;
        let hidden = password::hide(password, self.secret, self.authenticator)?;
        writer.octets(kind::USER_PASSWORD, &hidden)
    }

    pub(super) fn finish(
        &self,
        code: Code,
        mut writer: Writer<'_>,
        attributes: &[Raw<'_>],
    ) -> Result<(), Unencodable> {
        write_others(attributes, &mut writer)?;
        writer.request(code, self.identifier, self.authenticator, self.secret)
    }
}

fn write_others(attributes: &[Raw<'_>], writer: &mut Writer<'_>) -> Result<(), Unencodable> {
    attributes.iter().try_for_each(|raw| match raw.kind {
        0 | kind::USER_PASSWORD | kind::MESSAGE_AUTHENTICATOR => {
            Err(Unencodable::Reserved(raw.kind))
        }
        other => writer.joined(other, raw.value, &[]),
    })
}
