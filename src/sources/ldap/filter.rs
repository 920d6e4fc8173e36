//! Filters (RFC 4515): which entries a search finds.
//!
//! Every value from outside is escaped here, and nowhere else.

use bytes::BytesMut;
use ldap3::asn1::{ASNTag, write};

use super::domains::Domains;

/// How an entry is found by the directory name of its user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum UserFilter {
    /// By one attribute that holds it.
    Attribute(String),
    /// By what Active Directory takes for it at a bind.
    Names,
    /// By the account in Active Directory, whatever domain stands beside it.
    Accounts,
    /// By a filter with `{user}` or `{account}` in it.
    Template(String),
}

impl UserFilter {
    /// One filter after the other, until one finds something.
    pub(super) fn filters(&self, name: &str, domains: &Domains) -> Vec<Vec<u8>> {
        let keys = self.keys(name, domains).into_iter();
        let equal = keys.map(|(attribute, value)| equal(attribute, value));
        let texts: Vec<_> = match self {
            Self::Attribute(_) => equal.collect(),
            Self::Names | Self::Accounts => equal
                .map(|key| format!("(&(objectCategory=person)(objectClass=user){key})"))
                .collect(),
            Self::Template(template) => vec![filled(template, name)],
        };
        texts.iter().filter_map(|text| encode(text)).collect()
    }

    /// By which attribute and value users are found, one after the other, alone and in a list;
    /// a template has none.
    pub(super) fn keys<'a>(&'a self, name: &'a str, domains: &Domains) -> Vec<(&'a str, &'a str)> {
        match self {
            Self::Attribute(attribute) => vec![(attribute.as_str(), name)],
            Self::Names => names(name, domains),
            Self::Accounts => vec![(ACCOUNT, account_of(name))],
            Self::Template(_) => Vec::new(),
        }
    }

    /// The attributes of all keys, in their order.
    pub(super) fn attributes(&self) -> Vec<&str> {
        match self {
            Self::Attribute(attribute) => vec![attribute.as_str()],
            Self::Names => vec![PRINCIPAL, ACCOUNT],
            Self::Accounts => vec![ACCOUNT],
            Self::Template(_) => Vec::new(),
        }
    }

    /// Whether it is looked for without the domain beside it.
    pub(super) fn cuts(&self) -> bool {
        match self {
            Self::Attribute(_) | Self::Names => false,
            Self::Accounts => true,
            Self::Template(template) => template.contains("{account}"),
        }
    }

    /// Whether it leaves out users of the directory whom a bind takes.
    pub(super) const fn leaves_out(&self) -> bool {
        matches!(self, Self::Attribute(_) | Self::Template(_))
    }

    /// Whether it can be used: it is a filter, and the user's name is in it.
    pub(super) fn is_sane(&self) -> bool {
        match self {
            Self::Names | Self::Accounts => true,
            Self::Attribute(attribute) => is_attribute(attribute),
            Self::Template(template) => {
                let named = template.contains("{user}") || template.contains("{account}");
                let short = template.len() <= TEMPLATE_OCTETS_MAX;
                named && short && encode(&filled(template, "alice")).is_some()
            }
        }
    }
}

/// A user of Active Directory by its principal name. One of the domain itself has an
/// implicit one, whatever its attribute says; `DOMAIN\user` and a bare name are accounts.
/// Of another domain that the source is for it has none: whoever bound by such a name, and is
/// not found by it, is not the account that is called like its first half.
fn names<'a>(name: &'a str, domains: &Domains) -> Vec<(&'static str, &'a str)> {
    let by_account = (ACCOUNT, account_of(name));
    match name.rsplit_once('@') {
        None => vec![by_account],
        Some((_, domain)) if domains.is_of_base(domain) => vec![(PRINCIPAL, name), by_account],
        Some(_) => vec![(PRINCIPAL, name)],
    }
}

/// The name without its domain.
pub(super) fn account_of(name: &str) -> &str {
    let name = name.split_once('\\').map_or(name, |(_, account)| account);
    name.rsplit_once('@').map_or(name, |(account, _)| account)
}

