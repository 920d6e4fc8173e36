//! The identity of a login: equal for every packet of it on every node (DESIGN §2, "The
//! attempt").
//!
//! Must not know what is stored under a key. The keys are never written: with one, a
//! stolen disk could test guessed passwords against the recorded attempts.

use std::time::Duration;

use super::Request;
use crate::base::limits::{CLIENT_WAIT_MAX, LEASE_MAX, REVALIDATION_MAX};
use crate::base::{AnswerId, AttemptKey, Entropy, Timestamp, UserId};
use crate::seal::MacKey;

/// A numbered set of HMAC keys for attempts, the same on every node that holds it.
///
/// Which of the keys is in force is a function of entry time alone, so that nodes which
/// hold one set agree on it without a word. Never printed, not `Clone`.
#[derive(Debug, Eq, PartialEq)]
pub struct AttemptMacs {
    /// Grows with every set that a leader draws or turns, never 0.
    pub number: u64,
    /// In force from `since` until the next one is.
    pub current: MacKey,
    /// Entry time.
    pub since: Timestamp,
    /// In force before that; its attempts may still answer.
    pub previous: Option<MacKey>,
    /// Handed out before it is in force.
    pub next: Option<NextMac>,
}

/// The key to come.
#[derive(Debug, Eq, PartialEq)]
pub struct NextMac {
    /// The key.
    pub key: MacKey,
    /// Entry time from which it is in force.
    pub from: Timestamp,
}

impl AttemptMacs {
    /// Draws the first key of a set that nobody has.
    pub fn draw(number: u64, now: Timestamp, entropy: &mut impl Entropy) -> Self {
        Self {
            number,
            current: MacKey::draw(entropy),
            since: now,
            previous: None,
            next: None,
        }
    }

    /// Whether it is time to draw the next key.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next.is_none() && now >= self.since.plus(ATTEMPT_KEYS_LIFE)
    }

    /// The set with the next key in it, to be handed out before that is in force. `number`
    /// is the leader's own: two leaders that turn one set make two sets.
    #[must_use]
    pub fn turned(&self, number: u64, now: Timestamp, entropy: &mut impl Entropy) -> Self {
        let next = NextMac {
            key: MacKey::draw(entropy),
            from: now.plus(ATTEMPT_KEYS_NOTICE),
        };
        Self {
            number,
            next: Some(next),
            ..self.folded(now)
        }
    }

    /// The same set without what is over: the next key in force is the current one, a
    /// previous one that nothing answers to is gone.
    #[must_use]
    pub fn folded(&self, now: Timestamp) -> Self {
        let (in_force, since, before, next) = match &self.next {
            Some(next) if next.from <= now => (&next.key, next.from, Some(&self.current), None),
            next => {
                let previous = self.previous.as_ref();
                (&self.current, self.since, previous, next.as_ref())
            }
        };
        let before = before.filter(|_| now <= since.plus(KEEP));
        Self {
            number: self.number,
            current: copy(in_force),
            since,
            previous: before.map(copy),
            next: next.map(|next| NextMac {
                key: copy(&next.key),
                from: next.from,
            }),
        }
    }

    /// Whether another key comes into force within [`ATTEMPT_KEYS_HOLD`].
    ///
    /// No login is begun in that time: at two nodes whose entry times differ a little it
    /// would be begun under two keys, and so be two logins. Later the one finds the other.
    #[must_use]
    pub fn is_turning(&self, now: Timestamp) -> bool {
        self.next
            .as_ref()
            .is_some_and(|next| next.from > now && next.from <= now.plus(ATTEMPT_KEYS_HOLD))
    }

    /// The key in force.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> &MacKey {
        match &self.next {
            Some(next) if next.from <= now => &next.key,
            _ => &self.current,
        }
    }

    /// Every key of the set.
    pub fn all(&self) -> impl Iterator<Item = &MacKey> {
        let next = self.next.as_ref().map(|next| &next.key);
        [Some(&self.current), self.previous.as_ref(), next]
            .into_iter()
            .flatten()
    }

    /// The identity of `request` for `user`, under each key.
    #[must_use]
    pub fn keys(&self, request: &Request, user: UserId, now: Timestamp) -> AttemptKeys {
        let under = |mac: &MacKey| name(mac, request, user);
        match &self.next {
            Some(next) if next.from <= now => {
                let before = (now <= next.from.plus(KEEP)).then(|| under(&self.current));
                AttemptKeys {
                    in_force: under(&next.key),
                    others: [before, None],
                }
            }
            next => {
                let previous = self.previous.as_ref();
                let previous = previous.filter(|_| now <= self.since.plus(KEEP));
                let next = next.as_ref();
                AttemptKeys {
                    in_force: under(&self.current),
                    others: [previous.map(under), next.map(|next| under(&next.key))],
                }
            }
        }
    }
}

