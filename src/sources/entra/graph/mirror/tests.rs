//! What is known of users after changes as Graph words them.

use serde_json::{Value, json};

use super::*;
use crate::sources::roster::{GroupName, GroupTable};

const ANN: u32 = 1;
const BOB: u32 = 2;
const VPN: u32 = 11;
const STAFF: u32 = 12;

fn id(number: u32) -> String {
    format!("7d2c4f1e-9a53-4b8e-8f06-{number:012x}")
}

fn user(number: u32, name: &str) -> Value {
    json!({"id": id(number), "userPrincipalName": name, "accountEnabled": true})
}

fn group(number: u32, name: &str, members: &[u32]) -> Value {
    let members = members.iter().map(|number| json!({"id": id(*number)}));
    let members: Vec<_> = members.collect();
    json!({
        "id": id(number),
        "displayName": name,
        "securityEnabled": true,
        "members@delta": members,
    })
}

/// A tenant that has told of these.
fn mirror(users: &[Value], groups: &[Value]) -> Mirror {
    let mut mirror = Mirror::default();
    for change in users {
        told_user(&mut mirror, change).unwrap();
    }
    for change in groups {
        told_group(&mut mirror, change).unwrap();
    }
    mirror
}

fn told_user(mirror: &mut Mirror, change: &Value) -> Result<(), LookupError> {
    mirror.take_user(serde_json::from_value(change.clone()).unwrap())
}

fn told_group(mirror: &mut Mirror, change: &Value) -> Result<(), LookupError> {
    mirror.take_group(serde_json::from_value(change.clone()).unwrap())
}

fn listed(mirror: &Mirror, name: &str) -> Option<Listed> {
    let groups = &mut GroupTable::default();
    mirror.listed(&[name.to_owned()], groups).pop().unwrap()
}

fn groups(mirror: &Mirror, name: &str) -> Vec<String> {
    match listed(mirror, name) {
        Some(Listed::There(Listing {
            groups: Some(groups),
            ..
        })) => groups.iter().map(|it| it.name.clone()).collect(),
        other => panic!("{other:?}"),
    }
}

