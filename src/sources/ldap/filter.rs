//! Filters (RFC 4515): which entries a search finds.
//!
//! Every value from outside is escaped here, and nowhere else.

use bytes::BytesMut;
use ldap3::asn1::{ASNTag, write};

use super::dn;

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
    pub(super) fn filters(&self, name: &str, base: &str) -> Vec<Vec<u8>> {
        let texts = match self {
            Self::Attribute(attribute) => vec![equal(attribute, name)],
            Self::Names => names(name, base),
            Self::Accounts => names(account_of(name), base),
            Self::Template(template) => vec![filled(template, name)],
        };
        texts.iter().filter_map(|text| encode(text)).collect()
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
fn names(name: &str, base: &str) -> Vec<String> {
    let user = |matched| format!("(&(objectCategory=person)(objectClass=user){matched})");
    let account = account_of(name);
    let by_account = user(equal("sAMAccountName", account));
    match name.rsplit_once('@') {
        None => vec![by_account],
        Some((_, domain)) => {
            let mut filters = vec![user(equal("userPrincipalName", name))];
            if domain.eq_ignore_ascii_case(&dn::domain(base)) {
                filters.push(by_account);
            }
            filters
        }
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

/// Groups that an entry is a member of, directly or not (Active Directory).
pub(super) fn groups_in_chain(member: &str) -> Option<Vec<u8>> {
    let member = ldap3::ldap_escape(member);
    encode(&format!(
        "(&(objectClass=group)(member:{IN_CHAIN}:={member}))"
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

/// The matching rule that follows members of members.
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";
/// LIMIT: of a filter in the settings; its reader goes down one level a bracket.
const TEMPLATE_OCTETS_MAX: usize = 512;
/// LIMIT: of the name of an attribute.
const ATTRIBUTE_OCTETS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

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
        let encoded = by.filters(typed, "").remove(0);
        let found = |part: &[u8]| encoded.windows(part.len()).any(|window| window == part);
        assert!(found(typed.as_bytes()));
    }

    #[test]
    fn what_looks_like_a_place_in_a_name_is_not_filled() {
        assert_eq!(filled("(uid={user})", "{account}"), "(uid={account})");
        assert_eq!(filled("(uid={user}{x})", "a"), "(uid=a{x})");
    }

    #[test]
    fn an_account_is_looked_for_only_in_its_own_domain() {
        let base = "DC=corp,DC=contoso,DC=example";
        assert_eq!(names("alice@CORP.contoso.example", base).len(), 2);
        assert_eq!(names("alice@contoso.example", base).len(), 1);
        for bare in ["alice", r"CORP\alice"] {
            let [by_account] = &*names(bare, base) else {
                panic!("{bare}")
            };
            assert!(
                by_account.contains("(sAMAccountName=alice)"),
                "{by_account}"
            );
        }
    }

    #[test]
    fn who_is_bound_by_account_is_looked_for_by_account() {
        let base = "DC=corp,DC=contoso,DC=example";
        let by_account = UserFilter::Names.filters("alice", base);
        for name in ["alice", r"CORP\alice", "alice@corp.contoso.example"] {
            assert_eq!(UserFilter::Accounts.filters(name, base), by_account);
        }
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
