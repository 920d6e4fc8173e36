//! Logins and key sets in the words of the wire.
//!
//! A peer is a member, but its octets are held to the same bounds as a packet's: it may be
//! of another version.

use std::mem;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::limits::{
    CLIENT_WAIT_MAX, GRANTED_ATTRIBUTES_MAX, MESSAGE_OCTETS_MAX, PACKET_OCTETS_MAX,
    PASSWORD_OCTETS_MAX, STATE_OCTETS_MAX,
};
use countersign_core::base::{ClientId, NodeId, Reference, Secret, Timestamp, UserId};
use countersign_core::login::{
    AttemptMacs, Call, Caller, Decision, NextMac, Outcome, Reason, Request, Response, Stages, Words,
};
use countersign_core::radius::{Attribute, Chap, MsChap2, Number, Ungrantable};
use countersign_core::seal::MacKey;

use crate::peers::wire;

/// Why a message cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum CodecError {
    /// A text or a number is beyond what a packet could have brought.
    #[error("{0} is out of bounds")]
    Bounds(&'static str),
    /// A field says nothing that this binary knows.
    #[error("{0} is missing or unknown")]
    Unknown(&'static str),
}

/// A login and how long its device still waits.
pub(super) fn login(mut message: wire::LoginRequest) -> Result<(Request, Duration), CodecError> {
    // Moved, not copied: where the message is refused, this is wiped.
    let password = Secret::new(mem::take(&mut message.password));
    let bounded = |text: Option<Vec<u8>>, what| match text {
        Some(text) if text.len() > ATTRIBUTE_OCTETS_MAX => Err(CodecError::Bounds(what)),
        text => Ok(text),
    };
    if password.len() > PASSWORD_OCTETS_MAX {
        return Err(CodecError::Bounds("the password"));
    }
    let name = bounded(Some(mem::take(&mut message.user_name)), "the user name")?;
    let remaining = Duration::from_millis(message.remaining.into());
    if remaining.is_zero() || remaining > CLIENT_WAIT_MAX {
        return Err(CodecError::Bounds("the remaining time"));
    }
    let name = name.unwrap_or_default();
    let request = Request {
        response: response(&message, &name)?,
        client: ClientId(message.client),
        client_revision: message.client_revision,
        user_name: name,
        password,
        state: match message.state.take() {
            Some(state) if state.len() > STATE_OCTETS_MAX => {
                return Err(CodecError::Bounds("the State"));
            }
            state => state,
        },
        proven: message.proven,
        caller: Caller {
            calling_station_id: bounded(message.calling_station_id.take(), "Calling-Station-Id")?,
            nas_identifier: bounded(message.nas_identifier.take(), "NAS-Identifier")?,
            nas_ip_address: message.nas_ip_address.map(Ipv4Addr::from_bits),
            nas_port: message.nas_port,
            nas_port_id: bounded(message.nas_port_id.take(), "NAS-Port-Id")?,
        },
        arrived: Timestamp::from_millis(message.arrived),
        call: Call {
            called_station_id: bounded(message.called_station_id.take(), "Called-Station-Id")?,
            nas_port_type: message.nas_port_type,
            echoed_octets: usize::try_from(message.echoed_octets).unwrap_or(usize::MAX),
        },
    };
    Ok((request, remaining))
}

/// What came in place of a password, held to the lengths that it has in a packet.
fn response(
    message: &wire::LoginRequest,
    user_name: &[u8],
) -> Result<Option<Arc<Response>>, CodecError> {
    let wire::LoginRequest {
        chap,
        ms_chap2,
        challenge,
        ..
    } = message;
    let made = match (chap.is_empty(), ms_chap2.is_empty()) {
        (true, true) => return Ok(None),
        (false, true) => Chap::new(chap, challenge).map(Response::Chap),
        (true, false) => MsChap2::new(ms_chap2, challenge, user_name).map(Response::MsChap2),
        (false, false) => return Err(CodecError::Unknown("which response it is")),
    };
    let made = made.map_err(|_| CodecError::Bounds("the response"))?;
    Ok(Some(Arc::new(made)))
}

fn response_fields(response: Option<&Response>) -> [Vec<u8>; 3] {
    let octets = |secret: &Secret| secret.expose().to_vec();
    match response {
        None => [const { Vec::new() }; 3],
        Some(Response::Chap(made)) => [
            octets(made.password()),
            Vec::new(),
            octets(made.challenge()),
        ],
        Some(Response::MsChap2(made)) => [
            Vec::new(),
            octets(made.response()),
            octets(made.challenge()),
        ],
    }
}

/// `None`: there is no time left for a peer.
pub(super) fn login_message(request: &Request, remaining: Duration) -> Option<wire::LoginRequest> {
    let remaining = u32::try_from(remaining.min(CLIENT_WAIT_MAX).as_millis()).ok()?;
    let caller = &request.caller;
    let [chap, ms_chap2, challenge] = response_fields(request.response.as_deref());
    (remaining > 0).then(|| wire::LoginRequest {
        client: request.client.0,
        client_revision: request.client_revision,
        user_name: request.user_name.clone(),
        password: request.password.expose().to_vec(),
        proven: request.proven,
        calling_station_id: caller.calling_station_id.clone(),
        nas_identifier: caller.nas_identifier.clone(),
        nas_ip_address: caller.nas_ip_address.map(Ipv4Addr::to_bits),
        nas_port: caller.nas_port,
        nas_port_id: caller.nas_port_id.clone(),
        arrived: request.arrived.as_millis(),
        remaining,
        called_station_id: request.call.called_station_id.clone(),
        nas_port_type: request.call.nas_port_type,
        echoed_octets: u32::try_from(request.call.echoed_octets).unwrap_or(u32::MAX),
        state: request.state.clone(),
        chap,
        ms_chap2,
        challenge,
    })
}

pub(super) fn reply_message(outcome: &Outcome, took: Duration) -> wire::LoginReply {
    wire::LoginReply {
        decision: match outcome.decision {
            Decision::Accept => ACCEPT,
            Decision::Reject => REJECT,
            Decision::Challenge => CHALLENGE,
            Decision::Silent => SILENCE,
        },
        reason: outcome.reason.number(),
        source_code: outcome.source_code,
        reference: outcome.reference.to_string(),
        user: outcome.user.map(|user| user.0),
        took_micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        attributes: outcome.grants.iter().map(granted).collect(),
        state: outcome.state().to_vec(),
        message: outcome.message().to_owned(),
    }
}

fn granted(attribute: &Attribute) -> wire::GrantedAttribute {
    let (kind, vendor, vendor_kind) = attribute.number().parts();
    wire::GrantedAttribute {
        kind,
        vendor,
        vendor_kind,
        value: match attribute.salted_value() {
            Some((_, clear)) => clear.expose().to_vec(),
            None => attribute.value().unwrap_or_default().to_vec(),
        },
        salted: attribute.salted_value().is_some(),
        tag: attribute
            .salted_value()
            .and_then(|(tag, _)| tag)
            .map(u32::from),
    }
}

/// What a peer grants: all of it, or none of it is believed.
fn grants(reply: &mut wire::LoginReply) -> Result<Vec<Attribute>, CodecError> {
    // LIMIT: as many as a rule may grant; the message's own bound is that of their octets.
    if reply.attributes.len() > GRANTED_ATTRIBUTES_MAX {
        return Err(CodecError::Bounds("the attributes"));
    }
    let attributes: Option<Vec<_>> = reply.attributes.iter_mut().map(attribute).collect();
    attributes.ok_or(CodecError::Unknown("an attribute"))
}

fn attribute(it: &mut wire::GrantedAttribute) -> Option<Attribute> {
    let number = Number::of_parts(it.kind, it.vendor, it.vendor_kind).ok()?;
    // What answers MS-CHAP stands beside what a rule may grant.
    let of_login = matches!(number.granted(), Err(Ungrantable::OfLogin(_)));
    let tag = it.tag.map(u8::try_from).transpose().ok()?;
    let made = match (it.salted, of_login) {
        (false, false) => Attribute::new(number, &it.value),
        (false, true) => Attribute::of_login(number, &it.value),
        (true, _) => {
            // Moved, not copied: here it is wiped.
            let clear = Secret::new(mem::take(&mut it.value));
            if of_login {
                Attribute::salted_of_login(number, tag, clear)
            } else {
                Attribute::salted(number, tag, clear)
            }
        }
    };
    made.ok()
}

/// What `peer` said of a login of `client`. Anything unclear is an error, and so silence.
pub(super) fn outcome(
    mut reply: wire::LoginReply,
    client: ClientId,
    peer: NodeId,
) -> Result<Outcome, CodecError> {
    let decision = match reply.decision {
        ACCEPT => Decision::Accept,
        REJECT => Decision::Reject,
        SILENCE => Decision::Silent,
        CHALLENGE => Decision::Challenge,
        _ => return Err(CodecError::Unknown("the decision")),
    };
    let reason = Reason::from_number(reply.reason).ok_or(CodecError::Unknown("the reason"))?;
    if (decision == Decision::Accept) != reason.lets_in()
        || (decision == Decision::Challenge) != (reason == Reason::Challenged)
    {
        return Err(CodecError::Unknown("the decision for this reason"));
    }
    if decision != Decision::Accept && !reply.attributes.is_empty() {
        return Err(CodecError::Unknown("the decision for these attributes"));
    }
    let is_asked = decision == Decision::Challenge;
    if is_asked == reply.state.is_empty()
        || is_asked && reply.message.is_empty()
        || reply.state.len() > STATE_OCTETS_MAX
    {
        return Err(CodecError::Unknown("the decision for this State"));
    }
    if reply.message.len() > MESSAGE_OCTETS_MAX {
        return Err(CodecError::Bounds("the message"));
    }
    let reference: Result<Reference, _> = reply.reference.parse();
    Ok(Outcome {
        decision,
        grants: grants(&mut reply)?,
        words: (!reply.message.is_empty()).then(|| {
            Box::new(Words {
                message: mem::take(&mut reply.message),
                state: mem::take(&mut reply.state),
            })
        }),
        reason,
        source_code: reply.source_code,
        reference: reference.map_err(|_| CodecError::Unknown("the reference"))?,
        user: reply.user.map(UserId),
        client,
        judged_by: Some(peer),
        stages: Stages {
            waited: Duration::from_micros(reply.took_micros).min(CLIENT_WAIT_MAX),
            ..Stages::default()
        },
    })
}

pub(super) fn keys_message(set: Option<&AttemptMacs>) -> wire::AttemptKeysReply {
    let octets = |key: &MacKey| key.expose().to_vec();
    set.map_or_else(wire::AttemptKeysReply::default, |set| {
        let next = set.next.as_ref();
        wire::AttemptKeysReply {
            number: set.number,
            current: octets(&set.current),
            previous: set.previous.as_ref().map(octets).unwrap_or_default(),
            next: next.map(|next| octets(&next.key)).unwrap_or_default(),
            next_from: next.map_or(0, |next| next.from.as_millis()),
            drawn_at: set.since.as_millis(),
        }
    })
}

/// The set that a peer holds; `None`: it holds none.
pub(super) fn keys(message: &wire::AttemptKeysReply) -> Result<Option<AttemptMacs>, CodecError> {
    if message.number == 0 {
        return Ok(None);
    }
    let some = |octets: &[u8]| match octets {
        [] => Ok(None),
        octets => key(octets).map(Some),
    };
    let from = Timestamp::from_millis(message.next_from);
    Ok(Some(AttemptMacs {
        number: message.number,
        current: key(&message.current)?,
        since: Timestamp::from_millis(message.drawn_at),
        previous: some(&message.previous)?,
        next: some(&message.next)?.map(|key| NextMac { key, from }),
    }))
}

fn key(octets: &[u8]) -> Result<MacKey, CodecError> {
    let octets = octets.try_into().map_err(|_| CodecError::Bounds("a key"))?;
    Ok(MacKey::from_octets(octets))
}

const ACCEPT: u32 = 1;
const REJECT: u32 = 2;
const SILENCE: u32 = 3;
const CHALLENGE: u32 = 4;
/// The longest value of an attribute (RFC 2865 §5).
const ATTRIBUTE_OCTETS_MAX: usize = 253;
/// Longer messages are not read: a packet, and what stands around it.
pub(super) const WIRE_OCTETS_MAX: usize = 2 * PACKET_OCTETS_MAX;

#[cfg(test)]
mod tests;
