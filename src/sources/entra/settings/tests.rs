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
    check(settings, None, &PinnedHosts::default())
}

#[test]
fn good_settings_name_the_token_endpoint() {
    let checked = checked(&settings()).expect("the settings are good");
    assert_eq!(
        checked.endpoint.as_str(),
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
        "",
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
    assert!(check(&settings(), None, &pinned).is_err());
    let authority = "https://127.0.0.1:8443".to_owned();
    assert!(
        check(
            &EntraSettings {
                authority,
                ..settings()
            },
            None,
            &pinned
        )
        .is_ok()
    );
    assert!(PinnedHosts::parse(["a.example/path"]).is_err());
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
fn a_client_is_public_or_has_a_secret() {
    let secret = || Some(Secret::from("s".to_owned()));
    let of = |kind: EntraClientType, secret| {
        let settings = EntraSettings {
            client_type: kind.into(),
            ..settings()
        };
        check(&settings, secret, &PinnedHosts::default())
    };
    assert!(of(EntraClientType::Public, None).is_ok());
    assert!(of(EntraClientType::Secret, secret()).is_ok());
    assert!(matches!(
        of(EntraClientType::Public, secret()),
        Err(ConfigError::SecretOfPublicClient)
    ));
    assert!(matches!(
        of(EntraClientType::Secret, None),
        Err(ConfigError::MissingSecret)
    ));
    assert!(matches!(
        of(EntraClientType::Unspecified, None),
        Err(ConfigError::MissingClientType)
    ));
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
