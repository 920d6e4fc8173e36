//! A login that is passed on to another server, and what of its Accept is passed back
//! (RFC 2865 §2.3, §5.33).
//!
//! Knows the mark by which a login is known that comes back, and which attributes stand in an
//! Accept. Must not know whose login it is, or which attributes are allowed.

use ::radius::core::code::Code;
use thiserror::Error;

use super::attribute::{Attribute, Number, kind};
use super::datagram::Raw;
use super::encode::{Unencodable, Writer};
use super::question::Question;
use super::relayed::{Relayed, Unrelayable};
use super::response::Response;
use super::vendor::Vendor;
use crate::base::{ClusterId, Secret};

/// The Proxy-State of a login that was passed on: which cluster did so, and chance.
///
/// It proves nothing, and need not: who makes one up has a login refused that is their own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mark([u8; MARK_OCTETS]);

/// Why an Accept cannot be passed back. With an attribute less the device might grant more.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NotRelayed {
    /// An allowed one is empty, or may not stand in our Accept.
    #[error(transparent)]
    Attribute(#[from] Unencodable),
    /// A vendor's attribute that is in no known frame, where some of that vendor are allowed.
    #[error("an attribute of vendor {0} is in no frame")]
    Frame(u32),
    /// All together.
    #[error(transparent)]
    Whole(#[from] Unrelayable),
}

impl Mark {
    /// Of a login that this cluster passes on. `chance`: fresh for each.
    #[must_use]
    pub fn new(cluster: ClusterId, chance: [u8; 16]) -> Self {
        let mut octets = [0; MARK_OCTETS];
        let parts = NAME.iter().chain(&cluster.0).chain(&chance);
        for (to, from) in octets.iter_mut().zip(parts) {
            *to = *from;
        }
        Self(octets)
    }

    /// Whether a Proxy-State is the mark of a login that this cluster has passed on.
    #[must_use]
    pub fn is_of(cluster: ClusterId, proxy_state: &[u8]) -> bool {
        let rest = proxy_state.strip_prefix(NAME.as_slice());
        rest.is_some_and(|rest| rest.starts_with(&cluster.0))
    }
}

impl Question<'_> {
    /// An Access-Request with PAP for another server: a Message-Authenticator first, what the
    /// login says of itself, and the mark last.
    ///
    /// # Errors
    /// A value or the whole is too long, or an attribute is none that a request carries so.
    pub fn forwarded_request(
        &self,
        (user_name, password): (&[u8], &Secret),
        attributes: &[Attribute],
        mark: Mark,
    ) -> Result<Vec<u8>, Unencodable> {
        let mut packet = Vec::new();
        let mut writer = Writer::protected(&mut packet);
        self.write_pap(user_name, password, &mut writer)?;
        for attribute in attributes {
            ask(attribute, &mut writer)?;
        }
        let mark = Raw {
            kind: kind::PROXY_STATE,
            value: &mark.0,
        };
        self.finish(Code::AccessRequest, writer, &[mark])?;
        Ok(packet)
    }
}

impl Response<'_> {
    /// Whether it brings back the mark, and no other Proxy-State: else it answers another
    /// login.
    #[must_use]
    pub fn brings(&self, mark: Mark) -> bool {
        let mut states = self.datagram().all(kind::PROXY_STATE);
        states.next() == Some(&mark.0[..]) && states.next().is_none()
    }

    /// Those of its attributes that are among the `allowed`, in order.
    ///
    /// # Errors
    /// They cannot be passed back whole.
    pub fn relayed(&self, allowed: &[Number]) -> Result<Relayed, NotRelayed> {
        let mut attributes = Vec::new();
        let mut take = |number: Number, value: &[u8]| -> Result<(), NotRelayed> {
            if allowed.contains(&number) {
                attributes.push(Attribute::new(number, value)?);
            }
            Ok(())
        };
        for Raw { kind, value } in self.datagram().attributes() {
            if kind != kind::VENDOR_SPECIFIC {
                take(Number::Standard(kind), value)?;
                continue;
            }
            // Of what is too short for a vendor nobody can be meant.
            let Some(vendor) = Vendor::parse(value) else {
                continue;
            };
            let of_vendor = |it: &Number| matches!(it, Number::Vendor(id, _) if *id == vendor.id);
            if !allowed.iter().any(of_vendor) {
                continue;
            }
            let inner = vendor.attributes().ok_or(NotRelayed::Frame(vendor.id))?;
            for Raw { kind, value } in inner {
                take(Number::Vendor(vendor.id, kind), value)?;
            }
        }
        Ok(Relayed::new(&attributes)?)
    }
}

/// Writes what the login says of its call. What names a user, proves one or ties packets
/// together is written by whoever asks.
fn ask(attribute: &Attribute, writer: &mut Writer<'_>) -> Result<(), Unencodable> {
    let of_call = match attribute.number() {
        Number::Standard(kind) if is_of_question(kind) => None,
        Number::Standard(_) | Number::Vendor(..) => attribute.value(),
    };
    let (kind, ..) = attribute.number().parts();
    let reserved = Unencodable::Reserved(u8::try_from(kind).unwrap_or_default());
    attribute.number().write(of_call.ok_or(reserved)?, writer)
}

/// What a request is made of beside what it says of the call.
const fn is_of_question(number: u8) -> bool {
    matches!(
        number,
        0 | kind::USER_NAME
            | kind::USER_PASSWORD
            | kind::CHAP_PASSWORD
            | kind::STATE
            | kind::VENDOR_SPECIFIC
            | kind::PROXY_STATE
            | kind::CHAP_CHALLENGE
            | kind::EAP_MESSAGE
            | kind::MESSAGE_AUTHENTICATOR
    )
}

/// Before the cluster's number.
const NAME: &[u8; 4] = b"csfw";
const MARK_OCTETS: usize = NAME.len() + 16 + 16;
