//! Where things are at Graph, and which links may be followed.
//!
//! Must not know: tokens, answers.

use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::sources::entra::settings::is_guid;

/// The state of an account. `None`: no account can have this name.
pub(super) fn user(name: &str) -> Option<String> {
    let select = "$select=id,accountEnabled,userType";
    Some(format!("{ROOT}{}?{select}", user_segment(name)?))
}

/// The account of whoever comes first: to see whether Graph answers.
pub(in crate::sources::entra) fn anyone(graph: &Url) -> Option<Url> {
    follow(
        graph,
        &format!("{ROOT}users?$select=id,accountEnabled&$top=1"),
    )
}

/// All groups of the account with this object id, direct or not.
pub(super) fn groups(id: &str) -> String {
    // A cast of transitive memberships is an "advanced query", which has to count.
    let query = "$select=id,displayName,securityEnabled&$count=true&$top=999";
    format!("{ROOT}users/{id}/transitiveMemberOf/microsoft.graph.group?{query}")
}

/// The link, if it stays at Graph: a path of ours, or one that an answer names. The token
/// goes with the question, so a link to any other host would give it away.
pub(super) fn follow(graph: &Url, link: &str) -> Option<Url> {
    if link.len() > LINK_OCTETS_MAX {
        return None;
    }
    let url = graph.join(link).ok()?;
    let stays = url.origin() == graph.origin()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path().starts_with(ROOT)
        && url.fragment().is_none();
    stays.then_some(url)
}

/// `users/name`, percent-encoded, so that no octet of a name can become a part of the path.
///
/// Names that begin with `$` must stand in quotes, as OData has them, and an apostrophe is
/// doubled there. All others stand as they are, as most clients send them.
fn user_segment(name: &str) -> Option<String> {
    // `users/delta` and `users/$count` are functions: a name has a domain, or is an id.
    if name.len() > NAME_OCTETS_MAX || !(name.contains('@') || is_guid(name)) {
        return None;
    }
    // A slash in a name is a slash to some on the way, encoded or not.
    if name.chars().any(is_nowhere) {
        return None;
    }
    if name.starts_with('$') || name.contains('\'') {
        let quoted = name.replace('\'', "''");
        return Some(format!("users('{}')", encoded(&quoted)));
    }
    Some(format!("users/{}", encoded(name)))
}

/// As in a form, where only a blank is written in another way than in a path.
fn encoded(name: &str) -> String {
    byte_serialize(name.as_bytes()).collect()
}

/// In no name of a user (Entra: "special characters in user names").
fn is_nowhere(sign: char) -> bool {
    sign.is_control() || sign.is_whitespace() || "\"%()*,/:;<>?[\\]".contains(sign)
}

const ROOT: &str = "/v1.0/";
/// LIMIT: a UPN has 113 at most; names here, 256.
const NAME_OCTETS_MAX: usize = 256;
/// LIMIT: links with their tokens of Graph are below 2 KiB.
const LINK_OCTETS_MAX: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Url {
        Url::parse("https://graph.microsoft.com").expect("a URL")
    }

    fn path(name: &str) -> Option<String> {
        let url = follow(&graph(), &user(name)?)?;
        Some(url.path().to_owned())
    }

    #[test]
    fn names_stand_in_the_path_as_one_part_of_it() {
        for (name, expected) in [
            ("ann@contoso.example", "/v1.0/users/ann%40contoso.example"),
            (
                "bo_b.example#EXT#@contoso.example",
                "/v1.0/users/bo_b.example%23EXT%23%40contoso.example",
            ),
            (
                "o'hara@contoso.example",
                "/v1.0/users('o%27%27hara%40contoso.example')",
            ),
            (
                "$x@contoso.example",
                "/v1.0/users('%24x%40contoso.example')",
            ),
            (
                "\u{e4}+&=@a.example",
                "/v1.0/users/%C3%A4%2B%26%3D%40a.example",
            ),
            (
                "7d2c4f1e-9a53-4b8e-8f06-3c1b5e7a9d20",
                "/v1.0/users/7d2c4f1e-9a53-4b8e-8f06-3c1b5e7a9d20",
            ),
        ] {
            assert_eq!(path(name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn what_no_user_can_be_called_is_not_asked_for() {
        for name in [
            "",
            "ann",
            "delta",
            "$count",
            "a/../groups@b",
            "a%2f@b",
            "a?b@c",
            "a b@c",
            "a\u{0}@b",
            "a\\b@c",
            "x')/y@z",
            &format!("{}@b", "a".repeat(300)),
        ] {
            assert_eq!(user(name), None, "{name}");
        }
    }

    #[test]
    fn a_link_is_followed_only_to_where_the_token_belongs() {
        let good = "https://graph.microsoft.com/v1.0/users/delta?$skiptoken=a%20b";
        assert!(follow(&graph(), good).is_some());
        assert!(follow(&graph(), "https://graph.microsoft.com:443/v1.0/x").is_some());
        for bad in [
            "https://graph.microsoft.com.evil.example/v1.0/x",
            "https://evil.example/v1.0/x",
            "//evil.example/v1.0/x",
            "http://graph.microsoft.com/v1.0/x",
            "https://graph.microsoft.com:444/v1.0/x",
            "https://a:b@graph.microsoft.com/v1.0/x",
            "https://graph.microsoft.com@evil.example/v1.0/x",
            "https://graph.microsoft.com/beta/x",
            "/v1.0/../beta/x",
            "\\\\evil.example\\v1.0\\x",
            "data:,x",
            "",
        ] {
            assert_eq!(follow(&graph(), bad), None, "{bad}");
        }
        assert_eq!(
            follow(&graph(), &format!("/v1.0/{}", "a".repeat(9000))),
            None
        );
    }
}
