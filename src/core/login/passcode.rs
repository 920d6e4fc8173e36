//! A code that is sent to a user who asks for one in an answer to a challenge.
//!
//! **No oracle.** No password is proven before a code is, so whoever knows a name may ask,
//! and must learn nothing by it. Everybody is answered alike: with a challenge, with the same
//! text, after the same time. An address is named, masked; who has none, or is unknown, seems
//! to have one that is made up from the name as typed ([`masked`](super::masked)). Who is
//! locked, was sent enough, or is let in by another rule hears the same as who is sent a
//! code. So limits need not seem to hold for those who are unknown: they show to nobody.
//!
//! Must not know how a message is sent, or when the answer leaves.

use super::masked::{self, Typed};
use super::{Case, Reason, Request, Rule, Secrets, Stop};
use crate::base::limits::PASSCODE_DIGITS;
use crate::base::{ClientId, Entropy, Owner, PasscodeId, Secret, UserId};
use crate::ledger::rules::PasscodeWay;
use crate::ledger::{Read, Revisions, SendPasscode, query, storage};
use crate::login::{AttemptMacs, Ending};
use crate::seal::MacKey;

/// A passcode. Never printed, wiped when dropped.
#[derive(Debug)]
pub struct Passcode(Secret);

impl Passcode {
    /// Draws one. The numbers at the end of the range are rarer by one in 10¹¹.
    pub fn draw(entropy: &mut impl Entropy) -> Self {
        let number = entropy.number() % 10_u64.pow(DIGITS);
        Self(Secret::from(format!("{number:0PASSCODE_DIGITS$}")))
    }

    /// Whether what was typed has the form of one.
    #[must_use]
    pub fn is_one(typed: &[u8]) -> bool {
        typed.len() == PASSCODE_DIGITS && typed.iter().all(u8::is_ascii_digit)
    }

    /// The digits, for the one line that writes the message.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.0.expose()).unwrap_or_default()
    }
}

/// What a passcode is known by. The key is in memory alone, as those of attempts: a stolen
/// disk or log can test none of the few there are.
pub(super) fn hash(root: &MacKey, (user, client): (UserId, ClientId), typed: &[u8]) -> PasscodeId {
    let (user, client) = (user.0.to_be_bytes(), client.0.to_be_bytes());
    let hash = root.mac(&[b"passcode", &user, &client, typed]);
    PasscodeId(*hash.first_chunk().expect("a hash has 32 octets"))
}

/// What follows from an answer that asks for a passcode.
#[derive(Debug)]
pub struct Asking {
    /// Where it seems to be sent to.
    pub to: String,
    /// What is to be recorded, and then sent; none: nothing.
    pub message: Option<Box<Message>>,
}

/// A passcode that is sent once its command is applied.
#[derive(Debug)]
pub struct Message {
    /// The command.
    pub command: SendPasscode,
    /// How.
    pub way: PasscodeWay,
    /// The address, as stored.
    pub to: String,
    /// The passcode.
    pub passcode: Passcode,
}

/// Answers who asks for a passcode; `None`: nobody is sent any here. `case` is what is known
/// of the login, or of whom it is and why it would be refused.
///
/// # Errors
/// When the store cannot be read, or the user was changed meanwhile.
pub fn ask(
    view: &impl Read,
    (request, rule): (&Request, &Rule),
    case: Result<&Case, Option<UserId>>,
    (secrets, macs): (&Secrets, &AttemptMacs),
    owner: Owner,
    entropy: &mut impl Entropy,
) -> Result<Option<Asking>, Stop> {
    let allowed = case.ok().and_then(|case| case.terms.passcode);
    let usual = || rule.usual_passcode(request);
    let Some(way) = allowed.or_else(usual) else {
        return Ok(None);
    };
    let id = case.map_or_else(|user| user, |case| Some(case.identity.user));
    let user = match id {
        Some(id) => query::user(view, id)?.unwrap_or_default(),
        None => storage::User::default(),
    };
    let address = match way {
        PasscodeWay::Email => &user.email,
        PasscodeWay::Sms => &user.phone,
    };
    let typed = Typed {
        name: &request.user_name,
        domain: &rule.default_domain,
        senders: &rule.senders,
    };
    let to = masked::shown(way, address, &typed, &secrets.places);
    let case = case
        .ok()
        .filter(|_| allowed.is_some() && !address.is_empty());
    let message = case.map(|case| {
        if user.revision != case.user_revision {
            // The address may be of a record that no rule was held against.
            return Err(Stop::Ended(Ending::silent(Reason::Overtaken)));
        }
        let passcode = Passcode::draw(entropy);
        let of = (case.identity.user, request.client);
        let hash = hash(macs.in_force(case.issued), of, passcode.0.expose());
        Ok(Box::new(Message {
            command: command((case, request, rule), hash, owner),
            way,
            to: address.clone(),
            passcode,
        }))
    });
    let message = message.transpose()?;
    Ok(Some(Asking { to, message }))
}

fn command(
    (case, request, rule): (&Case, &Request, &Rule),
    hash: PasscodeId,
    owner: Owner,
) -> SendPasscode {
    SendPasscode {
        key: case.identity.name.key,
        owner,
        user: case.identity.user,
        client: request.client,
        place: case.identity.place,
        revisions: Revisions {
            user: case.user_revision,
            ..rule.revisions
        },
        hash,
        issued: case.issued,
    }
}

const DIGITS: u32 = 8;
const _: () = assert!(DIGITS as usize == PASSCODE_DIGITS);

#[cfg(test)]
mod tests;
