//! The identity of a login: equal for every packet of it on every node (DESIGN §2, "The
//! attempt").
//!
//! Must not know what is stored under a key. The keys are never written: with one, a
//! stolen disk could test guessed passwords against the recorded attempts.

use super::Request;
use crate::base::{AttemptKey, Entropy, UserId};
use crate::seal::MacKey;

/// The HMAC keys for attempts: the one in force, and the one before it as long as its
/// attempts still answer repeats.
#[derive(Debug)]
pub struct AttemptMacs {
    current: MacKey,
    previous: Option<MacKey>,
}

impl AttemptMacs {
    /// Draws the first key.
    pub fn draw(entropy: &mut impl Entropy) -> Self {
        Self {
            current: MacKey::draw(entropy),
            previous: None,
        }
    }

    /// Draws the next key; the one in force becomes the previous.
    #[must_use]
    pub fn turned(&self, entropy: &mut impl Entropy) -> Self {
        Self {
            current: MacKey::draw(entropy),
            previous: Some(MacKey::from_octets(*self.current.expose())),
        }
    }

    /// Whether a previous key is still there.
    #[must_use]
    pub const fn has_previous(&self) -> bool {
        self.previous.is_some()
    }

    /// The same without the previous key, once nothing answers to it any more.
    #[must_use]
    pub fn without_previous(&self) -> Self {
        Self {
            current: MacKey::from_octets(*self.current.expose()),
            previous: None,
        }
    }

    /// The identity of `request` for `user`, under each key.
    #[must_use]
    pub fn keys(&self, request: &Request, user: UserId) -> AttemptKeys {
        AttemptKeys {
            current: key(&self.current, request, user),
            previous: self.previous.as_ref().map(|mac| key(mac, request, user)),
        }
    }
}

/// One login's identity under the key in force and under the one before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AttemptKeys {
    /// For a login that nobody has seen.
    pub current: AttemptKey,
    /// For one that began before the key was turned.
    pub previous: Option<AttemptKey>,
}

/// Every part goes in behind its length, and the first says which are present, so that no
/// two logins hash the same octets.
fn key(mac: &MacKey, request: &Request, user: UserId) -> AttemptKey {
    let caller = &request.caller;
    let address = caller.nas_ip_address.map(|address| address.octets());
    let port = caller.nas_port.map(u32::to_be_bytes);
    let parts = [
        caller.calling_station_id.as_deref(),
        caller.nas_identifier.as_deref(),
        address.as_ref().map(<[u8; 4]>::as_slice),
        port.as_ref().map(<[u8; 4]>::as_slice),
        caller.nas_port_id.as_deref(),
    ];
    let present = parts.map(|part| u8::from(part.is_some()));
    let [station, identifier, address, port, port_id] = parts.map(Option::unwrap_or_default);
    AttemptKey(mac.mac(&[
        &present,
        &request.client.0.to_be_bytes(),
        &user.0.to_be_bytes(),
        request.password.expose(),
        station,
        identifier,
        address,
        port,
        port_id,
    ]))
}

#[cfg(test)]
mod tests {
    use super::super::Caller;
    use super::*;
    use crate::base::{ClientId, Secret, SeededEntropy, Timestamp};

    const USER: UserId = UserId(7);

    fn request(password: &str, caller: Caller) -> Request {
        Request {
            client: ClientId(1),
            client_revision: 1,
            user_name: b"alice".to_vec(),
            password: Secret::from(password.as_bytes()),
            proven: true,
            caller,
            arrived: Timestamp::from_millis(1_000_000),
        }
    }

    fn station(text: &str) -> Caller {
        Caller {
            calling_station_id: Some(text.into()),
            ..Caller::default()
        }
    }

    fn current(request: &Request) -> AttemptKey {
        let macs = AttemptMacs::draw(&mut SeededEntropy::new(1));
        macs.keys(request, USER).current
    }

    #[test]
    fn the_same_login_in_another_packet_has_the_same_key() {
        let first = request("secret123456", station("198.51.100.7"));
        let mut again = request("secret123456", station("198.51.100.7"));
        again.user_name = b"CONTOSO\\Alice".to_vec();
        again.arrived = Timestamp::from_millis(1_009_000);
        again.client_revision = 2;
        assert_eq!(current(&first), current(&again));
    }

    #[test]
    fn every_part_that_names_the_login_changes_the_key() {
        let base = || request("secret123456", station("198.51.100.7"));
        let changes: [fn(&mut Request); 7] = [
            |request| request.client = ClientId(2),
            |request| request.password = Secret::from(b"secret123457".as_slice()),
            |request| request.caller.calling_station_id = Some(b"198.51.100.8".to_vec()),
            |request| request.caller.nas_identifier = Some(b"gw".to_vec()),
            |request| request.caller.nas_ip_address = Some([192, 0, 2, 1].into()),
            |request| request.caller.nas_port = Some(0),
            |request| request.caller.nas_port_id = Some(Vec::new()),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut other = base();
            change(&mut other);
            assert_ne!(current(&base()), current(&other), "change {number}");
        }
        let macs = AttemptMacs::draw(&mut SeededEntropy::new(1));
        let other = macs.keys(&base(), UserId(8)).current;
        assert_ne!(current(&base()), other);
    }

    #[test]
    fn octets_cannot_move_from_one_part_to_the_next() {
        let left = request("ab", station("c"));
        let right = request("a", station("bc"));
        assert_ne!(current(&left), current(&right));
        let moved = Caller {
            nas_identifier: Some(b"c".to_vec()),
            ..Caller::default()
        };
        assert_ne!(current(&left), current(&request("ab", moved)));
        // Nor can text imitate the marks and the length that stand before a part.
        let marks = request("ab\0\0\0\0\0\0\0\x01c", Caller::default());
        assert_ne!(current(&left), current(&marks));
    }

    #[test]
    fn the_turned_key_still_knows_the_logins_of_the_day_before() {
        let mut entropy = SeededEntropy::new(1);
        let before = AttemptMacs::draw(&mut entropy);
        let after = before.turned(&mut entropy);
        let request = request("secret123456", Caller::default());
        let (old, new) = (before.keys(&request, USER), after.keys(&request, USER));
        assert_eq!(new.previous, Some(old.current));
        assert_ne!(new.current, old.current);
        assert_eq!(after.without_previous().keys(&request, USER).previous, None);
    }
}