fn copy(key: &MacKey) -> MacKey {
    MacKey::from_octets(*key.expose())
}

/// One login's identity under the key in force and under the others that may have it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AttemptKeys {
    /// For a login that nobody has seen.
    pub in_force: LoginName,
    /// For one that began before the turn, or after it at a node whose time is ahead.
    pub others: [Option<LoginName>; 2],
}

/// What one login is known by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LoginName {
    /// Its attempt.
    pub key: AttemptKey,
    /// What its challenge was answered with, where it had one: the key is over the State.
    pub answer: Option<AnswerId>,
}

/// One State has one key, whatever the answer: the record keeps a digest of that. It is
/// keyed, as a code has few digits.
fn name(mac: &MacKey, request: &Request, user: UserId) -> LoginName {
    let key = key(mac, request, user);
    let digest = |octets: &[u8]| {
        let hash = mac.mac(&[b"answer", &key.0, octets]);
        let half = hash.first_chunk().expect("a hash has 32 octets");
        AnswerId(*half)
    };
    LoginName {
        key,
        answer: request
            .state
            .as_ref()
            .map(|_| digest(request.password.expose())),
    }
}

/// Every part goes in behind its length, and the first says which are present, so that no
/// two logins hash the same octets.
fn key(mac: &MacKey, request: &Request, user: UserId) -> AttemptKey {
    let response = request.response.as_ref().map(|made| made.octets());
    let (form, typed) = match (&request.state, &response) {
        (Some(state), _) => (1, state.as_slice()),
        // A code that was found stands in the password: it is the login, and no response is.
        (None, Some(response)) if request.password.is_empty() => (2, response.expose()),
        (None, _) => (0, request.password.expose()),
    };
    let (client, user) = (request.client.0.to_be_bytes(), user.0.to_be_bytes());
    request.caller.with_parts(|[present, a, b, c, d, e]| {
        AttemptKey(mac.mac(&[present, &[form], &client, &user, typed, a, b, c, d, e]))
    })
}

/// How long a key is in force before the next one is drawn.
pub const ATTEMPT_KEYS_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long before it is in force a key is handed out.
pub const ATTEMPT_KEYS_NOTICE: Duration = Duration::from_secs(60);
/// For how long before a turn no login is begun: more than entry times of nodes in contact
/// with one leader differ.
pub const ATTEMPT_KEYS_HOLD: Duration = Duration::from_millis(250);
/// As long as a record under an old key may still be begun, go on and answer.
const KEEP: Duration = CLIENT_WAIT_MAX
    .saturating_add(LEASE_MAX)
    .saturating_add(REVALIDATION_MAX);

#[cfg(test)]
mod tests {
    use super::super::{Call, Caller};
    use super::*;
    use crate::base::{ClientId, Secret, SeededEntropy, Timestamp};

    const USER: UserId = UserId(7);

    fn request(password: &str, caller: Caller) -> Request {
        Request {
            client: ClientId(1),
            client_revision: 1,
            user_name: b"alice".to_vec(),
            password: Secret::from(password.as_bytes()),
            state: None,
            response: None,
            proven: true,
            caller,
            arrived: Timestamp::from_millis(1_000_000),
            call: Call::default(),
        }
    }

    fn station(text: &str) -> Caller {
        Caller {
            calling_station_id: Some(text.into()),
            ..Caller::default()
        }
    }

    const START: Timestamp = Timestamp::from_millis(1_000_000);

    fn macs() -> AttemptMacs {
        AttemptMacs::draw(1, START, &mut SeededEntropy::new(1))
    }

