//! Attributes that a reply of ours carries on of what others said: another server's Accept, or
//! groups that a directory has.
//!
//! Kept as the octets that a packet has of them, each vendor's in a frame of its own: so they
//! are cheap to keep with a login and to hand to other nodes. Nothing is among them that an
//! Access-Accept may not carry, and no secret. Must not know who said them, or which of them
//! an operator lets through.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::attribute::{Attribute, Number, kind};
use super::datagram::{Attributes, Raw};
use super::vendor::Vendor;
use crate::base::limits::{RELAYED_ATTRIBUTES_MAX, RELAYED_OCTETS_MAX};

/// Attributes to be relayed, in their order. Cheap to copy, and free where there are none.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct Relayed(Option<Arc<[u8]>>);

/// Why attributes cannot be relayed. Not one of them is then: with an attribute less the user
/// might be let further in.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Unrelayable {
    /// LIMIT: [`RELAYED_ATTRIBUTES_MAX`], [`RELAYED_OCTETS_MAX`].
    #[error(
        "{attributes} attributes of {octets} octets in all are more than \
         {RELAYED_ATTRIBUTES_MAX} of {RELAYED_OCTETS_MAX}"
    )]
    Many {
        /// How many there are.
        attributes: usize,
        /// How long they are together.
        octets: usize,
    },
    /// It is hidden with a shared secret, or kept from everybody but the device.
    #[error("attribute {0} is a secret")]
    Secret(Number),
    /// The octets are no attributes of an Access-Accept.
    #[error("these are no attributes of an Access-Accept")]
    Octets,
}

impl Relayed {
    /// Not one.
    pub const NONE: Self = Self(None);

    /// Those attributes.
    ///
    /// # Errors
    /// There are too many of them, or one is a secret.
    pub fn new(attributes: &[Attribute]) -> Result<Self, Unrelayable> {
        let mut octets = Vec::new();
        for attribute in attributes {
            write(attribute, &mut octets)?;
        }
        checked(octets, attributes.len())
    }

    /// Reads what [`Self::octets`] gave.
    ///
    /// # Errors
    /// When it did not give that.
    pub fn decode(octets: &[u8]) -> Result<Self, Unrelayable> {
        let attributes = read(octets).ok_or(Unrelayable::Octets)?;
        checked(octets.to_vec(), attributes.len())
    }

    /// As they are kept.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The attributes, for a reply.
    #[must_use]
    pub fn attributes(&self) -> Vec<Attribute> {
        // INVARIANT: what was read or written once is read again.
        read(self.octets()).unwrap_or_default()
    }
}

fn checked(octets: Vec<u8>, attributes: usize) -> Result<Relayed, Unrelayable> {
    if attributes > RELAYED_ATTRIBUTES_MAX || octets.len() > RELAYED_OCTETS_MAX {
        let octets = octets.len();
        return Err(Unrelayable::Many { attributes, octets });
    }
    Ok(Relayed((!octets.is_empty()).then(|| octets.into())))
}

fn write(attribute: &Attribute, octets: &mut Vec<u8>) -> Result<(), Unrelayable> {
    let number = attribute.number();
    let value = attribute.value().ok_or(Unrelayable::Secret(number))?;
    number.granted().map_err(|_| Unrelayable::Secret(number))?;
    let length = |more: usize| {
        let octets = value.len().saturating_add(more);
        u8::try_from(octets).map_err(|_| Unrelayable::Octets)
    };
    match number {
        Number::Standard(kind) => octets.extend([kind, length(2)?]),
        Number::Vendor(vendor, kind) => {
            octets.extend([kind::VENDOR_SPECIFIC, length(8)?]);
            octets.extend(vendor.to_be_bytes());
            octets.extend([kind, length(2)?]);
        }
    }
    octets.extend(value);
    Ok(())
}

fn read(octets: &[u8]) -> Option<Vec<Attribute>> {
    let mut walk = Attributes::new(octets);
    let found: Option<Vec<_>> = walk.by_ref().map(attribute).collect();
    found.filter(|_| walk.rest().is_empty())
}

/// One that stands alone in its frame; another was not written here.
fn attribute(raw: Raw<'_>) -> Option<Attribute> {
    if raw.kind != kind::VENDOR_SPECIFIC {
        return Attribute::new(Number::Standard(raw.kind), raw.value).ok();
    }
    let vendor = Vendor::parse(raw.value)?;
    let mut inner = vendor.attributes()?;
    let (only, more) = (inner.next()?, inner.next());
    let number = Number::Vendor(vendor.id, only.kind);
    let found = Attribute::new(number, only.value).ok();
    found.filter(|_| more.is_none())
}

/// Numbers alone: values are for the device.
impl fmt::Debug for Relayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes = self.attributes();
        let numbers = attributes.iter().map(Attribute::number);
        f.debug_list().entries(numbers).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;

    fn standard(kind: u8, value: &[u8]) -> Attribute {
        Attribute::new(Number::Standard(kind), value).unwrap()
    }

    fn of_vendor(value: &[u8]) -> Attribute {
        Attribute::new(Number::Vendor(12356, 1), value).unwrap()
    }

    #[test]
    fn what_is_kept_is_what_was_said_in_the_same_order() {
        let said = [
            standard(25, b"OU=vpn"),
            of_vendor(b"admins"),
            standard(25, b"b"),
        ];
        let relayed = Relayed::new(&said).unwrap();
        assert_eq!(relayed.attributes(), said);
        let golden = b"\x19\x08OU=vpn\x1a\x0e\0\0\x30\x44\x01\x08admins\x19\x03b";
        assert_eq!(relayed.octets(), golden);
        assert_eq!(Relayed::decode(golden), Ok(relayed));
    }

    #[test]
    fn nothing_is_kept_of_nothing() {
        assert_eq!(Relayed::new(&[]), Ok(Relayed::default()));
        assert_eq!(Relayed::decode(&[]), Ok(Relayed::default()));
        assert!(Relayed::default().is_empty() && Relayed::default().attributes().is_empty());
    }

    #[test]
    fn more_than_a_login_is_kept_with_is_not_relayed_in_part() {
        let many = vec![standard(25, b"a"); RELAYED_ATTRIBUTES_MAX + 1];
        assert!(matches!(Relayed::new(&many), Err(Unrelayable::Many { .. })));
        assert!(Relayed::new(&many[1..]).is_ok());
        let long = [standard(25, &[7; 253]), standard(25, &[7; 253])];
        assert!(Relayed::new(&long).is_ok());
        let longer = [&long[..], &[standard(25, b"abc")]].concat();
        assert!(matches!(
            Relayed::new(&longer),
            Err(Unrelayable::Many { .. })
        ));
    }

    #[test]
    fn a_secret_is_not_relayed() {
        let number = Number::Standard(69);
        let secret = Attribute::salted(number, Some(1), Secret::from(&b"key"[..])).unwrap();
        assert_eq!(Relayed::new(&[secret]), Err(Unrelayable::Secret(number)));
    }

    #[test]
    fn octets_that_no_accept_may_carry_are_not_read() {
        for odd in [
            &b"\x19"[..],
            b"\x19\x02",
            b"\x19\x09OU",
            b"\x18\x03s",
            b"\x02\x03p",
            b"\x1a\x0a\0\0\x30\x44\x01\x05",
            b"\x1a\x0c\0\0\x30\x44\x01\x03a\x02\x03b",
            b"\x1a\x0c\0\0\x01\x37\x1a\x06abcd",
        ] {
            assert_eq!(Relayed::decode(odd), Err(Unrelayable::Octets), "{odd:?}");
        }
    }
}
