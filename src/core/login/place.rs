//! Where a login comes from, as far as failures are told apart by it (DESIGN §2,
//! "Places").
//!
//! Knows networks. Must not know which places a user is known at: the ledger does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Request;
use crate::base::{PlaceId, UserId};
use crate::seal::MacKey;

/// A place: the caller's network where the device tells its address, else the client.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Place([u8; 9]);

impl Place {
    /// The place of a request: the /24 or /56 of the Calling-Station-Id when that is an
    /// address.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        match request.caller.address() {
            Some(IpAddr::V4(address)) => Self::marked(4, v4_network(address)),
            Some(IpAddr::V6(address)) => Self::marked(6, v6_network(address)),
            None => Self::marked(0, request.client.0.to_be_bytes()),
        }
    }

    /// The place as it is stored: hashed with the user, so that who has the tables but
    /// not the key learns neither where a user is nor which users share a place.
    #[must_use]
    pub fn hashed(&self, mac: &MacKey, user: UserId) -> PlaceId {
        let hash = mac.mac(&[&user.0.to_be_bytes(), &self.0]);
        let half = hash.first_chunk().expect("32 octets begin with 16");
        PlaceId(*half)
    }

    /// The first octet tells the kind, so that no client can stand for a network.
    fn marked(kind: u8, octets: [u8; 8]) -> Self {
        let mut place = [kind; 9];
        for (to, from) in place.iter_mut().skip(1).zip(octets) {
            *to = from;
        }
        Self(place)
    }
}

fn v4_network(address: Ipv4Addr) -> [u8; 8] {
    let [a, b, c, _] = address.octets();
    [a, b, c, 0, 0, 0, 0, 0]
}

fn v6_network(address: Ipv6Addr) -> [u8; 8] {
    let [a, b, c, d, e, f, g, ..] = address.octets();
    [a, b, c, d, e, f, g, 0]
}

#[cfg(test)]
mod tests {
    use super::super::{Call, Caller};
    use super::*;
    use crate::base::{ClientId, Secret, Timestamp};

    fn place(station: Option<&str>, client: u64) -> Place {
        Place::of(&Request {
            client: ClientId(client),
            client_revision: 1,
            user_name: Vec::new(),
            password: Secret::default(),
            state: None,
            response: None,
            proven: true,
            caller: Caller {
                calling_station_id: station.map(|text| text.as_bytes().to_vec()),
                ..Caller::default()
            },
            arrived: Timestamp::default(),
            call: Call::default(),
        })
    }

    #[test]
    fn addresses_of_one_network_are_one_place_through_any_client() {
        for (one, other) in [
            ("198.51.100.7", "198.51.100.250"),
            ("198.51.100.7", "::ffff:198.51.100.9"),
            ("2001:db8:1:2ff::1", "2001:db8:1:200:9::2"),
        ] {
            assert_eq!(place(Some(one), 1), place(Some(other), 2), "{one} {other}");
        }
    }

    #[test]
    fn other_networks_are_other_places() {
        assert_ne!(
            place(Some("198.51.100.7"), 1),
            place(Some("198.51.101.7"), 1)
        );
        assert_ne!(
            place(Some("2001:db8:1:200::1"), 1),
            place(Some("2001:db8:1:300::1"), 1)
        );
    }

    #[test]
    fn the_stored_place_of_another_user_is_another() {
        let mac = MacKey::from_octets([7; 32]);
        let place = place(None, 1);
        assert_ne!(place.hashed(&mac, UserId(1)), place.hashed(&mac, UserId(2)));
        assert_eq!(place.hashed(&mac, UserId(1)), place.hashed(&mac, UserId(1)));
    }

    #[test]
    fn without_an_address_the_place_is_the_client() {
        let mac = place(Some("00-11-22-33-44-55"), 1);
        assert_eq!(mac, place(None, 1));
        assert_ne!(mac, place(None, 2));
    }
}
