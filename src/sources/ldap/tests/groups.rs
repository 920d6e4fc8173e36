//! Groups of groups, too many of them, and circles.

use std::collections::BTreeMap;

use super::fake::{entry, has, texts};
use super::*;
use crate::sources::account::Group;

/// A directory of groups: each entry with those that it is a direct member of. As OpenLDAP
/// it answers who has a member, and names nothing by itself.
async fn open_groups(member_of: BTreeMap<String, Vec<String>>) -> Fake {
    Fake::new(move |id, asked| {
        let Asked::Search { base, filter } = asked else {
            return in_order(id, asked);
        };
        let mut found: Vec<_> = if base != BASE {
            vec![base.clone()]
        } else if has(filter, b"member") {
            let asked_for = member_of.iter().filter(|(dn, _)| has_value(filter, dn));
            asked_for.flat_map(|(_, groups)| groups.clone()).collect()
        } else {
            vec![DN.to_owned()]
        };
        found.sort();
        found.dedup();
        let entries = found.iter().map(|dn| Reply::Octets(entry(id, dn, &[])));
        entries.chain([Reply::Octets(done(id, 0))]).collect()
    })
    .await
}

fn has_value(filter: &[u8], value: &str) -> bool {
    let length = u8::try_from(value.len()).unwrap();
    has(filter, &[&[4, length], value.as_bytes()].concat())
}

fn group(name: &str) -> String {
    format!("cn={name},ou=groups,{BASE}")
}

fn chain(length: usize) -> BTreeMap<String, Vec<String>> {
    let named = |at: usize| group(&format!("g{at}"));
    let links = (0..length).map(|at| (named(at), vec![named(at + 1)]));
    [(DN.to_owned(), vec![named(0)])]
        .into_iter()
        .chain(links)
        .collect()
}

async fn groups_of(fake: &Fake, settings: &LdapSettings) -> Result<Vec<String>, LookupError> {
    let account = source(&[fake], settings).account(NAME).await?;
    let groups = account.unwrap().groups.into_iter();
    Ok(groups.map(|group| group.name).collect())
}

#[tokio::test]
async fn groups_of_groups_are_found_step_by_step() {
    let fake = open_groups(chain(3)).await;
    let found = groups_of(&fake, &open_ldap(&[&fake])).await;
    assert_eq!(found.unwrap(), ["g0", "g1", "g2", "g3"]);
}

#[tokio::test]
async fn a_circle_of_groups_ends() {
    let circle = BTreeMap::from([
        (DN.to_owned(), vec![group("a")]),
        (group("a"), vec![group("b"), group("a")]),
        (group("b"), vec![group("c")]),
        (group("c"), vec![group("a"), DN.to_owned()]),
    ]);
    let fake = open_groups(circle).await;
    let found = groups_of(&fake, &open_ldap(&[&fake])).await.unwrap();
    assert!(found.starts_with(&["Alice".to_owned(), "a".to_owned()]) && found.len() == 4);
}

#[tokio::test]
async fn deeper_groups_than_are_followed_are_no_groups() {
    let fake = open_groups(chain(40)).await;
    let found = groups_of(&fake, &open_ldap(&[&fake])).await;
    assert_eq!(found, Err(LookupError::TooManyGroups));
}

#[tokio::test]
async fn more_groups_than_are_counted_are_no_groups() {
    let many = (0..1016).map(|at| group(&format!("g{at}"))).collect();
    let fake = open_groups(BTreeMap::from([(DN.to_owned(), many)])).await;
    let found = groups_of(&fake, &open_ldap(&[&fake])).await;
    assert_eq!(found, Err(LookupError::TooManyGroups));
}

#[tokio::test]
async fn openldap_lets_in_members_of_the_required_group_alone() {
    let fake = open_groups(chain(3)).await;
    for (required, found) in [
        ("CN=G3, OU=Groups, DC=corp, DC=contoso, DC=example", RIGHT),
        (
            "cn=g4,ou=groups,dc=corp,dc=contoso,dc=example",
            answer(SourceOutcome::Denied, Reason::AccountState, 0),
        ),
    ] {
        let settings = LdapSettings {
            required_group: required.to_owned(),
            ..open_ldap(&[&fake])
        };
        assert_eq!(ask(&source(&[&fake], &settings)).await, found, "{required}");
    }
}

/// An identifier that ends in a number.
fn sid(last: u8) -> Vec<u8> {
    vec![
        1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, b'*', b'(', b')', b'\\', last, 2, 0, 0,
    ]
}

