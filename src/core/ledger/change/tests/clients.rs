use super::*;

fn refused(world: &mut World, change: impl FnOnce(&mut Client)) -> Refusal {
    let mut odd = client(2, "odd", "198.51.100.128/25");
    change(&mut odd);
    world.refused(put_client(odd, 0))
}

#[test]
fn every_change_of_a_client_raises_the_clients_revision() {
    let mut world = World::founded();
    assert_eq!(
        world
            .done(put_client(client(1, "vpn", "198.51.100.1/32"), 0))
            .revision,
        1
    );
    assert_eq!(
        world
            .done(put_client(client(2, "gw", "198.51.100.2/32"), 0))
            .revision,
        2
    );
    assert_eq!(
        world
            .done(put_client(client(1, "vpn", "198.51.100.0/24"), 1))
            .revision,
        3
    );
    world.done(Kind::RemoveClient(RemoveClient {
        id: 1,
        expected_revision: 3,
    }));
    assert_eq!(world.head.clients_revision, 4);
    let again = world.done(put_client(client(1, "vpn", "198.51.100.1/32"), 0));
    assert_eq!(again.revision, 5, "no revision stands for two contents");
    assert_eq!(query::clients(&world.tables).expect("readable").len(), 2);
}

#[test]
fn names_of_clients_are_unique() {
    let mut world = World::founded();
    world.done(put_client(client(1, "vpn", "198.51.100.1/32"), 0));
    let twin = put_client(client(2, "VPN", "198.51.100.2/32"), 0);
    assert_eq!(world.refused(twin), Refusal::Exists);
    world.done(put_client(client(1, "Vpn", "198.51.100.1/32"), 1));
}

#[test]
fn equal_ranges_of_two_clients_are_refused_and_nested_ones_are_not() {
    let mut world = World::founded();
    world.done(put_client(client(1, "vpn", "2001:db8::/64"), 0));
    let twin = put_client(client(2, "gw", "2001:DB8:0::/64"), 0);
    assert_eq!(world.refused(twin), Refusal::Exists);
    world.done(put_client(client(2, "gw", "2001:db8::1/128"), 0));
}

#[test]
fn a_client_changes_only_from_the_expected_revision() {
    let mut world = World::founded();
    world.done(put_client(client(1, "vpn", "198.51.100.1/32"), 0));
    let same = || client(1, "vpn", "198.51.100.1/32");
    assert_eq!(world.refused(put_client(same(), 0)), Refusal::Exists);
    assert_eq!(world.refused(put_client(same(), 9)), Refusal::Revision);
    let unknown = put_client(client(7, "gw", "198.51.100.2/32"), 1);
    assert_eq!(world.refused(unknown), Refusal::NotFound);
}

#[test]
fn ranges_are_cidr_in_one_spelling() {
    let mut world = World::founded();
    for range in ["198.51.100.1", "198.51.100.1/24", "vpn.contoso.example", ""] {
        let refusal = refused(&mut world, |odd| odd.ranges = vec![range.into()]);
        assert_eq!(refusal, Refusal::Invalid, "{range}");
    }
    assert_eq!(
        refused(&mut world, |odd| odd.ranges.clear()),
        Refusal::Invalid
    );
    let twice = vec!["198.51.100.1/32".to_owned(); 2];
    assert_eq!(
        refused(&mut world, |odd| odd.ranges = twice),
        Refusal::Invalid
    );
}

#[test]
fn a_certificate_name_is_an_exact_dns_name_or_uri() {
    let mut world = World::founded();
    for name in [
        "*.contoso.example",
        "Fw1.contoso.example",
        "fw1.contoso.example.",
        "fw1 contoso",
        "198.51.100.7",
        "2001:db8::7",
        "urn:",
        "urn:device:*",
        "1urn:device",
        "urn:fw1 contoso",
        "",
        &"a".repeat(64),
    ] {
        let names = vec![name.to_owned()];
        let refusal = refused(&mut world, |odd| odd.certificate_names = names);
        assert_eq!(refusal, Refusal::Invalid, "{name}");
    }
    let twice = vec!["fw1.contoso.example".to_owned(); 2];
    let refusal = refused(&mut world, |odd| odd.certificate_names = twice);
    assert_eq!(refusal, Refusal::Invalid);
    let many = (0..17).map(|number| format!("fw{number}")).collect();
    let refusal = refused(&mut world, |odd| odd.certificate_names = many);
    assert_eq!(refusal, Refusal::Limit);
    let mut good = client(2, "fw1", "198.51.100.128/25");
    good.certificate_names = vec![
        "fw1.contoso.example".to_owned(),
        "urn:device:Fw1".to_owned(),
        "https://contoso.example/fw1".to_owned(),
    ];
    world.done(put_client(good, 0));
}

