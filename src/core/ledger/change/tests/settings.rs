use super::*;
use crate::ledger::storage::{HttpHeader, Mail, SmsGateway};

fn entra() -> EntraSettings {
    EntraSettings {
        authority: "https://login.contoso.example:8443".into(),
        tenant: "8f0c6a1e-0000-4000-8000-000000000001".into(),
        client_id: "8f0c6a1e-0000-4000-8000-000000000002".into(),
        client_type: EntraClientType::Public.into(),
        ..EntraSettings::default()
    }
}

fn at_entra(entra: EntraSettings) -> Settings {
    Settings {
        sources: vec![source("entra", entra)],
        ..Settings::default()
    }
}

fn source(name: &str, entra: EntraSettings) -> Source {
    Source {
        name: name.into(),
        kind: Some(source::Kind::Entra(entra)),
        ..Source::default()
    }
}

fn put(settings: Settings, expected_revision: u64) -> Kind {
    Kind::PutSettings(PutSettings {
        settings: Some(settings),
        expected_revision,
        confirm_within: 0,
    })
}

fn refused(change: impl FnOnce(&mut EntraSettings)) -> Refusal {
    let mut odd = entra();
    change(&mut odd);
    World::founded().refused(put(at_entra(odd), 1))
}

#[test]
fn settings_are_replaced_as_a_whole_from_the_expected_revision() {
    let mut world = World::founded();
    let settings = Settings {
        revision: 99,
        sources: at_entra(entra()).sources,
        limits: Some(Limits {
            strict_failures: 5,
            ..Limits::default()
        }),
        texts: vec![Texts {
            language: "pt-BR".to_owned(),
            ask: "Código:".to_owned(),
            ..Texts::default()
        }],
        ..Settings::default()
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
        let settings = at_entra(EntraSettings {
            authority: good.into(),
            ..entra()
        });
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
fn each_source_has_a_name_and_its_own_domains() {
    let refused = |sources: Vec<Source>| {
        let settings = Settings {
            sources,
            ..Settings::default()
        };
        World::founded().refused(put(settings, 1))
    };
    let of = |domains: &[&str]| Source {
        domains: domains.iter().map(ToString::to_string).collect(),
        ..source("entra", entra())
    };
    assert_eq!(refused(vec![source("", entra())]), Refusal::Invalid);
    let twice = vec![source("entra", entra()), source("Entra", entra())];
    assert_eq!(refused(twice), Refusal::Invalid);
    assert_eq!(refused(vec![Source::default()]), Refusal::Invalid);
    for odd in [&["Contoso.example"][..], &["a@b"], &[""], &["a.b", "a.b"]] {
        assert_eq!(refused(vec![of(odd)]), Refusal::Invalid, "{odd:?}");
    }
    let two = [of(&["contoso.example"]), source("ad", entra())];
    let settings = Settings {
        sources: two.into(),
        ..Settings::default()
    };
    World::founded().done(put(settings, 1));
}

fn at_directory(name: &str) -> Source {
    Source {
        name: name.into(),
        kind: Some(source::Kind::Ldap(LdapSettings {
            servers: vec!["ldaps://dc1.corp.contoso.example".into()],
            kind: LdapKind::ActiveDirectory.into(),
            bind: LdapBind::Upn.into(),
            base_dn: "DC=corp,DC=contoso,DC=example".into(),
            ..LdapSettings::default()
        })),
        ..Source::default()
    }
}

fn learn(source: &str, threshold: u32) -> Kind {
    Kind::LearnLockout(LearnLockout {
        source: source.into(),
        threshold,
    })
}

#[test]
fn the_strict_budget_stays_below_the_lockout_of_every_directory() {
    let mut world = World::founded();
    let failures = |world: &World| query::limits(&world.tables).unwrap().strict_failures;
    let of = |limits: Option<Limits>| Settings {
        sources: vec![at_directory("ad"), at_directory("second")],
        limits,
        ..Settings::default()
    };
    world.done(put(of(None), 1));
    assert_eq!(failures(&world), 3);
    assert_eq!(world.done(learn("ad", 5)).revision, 3);
    assert_eq!(failures(&world), 2);
    world.done(learn("second", 1));
    assert_eq!(failures(&world), 1);
    // The same again writes nothing.
    assert_eq!(world.done(learn("second", 1)).revision, 4);
    // It stays known when the settings are put anew, and caps what is set.
    let generous = Limits {
        strict_failures: 20,
        ..Limits::default()
    };
    world.done(put(of(Some(generous)), 4));
    assert_eq!(failures(&world), 1);
    world.done(learn("second", 0));
    world.done(learn("ad", 100));
    assert_eq!(failures(&world), 20);
    assert_eq!(world.refused(learn("third", 3)), Refusal::NotFound);
}

#[test]
fn us_government_clouds_have_a_smaller_strict_budget() {
    let failures = |entra: EntraSettings| {
        let mut world = World::founded();
        world.done(put(at_entra(entra), 1));
        query::limits(&world.tables).unwrap().strict_failures
    };
    let by_cloud = EntraSettings {
        cloud: EntraCloud::UsGov.into(),
        authority: String::new(),
        ..entra()
    };
    let by_authority = EntraSettings {
        authority: "https://login.microsoftonline.us".into(),
        ..entra()
    };
    assert_eq!((failures(by_cloud), failures(by_authority)), (2, 2));
    assert_eq!(failures(entra()), 3);
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
    assert_eq!(refused(|entra| entra.timeout = 30_001), Refusal::Invalid);
}

#[test]
fn a_client_certificate_goes_with_its_key_and_type() {
    let done = |change: fn(&mut EntraSettings)| {
        let mut settings = EntraSettings {
            client_type: EntraClientType::Certificate.into(),
            client_certificate: vec![1; 1000],
            client_key: vec![2; 2500],
            ..entra()
        };
        change(&mut settings);
        let outcome = World::founded().change(put(at_entra(settings), 1));
        outcome.refusal() == Refusal::Unspecified
    };
    assert!(done(|_| {}));
    assert!(!done(|entra| entra.client_key.clear()));
    assert!(!done(|entra| entra.client_key = vec![2; 9000]));
    assert!(!done(|entra| entra.client_certificate.clear()));
    assert!(!done(|entra| entra.client_secret = vec![1]));
    assert!(!done(|entra| entra.set_client_type(EntraClientType::Public)));
}

#[test]
fn clouds_and_proxies_are_well_formed() {
    let done = |change: fn(&mut EntraSettings)| {
        let mut settings = entra();
        change(&mut settings);
        let outcome = World::founded().change(put(at_entra(settings), 1));
        outcome.refusal() == Refusal::Unspecified
    };
    assert!(done(|entra| entra.authority.clear()));
    assert!(done(
        |entra| entra.proxy = "http://proxy.contoso.example:3128".into()
    ));
    assert!(done(|entra| entra.proxy = "http://[::1]:3128".into()));
    assert!(!done(|entra| entra.proxy = "http://[::1]".into()));
    assert!(!done(
        |entra| entra.proxy = "http://proxy.contoso.example".into()
    ));
    assert!(!done(
        |entra| entra.proxy = "https://proxy.contoso.example:3128".into()
    ));
    assert!(!done(|entra| entra.cloud = 99));
}

#[test]
fn no_client_secret_is_in_the_audit() {
    let mut world = World::founded();
    let confidential = EntraSettings {
        client_type: EntraClientType::Secret.into(),
        client_secret: b"sealed client secret".to_vec(),
        ..entra()
    };
    world.done(put(at_entra(confidential), 1));
    let audit = world.last_audit();
    assert!(audit.after.contains("client_secret=sealed:"), "{audit:?}");
    assert!(!audit.after.contains("sealed client"), "{audit:?}");
}

#[test]
fn a_sender_that_nobody_could_use_is_refused() {
    let mail = || Mail {
        server: "mail.contoso.example".to_owned(),
        from: "vpn@contoso.example".to_owned(),
        ..Mail::default()
    };
    let sms = || SmsGateway {
        url: "https://gw.contoso.example/send".to_owned(),
        ..SmsGateway::default()
    };
    let settings = |change: fn(&mut Mail), other: fn(&mut SmsGateway)| {
        let (mut mail, mut sms) = (mail(), sms());
        change(&mut mail);
        other(&mut sms);
        let (mail, sms) = (Some(mail), Some(sms));
        put(
            Settings {
                mail,
                sms,
                ..Settings::default()
            },
            1,
        )
    };
    World::founded().done(settings(|_| {}, |_| {}));
    let mails: [fn(&mut Mail); 6] = [
        |it| it.server.clear(),
        |it| it.port = 65_536,
        |it| it.from = "a@b.example\r\nBcc: c@d.example".to_owned(),
        |it| it.user = "vpn".to_owned(),
        |it| it.password = vec![1; 40],
        |it| it.tls = 99,
    ];
    for (number, change) in mails.into_iter().enumerate() {
        let refusal = World::founded().refused(settings(change, |_| {}));
        assert_eq!(refusal, Refusal::Invalid, "mail {number}");
    }
    let gateways: [fn(&mut SmsGateway); 4] = [
        |it| it.url = "http://gw.contoso.example".to_owned(),
        |it| it.body = "x".repeat(4097),
        |it| it.headers = vec![HttpHeader::default(); 17],
        |it| it.body_type = 99,
    ];
    for (number, change) in gateways.into_iter().enumerate() {
        let refusal = World::founded().refused(settings(|_| {}, change));
        assert_eq!(refusal, Refusal::Invalid, "gateway {number}");
    }
}

#[test]
fn a_text_of_a_passcode_leaves_room_for_what_is_put_in() {
    let refused = |texts: Texts| {
        let settings = Settings {
            texts: vec![texts],
            ..Settings::default()
        };
        let outcome = World::founded().refused(put(settings, 1));
        assert_eq!(outcome, Refusal::Invalid);
    };
    refused(Texts {
        sent: format!("{}{{to}}", "x".repeat(200)),
        ..Texts::default()
    });
    refused(Texts {
        passcode_message: "no code".to_owned(),
        ..Texts::default()
    });
    refused(Texts {
        passcode_subject: "a\r\nBcc: b".to_owned(),
        ..Texts::default()
    });
}

#[test]
fn the_audit_tells_only_what_changed_of_long_settings() {
    let mut world = World::founded();
    let texts = |n: u32| Texts {
        language: format!("l{n}"),
        ask: "Code: ".repeat(20),
        ..Texts::default()
    };
    let mut settings = Settings {
        limits: Some(Limits {
            strict_failures: 3,
            ..Limits::default()
        }),
        texts: (0..20).map(texts).collect(),
        ..at_entra(entra())
    };
    world.done(put(settings.clone(), 1));
    assert!(world.last_audit().after.ends_with(" more"));
    settings.texts[19].ask = "PIN: ".into();
    let Some(source::Kind::Entra(it)) = &mut settings.sources[0].kind else {
        unreachable!("it was made so");
    };
    it.require_registered_mfa = !it.require_registered_mfa;
    world.done(put(settings, 2));
    let told = world.last_audit();
    assert!(told.before.contains("require_registered_mfa="), "{told:?}");
    assert!(
        told.after.ends_with("texts.\"l19\".ask=\"PIN: \""),
        "{told:?}"
    );
    assert_ne!(told.before, told.after);
    assert!(!told.after.contains("strict"), "{told:?}");
}

#[test]
fn the_audit_tells_that_a_gateway_changed_and_none_of_its_secrets() {
    let mut world = World::founded();
    let settings = |change: fn(&mut SmsGateway)| {
        let mut sms = SmsGateway {
            url: "https://key@sms.contoso.example/send?key=hunter1".into(),
            body: "{\"password\":\"hunter2\",\"to\":\"{phone}\"}".into(),
            headers: vec![HttpHeader {
                name: "X-Key".into(),
                value: "hunter3".into(),
            }],
            ..SmsGateway::default()
        };
        change(&mut sms);
        Settings {
            sms: Some(sms),
            ..Settings::default()
        }
    };
    world.done(put(settings(|_| {}), 1));
    let address = "sms.url=\"https://sms.contoso.example/send?…\"";
    assert!(world.last_audit().after.contains(address));
    let changes: [fn(&mut SmsGateway); 3] = [
        |sms| sms.url = sms.url.replace("hunter1", "hunter9"),
        |sms| sms.body = sms.body.replace("hunter2", "hunter9"),
        |sms| sms.headers[0].value = "hunter9".into(),
    ];
    let mut revision = 2;
    for change in changes {
        world.done(put(settings(change), revision));
        let told = world.last_audit();
        assert_ne!(told.before, told.after);
        assert!(!format!("{told:?}").contains("hunter"), "{told:?}");
        assert!(told.after.contains("(new)"), "{told:?}");
        revision = world.done(put(settings(|_| {}), revision + 1)).revision;
    }
}