/// One of another domain.
fn foreign_sid() -> Vec<u8> {
    [&sid(0)[..12], b"else", &[7, 2, 0, 0]].concat()
}

/// `Administrators`, which every server has.
const BUILT_IN: [u8; 16] = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
/// The primary group of the account: `sid(1)`.
const PRIMARY: &str = "513";

/// Active Directory: the account has `of_account` in its token, and group `n` has sid `n`.
async fn active_directory(of_account: Vec<Vec<u8>>) -> Fake {
    with_primary(of_account, Some(PRIMARY)).await
}

async fn with_primary(of_account: Vec<Vec<u8>>, primary: Option<&'static str>) -> Fake {
    Fake::new(move |id, asked| {
        let Asked::Search { base, filter } = asked else {
            return in_order(id, asked);
        };
        let found: Vec<Vec<u8>> = if base == DN {
            let mut told = vec![
                ("tokenGroups", of_account.clone()),
                ("objectSid", vec![sid(200)]),
            ];
            told.extend(primary.map(|number| ("primaryGroupID", texts(&[number]))));
            vec![entry(id, DN, &told)]
        } else if base == BASE && has(filter, b"objectSid") {
            let asked_for = (0..4).filter(|at| has(filter, &sid(*at)));
            asked_for
                .map(|at| {
                    entry(
                        id,
                        &group(&format!("g{at}")),
                        &[("objectSid", vec![sid(at)])],
                    )
                })
                .collect()
        } else if base == BASE && has(filter, b"1.2.840.113556.1.4.1941") {
            let of_primary = has(filter, b"cn=g1,");
            let name = if of_primary { "around" } else { "in chain" };
            vec![entry(id, &group(name), &[])]
        } else if base == BASE {
            vec![entry(id, DN, &[("userAccountControl", texts(&["512"]))])]
        } else {
            let at = base.as_bytes()["CN=g".len()] - b'0';
            vec![entry(id, base, &[("objectSid", vec![sid(at)])])]
        };
        let entries = found.into_iter().map(Reply::Octets);
        entries.chain([Reply::Octets(done(id, 0))]).collect()
    })
    .await
}

#[tokio::test]
async fn the_token_of_active_directory_names_all_groups() {
    let fake = active_directory(vec![sid(3), foreign_sid(), sid(0), BUILT_IN.to_vec()]).await;
    let account = source(&[&fake], &with_service(&[&fake]))
        .account(NAME)
        .await;
    let groups = ["g0", "g3"].map(|name| Group {
        name: name.to_owned(),
        id: group(name),
    });
    assert_eq!(account.unwrap().unwrap().groups, groups);
}

#[tokio::test]
async fn without_the_token_the_chain_is_followed() {
    let fake = active_directory(Vec::new()).await;
    let found = groups_of(&fake, &with_service(&[&fake])).await;
    // With the primary group, and those that it is in.
    assert_eq!(found.unwrap(), ["around", "g1", "in chain"]);
}

#[tokio::test]
async fn a_group_of_the_own_domain_that_is_hidden_is_not_left_out_in_silence() {
    let hidden = active_directory(vec![sid(3), sid(77), sid(0)]).await;
    // Primary groups: one that is not found, and one that may not be read.
    let primary = with_primary(Vec::new(), Some("580")).await;
    let unread = with_primary(Vec::new(), None).await;
    for fake in [hidden, primary, unread] {
        let found = groups_of(&fake, &with_service(&[&fake])).await;
        assert_eq!(found, Err(LookupError::Incomplete));
    }
}

#[tokio::test]
async fn a_token_of_more_groups_than_windows_has_is_no_groups() {
    let many = (0..1016_u32).map(|at| at.to_be_bytes().repeat(5)).collect();
    let fake = active_directory(many).await;
    let found = groups_of(&fake, &with_service(&[&fake])).await;
    assert_eq!(found, Err(LookupError::TooManyGroups));
}

#[tokio::test]
async fn active_directory_lets_in_members_of_the_required_group_alone() {
    let fake = active_directory(vec![sid(0), sid(2)]).await;
    let outside = answer(SourceOutcome::Denied, Reason::AccountState, 0);
    for (required, found) in [(group("g2"), RIGHT), (group("g1"), outside)] {
        for settings in [settings(&[&fake]), with_service(&[&fake])] {
            let settings = LdapSettings {
                required_group: required.replace("cn=", "CN="),
                ..settings
            };
            assert_eq!(ask(&source(&[&fake], &settings)).await, found, "{required}");
        }
    }
}
