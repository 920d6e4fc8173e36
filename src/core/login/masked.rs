//! The address of a passcode as it may be shown to whoever knows a name.
//!
//! Of an e-mail's address the first sign and the domain, of a phone's number the last two
//! digits: enough for its owner. No country is shown, since one could not be made up that
//! looks right. Where there is no address, one is made up from the name as it was typed; the
//! same name has the same one on every node, for ever, and in every spelling, as a real one
//! would be.
//!
//! Must not know whether anything is sent.

use super::Senders;
use crate::base::Name;
use crate::base::limits::MASKED_OCTETS_MAX;
use crate::ledger::rules::PasscodeWay;
use crate::seal::MacKey;

/// What there is to make an address up from.
pub(super) struct Typed<'a> {
    /// The name, as typed.
    pub(super) name: &'a [u8],
    /// The domain of names that have none; empty: none.
    pub(super) domain: &'a str,
    pub(super) senders: &'a Senders,
}

/// The address, masked; one that is made up, where it is empty.
pub(super) fn shown(way: PasscodeWay, address: &str, typed: &Typed<'_>, chance: &MacKey) -> String {
    match way {
        PasscodeWay::Email if address.is_empty() => email(&typed.email()),
        PasscodeWay::Email => email(address),
        PasscodeWay::Sms if address.is_empty() => phone(&typed.phone(chance)),
        PasscodeWay::Sms => phone(address),
    }
}

fn email(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let first = local.chars().next().unwrap_or('*').to_ascii_lowercase();
    // The end of a long one: whose it is stands there.
    let from = domain.len().saturating_sub(DOMAIN_OCTETS_SHOWN);
    let shown = domain.get(from..).unwrap_or_default();
    format!("{first}***@{}", shown.to_ascii_lowercase())
}

fn phone(number: &str) -> String {
    let from = number.len().saturating_sub(PHONE_DIGITS_SHOWN);
    format!("*** **{}", number.get(from..).unwrap_or_default())
}

impl Typed<'_> {
    /// What most users' addresses are like: the name at the domain that it has, or else that
    /// of the client, or of the house's own e-mail.
    fn email(&self) -> String {
        let name = String::from_utf8_lossy(self.name);
        let account = name
            .rsplit_once('\\')
            .map_or(&*name, |(_, account)| account);
        let sign = |sign: char| sign.is_ascii_alphanumeric().then_some(sign);
        let first = account.chars().find_map(sign).unwrap_or('u');
        let own = account.rsplit_once('@').map(|(_, domain)| domain);
        let ours = self.senders.email.as_deref().unwrap_or_default();
        let domains = [own.unwrap_or_default(), self.domain, ours];
        let is_one = |domain: &&str| crate::ledger::address::is_email(&format!("a@{domain}"));
        let domain = domains.into_iter().find(is_one).unwrap_or(ours);
        format!("{first}@{domain}")
    }

    /// The same for every spelling by which one user would be found: a real number is.
    fn phone(&self, chance: &MacKey) -> String {
        let spellings = Name::candidates(self.name, self.domain).unwrap_or_default();
        let spellings = spellings.iter().map(|name| name.as_str().as_bytes());
        let shortest = spellings.min_by_key(|spelling| spelling.len());
        let [a, b, ..] = chance.mac(&[b"masked phone", shortest.unwrap_or(self.name)]);
        format!("{:02}", u16::from_be_bytes([a, b]) % 100)
    }
}

const PHONE_DIGITS_SHOWN: usize = 2;
const DOMAIN_OCTETS_SHOWN: usize = 64;
const _: () = assert!("a***@".len() + DOMAIN_OCTETS_SHOWN <= MASKED_OCTETS_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> MacKey {
        MacKey::from_octets([7; 32])
    }

    fn of(way: PasscodeWay, address: &str, name: &str, domain: &str) -> String {
        let senders = Senders {
            email: Some("mail.contoso.example".into()),
            sms: true,
        };
        let typed = Typed {
            name: name.as_bytes(),
            domain,
            senders: &senders,
        };
        shown(way, address, &typed, &key())
    }

    #[test]
    fn an_address_shows_its_first_sign_and_its_domain() {
        let shown = of(PasscodeWay::Email, "Bob.B@Contoso.example", "x", "");
        assert_eq!(shown, "b***@contoso.example");
        assert_eq!(of(PasscodeWay::Sms, "+491701234512", "x", ""), "*** **12");
    }

    #[test]
    fn who_has_no_address_seems_to_have_one_like_those_that_have() {
        let email = |name, domain| of(PasscodeWay::Email, "", name, domain);
        assert_eq!(email("Bob@contoso.example", ""), "b***@contoso.example");
        assert_eq!(
            email("CONTOSO\\bob", "contoso.example"),
            "b***@contoso.example"
        );
        assert_eq!(email("bob", ""), "b***@mail.contoso.example");
        assert_eq!(
            email("\u{fc}@not a domain", ""),
            "n***@mail.contoso.example"
        );
        let phone = |name: &str| of(PasscodeWay::Sms, "", name, "");
        assert_eq!(phone("bob").len(), "*** **12".len());
        assert_eq!(phone("bob"), phone("BOB"));
        let spelled = |name: &str| of(PasscodeWay::Sms, "", name, "contoso.example");
        for name in ["CONTOSO\\Bob", "bob@contoso.example"] {
            assert_eq!(spelled(name), spelled("bob"), "{name}");
        }
        let all: std::collections::BTreeSet<_> = (0..50)
            .map(|number| phone(&format!("user{number}")))
            .collect();
        assert!(all.len() > 20, "they differ as real ones do");
    }
}