#[test]
fn a_client_may_be_known_by_its_certificate_alone() {
    let mut world = World::founded();
    let mut alone = client(1, "fw1", "198.51.100.1/32");
    alone.ranges.clear();
    alone.certificate_names = vec!["fw1.contoso.example".to_owned()];
    world.done(put_client(alone, 0));
    assert!(world.last_audit().after.contains("fw1.contoso.example"));
}

#[test]
fn certificate_names_of_clients_are_unique() {
    let mut world = World::founded();
    let named = |id, name, range| {
        let mut client = client(id, name, range);
        client.certificate_names = vec!["fw1.contoso.example".to_owned()];
        client
    };
    world.done(put_client(named(1, "fw1", "198.51.100.1/32"), 0));
    let twin = put_client(named(2, "fw2", "198.51.100.2/32"), 0);
    assert_eq!(world.refused(twin), Refusal::Exists);
    world.done(put_client(named(1, "fw1", "198.51.100.3/32"), 1));
}

#[test]
fn a_client_needs_a_secret_and_factors() {
    let mut world = World::founded();
    assert_eq!(
        refused(&mut world, |odd| odd.secrets.clear()),
        Refusal::Invalid
    );
    assert_eq!(
        refused(&mut world, |odd| odd.secrets = vec![vec![]]),
        Refusal::Invalid
    );
    assert_eq!(refused(&mut world, |odd| odd.factors = 0), Refusal::Invalid);
    assert_eq!(
        refused(&mut world, |odd| odd.factors = 99),
        Refusal::Invalid
    );
    assert_eq!(
        refused(&mut world, |odd| odd.burn_code = 99),
        Refusal::Invalid
    );
}

#[test]
fn the_devices_tries_end_while_the_attempt_is_kept() {
    let mut world = World::founded();
    assert_eq!(refused(&mut world, |odd| odd.timeout = 0), Refusal::Invalid);
    assert_eq!(refused(&mut world, |odd| odd.tries = 11), Refusal::Invalid);
    assert_eq!(
        refused(&mut world, |odd| odd.retry_grace = 120_001),
        Refusal::Invalid
    );
    let slow = |odd: &mut Client| (odd.timeout, odd.tries, odd.servers) = (30_000, 2, 2);
    assert_eq!(refused(&mut world, slow), Refusal::Invalid, "125 s");
}

#[test]
fn a_rotated_secret_and_a_ninth_range_are_in_the_audit() {
    let mut world = World::founded();
    let mut vpn = client(1, "vpn", "198.51.100.1/32");
    vpn.ranges = (1..=9).map(|n| format!("198.51.100.{n}/32")).collect();
    world.done(put_client(vpn.clone(), 0));
    vpn.secrets = vec![b"another sealed secret".to_vec()];
    let revision = world.done(put_client(vpn.clone(), 1)).revision;
    let rotated = world.last_audit();
    assert!(rotated.before.starts_with("name=\"vpn\" secrets=\"sealed:"));
    assert_ne!(rotated.before, rotated.after);
    vpn.ranges[8] = "198.51.100.99/32".into();
    world.done(put_client(vpn, revision));
    let moved = world.last_audit();
    assert_eq!(
        (&*moved.before, &*moved.after),
        (
            "name=\"vpn\" ranges(9)=\"9:198.51.100.9/32\"",
            "name=\"vpn\" ranges(9)=\"9:198.51.100.99/32\""
        )
    );
}

#[test]
fn no_secret_of_a_client_is_in_the_audit() {
    let mut world = World::founded();
    world.done(put_client(client(1, "vpn", "198.51.100.1/32"), 0));
    let audit = world.last_audit();
    assert_eq!(
        (&*audit.action, &*audit.subject),
        ("client.put", "client=1 name=\"vpn\"")
    );
    assert!(audit.after.contains("secrets=\"sealed:"), "{audit:?}");
    assert!(!audit.after.contains("sealed shared"), "{audit:?}");
}
