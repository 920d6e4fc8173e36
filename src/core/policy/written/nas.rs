//! `NAS-Identifier=fw1` and `Called-Station-Id^=vpn-`: what a request must say, or begin
//! with; and a request put together from such texts.

use super::WrittenError;
use crate::ledger::storage::NasMatch;
use crate::policy::Facts;
use crate::radius::{Entry, Number, kind};

/// Reads a condition on an attribute of the request.
///
/// # Errors
/// The attribute is not known, or nothing is compared. Whether rules look at it, and at
/// such a value, the rule's own check tells.
pub fn nas(text: &str) -> Result<NasMatch, WrittenError> {
    let why = "a condition is NAME=VALUE, or NAME^=BEGINNING";
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| WrittenError::of(text, why))?;
    let (name, prefix) = name
        .strip_suffix('^')
        .map_or((name, false), |name| (name, true));
    let (kind, entry) = named(name).ok_or_else(|| WrittenError::of(text, UNKNOWN))?;
    let number = entry.and_then(|entry| entry.value(value));
    Ok(NasMatch {
        kind: kind.into(),
        value: number.map_or_else(|| value.to_owned(), |number| number.to_string()),
        prefix,
    })
}

/// A condition, as [`nas`] reads it.
#[must_use]
pub fn shown_nas(stored: &NasMatch) -> String {
    let number = u8::try_from(stored.kind).ok().map(Number::Standard);
    let entry = number.and_then(Entry::numbered);
    let name = entry.map_or_else(|| stored.kind.to_string(), |entry| entry.name.to_owned());
    let value = stored.value.parse().ok();
    let value = entry
        .zip(value)
        .and_then(|(entry, value)| entry.value_name(value));
    let value = value.unwrap_or(&stored.value);
    let sign = if stored.prefix { "^" } else { "" };
    format!("{name}{sign}={value}")
}

/// Puts `NAME=VALUE` into what rules see of a login.
///
/// # Errors
/// Rules look at no such attribute, or it has no such value.
pub fn call<'a>(facts: &mut Facts<'a>, text: &'a str) -> Result<(), WrittenError> {
    let fault = |why: &str| WrittenError::of(text, why);
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| fault("an attribute is NAME=VALUE"))?;
    let (kind, entry) = named(name).ok_or_else(|| fault(UNKNOWN))?;
    let octets = Some(value.as_bytes());
    match kind {
        kind::CALLED_STATION_ID => facts.called_station_id = octets,
        kind::CALLING_STATION_ID => {
            facts.calling_station_id = octets;
            let address: Option<std::net::IpAddr> = value.trim().parse().ok();
            facts.caller = address.map(|address| address.to_canonical());
        }
        kind::NAS_IDENTIFIER => facts.nas_identifier = octets,
        kind::NAS_PORT_ID => facts.nas_port_id = octets,
        kind::NAS_IP_ADDRESS => {
            let address = value.parse().map_err(|_| fault("not an IPv4 address"))?;
            facts.nas_ip_address = Some(address);
        }
        kind::NAS_PORT_TYPE => {
            let number = entry.and_then(|entry| entry.value(value));
            let number = number.or_else(|| value.parse().ok());
            facts.nas_port_type = Some(number.ok_or_else(|| fault("not a port type"))?);
        }
        _ => return Err(fault("rules do not look at this attribute")),
    }
    Ok(())
}

fn named(name: &str) -> Option<(u8, Option<&'static Entry>)> {
    let entry = Entry::named(name);
    let number = entry.map_or_else(|| name.parse().ok(), |entry| Some(entry.number))?;
    match number {
        Number::Standard(kind) => Some((kind, Entry::numbered(number))),
        Number::Vendor(..) => None,
    }
}

const UNKNOWN: &str = "no attribute of requests has this name or number";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_shown_the_same() {
        for text in [
            "NAS-Identifier=fw1",
            "Called-Station-Id^=vpn-",
            "NAS-IP-Address=192.0.2.1",
            "NAS-Port-Type=Virtual",
            "NAS-Port-Type=77",
        ] {
            assert_eq!(shown_nas(&nas(text).unwrap()), text);
        }
        let virtual_port = nas("61=virtual").unwrap();
        assert_eq!((virtual_port.kind, &*virtual_port.value), (61, "5"));
        assert_eq!(nas("nas-identifier=a=b").unwrap().value, "a=b");
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in [
            "NAS-Identifier",
            "NAS-Identifer=fw1",
            "Fortinet-Vdom-Name=root",
            "300=x",
        ] {
            assert!(nas(text).is_err(), "{text}");
        }
    }
}
