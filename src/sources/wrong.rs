//! Passwords that a source has just called wrong: a device that sends one again, or a user
//! who types it again, is told so without another question. It mirrors what Entra does
//! itself (the last three wrong passwords lock nobody twice) for directories that do not.
//!
//! Keeps digests under a key that is drawn at each start and never leaves the process, so
//! that neither memory nor a core file lets anyone test a guess elsewhere. Must not know a
//! right password: nothing is ever kept of one.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use aws_lc_rs::hmac;
use countersign_core::base::Secret;
use tokio::time::Instant;

/// The passwords lately called wrong, of one source.
pub struct KnownWrong {
    key: hmac::Key,
    source: String,
    users: HashMap<String, Vec<Known>>,
    /// Every digest kept, oldest first. One that was forgotten stays until its time is over.
    ages: VecDeque<(Instant, String)>,
}

struct Known {
    digest: [u8; 32],
    until: Instant,
}

impl KnownWrong {
    /// Knows nothing yet. `key` is random and drawn once at each start.
    #[must_use]
    pub fn new(key: &Secret, source: &str) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.expose()),
            source: source.to_owned(),
            users: HashMap::new(),
            ages: VecDeque::new(),
        }
    }

    /// Whether the source has called this very password wrong, not long ago.
    #[must_use]
    pub fn knows(&self, name: &str, password: &Secret, now: Instant) -> bool {
        let Some(known) = self.users.get(name) else {
            return false;
        };
        let digest = Secret::from(&self.digest(name, password)[..]);
        known
            .iter()
            .any(|known| known.until > now && digest == Secret::from(&known.digest[..]))
    }

    /// The source has called it wrong.
    pub fn keep(&mut self, name: &str, password: &Secret, now: Instant) {
        self.expire(now);
        let digest = self.digest(name, password);
        let until = now + KEPT;
        let known = self.users.entry(name.to_owned()).or_default();
        known.retain(|known| known.digest != digest);
        if known.len() >= PER_USER_MAX {
            known.remove(0);
        }
        known.push(Known { digest, until });
        self.ages.push_back((until, name.to_owned()));
        // LIMIT: the oldest go first; a flood of wrong passwords costs others a question each.
        while self.ages.len() > DIGESTS_MAX {
            if let Some((until, name)) = self.ages.pop_front() {
                self.drop_aged(&name, until);
            }
        }
    }

    /// The user has proved a password: whatever was wrong before may have been set since.
    pub fn forget(&mut self, name: &str) {
        self.users.remove(name);
    }

    fn expire(&mut self, now: Instant) {
        while let Some((until, name)) = self.ages.pop_front_if(|(until, _)| *until <= now) {
            self.drop_aged(&name, until);
        }
    }

    fn drop_aged(&mut self, name: &str, until: Instant) {
        let Some(known) = self.users.get_mut(name) else {
            return;
        };
        known.retain(|known| known.until > until);
        if known.is_empty() {
            self.users.remove(name);
        }
    }

    /// Each part is preceded by its length, so that no two triples read alike.
    fn digest(&self, name: &str, password: &Secret) -> [u8; 32] {
        let mut hmac = hmac::Context::with_key(&self.key);
        for part in [self.source.as_bytes(), name.as_bytes(), password.expose()] {
            hmac.update(&(part.len() as u64).to_be_bytes());
            hmac.update(part);
        }
        let mut digest = [0; 32];
        for (to, from) in digest.iter_mut().zip(hmac.sign().as_ref()) {
            *to = *from;
        }
        digest
    }
}

impl std::fmt::Debug for KnownWrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KnownWrong")
            .field("source", &self.source)
            .field("kept", &self.ages.len())
            .finish_non_exhaustive()
    }
}

/// How long a wrong password is known as one. Who sets the account's password to it
/// meanwhile is refused until then.
pub const KEPT: Duration = Duration::from_secs(120);
/// LIMIT: of one user, the last ones.
pub const PER_USER_MAX: usize = 3;
/// LIMIT: of all users together, some 3 MiB.
pub const DIGESTS_MAX: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> KnownWrong {
        KnownWrong::new(&Secret::from(&[7; 32][..]), "entra")
    }

    fn pw(text: &str) -> Secret {
        Secret::from(text.to_owned())
    }

    #[test]
    fn a_wrong_password_is_known_for_its_time_and_for_its_user() {
        let (mut known, now) = (known(), Instant::now());
        known.keep("alice", &pw("a"), now);
        assert!(known.knows("alice", &pw("a"), now));
        assert!(!known.knows("alice", &pw("b"), now));
        assert!(!known.knows("bob", &pw("a"), now));
        assert!(known.knows("alice", &pw("a"), now + KEPT - Duration::from_millis(1)));
        assert!(!known.knows("alice", &pw("a"), now + KEPT));
    }

    #[test]
    fn a_user_has_three() {
        let (mut known, now) = (known(), Instant::now());
        for password in ["a", "b", "b", "c", "d"] {
            known.keep("alice", &pw(password), now);
        }
        assert!(!known.knows("alice", &pw("a"), now));
        for password in ["b", "c", "d"] {
            assert!(known.knows("alice", &pw(password), now), "{password}");
        }
        assert_eq!(known.users["alice"].len(), PER_USER_MAX);
    }

    #[test]
    fn a_success_forgets_them() {
        let (mut known, now) = (known(), Instant::now());
        known.keep("alice", &pw("a"), now);
        known.keep("bob", &pw("a"), now);
        known.forget("alice");
        assert!(!known.knows("alice", &pw("a"), now));
        assert!(known.knows("bob", &pw("a"), now));
    }

    #[test]
    fn a_flood_pushes_out_the_oldest_and_no_more_than_the_bound_is_kept() {
        let (mut known, now) = (known(), Instant::now());
        for number in 0..DIGESTS_MAX + 10 {
            known.keep(&format!("user{number}"), &pw("a"), now + KEPT / 2);
        }
        known.keep("last", &pw("a"), now + KEPT / 2);
        assert!(known.users.len() <= DIGESTS_MAX);
        assert_eq!(known.ages.len(), DIGESTS_MAX);
        assert!(known.knows("last", &pw("a"), now + KEPT / 2));
        assert!(!known.knows("user0", &pw("a"), now + KEPT / 2));
    }

    #[test]
    fn nothing_is_kept_past_its_time() {
        let (mut known, now) = (known(), Instant::now());
        for number in 0..100 {
            known.keep(&format!("user{number}"), &pw("a"), now);
        }
        known.keep("last", &pw("a"), now + KEPT);
        assert_eq!((known.users.len(), known.ages.len()), (1, 1));
    }

    #[test]
    fn the_digest_depends_on_the_key_and_on_where_a_part_ends() {
        let other = KnownWrong::new(&Secret::from(&[8; 32][..]), "entra");
        let elsewhere = KnownWrong::new(&Secret::from(&[7; 32][..]), "ldap");
        let digest = known().digest("alice", &pw("pass"));
        assert_ne!(digest, other.digest("alice", &pw("pass")));
        assert_ne!(digest, elsewhere.digest("alice", &pw("pass")));
        assert_ne!(digest, known().digest("alicep", &pw("ass")));
    }
}
