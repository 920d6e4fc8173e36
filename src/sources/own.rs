//! Passwords of users whom no directory has: Argon2id (RFC 9106), by its PHC text.
//!
//! Must not know where the hashes are kept. They are sealed there, as anyone who reads one
//! could test guessed passwords against it.

use std::sync::Arc;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use countersign_core::base::Secret;
use countersign_core::ledger::SourceOutcome;
use countersign_core::login::Reason;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::login::Answer;

/// Hashes passwords and proves them, a few at a time.
#[derive(Debug)]
pub struct OwnPasswords {
    /// At work.
    work: Arc<Semaphore>,
    /// At work, or waiting for it.
    room: Semaphore,
}

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PasswordError {
    /// Too many are being hashed.
    #[error("too many passwords are being hashed: try again")]
    Busy,
    /// A device could not send it, or a user not type it.
    #[error("a password has no control characters")]
    Control,
    /// Out of bounds.
    #[error("a password has {LENGTH_MIN} to {LENGTH_MAX} octets")]
    Length,
}

impl Default for OwnPasswords {
    fn default() -> Self {
        Self {
            work: Arc::new(Semaphore::new(AT_WORK_MAX)),
            room: Semaphore::new(IN_HAND_MAX),
        }
    }
}

impl OwnPasswords {
    /// The PHC text of a new password.
    ///
    /// # Errors
    /// When nobody could log in with it, or too much is in hand.
    pub async fn hash(
        &self,
        password: &Secret,
        salt: [u8; SALT_OCTETS],
    ) -> Result<Secret, PasswordError> {
        check(password)?;
        let password = password.duplicate();
        let hashed = self.run(move || {
            let hash = argon2().hash_password_with_salt(password.expose(), &salt);
            hash.map(|hash| Secret::from(hash.to_string())).ok()
        });
        hashed.await.flatten().ok_or(PasswordError::Busy)
    }

    /// Whether the password is that of the hash. Judged wholly or not at all: what does not
    /// come to its turn in `time` was not looked at.
    pub(super) async fn prove(&self, password: Secret, hash: Secret, time: Duration) -> Answer {
        let proving = self.run(move || {
            let text = std::str::from_utf8(hash.expose()).ok()?;
            Some(argon2().verify_password(password.expose(), text).is_ok())
        });
        let (outcome, reason) = match timeout(time, proving).await {
            Ok(Some(Some(true))) => (SourceOutcome::Right, Reason::Accepted),
            Ok(Some(Some(false))) => (SourceOutcome::Wrong, Reason::WrongPassword),
            Ok(Some(None)) => (SourceOutcome::NotAsked, Reason::SourceMisconfigured),
            Ok(None) | Err(_) => (SourceOutcome::NotAsked, Reason::Overload),
        };
        let code = 0;
        Answer::new(outcome, reason, code)
    }

    /// Runs what takes long beside the runtime. `None`: there was no room.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let _place = self.room.try_acquire().ok()?;
        // Owned: who gives up waiting does not free the place of what is still at work.
        let turn = Arc::clone(&self.work).acquire_owned().await.ok()?;
        let running = spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        running.await.ok()
    }
}

fn check(password: &Secret) -> Result<(), PasswordError> {
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&password.len()) {
        return Err(PasswordError::Length);
    }
    let text = std::str::from_utf8(password.expose()).map_err(|_| PasswordError::Control)?;
    if text.contains(char::is_control) {
        return Err(PasswordError::Control);
    }
    Ok(())
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMETERS)
}

/// Of a salt (RFC 9106 §3.1 asks for 16).
pub const SALT_OCTETS: usize = 16;
/// 19 MiB, two passes, one lane: some 30 ms. Every verification takes what its own text says.
const PARAMETERS: Params = match Params::new(19 * 1024, 2, 1, None) {
    Ok(parameters) => parameters,
    Err(_) => panic!("parameters within the bounds of RFC 9106"),
};
/// LIMIT: at work at one time, each with its 19 MiB and a processor.
const AT_WORK_MAX: usize = 2;
/// LIMIT: waiting beside them; above it nothing is judged.
const IN_HAND_MAX: usize = 64;
const LENGTH_MIN: usize = 8;
/// Less than what a device carries, with a code behind it (RFC 2865 §5.2).
const LENGTH_MAX: usize = 112;

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn secret(text: &str) -> Secret {
        Secret::from(text.as_bytes())
    }

    async fn hashed(passwords: &OwnPasswords, text: &str) -> Secret {
        passwords
            .hash(&secret(text), [7; SALT_OCTETS])
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_password_is_proven_by_its_hash_alone() {
        let passwords = OwnPasswords::default();
        let hash = hashed(&passwords, "correct horse \u{1f40e}").await;
        assert!(
            hash.expose()
                .starts_with(b"$argon2id$v=19$m=19456,t=2,p=1$")
        );
        for (typed, outcome) in [
            ("correct horse \u{1f40e}", SourceOutcome::Right),
            ("correct horse", SourceOutcome::Wrong),
            ("", SourceOutcome::Wrong),
        ] {
            let answer = passwords.prove(secret(typed), hash.duplicate(), LONG).await;
            assert_eq!(answer.outcome, outcome, "{typed}");
        }
    }

    #[tokio::test]
    async fn what_is_no_hash_proves_nothing_and_counts_nothing() {
        let passwords = OwnPasswords::default();
        for odd in ["", "correct horse", "$argon2id$", "$1$abc$def"] {
            let answer = passwords
                .prove(secret("correct horse"), secret(odd), LONG)
                .await;
            assert_ne!(answer.outcome, SourceOutcome::Right, "{odd}");
        }
    }

    #[tokio::test]
    async fn a_password_that_nobody_can_type_is_not_taken() {
        let passwords = OwnPasswords::default();
        for (odd, why) in [
            ("seven77", PasswordError::Length),
            (&*"x".repeat(113), PasswordError::Length),
            ("a\ttabulator", PasswordError::Control),
        ] {
            let refused = passwords.hash(&secret(odd), [7; SALT_OCTETS]).await;
            assert_eq!(refused.err(), Some(why));
        }
    }

    #[tokio::test]
    async fn no_more_are_in_hand_than_there_is_room_for() {
        let passwords = OwnPasswords::default();
        let _all = passwords.room.try_acquire_many(64).unwrap();
        let answer = passwords.prove(secret("a"), secret("b"), LONG).await;
        assert_eq!(
            (answer.outcome, answer.reason),
            (SourceOutcome::NotAsked, Reason::Overload)
        );
    }
}
