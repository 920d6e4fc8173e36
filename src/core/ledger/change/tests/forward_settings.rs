//! Old servers of the settings.

use super::*;
use crate::base::limits::{
    FORWARD_ATTRIBUTES_MAX, FORWARD_SERVERS_MAX, FORWARD_TRIES_MAX, FORWARDS_MAX,
};

/// As long as a secret of so many octets is sealed.
pub(super) fn sealed(octets: usize) -> Vec<u8> {
    [vec![1], vec![7; 4 + 24 + octets + 16]].concat()
}

fn allowed(kind: u32, vendor: u32, vendor_kind: u32) -> AllowedAttribute {
    AllowedAttribute {
        kind,
        vendor,
        vendor_kind,
    }
}

fn forward(name: &str) -> Forward {
    Forward {
        name: name.into(),
        servers: vec!["198.51.100.7".into()],
        secret: sealed(16),
        attributes: vec![allowed(25, 0, 0), allowed(26, 12356, 1)],
        ..Forward::default()
    }
}

fn put(forwards: Vec<Forward>) -> Kind {
    Kind::PutSettings(PutSettings {
        settings: Some(Settings {
            forwards,
            ..Settings::default()
        }),
        expected_revision: 1,
        confirm_within: 0,
    })
}

/// Why a forward that is changed so is none.
fn refused(change: impl FnOnce(&mut Forward)) -> String {
    let mut odd = forward("old");
    change(&mut odd);
    let outcome = World::founded().change(put(vec![odd]));
    assert_eq!(outcome.refusal(), Refusal::Invalid, "{outcome:?}");
    outcome.detail
}

fn taken(change: impl FnOnce(&mut Forward)) {
    let mut good = forward("old");
    change(&mut good);
    World::founded().done(put(vec![good]));
}

#[test]
fn each_forward_has_a_name_of_its_own() {
    let both = put(vec![forward("old"), forward("Old")]);
    assert_eq!(World::founded().refused(both), Refusal::Invalid);
    for name in ["", "old server", "a/b", &"x".repeat(129)] {
        let why = refused(|it| it.name = name.into());
        assert!(why.contains("no name"), "{why}");
    }
    let names: Vec<_> = (0..=FORWARDS_MAX).map(|it| format!("old{it}")).collect();
    let many = |count| put(names.iter().take(count).map(|it| forward(it)).collect());
    World::founded().done(many(FORWARDS_MAX));
    assert_eq!(
        World::founded().refused(many(FORWARDS_MAX + 1)),
        Refusal::Invalid
    );
}

#[test]
fn a_server_is_a_host_with_or_without_a_port() {
    for odd in [
        "",
        "radius://old",
        "198.51.100.7:0",
        "198.51.100.7:99999",
        "198.51.100.7:+80",
        "old:",
        "a b",
        "user@old",
        "2001:db8::7",
        "old/x",
    ] {
        let why = refused(|it| it.servers = vec![odd.into()]);
        assert!(why.contains("is not host[:port]"), "{why}");
    }
    taken(|it| {
        it.servers = ["old", "198.51.100.7:1645", "[2001:db8::7]", "[::1]:1812"]
            .map(String::from)
            .to_vec();
    });
    refused(|it| it.servers.clear());
    refused(|it| it.servers.push("198.51.100.7".into()));
    let names = (0..=FORWARD_SERVERS_MAX).map(|it| format!("old{it}"));
    refused(|it| it.servers = names.collect());
}

#[test]
fn a_secret_is_there_and_long_enough() {
    for octets in [0, 1, 15, 129] {
        let why = refused(|it| it.secret = sealed(octets));
        assert!(why.contains("16 to 128 octets"), "{why}");
    }
    refused(|it| it.secret.clear());
    refused(|it| it.secret = b"a secret that nobody has sealed".to_vec());
    taken(|it| it.secret = sealed(128));
}

#[test]
fn times_and_tries_have_bounds() {
    refused(|it| it.timeout = 99);
    taken(|it| it.timeout = 30_000);
    refused(|it| it.timeout = 30_001);
    refused(|it| it.tries = FORWARD_TRIES_MAX + 1);
    taken(|it| it.tries = FORWARD_TRIES_MAX);
}

#[test]
fn only_what_an_accept_may_carry_from_elsewhere_is_allowed() {
    // User-Password, State, Proxy-State, Tunnel-Password, EAP-Message,
    // Message-Authenticator, Error-Cause, MS-MPPE-Send-Key.
    let standard = [2, 24, 33, 69, 79, 80, 101].map(|kind| allowed(kind, 0, 0));
    for odd in standard.into_iter().chain([
        allowed(26, 311, 16),
        allowed(26, 0, 1),
        allowed(0, 0, 0),
        allowed(256, 0, 0),
        allowed(25, 9, 1),
    ]) {
        refused(|it| it.attributes.push(odd));
    }
    refused(|it| it.attributes.push(allowed(25, 0, 0)));
    let vendors = |count: usize| {
        let kinds = 1..=u32::try_from(count).expect("few");
        kinds.map(|kind| allowed(26, 9, kind)).collect::<Vec<_>>()
    };
    taken(|it| it.attributes = vendors(FORWARD_ATTRIBUTES_MAX));
    refused(|it| it.attributes = vendors(FORWARD_ATTRIBUTES_MAX + 1));
}

#[test]
fn the_audit_tells_of_a_forward_without_its_secret() {
    let mut world = World::founded();
    world.done(put(vec![forward("old")]));
    let audit = world.last_audit().after;
    for told in [
        "forward.\"old\".servers=\"198.51.100.7",
        "forward.\"old\".secret=sealed:",
        "26.12356.1",
    ] {
        assert!(audit.contains(told), "{told} not in {audit}");
    }
}
