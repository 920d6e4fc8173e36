use super::*;

fn entra() -> EntraSettings {
    EntraSettings {
        authority: "https://login.contoso.example:8443".into(),
        tenant: "8f0c6a1e-0000-4000-8000-000000000001".into(),
        client_id: "8f0c6a1e-0000-4000-8000-000000000002".into(),
        client_type: EntraClientType::Public.into(),
        ..EntraSettings::default()
    }
}

fn put(settings: Settings, expected_revision: u64) -> Kind {
    Kind::PutSettings(PutSettings {
        settings: Some(settings),
        expected_revision,
    })
}

fn refused(change: impl FnOnce(&mut EntraSettings)) -> Refusal {
    let mut odd = entra();
    change(&mut odd);
    let settings = Settings {
        entra: Some(odd),
        ..Settings::default()
    };
    World::founded().refused(put(settings, 1))
}

#[test]
fn settings_are_replaced_as_a_whole_from_the_expected_revision() {
    let mut world = World::founded();
    let settings = Settings {
        revision: 99,
        entra: Some(entra()),
        limits: Some(Limits {
            strict_failures: 5,
            ..Limits::default()
        }),
    };
    assert_eq!(world.done(put(settings.clone(), 1)).revision, 2);
    assert_eq!(world.head.settings_revision, 2);
    assert_eq!(
        query::settings(&world.tables).expect("readable").revision,
        2
    );
    assert_eq!(
        query::limits(&world.tables)
            .expect("readable")
            .strict_failures,
        5
    );
    assert_eq!(world.refused(put(settings, 1)), Refusal::Revision);
    world.done(put(Settings::default(), 2));
    assert_eq!(
        query::limits(&world.tables)
            .expect("readable")
            .strict_failures,
        3
    );
}

#[test]
fn limits_out_of_range_are_refused() {
    let settings = Settings {
        limits: Some(Limits {
            window_steps: 3,
            ..Limits::default()
        }),
        ..Settings::default()
    };
    assert_eq!(World::founded().refused(put(settings, 1)), Refusal::Invalid);
}

#[test]
fn the_authority_is_https_and_a_host_alone() {
    for odd in [
        "http://login.contoso.example",
        "https://",
        "https://login.contoso.example/common",
        "https://ada@login.contoso.example",
        "https://login.contoso.example:0",
        "https://login.contoso.example:99999",
        "https://login.contoso.example:+80",
        "https://[::1",
        "https://-login.contoso.example",
    ] {
        let refusal = refused(|entra| entra.authority = odd.into());
        assert_eq!(refusal, Refusal::Invalid, "{odd}");
    }
    for good in [
        "https://127.0.0.1:8443",
        "https://[::1]:443",
        "https://[::1]",
        "https://idp",
    ] {
        let settings = Settings {
            entra: Some(EntraSettings {
                authority: good.into(),
                ..entra()
            }),
            ..Settings::default()
        };
        World::founded().done(put(settings, 1));
    }
}

#[test]
fn the_tenant_is_one_organisation() {
    for tenant in ["", "common", "Consumers", "organizations", "a/b", ".."] {
        assert_eq!(
            refused(|entra| entra.tenant = tenant.into()),
            Refusal::Invalid,
            "{tenant}"
        );
    }
    assert_eq!(refused(|entra| entra.client_id.clear()), Refusal::Invalid);
}

#[test]
fn a_client_secret_goes_with_the_client_type() {
    let secret = EntraClientType::Secret;
    assert_eq!(
        refused(|entra| entra.set_client_type(secret)),
        Refusal::Invalid
    );
    assert_eq!(
        refused(|entra| entra.client_secret = vec![1]),
        Refusal::Invalid
    );
    assert_eq!(refused(|entra| entra.client_type = 0), Refusal::Invalid);
    assert_eq!(refused(|entra| entra.timeout = 60_000), Refusal::Invalid);
}

#[test]
fn no_client_secret_is_in_the_audit() {
    let mut world = World::founded();
    let confidential = EntraSettings {
        client_type: EntraClientType::Secret.into(),
        client_secret: b"sealed client secret".to_vec(),
        ..entra()
    };
    let settings = Settings {
        entra: Some(confidential),
        ..Settings::default()
    };
    world.done(put(settings, 1));
    let audit = world.last_audit();
    assert!(audit.after.contains("entra.secret=true") && !audit.after.contains("sealed"));
}

#[test]
fn rules_have_a_revision_of_their_own() {
    let mut world = World::founded();
    let put = |expected_revision| {
        Kind::PutRules(PutRules {
            rules: Some(Rules::default()),
            expected_revision,
        })
    };
    assert_eq!(world.done(put(1)).revision, 2);
    assert_eq!(world.head.rules_revision, 2);
    assert_eq!(query::rules(&world.tables).expect("readable").revision, 2);
    assert_eq!(world.refused(put(1)), Refusal::Revision);
}