fn is_off(mirror: &Mirror, name: &str) -> bool {
    match listed(mirror, name) {
        Some(Listed::There(listing)) => listing.disabled,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_user_is_found_by_its_name_in_any_case_as_it_was_last_told() {
    let mut mirror = mirror(&[user(ANN, "Ann@contoso.example")], &[]);
    assert!(!is_off(&mirror, "ANN@Contoso.example"));
    assert_eq!(listed(&mirror, "bob@contoso.example"), None);
    told_user(
        &mut mirror,
        &json!({"id": id(ANN), "accountEnabled": false}),
    )
    .unwrap();
    assert!(is_off(&mirror, "ann@contoso.example"));
    let renamed = json!({"id": id(ANN), "userPrincipalName": "anna@contoso.example"});
    told_user(&mut mirror, &renamed).unwrap();
    assert!(is_off(&mirror, "anna@contoso.example"));
    assert_eq!(listed(&mirror, "ann@contoso.example"), None);
    let removed = json!({"id": id(ANN), "@removed": {"reason": "changed"}});
    told_user(&mut mirror, &removed).unwrap();
    assert_eq!(listed(&mirror, "anna@contoso.example"), None);
}

#[test]
fn two_users_of_one_name_are_not_told_apart() {
    let users = [user(ANN, "ann@a.example"), user(BOB, "ANN@a.example")];
    let mirror = mirror(&users, &[]);
    assert_eq!(listed(&mirror, "ann@a.example"), Some(Listed::Unread));
}

#[test]
fn what_graph_hides_is_an_error_and_changes_nothing() {
    let mut mirror = mirror(&[user(ANN, "ann@a.example")], &[group(VPN, "VPN", &[ANN])]);
    for hidden in [
        json!({"id": id(ANN), "userPrincipalName": null, "accountEnabled": true}),
        json!({"id": id(ANN), "userPrincipalName": "ann@a.example", "accountEnabled": null}),
        json!({"id": id(ANN), "userPrincipalName": ""}),
        json!({"id": id(BOB), "accountEnabled": true}),
        json!({"id": id(BOB)}),
    ] {
        let told = told_user(&mut mirror, &hidden);
        assert_eq!(told, Err(LookupError::Hidden), "{hidden}");
    }
    for hidden in [
        json!({"id": id(VPN), "displayName": null}),
        json!({"id": id(VPN), "displayName": ""}),
        json!({"id": id(VPN), "securityEnabled": null}),
        json!({"id": id(STAFF), "displayName": "Staff"}),
        json!({"id": id(STAFF), "securityEnabled": true}),
    ] {
        let told = told_group(&mut mirror, &hidden);
        assert_eq!(told, Err(LookupError::Hidden), "{hidden}");
    }
    assert_eq!(groups(&mirror, "ann@a.example"), ["VPN"]);
    assert_eq!(listed(&mirror, ""), None);
}

#[test]
fn a_group_within_groups_brings_its_members_and_a_cycle_ends() {
    let all = [
        group(VPN, "VPN", &[STAFF]),
        group(STAFF, "Staff", &[ANN, VPN]),
    ];
    let mut mirror = mirror(&[user(ANN, "ann@a.example")], &all);
    assert_eq!(groups(&mirror, "ann@a.example"), ["Staff", "VPN"]);
    let left = json!({
        "id": id(VPN),
        "members@delta": [{"id": id(STAFF), "@removed": {"reason": "deleted"}}],
    });
    told_group(&mut mirror, &left).unwrap();
    assert_eq!(groups(&mirror, "ann@a.example"), ["Staff"]);
}

#[test]
fn members_that_come_on_several_pages_are_all_in_it() {
    let all = [group(VPN, "VPN", &[ANN]), group(VPN, "VPN", &[BOB])];
    let users = [user(ANN, "ann@a.example"), user(BOB, "bob@a.example")];
    let mirror = mirror(&users, &all);
    for name in ["ann@a.example", "bob@a.example"] {
        assert_eq!(groups(&mirror, name), ["VPN"]);
    }
}

#[test]
fn a_group_that_comes_back_has_the_members_that_are_told_then() {
    let users = [user(ANN, "ann@a.example"), user(BOB, "bob@a.example")];
    let mut mirror = mirror(&users, &[group(VPN, "VPN", &[ANN])]);
    let removed = json!({"id": id(VPN), "@removed": {"reason": "changed"}});
    told_group(&mut mirror, &removed).unwrap();
    assert_eq!(mirror.memberships, 0);
    told_group(&mut mirror, &group(VPN, "VPN", &[BOB])).unwrap();
    assert!(groups(&mirror, "ann@a.example").is_empty());
    assert_eq!(groups(&mirror, "bob@a.example"), ["VPN"]);
}

#[test]
fn a_team_is_known_by_its_id_alone_and_a_device_is_in_no_group() {
    let mut team = group(VPN, "VPN", &[ANN]);
    team["securityEnabled"] = false.into();
    let mut odd = group(STAFF, "Staff", &[]);
    odd["members@delta"] = json!([{"id": id(BOB), "@odata.type": "#microsoft.graph.device"}]);
    let mirror = mirror(&[user(ANN, "ann@a.example")], &[team, odd]);
    let expected = GroupName {
        name: String::new(),
        id: id(VPN),
    };
    let Some(Listed::There(listing)) = listed(&mirror, "ann@a.example") else {
        panic!("not there")
    };
    assert_eq!(listing.groups, Some(vec![expected.into()]));
    assert_eq!(mirror.memberships, 1);
}

#[test]
fn who_is_in_more_groups_than_are_kept_has_none_told() {
    let many: Vec<_> = (100..1200)
        .map(|number| group(number, "many", &[ANN]))
        .collect();
    let mirror = mirror(&[user(ANN, "ann@a.example")], &many);
    let expected = Listing {
        disabled: false,
        groups: None,
    };
    let found = listed(&mirror, "ann@a.example");
    assert_eq!(found, Some(Listed::There(expected)));
}

#[test]
fn what_is_no_id_is_not_taken() {
    for odd in ["", "7", "../x", "7d2c4f1e-9a53-4b8e-8f06-00000000000g"] {
        let told = told_user(&mut Mirror::default(), &json!({"id": odd}));
        assert_eq!(told, Err(LookupError::Unreadable), "{odd}");
    }
    assert_eq!(shown(number(&id(ANN)).unwrap()), id(ANN));
}

#[test]
fn a_tenant_has_no_more_objects_than_there_is_room_for() {
    let mut mirror = Mirror::default();
    for number in 0..OBJECTS_MAX {
        let number = u32::try_from(number).unwrap();
        mirror.places.insert(u128::from(number), number);
    }
    let told = told_user(&mut mirror, &user(ANN, "ann@a.example"));
    assert_eq!(told, Err(LookupError::TooMany));
    mirror.places.clear();
    mirror.memberships = MEMBERSHIPS_MAX;
    let told = told_group(&mut mirror, &group(VPN, "VPN", &[ANN]));
    assert_eq!(told, Err(LookupError::TooMany));
}