/// Groups that these entries are direct members of, in the ways of OpenLDAP.
pub(super) fn groups_of(members: &[&str], account: Option<&str>) -> Option<Vec<u8>> {
    let mut any: String = members
        .iter()
        .map(|dn| equal("member", dn) + &equal("uniqueMember", dn))
        .collect();
    if let Some(account) = account {
        any.push_str(&equal("memberUid", account));
    }
    encode(&format!("(|{any})"))
}

/// Groups that an entry is a member of, directly or not (Active Directory). A list for mail
/// gives no rights, and often everyone may join it.
pub(super) fn groups_in_chain(member: &str) -> Option<Vec<u8>> {
    let member = ldap3::ldap_escape(member);
    encode(&format!(
        "(&(objectClass=group)(groupType:{BIT_AND}:={SECURITY})(member:{IN_CHAIN}:={member}))"
    ))
}

/// The entries with these security identifiers.
pub(super) fn by_sids(sids: &[&[u8]]) -> Option<Vec<u8>> {
    let any: String = sids
        .iter()
        .map(|sid| equal_octets("objectSid", sid))
        .collect();
    encode(&format!("(|{any})"))
}

/// All people of Active Directory that log in.
pub(super) fn people() -> Option<Vec<u8>> {
    encode("(&(objectCategory=person)(objectClass=user))")
}

/// Entries that have an attribute, whatever its value.
pub(super) fn having(attribute: &str) -> Option<Vec<u8>> {
    encode(&format!("({attribute}=*)"))
}

/// Groups in the ways of OpenLDAP: whatever has members.
pub(super) fn with_members() -> Option<Vec<u8>> {
    encode("(|(member=*)(uniqueMember=*)(memberUid=*))")
}

/// Entries of a class.
pub(super) fn of_class(class: &str) -> Option<Vec<u8>> {
    encode(&equal("objectClass", class))
}

/// Any entry.
pub(super) fn anything() -> Option<Vec<u8>> {
    encode("(objectClass=*)")
}

fn equal(attribute: &str, value: &str) -> String {
    format!("({attribute}={})", ldap3::ldap_escape(value))
}

fn equal_octets(attribute: &str, value: &[u8]) -> String {
    let value: String = value.iter().map(|octet| format!("\\{octet:02x}")).collect();
    format!("({attribute}={value})")
}

/// One pass: what a name brings in is not filled again.
fn filled(template: &str, name: &str) -> String {
    let (user, account) = (
        ldap3::ldap_escape(name),
        ldap3::ldap_escape(account_of(name)),
    );
    let mut text = String::with_capacity(template.len().saturating_add(user.len()));
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let (value, length) = match from {
            _ if from.starts_with("{user}") => (&*user, "{user}".len()),
            _ if from.starts_with("{account}") => (&*account, "{account}".len()),
            _ => ("{", 1),
        };
        text.push_str(value);
        rest = from.get(length..).unwrap_or_default();
    }
    text + rest
}

fn encode(text: &str) -> Option<Vec<u8>> {
    let parsed = ldap3::parse_filter(text).ok()?;
    let mut octets = BytesMut::new();
    write::encode_into(&mut octets, parsed.into_structure()).ok()?;
    Some(octets.into())
}

