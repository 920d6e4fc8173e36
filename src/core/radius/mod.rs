//! RADIUS as octets: what a datagram says, whether it is authentic, and how a reply is
//! written (RFC 2865, 2866, 2869, 3579, 5997; BlastRADIUS, CVE-2024-3596).
//!
//! Knows packets, attributes and shared secrets. Must not know users, codes, rules, the
//! store, addresses or time: who the client is and what to answer come from above.
//!
//! Over TLS packets come as a stream (RFC 6614), which [`Splitter`] cuts, and may be of
//! RADIUS/1.1 (RFC 9765), which has no MD5.
//!
//! A datagram goes one way: [`Packet::receive`] checks its shape, [`Packet::verify`]
//! proves it, and only a packet that passed both can be read or answered.
//!
//! The `radius` crate lends its codes and attribute types. Its packet type has no
//! Message-Authenticator, hashes padding and cuts passwords at the first NUL, so here it
//! serves in tests only, as a second opinion.

#![warn(clippy::arithmetic_side_effects)]

mod accounting;
mod attribute;
mod chap;
mod credentials;
mod datagram;
mod dictionary;
mod encode;
mod forward;
mod hiding;
mod integrity;
mod ms_chap;
mod packet;
mod password;
mod question;
mod relayed;
mod reply;
mod request;
mod response;
mod salted;
mod stream;
mod value;
mod vendor;

#[cfg(test)]
mod tests;

pub use ::radius::core::code::Code;

pub use accounting::{Accounting, StatusType};
pub use attribute::{Attribute, NoNumber, Number, Prompt, Ungrantable, kind};
pub use chap::Chap;
pub use credentials::{Credentials, Uncredentialed};
pub use datagram::{Attributes, Authenticator, Datagram, Malformed, Raw};
pub use dictionary::Entry;
pub use encode::Unencodable;
pub use forward::{Mark, NotRelayed};
pub use integrity::Forged;
pub use ms_chap::{MsChap2, MsChap2Success};
pub use packet::{Integrity, Kind, Packet, Policy, Service, Unverified, Verified};
pub use password::{NotText, Password, Unreadable};
pub use question::Question;
pub use relayed::{Relayed, Unrelayable};
pub use reply::{Challenge, Reply};
pub use response::{Response, Untrusted};
pub use salted::Salt;
pub use stream::{RADSEC_SECRET, Splitter, Version, protocol_error};
pub use value::{Type, ValueError};
pub use vendor::Vendor;
