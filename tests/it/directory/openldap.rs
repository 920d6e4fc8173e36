//! OpenLDAP's server.

use countersign_core::ledger::storage::{LdapBind, LdapKind};

use super::*;

fn settings() -> LdapSettings {
    LdapSettings {
        servers: vec!["ldaps://ldap.contoso.example:6360".to_owned()],
        kind: LdapKind::Openldap.into(),
        bind: LdapBind::Search.into(),
        base_dn: BASE.to_owned(),
        service_name: format!("uid=svc,ou=people,{BASE}"),
        timeout: 20_000,
        ..LdapSettings::default()
    }
}

fn in_group(group: &str) -> LdapSettings {
    LdapSettings {
        required_group: format!("cn={group},ou=groups,{BASE}"),
        ..settings()
    }
}

async fn ask_for(settings: &LdapSettings, name: &str) -> Answer {
    ask(&source(settings), name, &password()).await
}

const BASE: &str = "dc=contoso,dc=example";
const OUTSIDE: Answer = answer(SourceOutcome::Denied, Reason::AccountState, 0);

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_right_password_is_right() {
    assert_eq!(ask_for(&settings(), "alice").await, RIGHT);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_wrong_password_and_an_unknown_name_are_wrong() {
    let source = source(&settings());
    let wrong = ask(&source, "wrong", "no").await;
    assert_eq!(
        wrong,
        answer(SourceOutcome::Wrong, Reason::WrongPassword, 49)
    );
    let unknown = ask(&source, "nobody", "no").await;
    assert_eq!(
        unknown,
        answer(SourceOutcome::Wrong, Reason::WrongPassword, 0)
    );
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn an_empty_password_is_not_asked_for() {
    let found = ask(&source(&settings()), "alice", "").await;
    assert_eq!(
        found,
        answer(SourceOutcome::NotAsked, Reason::EmptyPassword, 0)
    );
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_password_of_odd_characters_is_right() {
    let odd = told("DIRECTORY_ODD_PASSWORD");
    assert_eq!(ask(&source(&settings()), "odd", &odd).await, RIGHT);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_name_with_signs_of_filters_is_found() {
    assert_eq!(ask_for(&settings(), "we*(i)rd").await, RIGHT);
    let any = ask_for(&settings(), "*").await;
    assert_eq!(any, answer(SourceOutcome::Wrong, Reason::WrongPassword, 0));
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_locked_account_is_not_judged() {
    let source = source(&settings());
    // One that is known to be wrong would not be asked about again.
    for wrong in ["no", "nope", "never"] {
        let wrong = ask(&source, "locked", wrong).await;
        assert_eq!(wrong.outcome, SourceOutcome::Wrong);
    }
    let locked = answer(SourceOutcome::NotAsked, Reason::LockedAtSource, 49);
    assert_eq!(ask(&source, "locked", &password()).await, locked);
    let account = source.account("locked").await.unwrap().unwrap();
    assert_eq!(account.refusal(), Some(Reason::LockedAtSource));
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_password_that_must_be_changed_is_refused() {
    let refused = answer(SourceOutcome::Denied, Reason::MustChangePassword, 0);
    assert_eq!(ask_for(&settings(), "reset").await, refused);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_member_of_a_group_in_a_group_is_a_member() {
    for group in ["inner", "outer", "circle"] {
        assert_eq!(ask_for(&in_group(group), "nested").await, RIGHT, "{group}");
    }
    assert_eq!(ask_for(&in_group("outer"), "alice").await, OUTSIDE);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn an_account_is_told_of_with_all_its_groups() {
    let account = source(&settings())
        .account("nested")
        .await
        .unwrap()
        .unwrap();
    let groups: Vec<_> = account.groups.iter().map(|group| &*group.name).collect();
    assert_eq!(groups, ["circle", "inner", "outer"]);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn start_tls_is_spoken() {
    let settings = LdapSettings {
        servers: vec!["ldap://ldap.contoso.example:3890".to_owned()],
        ..settings()
    };
    assert_eq!(ask_for(&settings, "alice").await, RIGHT);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn clear_text_is_refused_by_the_directory() {
    let settings = LdapSettings {
        servers: vec!["ldap://ldap.contoso.example:3890".to_owned()],
        dangerous_clear_text: true,
        ..settings()
    };
    let refused = answer(SourceOutcome::NotAsked, Reason::SourceMisconfigured, 13);
    assert_eq!(ask_for(&settings, "alice").await, refused);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn the_lockout_threshold_of_the_policy_is_read() {
    assert_eq!(source(&settings()).lockout_threshold().await, Ok(Some(3)));
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn an_examination_finds_a_strict_lockout_and_nothing_else() {
    let complaints = complaints(&source(&in_group("outer"))).await;
    let [complaint] = &complaints[..] else {
        panic!("{complaints:?}")
    };
    assert_eq!((complaint.step, complaint.light), ("lockout", Light::Amber));
}
