//! Samba's domain controller.

use countersign::sources::account::{Account, LookupError};
use countersign_core::ledger::storage::{LdapBind, LdapKind};

use super::*;

/// Users bind by their principal names.
pub(super) fn settings() -> LdapSettings {
    LdapSettings {
        servers: vec!["ldaps://dc1.corp.contoso.example".to_owned()],
        kind: LdapKind::ActiveDirectory.into(),
        bind: LdapBind::Upn.into(),
        base_dn: BASE.to_owned(),
        timeout: 20_000,
        ..LdapSettings::default()
    }
}

/// The same with a service account.
pub(super) fn with_service() -> LdapSettings {
    LdapSettings {
        service_name: "svc@corp.contoso.example".to_owned(),
        ..settings()
    }
}

fn at(server: &str) -> LdapSettings {
    LdapSettings {
        servers: vec![server.to_owned()],
        ..settings()
    }
}

fn in_group(group: &str) -> LdapSettings {
    LdapSettings {
        required_group: format!("CN={group},CN=Users,{BASE}"),
        ..with_service()
    }
}

async fn ask_for(settings: &LdapSettings, account: &str) -> Answer {
    let name = format!("{account}@corp.contoso.example");
    ask(&source(settings), &name, &password()).await
}

async fn account(name: &str) -> Account {
    let name = format!("{name}@corp.contoso.example");
    let told = source(&with_service()).account(&name).await;
    told.expect("it tells").expect("there is one")
}

const BASE: &str = "DC=corp,DC=contoso,DC=example";
const OUTSIDE: Answer = answer(SourceOutcome::Denied, Reason::AccountState, 0);

