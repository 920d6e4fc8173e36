//! Many users at one time: parts of a list, groups, and what is no whole list.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::fake::{entry, has, localhost, part, texts};
use super::*;
use crate::sources::{GroupName, Listed, Listing, Roster, RosterError};

/// Distinguished name and attributes.
type Record = (&'static str, Vec<(&'static str, Vec<Vec<u8>>)>);

const SID: &[u8] = &[1, 5, 0, 0, 1, 0, 0, 0];
const SECURITY: &str = "-2147483646";

fn sid(number: u32) -> Vec<Vec<u8>> {
    vec![[SID, &number.to_le_bytes()].concat()]
}

fn person(dn: &'static str, account: &str, more: &[(&'static str, &[&str])]) -> Record {
    let mut all = vec![
        ("sAMAccountName", texts(&[account])),
        ("objectSid", sid(1100)),
        ("primaryGroupID", texts(&["513"])),
    ];
    all.extend(more.iter().map(|(name, values)| (*name, texts(values))));
    (dn, all)
}

fn group(dn: &'static str, number: u32, kind: &str, within: &[&str]) -> Record {
    let all = vec![
        ("objectSid", sid(number)),
        ("groupType", texts(&[kind])),
        ("memberOf", texts(within)),
    ];
    (dn, all)
}

/// The primary group of every person.
fn domain_users() -> Record {
    group("CN=Domain Users,DC=corp", 513, SECURITY, &[])
}

const DOMAIN_USERS: (&str, &str) = ("Domain Users", "CN=Domain Users,DC=corp");

/// A directory that lists these, two in one part. `broken` says what becomes of a part.
async fn directory(
    people: Vec<Record>,
    groups: Vec<Record>,
    broken: impl Fn(usize, u32) -> Option<Vec<Reply>> + Send + Sync + 'static,
) -> Fake {
    let parts = AtomicUsize::new(0);
    Fake::new(move |id, asked| {
        let Asked::Paged { filter, cookie, .. } = asked else {
            return in_order(id, asked);
        };
        if let Some(replies) = broken(parts.fetch_add(1, Ordering::SeqCst), id) {
            return replies;
        }
        let of_groups = has(filter, b"group") || has(filter, b"memberUid");
        let all = if of_groups { &groups } else { &people };
        let from = cookie.first().map_or(0, |from| usize::from(*from));
        let shown = all.iter().skip(from).take(2);
        let mut replies: Vec<_> = shown
            .map(|(dn, attributes)| Reply::Octets(entry(id, dn, attributes)))
            .collect();
        let next = u8::try_from(from + 2).unwrap();
        let more = usize::from(next) < all.len();
        let cookie = if more { vec![next] } else { Vec::new() };
        replies.push(Reply::Octets(part(id, 0, &cookie)));
        replies
    })
    .await
}

