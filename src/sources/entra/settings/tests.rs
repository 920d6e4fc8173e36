use countersign_core::ledger::storage::EntraCloud;

use super::*;

fn settings() -> EntraSettings {
    EntraSettings {
        authority: "https://login.microsoftonline.com".to_owned(),
        tenant: "contoso.example".to_owned(),
        client_id: "11111111-2222-3333-4444-555555555555".to_owned(),
        client_type: EntraClientType::Public.into(),
        ..EntraSettings::default()
    }
}

fn checked(settings: &EntraSettings) -> Result<Checked, ConfigError> {
    check(settings, Credentials::default(), &PinnedHosts::default())
}

#[test]
fn good_settings_name_the_token_endpoint() {
    let checked = checked(&settings()).expect("the settings are good");
    assert_eq!(
        checked.places.token.as_str(),
        "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
    );
    assert_eq!(checked.grant.scope, "openid");
    assert_eq!(checked.timeout, TIMEOUT_DEFAULT);
}

#[test]
fn a_host_that_is_not_pinned_is_refused() {
    for authority in [
        "https://evil.example",
        "https://login.microsoftonline.com.evil.example",
        "https://login.microsoftonline.com:8443",
        "https://login.microsoftonline.com.",
        "https://127.0.0.1",
    ] {
        let settings = EntraSettings {
            authority: authority.to_owned(),
            ..settings()
        };
        let refused = checked(&settings).expect_err(authority);
        assert!(matches!(refused, ConfigError::Unpinned(_)), "{authority}");
    }
}

#[test]
fn an_authority_is_a_bare_https_origin() {
    for authority in [
        "login.microsoftonline.com",
        "http://login.microsoftonline.com",
        "https://evil.example@login.microsoftonline.com",
        "https://u:p@login.microsoftonline.com",
        "https://login.microsoftonline.com/path",
        "https://login.microsoftonline.com/?q",
        "https://login.microsoftonline.com/#f",
    ] {
        let settings = EntraSettings {
            authority: authority.to_owned(),
            ..settings()
        };
        let refused = checked(&settings).expect_err(authority);
        assert!(matches!(refused, ConfigError::Authority(_)), "{authority}");
    }
}

#[test]
fn pins_replace_the_public_clouds() {
    let pinned = PinnedHosts::parse(["127.0.0.1:8443"]).expect("a host and a port");
    let with = |settings: &EntraSettings| check(settings, Credentials::default(), &pinned);
    assert!(with(&settings()).is_err());
    let custom = EntraSettings {
        authority: "https://127.0.0.1:8443".to_owned(),
        dangerous_custom_authority: true,
        ..settings()
    };
    assert!(with(&custom).is_ok());
    assert!(PinnedHosts::parse(["a.example/path"]).is_err());
}

#[test]
fn a_cloud_is_enough_for_an_authority() {
    let checked = checked(&EntraSettings {
        authority: String::new(),
        cloud: EntraCloud::UsGov.into(),
        ..settings()
    });
    let checked = checked.expect("the settings are good");
    assert_eq!(
        checked.places.token.as_str(),
        "https://login.microsoftonline.us/contoso.example/oauth2/v2.0/token"
    );
    assert_eq!(checked.grant.audience, checked.places.token.as_str());
}

#[test]
fn a_tenant_is_a_guid_or_a_domain() {
    for tenant in [
        "",
        "common",
        "organizations",
        "consumers",
        "a..b",
        "a.b/c",
        "a.b?c",
        "-a.b",
    ] {
        let settings = EntraSettings {
            tenant: tenant.to_owned(),
            ..settings()
        };
        let refused = checked(&settings).expect_err(tenant);
        assert!(matches!(refused, ConfigError::Tenant(_)), "{tenant}");
    }
    let tenant = "11111111-2222-3333-4444-55555555555f".to_owned();
    assert!(
        checked(&EntraSettings {
            tenant,
            ..settings()
        })
        .is_ok()
    );
}

#[test]
fn a_client_has_what_its_type_needs_and_nothing_else() {
    let of = |kind: EntraClientType, secret: Option<&str>, key: Option<&str>, certificate| {
        let settings = EntraSettings {
            client_type: kind.into(),
            client_certificate: certificate,
            ..settings()
        };
        let given = |text: &str| Secret::from(text.to_owned());
        let credentials = Credentials {
            client_secret: secret.map(given),
            client_key: key.map(given),
        };
        check(&settings, credentials, &PinnedHosts::default()).err()
    };
    let (public, secret, certificate) = (
        EntraClientType::Public,
        EntraClientType::Secret,
        EntraClientType::Certificate,
    );
    assert!(of(public, None, None, vec![]).is_none());
    assert!(of(secret, Some("s"), None, vec![]).is_none());
    for (kind, secret, key, der) in [
        (public, Some("s"), None, vec![]),
        (public, None, Some("k"), vec![]),
        (public, None, None, vec![1]),
        (secret, Some("s"), Some("k"), vec![]),
        (secret, Some("s"), None, vec![1]),
        (certificate, Some("s"), Some("k"), vec![1]),
    ] {
        let refused = of(kind, secret, key, der);
        assert!(
            matches!(refused, Some(ConfigError::Credentials(_))),
            "{kind:?}"
        );
    }
    assert!(matches!(
        of(secret, None, None, vec![]),
        Some(ConfigError::MissingSecret)
    ));
    assert!(matches!(
        of(certificate, None, None, vec![1]),
        Some(ConfigError::MissingKey)
    ));
    assert!(matches!(
        of(certificate, None, Some("k"), vec![1]),
        Some(ConfigError::Certificate(_))
    ));
    assert!(matches!(
        of(EntraClientType::Unspecified, None, None, vec![]),
        Some(ConfigError::MissingClientType)
    ));
}

#[test]
fn a_proxy_must_be_pinned() {
    let proxied = EntraSettings {
        proxy: "http://proxy.contoso.example:3128".to_owned(),
        ..settings()
    };
    assert!(matches!(
        checked(&proxied),
        Err(ConfigError::UnpinnedProxy(_))
    ));
    let pinned = PinnedHosts::parse(["http://proxy.contoso.example:3128"]).expect("a proxy");
    let checked = check(&proxied, Credentials::default(), &pinned).expect("it is pinned");
    assert!(checked.proxy.is_some());
}

#[test]
fn client_id_scope_and_timeout_are_checked() {
    let refused = |settings: EntraSettings| checked(&settings).expect_err("refused");
    let client_id = "app".to_owned();
    let bad = refused(EntraSettings {
        client_id,
        ..settings()
    });
    assert!(matches!(bad, ConfigError::ClientId(_)));
    for scope in ["openid\r\n", "openid offline_access", "\"", "a\\b"] {
        let bad = refused(EntraSettings {
            scope: scope.to_owned(),
            ..settings()
        });
        assert!(matches!(bad, ConfigError::Scope(_)), "{scope:?}");
    }
    for timeout in [1, 99, 30_001] {
        let bad = refused(EntraSettings {
            timeout,
            ..settings()
        });
        assert!(matches!(bad, ConfigError::Timeout(_)), "{timeout}");
    }
}