    fn current(request: &Request) -> AttemptKey {
        macs().keys(request, USER, START).in_force.key
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
        let changes: [fn(&mut Request); 8] = [
            |request| request.client = ClientId(2),
            |request| request.password = Secret::from(b"secret123457".as_slice()),
            |request| request.caller.calling_station_id = Some(b"198.51.100.8".to_vec()),
            |request| request.caller.nas_identifier = Some(b"gw".to_vec()),
            |request| request.caller.nas_ip_address = Some([192, 0, 2, 1].into()),
            |request| request.caller.nas_port = Some(0),
            |request| request.caller.nas_port_id = Some(Vec::new()),
            |request| request.state = Some(b"secret123456".to_vec()),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut other = base();
            change(&mut other);
            assert_ne!(current(&base()), current(&other), "change {number}");
        }
        let other = macs().keys(&base(), UserId(8), START).in_force.key;
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
    fn a_state_has_one_key_whatever_the_answer_and_a_digest_for_each() {
        let answered = |state: &str, code: &str| {
            let mut request = request(code, Caller::default());
            request.state = Some(state.into());
            macs().keys(&request, USER, START).in_force
        };
        let (first, other) = (answered("a", "123456"), answered("a", "123457"));
        assert_eq!(first.key, other.key);
        assert_ne!(first.answer, other.answer);
        assert_eq!(first, answered("a", "123456"));
        assert_ne!(first.key, answered("b", "123456").key);
        let typed = request("123456", Caller::default());
        assert_eq!(macs().keys(&typed, USER, START).in_force.answer, None);
    }

    #[test]
    fn at_a_turn_every_login_is_found_under_the_key_of_the_other_side() {
        let before = macs();
        let after = before.turned(2, START, &mut SeededEntropy::new(2));
        assert_eq!(after.number, 2);
        let turn = START.plus(ATTEMPT_KEYS_NOTICE);
        let request = request("secret123456", Caller::default());
        let at = |set: &AttemptMacs, at| set.keys(&request, USER, at);
        let early = at(&after, turn.minus(Duration::from_millis(1)));
        let late = at(&after, turn);
        assert_eq!(early.in_force, at(&before, START).in_force);
        assert_ne!(early.in_force, late.in_force);
        assert!(early.others.contains(&Some(late.in_force)));
        assert!(late.others.contains(&Some(early.in_force)));
        // Nodes fold when they come to it; what they know logins by is the same.
        for later in [0, 1, 100, 779, 781] {
            let now = turn.plus(Duration::from_secs(later));
            assert_eq!(at(&after.folded(now), now), at(&after, now), "{later}");
        }
    }

    #[test]
    fn a_key_that_nothing_answers_to_is_gone() {
        let turn = START.plus(ATTEMPT_KEYS_NOTICE);
        let turned = macs().turned(2, START, &mut SeededEntropy::new(2));
        let soon = turned.folded(turn.plus(KEEP));
        let over = turned.folded(turn.plus(KEEP).plus(Duration::from_millis(1)));
        assert!(soon.previous.is_some() && soon.next.is_none());
        assert_eq!((over.previous, over.since), (None, turn));
    }

    #[test]
    fn a_key_is_turned_daily_and_no_login_begins_on_the_edge() {
        let set = macs();
        let due = START.plus(ATTEMPT_KEYS_LIFE);
        assert!(!set.is_due(due.minus(Duration::from_millis(1))) && set.is_due(due));
        let turned = set.turned(2, due, &mut SeededEntropy::new(2));
        let from = due.plus(ATTEMPT_KEYS_NOTICE);
        assert!(!turned.is_due(from.minus(Duration::from_millis(1))));
        let edge = from.minus(ATTEMPT_KEYS_HOLD);
        assert!(turned.is_turning(edge) && !turned.is_turning(from));
        assert!(!turned.is_turning(edge.minus(Duration::from_millis(1))));
    }

    #[test]
    fn a_set_is_not_printed() {
        let turned = macs().turned(2, START, &mut SeededEntropy::new(2));
        let octets = format!("{:?}", turned.current.expose());
        let printed = format!("{turned:?}");
        assert!(!printed.contains(&octets) && printed.contains("MacKey(…)"));
    }
}