fn whole(_: usize, _: u32) -> Option<Vec<Reply>> {
    None
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn there(disabled: bool, groups: &[(&str, &str)]) -> Listed {
    let groups = groups.iter().map(|(name, id)| GroupName {
        name: (*name).to_owned(),
        id: (*id).to_owned(),
    });
    let groups = groups.map(Arc::new);
    Listed::There(Listing {
        disabled,
        groups: Some(groups.collect()),
    })
}

/// The state is told, the groups are not.
fn without_groups(disabled: bool) -> Listed {
    let groups = None;
    Listed::There(Listing { disabled, groups })
}

fn of_corp() -> (Vec<Record>, Vec<Record>) {
    let enabled: &[&str] = &["512"];
    let people = vec![
        person(
            "CN=Alice,DC=corp",
            "alice",
            &[
                ("userPrincipalName", &["Alice@corp.contoso.example"]),
                ("userAccountControl", enabled),
                ("memberOf", &["cn=vpn,dc=corp", "CN=Mail,DC=corp"]),
            ],
        ),
        person("CN=Bob,DC=corp", "bob", &[("userAccountControl", &["514"])]),
        person(
            "CN=Carol,DC=corp",
            "carol",
            &[("accountExpires", &["1"]), ("userAccountControl", enabled)],
        ),
        person("CN=Twin1,DC=corp", "twin", &[]),
        person("CN=Twin2,DC=corp", "twin", &[]),
    ];
    let groups = vec![
        group("CN=VPN,DC=corp", 1200, SECURITY, &["CN=Staff,DC=corp"]),
        group("CN=Staff,DC=corp", 1201, SECURITY, &["CN=VPN,DC=corp"]),
        group("CN=Mail,DC=corp", 1202, "2", &[]),
        domain_users(),
    ];
    (people, groups)
}

#[tokio::test]
async fn states_and_groups_of_many_are_read_in_parts() {
    let (people, groups) = of_corp();
    let fake = directory(people, groups, whole).await;
    let source = source(&[&fake], &with_service(&[&fake]));
    let asked = names(&[
        "alice@corp.contoso.example",
        r"CORP\bob",
        "carol",
        "nobody@corp.contoso.example",
        "twin",
    ]);
    let listed = source.roster(&asked).await.unwrap();
    let alices = [
        ("Domain Users", "CN=Domain Users,DC=corp"),
        ("Staff", "CN=Staff,DC=corp"),
        ("VPN", "CN=VPN,DC=corp"),
    ];
    let expected = [
        there(false, &alices),
        there(true, &[DOMAIN_USERS]),
        there(true, &[DOMAIN_USERS]),
        Listed::Gone,
        Listed::Unread,
    ];
    assert_eq!(listed, expected);
    assert_eq!(source.roster(&[]).await, Ok(Vec::new()));
}

#[tokio::test]
async fn who_may_not_be_read_is_neither_enabled_nor_disabled() {
    let people = vec![
        person("CN=Alice,DC=corp", "alice", &[]),
        person("CN=Bob,DC=corp", "bob", &[("userAccountControl", &["514"])]),
    ];
    let fake = directory(people, vec![domain_users()], whole).await;
    let source = source(&[&fake], &with_service(&[&fake]));
    let listed = source.roster(&names(&["alice", "bob"])).await.unwrap();
    assert_eq!(listed, [Listed::Unread, there(true, &[DOMAIN_USERS])]);
}

#[tokio::test]
async fn who_may_not_be_read_is_not_told_of_by_name_either() {
    let fake = Fake::new(|id, asked| match asked {
        Asked::Search { filter, .. } if has(filter, b"alice") => vec![
            Reply::Octets(entry(id, DN, &[])),
            Reply::Octets(done(id, 0)),
        ],
        Asked::Paged { .. } => vec![Reply::Octets(part(id, 0, &[]))],
        Asked::Search { .. } | Asked::Bind { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await;
    let source = source(&[&fake], &with_service(&[&fake]));
    let listed = source.roster(&names(&["alice", "bob"])).await.unwrap();
    assert_eq!(listed, [Listed::Unread, Listed::Gone]);
}

#[tokio::test]
async fn who_is_not_in_the_list_is_asked_for_by_name_before_it_is_gone() {
    let fake = Fake::new(|id, asked| match asked {
        Asked::Paged { .. } => vec![Reply::Octets(part(id, 0, &[]))],
        Asked::Search { base, filter } if base == BASE && has(filter, b"hidden") => vec![
            Reply::Octets(entry(id, DN, &[("userAccountControl", texts(&["512"]))])),
            Reply::Octets(done(id, 0)),
        ],
        Asked::Search { .. } | Asked::Bind { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await;
    let source = source(&[&fake], &with_service(&[&fake]));
    let listed = source.roster(&names(&["hidden", "nobody"])).await.unwrap();
    assert_eq!(listed, [without_groups(false), Listed::Gone]);
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_none() {
    let answers: [(Vec<u8>, LookupError); 3] = [
        (vec![4], LookupError::Refused(4)),
        (vec![], LookupError::Incomplete),
        (vec![0], LookupError::Broken),
    ];
    for (how, expected) in answers {
        // The second part of the people, after both of the groups.
        let fail = how.clone();
        let broken = move |number, id| {
            let replies = match *fail {
                [4] => vec![Reply::Octets(part(id, 4, &[]))],
                // Done, without a word about parts.
                [] => vec![Reply::Octets(done(id, 0))],
                _ => vec![Reply::Close],
            };
            (number == 3).then_some(replies)
        };
        let (people, groups) = of_corp();
        let fake = directory(people, groups, broken).await;
        let source = source(&[&fake], &with_service(&[&fake]));
        let listed = source.roster(&names(&["alice@corp.contoso.example"])).await;
        assert_eq!(listed, Err(RosterError::Lookup(expected)), "{how:?}");
    }
}

#[tokio::test]
async fn groups_that_are_cut_are_not_told() {
    let range = "memberOf;range=0-1499";
    let (_, groups) = of_corp();
    let people = vec![person(
        "CN=Alice,DC=corp",
        "alice",
        &[
            (range, &["CN=VPN,DC=corp"]),
            ("userAccountControl", &["512"]),
        ],
    )];
    let fake = directory(people, groups, whole).await;
    let source = source(&[&fake], &with_service(&[&fake]));
    let listed = source.roster(&names(&["alice"])).await.unwrap();
    assert_eq!(listed, [without_groups(false)]);
}

#[tokio::test]
async fn groups_of_whom_one_is_hidden_are_not_told() {
    let enabled = ("userAccountControl", &["512"][..]);
    let within = |group| [("memberOf", group), enabled];
    let people = vec![
        person("CN=Alice,DC=corp", "alice", &within(&["CN=Hidden,DC=corp"])),
        person("CN=Bob,DC=corp", "bob", &within(&["CN=VPN,DC=corp"])),
        person("CN=Carol,DC=corp", "carol", &within(&["CN=All,DC=other"])),
        person("CN=Dave,DC=corp", "dave", &[enabled]),
    ];
    let groups = [
        // It is in one that is hidden.
        group("CN=VPN,DC=corp", 1200, SECURITY, &["CN=Hidden,DC=corp"]),
        domain_users(),
    ];
    let all = names(&["alice", "bob", "carol", "dave"]);
    let fake = directory(people.clone(), groups.to_vec(), whole).await;
    let listed = source(&[&fake], &with_service(&[&fake])).roster(&all).await;
    let known = there(false, &[DOMAIN_USERS]);
    let untold = without_groups(false);
    let expected = [untold.clone(), untold.clone(), known.clone(), known];
    assert_eq!(listed.unwrap(), expected);
    // Nobody's primary group is found.
    let fake = directory(people, groups[..1].to_vec(), whole).await;
    let listed = source(&[&fake], &with_service(&[&fake])).roster(&all).await;
    assert_eq!(listed.unwrap(), vec![untold; 4]);
}

#[tokio::test]
async fn a_name_of_another_domain_is_nobodys_here() {
    let people = vec![person(
        "CN=Alice,DC=corp",
        "alice",
        &[("userAccountControl", &["512"])],
    )];
    let fake = directory(people, vec![domain_users()], whole).await;
    let found = there(false, &[DOMAIN_USERS]);
    let upn = with_service(&[&fake]);
    let domain = LdapSettings {
        bind: LdapBind::Domain.into(),
        netbios_domain: "CORP".to_owned(),
        ..upn.clone()
    };
    let roster = async |settings, name: &str| {
        let source = source_for(&["contoso.example"], &[&fake], &settings);
        source.roster(&names(&[name])).await.unwrap().remove(0)
    };
    assert_eq!(roster(upn.clone(), r"CORP\alice").await, found);
    assert_eq!(roster(upn, r"OTHER\alice").await, Listed::Unread);
    assert_eq!(roster(domain.clone(), "alice@contoso.example").await, found);
    let foreign = roster(domain, "alice@other.example").await;
    assert_eq!(foreign, Listed::Unread);
    // Nor is it asked for by name.
    let asked = fake.asked().into_iter().map(|(_, asked)| asked);
    let by_name = asked.filter(|it| matches!(it, Asked::Search { .. }));
    assert_eq!(by_name.count(), 0);
}

/// A directory of OpenLDAP whose parts with groups are answered by `replies`.
async fn with_parts(replies: impl Fn(u32, &[u8]) -> Vec<Reply> + Send + Sync + 'static) -> Fake {
    Fake::with("ldap", &localhost(), move |id, asked| match asked {
        Asked::Paged { filter, size, .. } if has(filter, b"member") => replies(id, size),
        Asked::Bind { .. }
        | Asked::Search { .. }
        | Asked::Paged { .. }
        | Asked::StartTls
        | Asked::Other(_) => in_order(id, asked),
    })
    .await
}

#[tokio::test]
async fn groups_come_in_small_parts_where_all_their_members_do() {
    let fake = with_parts(|id, size| {
        assert_eq!(size, [32]);
        vec![Reply::Octets(part(id, 0, &[]))]
    })
    .await;
    let settings = LdapSettings {
        dangerous_clear_text: true,
        ..open_ldap(&[&fake])
    };
    let listed = source(&[&fake], &settings).roster(&names(&["alice"])).await;
    assert_eq!(listed, Ok(vec![Listed::Gone]));
}

#[tokio::test]
async fn a_part_that_is_too_large_is_told_so_and_not_held_against_the_server() {
    let large = with_parts(|id, _| {
        let member = "x".repeat(4 << 20);
        let group = entry(id, "cn=large,dc=corp", &[("member", texts(&[&member]))]);
        vec![Reply::Octets(group.repeat(5)), Reply::Hang]
    })
    .await;
    let other = Fake::with("ldap", &localhost(), in_order).await;
    let fakes = [&large, &other];
    let settings = LdapSettings {
        dangerous_clear_text: true,
        ..open_ldap(&fakes)
    };
    let source = source(&fakes, &settings);
    let listed = source.roster(&names(&["alice"])).await;
    assert_eq!(listed, Err(RosterError::Lookup(LookupError::TooMany)));
    // The next one asks it again, by a connection that nothing is left on.
    assert_eq!(source.account("alice").await, Ok(None));
    assert_eq!((large.connections(), other.connections()), (2, 0));
}

#[tokio::test]
async fn without_a_service_account_nobody_is_listed() {
    let fake = Fake::new(in_order).await;
    let source = source(&[&fake], &settings(&[&fake]));
    let listed = source.roster(&names(&["alice"])).await;
    let expected = Err(RosterError::Lookup(LookupError::NoService));
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn groups_of_openldap_are_those_that_name_the_user_or_that_it_names() {
    let people = vec![(
        "uid=alice,dc=corp",
        vec![
            ("uid", texts(&["alice"])),
            ("memberOf", texts(&["cn=dynamic,dc=corp"])),
        ],
    )];
    let members = |dn, attribute, value: &str| (dn, vec![(attribute, texts(&[value]))]);
    let groups = vec![
        members("cn=vpn,dc=corp", "member", "UID=alice, dc=corp"),
        members("cn=staff,dc=corp", "uniqueMember", "cn=vpn,dc=corp"),
        members("cn=unix,dc=corp", "memberUid", "Alice"),
        members("cn=other,dc=corp", "member", "uid=bob,dc=corp"),
    ];
    let fake = directory(people, groups, whole).await;
    let source = source(&[&fake], &open_ldap(&[&fake]));
    let listed = source.roster(&names(&["ALICE"])).await.unwrap();
    let expected = [
        ("dynamic", "cn=dynamic,dc=corp"),
        ("staff", "cn=staff,dc=corp"),
        ("unix", "cn=unix,dc=corp"),
        ("vpn", "cn=vpn,dc=corp"),
    ];
    assert_eq!(listed, [there(false, &expected)]);
}

#[tokio::test]
async fn where_a_filter_finds_users_each_is_asked_for_by_name() {
    let fake = Fake::new(|id, asked| match asked {
        Asked::Search { filter, .. } if has(filter, b"alice") => vec![
            Reply::Octets(entry(id, DN, &[("userAccountControl", texts(&["514"]))])),
            Reply::Octets(done(id, 0)),
        ],
        Asked::Paged { .. } => vec![Reply::Close],
        Asked::Search { .. } | Asked::Bind { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await;
    let settings = LdapSettings {
        user_filter: "(mail={user})".to_owned(),
        ..with_service(&[&fake])
    };
    let source = source(&[&fake], &settings);
    let listed = source.roster(&names(&["alice", "bob"])).await.unwrap();
    assert_eq!(listed, [without_groups(true), Listed::Gone]);
}
