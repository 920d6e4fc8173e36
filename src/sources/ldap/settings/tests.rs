//! What settings a node takes, and what it will not do for them.

use countersign_core::base::Unobserved;

use super::*;
use crate::sources::ldap::tests::StoppedClock;

fn surroundings(pinned: &[&str]) -> LdapSurroundings {
    LdapSurroundings {
        pinned: PinnedServers::parse(pinned.iter().copied()).unwrap(),
        boot_key: Arc::new(Secret::from(&[7; 32][..])),
        ca_file: None,
        dangerous_clear_text: false,
        clock: Arc::new(StoppedClock),
        operations: Arc::new(Unobserved),
    }
}

fn settings() -> LdapSettings {
    LdapSettings {
        servers: vec!["ldaps://dc1.corp.contoso.example".to_owned()],
        kind: LdapKind::ActiveDirectory.into(),
        bind: LdapBind::Upn.into(),
        base_dn: "DC=corp,DC=contoso,DC=example".to_owned(),
        ..LdapSettings::default()
    }
}

fn checked(change: impl FnOnce(&mut LdapSettings)) -> Result<Checked, LdapConfigError> {
    let mut settings = settings();
    change(&mut settings);
    let password =
        (!settings.service_password.is_empty()).then(|| Secret::from(&*settings.service_password));
    let surroundings = surroundings(&["dc1.corp.contoso.example", "dc2.corp.contoso.example:3269"]);
    check(&[], &settings, password, &surroundings)
}

fn refused(change: impl FnOnce(&mut LdapSettings)) -> LdapConfigError {
    checked(change).unwrap_err()
}

fn servers(texts: &[&str]) -> Result<Vec<String>, LdapConfigError> {
    let checked = checked(|it| it.servers = texts.iter().map(ToString::to_string).collect())?;
    Ok(checked.servers.iter().map(ToString::to_string).collect())
}

#[test]
fn a_server_has_its_usual_port_or_the_one_that_is_named() {
    let found = servers(&[
        "ldaps://dc1.corp.contoso.example",
        "ldap://DC1.corp.contoso.example/",
        "ldaps://dc2.corp.contoso.example:3269",
    ]);
    assert_eq!(
        found.unwrap(),
        [
            "ldaps://dc1.corp.contoso.example:636",
            "ldap://dc1.corp.contoso.example:389",
            "ldaps://dc2.corp.contoso.example:3269",
        ]
    );
}

#[test]
fn no_password_goes_to_a_server_that_is_not_pinned() {
    for text in [
        "ldaps://evil.example",
        "ldaps://dc1.corp.contoso.example:444",
        "ldaps://dc1.corp.contoso.example:443",
        "ldaps://dc2.corp.contoso.example",
        "ldap://dc2.corp.contoso.example",
        "ldaps://198.51.100.7",
    ] {
        let error = servers(&[text]).unwrap_err();
        assert!(
            matches!(error, LdapConfigError::Unpinned(_)),
            "{text}: {error}"
        );
    }
    let none = surroundings(&[]);
    let error = check(&[], &settings(), None, &none).unwrap_err();
    assert!(matches!(error, LdapConfigError::Unpinned(_)), "{error}");
}

#[test]
fn what_is_no_bare_server_is_refused() {
    for text in [
        "dc1.corp.contoso.example",
        "https://dc1.corp.contoso.example",
        "LDAPS://",
        "ldaps://",
        "ldaps://dc1.corp.contoso.example/dc=x",
        "ldaps://dc1.corp.contoso.example?x",
        "ldaps://dc1.corp.contoso.example#x",
        "ldaps://user@dc1.corp.contoso.example",
        "ldaps://dc1.corp.contoso.example:99999",
        r"ldaps://dc1.corp.contoso.example\evil",
        "ldapi://dc1.corp.contoso.example",
    ] {
        let error = servers(&[text]).unwrap_err();
        assert!(
            matches!(error, LdapConfigError::Server(_)),
            "{text}: {error}"
        );
    }
    assert!(matches!(servers(&[]), Err(LdapConfigError::MissingServer)));
    let many = ["ldaps://dc1.corp.contoso.example"; SERVERS_MAX + 1];
    assert!(matches!(
        servers(&many),
        Err(LdapConfigError::TooManyServers)
    ));
}

