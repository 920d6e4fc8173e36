//! Reads the attribute in which vendors keep their own (RFC 2865 §5.26).
//!
//! Knows the recommended inner frame. Must not know any vendor.

use super::datagram::{Attributes, Raw};

/// One Vendor-Specific attribute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Vendor<'a> {
    /// The vendor's number at IANA.
    pub id: u32,
    /// What follows it; vendors need not keep to the recommended frame.
    pub opaque: &'a [u8],
}

impl<'a> Vendor<'a> {
    /// Reads the value of a Vendor-Specific; nothing when it is too short for a vendor
    /// and one octet. The packet stands even so (RFC 6929 §2.8).
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (id, opaque) = value.split_first_chunk()?;
        (!opaque.is_empty()).then_some(Self {
            id: u32::from_be_bytes(*id),
            opaque,
        })
    }

    /// The vendor's attributes, if the whole of the value keeps to the recommended frame;
    /// else it is opaque.
    #[must_use]
    pub fn attributes(&self) -> Option<Attributes<'a>> {
        let mut walk = Attributes::new(self.opaque);
        walk.by_ref().for_each(drop::<Raw<'_>>);
        walk.rest().is_empty().then(|| Attributes::new(self.opaque))
    }
}