fn is_attribute(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= ATTRIBUTE_OCTETS_MAX
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

const ACCOUNT: &str = "sAMAccountName";
const PRINCIPAL: &str = "userPrincipalName";
/// The matching rule that wants all bits of a number.
const BIT_AND: &str = "1.2.840.113556.1.4.803";
/// The bit of `groupType` that groups have which give rights.
pub(super) const SECURITY: i64 = 0x8000_0000;
/// The matching rule that follows members of members.
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";
/// LIMIT: of a filter in the settings; its reader goes down one level a bracket.
const TEMPLATE_OCTETS_MAX: usize = 512;
/// LIMIT: of the name of an attribute.
const ATTRIBUTE_OCTETS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::ldap::settings::Kind;

    #[test]
    fn a_name_cannot_leave_its_place_in_a_filter() {
        let by = UserFilter::Template("(&(uid={user})(mail={account}@x))".to_owned());
        let typed = "a*)(uid=*\\\0@b";
        let UserFilter::Template(template) = &by else {
            unreachable!()
        };
        let text = filled(template, typed);
        assert_eq!(text, r"(&(uid=a\2a\29\28uid=\2a\5c\00@b)(mail=\00@x))");
        // Read back, the value is the octets of the name and nothing of the filter's.
        let encoded = by.filters(typed, &domains()).remove(0);
        let found = |part: &[u8]| encoded.windows(part.len()).any(|window| window == part);
        assert!(found(typed.as_bytes()));
    }

    #[test]
    fn what_looks_like_a_place_in_a_name_is_not_filled() {
        assert_eq!(filled("(uid={user})", "{account}"), "(uid={account})");
        assert_eq!(filled("(uid={user}{x})", "a"), "(uid=a{x})");
    }

    fn domains() -> Domains {
        let base = "DC=corp,DC=contoso,DC=example";
        let routed = ["contoso.example".to_owned()];
        Domains::new(Kind::ActiveDirectory, base, "", &routed, false)
    }

    #[test]
    fn an_account_is_looked_for_only_in_its_own_domain() {
        for (name, by_principal, by_account) in [
            ("alice@CORP.contoso.example", true, true),
            ("alice@contoso.example", true, false),
            ("alice@other.example", true, false),
            ("alice", false, true),
            (r"CORP\alice", false, true),
        ] {
            let principal = by_principal.then_some(("userPrincipalName", name));
            let account = by_account.then_some(("sAMAccountName", "alice"));
            let expected: Vec<_> = principal.into_iter().chain(account).collect();
            assert_eq!(UserFilter::Names.keys(name, &domains()), expected);
        }
    }

    #[test]
    fn who_is_bound_by_account_is_looked_for_by_account() {
        let by_account = UserFilter::Names.filters("alice", &domains());
        for name in ["alice", r"CORP\alice", "alice@corp.contoso.example"] {
            assert_eq!(UserFilter::Accounts.filters(name, &domains()), by_account);
        }
    }

    #[test]
    fn every_key_is_by_one_of_the_attributes() {
        let mail = UserFilter::Attribute("mail".to_owned());
        for users in [UserFilter::Names, UserFilter::Accounts, mail] {
            let keys = users.keys("alice@corp.contoso.example", &domains());
            let of_keys: Vec<_> = keys.iter().map(|(attribute, _)| *attribute).collect();
            assert_eq!(of_keys, users.attributes());
        }
    }

    #[test]
    fn of_groups_in_a_chain_those_alone_count_that_give_rights() {
        let encoded = groups_in_chain("CN=a").unwrap();
        let found = |part: &[u8]| encoded.windows(part.len()).any(|window| window == part);
        // By the rule, the attribute, and the value (RFC 4511 §4.5.1.7.7).
        assert!(found(
            b"\x81\x161.2.840.113556.1.4.803\x82\x09groupType\x83\x0a2147483648"
        ));
    }

    #[test]
    fn a_filter_without_the_name_or_with_a_bracket_too_many_is_refused() {
        let template = |text: &str| UserFilter::Template(text.to_owned()).is_sane();
        assert!(template("(&(objectClass=person)(uid={user}))"));
        assert!(!template("(objectClass=person)"));
        assert!(!template("(&(uid={user})"));
        assert!(!template("uid={user})"));
        assert!(!template(&format!("{}(uid={{user}})", "(!".repeat(300))));
        let attribute = |text: &str| UserFilter::Attribute(text.to_owned()).is_sane();
        assert!(attribute("uid"));
        assert!(!attribute("uid=*)(x"));
        assert!(!attribute(""));
    }

    #[test]
    fn octets_of_an_identifier_pass_unchanged() {
        let sid = [1, 5, 0, 0, 0, b'*', b'(', 0xff];
        let encoded = by_sids(&[&sid]).unwrap();
        assert!(encoded.windows(sid.len()).any(|window| window == sid));
    }
}