#[test]
fn clear_text_needs_the_settings_and_the_nodes_file() {
    let change = |it: &mut LdapSettings| {
        it.servers = vec!["ldap://dc1.corp.contoso.example".to_owned()];
        it.dangerous_clear_text = true;
    };
    assert!(matches!(refused(change), LdapConfigError::ClearText));

    let mut settings = settings();
    change(&mut settings);
    let mut around = surroundings(&["dc1.corp.contoso.example"]);
    around.dangerous_clear_text = true;
    let security =
        |settings: &LdapSettings| check(&[], settings, None, &around).unwrap().servers[0].security;
    assert_eq!(security(&settings), Security::ClearText);
    settings.dangerous_clear_text = false;
    assert_eq!(security(&settings), Security::StartTls);
}

#[test]
fn a_service_account_has_a_name_and_a_password_or_neither() {
    for (name, password) in [
        ("svc", ""),
        ("", "pa55"),
        ("svc", "a\0b"),
        ("s\0vc", "pa55"),
    ] {
        let error = refused(|it| {
            it.service_name = name.to_owned();
            it.service_password = password.into();
        });
        assert!(
            matches!(error, LdapConfigError::Service),
            "{name:?} {password:?}"
        );
    }
}

#[test]
fn binding_by_search_needs_a_service_account() {
    let search = |it: &mut LdapSettings| it.bind = LdapBind::Search.into();
    assert!(matches!(refused(search), LdapConfigError::MissingService));
    let with_service = checked(|it| {
        search(it);
        it.service_name = "svc@corp.contoso.example".to_owned();
        it.service_password = b"pa55".to_vec();
    });
    assert_eq!(with_service.unwrap().names, BindNames::Search);
}

#[test]
fn openldap_is_bound_by_search_alone() {
    let error = refused(|it| it.kind = LdapKind::Openldap.into());
    assert!(matches!(error, LdapConfigError::BindForm));
}

#[test]
fn what_is_not_set_is_refused() {
    let error = refused(|it| it.kind = 0);
    assert!(matches!(error, LdapConfigError::MissingKind));
    let error = refused(|it| it.bind = 0);
    assert!(matches!(error, LdapConfigError::MissingBind));
    let error = refused(|it| it.base_dn.clear());
    assert!(matches!(error, LdapConfigError::BaseDn(_)));
    let error = refused(|it| it.required_group = "VPN".to_owned());
    assert!(matches!(error, LdapConfigError::Group(_)));
    let error = refused(|it| it.user_filter = "(cn=all)".to_owned());
    assert!(matches!(error, LdapConfigError::Filter(_)));
    let error = refused(|it| it.user_attribute = "(x".to_owned());
    assert!(matches!(error, LdapConfigError::Filter(_)));
}

#[test]
fn a_netbios_domain_is_a_name_and_nothing_more() {
    for domain in ["", r"A\B", "A@B", "A B"] {
        let error = refused(|it| {
            it.bind = LdapBind::Domain.into();
            it.netbios_domain = domain.to_owned();
        });
        assert!(matches!(error, LdapConfigError::Domain(_)), "{domain}");
    }
    // Elsewhere it need not be set.
    assert!(checked(|it| it.netbios_domain.clear()).is_ok());
    let error = refused(|it| it.netbios_domain = r"A\B".to_owned());
    assert!(matches!(error, LdapConfigError::Domain(_)), "{error}");
}

#[test]
fn times_have_bounds_and_defaults() {
    let error = refused(|it| it.timeout = 99);
    assert!(matches!(error, LdapConfigError::Timeout(99)));
    let error = refused(|it| it.connect_timeout = 30_001);
    assert!(matches!(error, LdapConfigError::Timeout(30_001)));
    let checked = checked(|_| ()).unwrap();
    assert_eq!(checked.timeout, TIMEOUT_DEFAULT);
    assert_eq!(checked.connect_timeout, CONNECT_TIMEOUT_DEFAULT);
}