const fn denied(reason: Reason, code: u32) -> Answer {
    answer(SourceOutcome::Denied, reason, code)
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_right_password_is_right() {
    assert_eq!(ask_for(&settings(), "alice").await, RIGHT);
    assert_eq!(ask_for(&with_service(), "alice").await, RIGHT);
    assert_eq!(ask_for(&settings(), "ALICE").await, RIGHT);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_wrong_password_and_an_unknown_name_are_wrong() {
    let wrong = answer(SourceOutcome::Wrong, Reason::WrongPassword, 0x52e);
    let source = source(&settings());
    assert_eq!(
        ask(&source, "wrong@corp.contoso.example", "no").await,
        wrong
    );
    assert_eq!(
        ask(&source, "nobody@corp.contoso.example", "no").await,
        wrong
    );
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn an_empty_password_is_not_asked_for() {
    let found = ask(&source(&settings()), "alice@corp.contoso.example", "").await;
    assert_eq!(
        found,
        answer(SourceOutcome::NotAsked, Reason::EmptyPassword, 0)
    );
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_password_of_odd_characters_is_right() {
    let source = source(&settings());
    let odd = told("DIRECTORY_ODD_PASSWORD");
    let name = "odd@corp.contoso.example";
    assert_eq!(ask(&source, name, &odd).await, RIGHT);
    let trimmed = ask(&source, name, odd.trim()).await;
    assert_eq!(trimmed.outcome, SourceOutcome::Wrong);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_user_is_bound_by_domain_and_name() {
    let settings = LdapSettings {
        bind: LdapBind::Domain.into(),
        netbios_domain: "CORP".to_owned(),
        ..settings()
    };
    for name in ["alice", "alice@corp.contoso.example", r"corp\alice"] {
        assert_eq!(
            ask(&source(&settings), name, &password()).await,
            RIGHT,
            "{name}"
        );
    }
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_user_is_bound_as_the_service_account_finds_it() {
    let settings = LdapSettings {
        bind: LdapBind::Search.into(),
        ..with_service()
    };
    let source = source(&settings);
    for name in ["alice", "alice@corp.contoso.example", r"CORP\alice"] {
        assert_eq!(ask(&source, name, &password()).await, RIGHT, "{name}");
    }
    let nobody = ask(&source, "nobody", &password()).await;
    assert_eq!(
        nobody,
        answer(SourceOutcome::Wrong, Reason::WrongPassword, 0)
    );
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn whom_a_filter_leaves_out_is_refused_though_the_bind_takes_it() {
    let filter = format!("(&(sAMAccountName={{account}})(memberOf=CN=inner,CN=Users,{BASE}))");
    for settings in [settings(), with_service()] {
        let settings = LdapSettings {
            user_filter: filter.clone(),
            ..settings
        };
        assert_eq!(ask_for(&settings, "nested").await, RIGHT);
        assert_eq!(ask_for(&settings, "alice").await, OUTSIDE);
    }
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_name_with_signs_of_filters_and_of_names_is_found() {
    for bind in [LdapBind::Upn, LdapBind::Search] {
        let settings = LdapSettings {
            bind: bind.into(),
            ..in_group("Domain Users")
        };
        assert_eq!(ask_for(&settings, "we(i)rd").await, RIGHT, "{bind:?}");
    }
    let any = source(&with_service())
        .account("a*@corp.contoso.example")
        .await;
    assert_eq!(any, Ok(None));
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_disabled_account_is_refused() {
    let refused = denied(Reason::AccountState, 0x533);
    assert_eq!(ask_for(&settings(), "disabled").await, refused);
    assert!(account("disabled").await.disabled);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn an_expired_account_is_refused() {
    let refused = denied(Reason::AccountState, 0x701);
    assert_eq!(ask_for(&settings(), "expired").await, refused);
    assert!(account("expired").await.expired);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_password_that_must_be_changed_is_refused() {
    let refused = denied(Reason::MustChangePassword, 0x773);
    assert_eq!(ask_for(&settings(), "reset").await, refused);
    let account = account("reset").await;
    assert!(account.must_change_password);
    assert_eq!(account.refusal(), None);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn an_account_outside_its_hours_is_refused() {
    let refused = denied(Reason::AccountState, 0x530);
    assert_eq!(ask_for(&settings(), "hours").await, refused);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn an_account_away_from_its_workstations_is_refused() {
    let refused = denied(Reason::AccountState, 0x531);
    assert_eq!(ask_for(&settings(), "stations").await, refused);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_locked_account_is_not_judged() {
    let source = source(&settings());
    let name = "locked@corp.contoso.example";
    // One that is known to be wrong would not be asked about again.
    for wrong in 0..5 {
        let wrong = ask(&source, name, &format!("no {wrong}")).await;
        assert_eq!(wrong.outcome, SourceOutcome::Wrong);
    }
    let locked = answer(SourceOutcome::NotAsked, Reason::LockedAtSource, 0x775);
    assert_eq!(ask(&source, name, "no").await, locked);
    assert_eq!(ask(&source, name, &password()).await, locked);
    assert_eq!(
        account("locked").await.refusal(),
        Some(Reason::LockedAtSource)
    );
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_list_of_users_says_what_a_look_at_each_says() {
    let accounts = ["alice", "disabled", "expired", "nested", "primary"];
    let named = |account: &&str| format!("{account}@corp.contoso.example");
    let mut names: Vec<_> = accounts.iter().map(named).collect();
    names.push("nobody@corp.contoso.example".to_owned());
    let source = source(&with_service());
    let listed = source.roster(&names).await.expect("it tells");
    for (name, listed) in names.iter().zip(&listed) {
        let looked = source.account(name).await.expect("it tells");
        assert_eq!(*listed, as_listed(looked), "{name}");
    }
    let Listed::There(disabled) = &listed[1] else {
        panic!("{listed:?}")
    };
    assert!(disabled.disabled);
    assert_eq!(listed[5], Listed::Gone);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_member_of_a_group_in_a_group_is_a_member() {
    assert_eq!(ask_for(&in_group("outer"), "nested").await, RIGHT);
    assert_eq!(ask_for(&in_group("circle"), "nested").await, RIGHT);
    assert_eq!(ask_for(&in_group("outer"), "alice").await, OUTSIDE);
    // As the user may read it, without a service account.
    let own = LdapSettings {
        service_name: String::new(),
        ..in_group("outer")
    };
    assert_eq!(ask_for(&own, "nested").await, RIGHT);
    assert_eq!(ask_for(&own, "alice").await, OUTSIDE);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_member_by_its_primary_group_is_a_member() {
    assert_eq!(ask_for(&in_group("prime"), "primary").await, RIGHT);
    assert_eq!(ask_for(&in_group("prime"), "alice").await, OUTSIDE);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn an_account_is_told_of_with_all_its_groups() {
    let names = async |name| {
        let groups = account(name).await.groups.into_iter();
        groups.map(|group| group.name).collect::<Vec<_>>()
    };
    let nested = names("nested").await;
    for group in ["Domain Users", "circle", "inner", "outer"] {
        assert!(nested.iter().any(|it| it == group), "{group} in {nested:?}");
    }
    let primary = names("primary").await;
    assert!(primary.iter().any(|it| it == "prime"), "{primary:?}");
    let nobody = source(&with_service()).account("nobody").await;
    assert_eq!(nobody, Ok(None));
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn start_tls_is_spoken() {
    let settings = at("ldap://dc1.corp.contoso.example");
    assert_eq!(ask_for(&settings, "alice").await, RIGHT);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn the_global_catalogue_is_asked_by_tls() {
    let settings = at("ldaps://dc1.corp.contoso.example:3269");
    assert_eq!(ask_for(&settings, "alice").await, RIGHT);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn clear_text_is_refused_by_the_directory() {
    let settings = LdapSettings {
        dangerous_clear_text: true,
        ..at("ldap://dc1.corp.contoso.example")
    };
    let refused = answer(SourceOutcome::NotAsked, Reason::SourceMisconfigured, 8);
    assert_eq!(ask_for(&settings, "alice").await, refused);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let surroundings = LdapSurroundings {
        ca_file: Some(file("stranger.pem")),
        ..surroundings()
    };
    for server in [
        "ldaps://dc1.corp.contoso.example",
        "ldap://dc1.corp.contoso.example",
    ] {
        let source = source_in(&at(server), &surroundings);
        let found = ask(&source, "alice@corp.contoso.example", &password()).await;
        assert_eq!(found, UNREACHABLE, "{server}");
    }
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_certificate_of_another_name_is_refused() {
    for server in ["ldaps://127.0.0.1", "ldap://127.0.0.1"] {
        assert_eq!(ask_for(&at(server), "alice").await, UNREACHABLE, "{server}");
    }
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_server_that_is_down_is_passed_over() {
    let settings = LdapSettings {
        servers: vec![
            "ldaps://ldap.contoso.example:3890".to_owned(),
            "ldaps://dc1.corp.contoso.example".to_owned(),
        ],
        ..settings()
    };
    assert_eq!(ask_for(&settings, "alice").await, RIGHT);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn the_lockout_threshold_of_the_domain_is_read() {
    let source = source(&with_service());
    assert_eq!(source.lockout_threshold().await, Ok(Some(5)));
    let without = super::source(&settings());
    assert_eq!(
        without.lockout_threshold().await,
        Err(LookupError::NoService)
    );
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn an_examination_finds_all_well() {
    assert_eq!(complaints(&source(&in_group("outer"))).await, []);
}
