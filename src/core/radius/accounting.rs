//! What an Accounting-Request tells about a session (RFC 2866 §5).
//!
//! Knows the session's figures. Must not record them.

use std::net::Ipv4Addr;

use super::attribute::kind;
use super::packet::{Kind, Packet, Verified};

/// A session as the device reports it. Octets count from the session's start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Accounting<'a> {
    /// What happened.
    pub status: StatusType,
    /// Acct-Session-Id: the device's name of the session.
    pub session_id: Option<&'a [u8]>,
    /// The user's address.
    pub framed_ip_address: Option<Ipv4Addr>,
    /// Octets from the user.
    pub input_octets: Option<u64>,
    /// Octets to the user.
    pub output_octets: Option<u64>,
    /// Seconds that the session has lasted.
    pub session_secs: Option<u32>,
    /// Seconds that the device has tried to send this.
    pub delay_secs: Option<u32>,
    /// Acct-Terminate-Cause, as a number.
    pub terminate_cause: Option<u32>,
}

/// Acct-Status-Type (RFC 2866 §5.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StatusType {
    /// The device ceases to report.
    AccountingOff,
    /// The device starts to report: sessions before are gone.
    AccountingOn,
    /// A session goes on.
    InterimUpdate,
    /// None given, though it must be.
    Missing,
    /// Any other number.
    Other(u32),
    /// A session begins.
    Start,
    /// A session has ended.
    Stop,
}

impl From<Option<u32>> for StatusType {
    fn from(number: Option<u32>) -> Self {
        match number {
            None => Self::Missing,
            Some(1) => Self::Start,
            Some(2) => Self::Stop,
            Some(3) => Self::InterimUpdate,
            Some(7) => Self::AccountingOn,
            Some(8) => Self::AccountingOff,
            Some(other) => Self::Other(other),
        }
    }
}

impl<'a> Packet<'a, Verified<'a>> {
    /// The session's figures, if this is an Accounting-Request.
    #[must_use]
    pub fn accounting(&self) -> Option<Accounting<'a>> {
        if self.kind() != Kind::AccountingRequest {
            return None;
        }
        let datagram = self.datagram();
        Some(Accounting {
            status: datagram.number(kind::ACCT_STATUS_TYPE).into(),
            session_id: datagram.first(kind::ACCT_SESSION_ID),
            framed_ip_address: datagram.number(kind::FRAMED_IP_ADDRESS).map(Ipv4Addr::from),
            input_octets: self.octets(kind::ACCT_INPUT_GIGAWORDS, kind::ACCT_INPUT_OCTETS),
            output_octets: self.octets(kind::ACCT_OUTPUT_GIGAWORDS, kind::ACCT_OUTPUT_OCTETS),
            session_secs: datagram.number(kind::ACCT_SESSION_TIME),
            delay_secs: datagram.number(kind::ACCT_DELAY_TIME),
            terminate_cause: datagram.number(kind::ACCT_TERMINATE_CAUSE),
        })
    }

    /// A count of 64 bits, in two attributes (RFC 2869 §5.1).
    fn octets(&self, high: u8, low: u8) -> Option<u64> {
        let low = self.datagram().number(low)?;
        let high = self.datagram().number(high).unwrap_or(0);
        Some((u64::from(high) << 32) | u64::from(low))
    }
}
