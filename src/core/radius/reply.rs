//! Answers to verified requests. The types allow in each reply what RFC 2865 §4 allows.
//!
//! Knows which reply answers which request. Must not know why one is chosen.

use ::radius::core::code::Code;

use super::attribute::{Attribute, Prompt, kind};
use super::encode::{Unencodable, Writer};
use super::packet::{Kind, Packet, Service, Verified};
use super::salted::{Salt, Salting};

/// An answer. Nothing of the request goes into it but its Proxy-States: an attacker who
/// may choose octets of a reply may forge another (CVE-2024-3596).
#[derive(Clone, Copy, Debug)]
pub enum Reply<'a> {
    /// Access-Accept with what is granted, and chance for what of it is salt-encrypted.
    Accept(&'a [Attribute], Salt),
    /// Accounting-Response: the request is recorded.
    AccountingResponse,
    /// The answer to Status-Server (RFC 5997 §3): this node can decide.
    Alive,
    /// Access-Challenge.
    Challenge(Challenge<'a>),
    /// Access-Reject with texts for the user, mostly one; never an authorisation.
    Reject(&'a [&'a str]),
}

/// What an Access-Challenge may carry (RFC 2865 §4.4).
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// State: comes back with the answer.
    pub state: &'a [u8],
    /// Texts that ask the user.
    pub messages: &'a [&'a str],
    /// Whether the device may show what the user types.
    pub prompt: Option<Prompt>,
    /// Seconds that the device should wait for the user (Session-Timeout).
    pub wait_secs: Option<u32>,
}

impl<'a> Packet<'a, Verified<'a>> {
    /// Writes and signs the answer to this request: at most 4096 octets, to be sent as
    /// they are.
    ///
    /// # Errors
    ///
    /// A value or the whole is too long, or the reply does not answer such a request.
    pub fn reply(&self, reply: &Reply<'_>) -> Result<Vec<u8>, Unencodable> {
        let mut packet = Vec::with_capacity(USUAL_OCTETS);
        self.reply_into(reply, &mut packet)?;
        Ok(packet)
    }

    /// The same into a buffer, whose old content goes. After an error it is empty.
    ///
    /// # Errors
    ///
    /// As [`Packet::reply`].
    pub fn reply_into(&self, reply: &Reply<'_>, packet: &mut Vec<u8>) -> Result<(), Unencodable> {
        let written = self.write_reply(reply, packet);
        if written.is_err() {
            packet.clear();
        }
        written
    }

    fn write_reply(&self, reply: &Reply<'_>, packet: &mut Vec<u8>) -> Result<(), Unencodable> {
        let code = self.code_for(reply)?;
        let mut writer = match (self.kind(), self.secret()) {
            (Kind::AccessRequest | Kind::StatusServer, Some(_)) => Writer::protected(packet),
            // RFC 9765 §5.2: never in RADIUS/1.1.
            (_, None) | (Kind::AccountingRequest, Some(_)) => Writer::new(packet),
        };
        let request = self.datagram();
        reply.write(&mut writer, |salt| {
            Salting::new(salt, self.secret(), request.authenticator())
        })?;
        for proxy_state in self.proxy_states() {
            writer.joined(kind::PROXY_STATE, proxy_state, &[])?;
        }
        writer.answer(code as u8, self.datagram(), self.secret())
    }

    fn code_for(&self, reply: &Reply<'_>) -> Result<Code, Unencodable> {
        match (self.kind(), reply) {
            (Kind::AccessRequest, Reply::Accept(..)) => Ok(Code::AccessAccept),
            (Kind::AccessRequest, Reply::Challenge(_)) => Ok(Code::AccessChallenge),
            (Kind::AccessRequest, Reply::Reject(_)) => Ok(Code::AccessReject),
            (Kind::AccountingRequest, Reply::AccountingResponse) => Ok(Code::AccountingResponse),
            (Kind::StatusServer, Reply::Alive) => Ok(match self.service() {
                Service::Accounting => Code::AccountingResponse,
                Service::Authentication | Service::Both => Code::AccessAccept,
            }),
            _ => Err(Unencodable::WrongReply),
        }
    }
}

impl Reply<'_> {
    fn write<'s>(
        &self,
        writer: &mut Writer<'_>,
        salting: impl FnOnce(Salt) -> Salting<'s>,
    ) -> Result<(), Unencodable> {
        match self {
            Self::Accept(attributes, salt) => {
                let mut salting = salting(*salt);
                let mut attributes = attributes.iter();
                attributes.try_for_each(|attribute| attribute.write(writer, &mut salting))
            }
            Self::AccountingResponse | Self::Alive => Ok(()),
            Self::Challenge(challenge) => challenge.write(writer),
            Self::Reject(messages) => write_messages(messages, writer),
        }
    }
}

impl Challenge<'_> {
    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Unencodable> {
        writer.octets(kind::STATE, self.state)?;
        write_messages(self.messages, writer)?;
        if let Some(prompt) = self.prompt {
            writer.number(kind::PROMPT, prompt.number())?;
        }
        if let Some(secs) = self.wait_secs {
            writer.number(kind::SESSION_TIMEOUT, secs)?;
        }
        Ok(())
    }
}

fn write_messages(messages: &[&str], writer: &mut Writer<'_>) -> Result<(), Unencodable> {
    messages
        .iter()
        .try_for_each(|text| writer.octets(kind::REPLY_MESSAGE, text.as_bytes()))
}

/// Room for what a reply mostly takes.
const USUAL_OCTETS: usize = 256;
