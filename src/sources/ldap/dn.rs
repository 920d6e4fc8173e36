//! Distinguished names (RFC 4514), as far as they must be understood: is it one, which
//! domain does it lie in, what is the thing called.
//!
//! Must not know: directories. No name of an entry is ever made from what a user typed.

/// A part of a name: attributes (in lower case) and their values; most have one.
type Part = Vec<(String, String)>;

/// Whether it is a name at all; the empty one is none here.
pub(super) fn is_dn(text: &str) -> bool {
    parts(text).is_some()
}

/// What the leaf is called: `VPN users` of `CN=VPN users,OU=…`.
pub(super) fn leaf(dn: &str) -> Option<String> {
    let leaf = parts(dn)?.into_iter().next()?;
    leaf.into_iter().next().map(|(_, value)| value)
}

/// `corp.example` of `…,DC=corp,DC=example`; empty: it lies in no domain.
pub(super) fn domain(dn: &str) -> String {
    labels(dn).collect::<Vec<_>>().join(".")
}

/// The name of that domain's own entry: `DC=corp,DC=example`; a name that lies in no domain
/// stays as it is.
pub(super) fn domain_root(dn: &str) -> String {
    let labels: Vec<_> = labels(dn)
        .map(|label| format!("DC={}", ldap3::dn_escape(label)))
        .collect();
    if labels.is_empty() {
        return dn.to_owned();
    }
    labels.join(",")
}

fn labels(dn: &str) -> impl Iterator<Item = String> {
    let all = parts(dn).unwrap_or_default().into_iter().flatten();
    let labels = all.filter(|(attribute, _)| attribute == "dc");
    labels.map(|(_, value)| value)
}

/// One spelling of a name, to compare by: directories tell neither cases apart, nor blanks
/// between parts. What is no name stays as it is, and is like no name.
pub(super) fn folded(dn: &str) -> String {
    let Some(parts) = parts(dn) else {
        return dn.to_owned();
    };
    let mut spelled = String::new();
    for mut part in parts {
        part.sort();
        for (attribute, value) in part {
            let value = value.to_lowercase().replace('\n', "\n\n");
            spelled.push_str(&format!("{attribute}={value}\n+"));
        }
        spelled.push_str("\n,");
    }
    spelled
}

/// The parts, the leaf first. `None`: it is no name.
fn parts(dn: &str) -> Option<Vec<Part>> {
    if dn.len() > DN_OCTETS_MAX || dn.contains('\0') {
        return None;
    }
    let part = |text| split(text, '+').into_iter().map(value).collect();
    split(dn, ',').into_iter().map(part).collect()
}

fn value(text: &str) -> Option<(String, String)> {
    let (attribute, value) = text.split_once('=')?;
    let attribute = attribute.trim();
    let is_type = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if attribute.is_empty() || !attribute.chars().all(is_type) {
        return None;
    }
    Some((attribute.to_ascii_lowercase(), unescape(value)?))
}

/// Splits where `at` is not escaped.
fn split(text: &str, at: char) -> Vec<&str> {
    let mut escaped = false;
    text.split(move |c| {
        let splits = c == at && !escaped;
        escaped = c == '\\' && !escaped;
        splits
    })
    .collect()
}

fn unescape(value: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(value.len());
    let mut rest = unescaped_trim(value).as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            octets.push(*first);
            continue;
        }
        if let [high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            octets.push((high << 4) | low);
            rest = after;
        } else {
            let (literal, after) = rest.split_first()?;
            octets.push(*literal);
            rest = after;
        }
    }
    String::from_utf8(octets).ok()
}

/// Of a hexadecimal digit and nothing else: to `from_str_radix`, `+D` is a number as well.
fn digit(octet: u8) -> Option<u8> {
    let digit = char::from(octet).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// Without blanks at the edges; an escaped one at the end stays.
fn unescaped_trim(value: &str) -> &str {
    let start = value.trim_start_matches(' ');
    let end = start.trim_end_matches(' ');
    if end.ends_with('\\') && end.len() < start.len() {
        return start.get(..=end.len()).unwrap_or(start);
    }
    end
}

/// LIMIT: longer than any name a directory gives.
const DN_OCTETS_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leaf_of_a_name_is_read_without_its_escapes() {
        for (dn, called) in [
            ("CN=VPN users,OU=Groups,DC=corp,DC=example", "VPN users"),
            (r"CN=Smith\, John,DC=corp", "Smith, John"),
            (r"CN=\D0\9E\D0\BB\D1\8F,DC=corp", "Оля"),
            (r"cn=back\\slash,DC=corp", r"back\slash"),
            (r"cn=blank\ ,DC=corp", "blank "),
            (r"CN=R\+D,DC=corp", "R+D"),
            (r"CN=R\+De,DC=corp", "R+De"),
            ("uid=a+cn=b,DC=corp", "a"),
        ] {
            assert_eq!(leaf(dn).as_deref(), Some(called), "{dn}");
        }
    }

    #[test]
    fn names_of_one_entry_are_folded_alike() {
        let same = |one, other| folded(one) == folded(other);
        assert!(same(
            "CN=VPN Users,OU=Groups,DC=corp",
            r"cn=vpn users, ou=groups,dc=cor\70"
        ));
        assert!(same("uid=a+cn=b,DC=corp", "CN=b+UID=a,DC=corp"));
        for (one, other) in [
            ("CN=VPN,DC=corp", "CN=VPN,DC=corp,DC=example"),
            ("CN=a,DC=corp", r"CN=a\,DC=corp"),
            ("uid=a+cn=b,DC=corp", "uid=a+cn=c,DC=corp"),
            ("uid=a+cn=b,DC=corp", "uid=a,cn=b,DC=corp"),
            (r"cn=a\0A+x=1", "cn=a+x=1"),
            ("no name", "neither"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn the_domain_of_a_name_is_that_of_its_components() {
        assert_eq!(domain("OU=Staff,DC=corp,DC=example"), "corp.example");
        assert_eq!(domain("o=contoso"), "");
        let root = domain_root("OU=Staff,dc=corp, DC=a\\,b");
        assert_eq!(root, r"DC=corp,DC=a\2cb");
        assert_eq!(domain_root("ou=people,o=contoso"), "ou=people,o=contoso");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "corp.example",
            "DC=corp,",
            "=x",
            "DC=\0",
            r"CN=x\",
            "C N=x",
        ] {
            assert!(!is_dn(text), "{text:?}");
        }
    }
}
