//! The account behind a right password, and accounts that are looked up.

use countersign_core::ledger::storage;

use super::fake::{entry, has, texts};
use super::*;
use crate::sources::{Kind, Source, Sources};

/// Every search finds the account with these attributes.
async fn with_account(attributes: &'static [(&'static str, &'static str)]) -> Fake {
    Fake::new(move |id, asked| match asked {
        Asked::Search { .. } => {
            let attributes = attributes
                .iter()
                .map(|(name, value)| (*name, texts(&[value])));
            let attributes: Vec<_> = attributes.collect();
            vec![
                Reply::Octets(entry(id, DN, &attributes)),
                Reply::Octets(done(id, 0)),
            ]
        }
        Asked::Bind { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await
}

const COMPUTED: &str = "msDS-User-Account-Control-Computed";

#[tokio::test]
async fn a_right_password_lets_nobody_in_whose_account_is_not_in_order() {
    let denied = |reason| answer(SourceOutcome::Denied, reason, 0);
    for (attributes, found) in [
        (&[("userAccountControl", "512")][..], RIGHT),
        (
            &[("userAccountControl", "514")],
            denied(Reason::AccountState),
        ),
        // By a server that has not heard of the end of a lock yet: the bind was taken.
        (&[(COMPUTED, "16")], RIGHT),
        (
            &[("userAccountControl", "514"), (COMPUTED, "16")],
            denied(Reason::AccountState),
        ),
        (&[(COMPUTED, "8388608")], denied(Reason::MustChangePassword)),
        (
            &[("accountExpires", "132000000000000000")],
            denied(Reason::AccountState),
        ),
        (&[("pwdLastSet", "0")], denied(Reason::MustChangePassword)),
    ] {
        let fake = with_account(attributes).await;
        for settings in [settings(&[&fake]), with_service(&[&fake])] {
            let source = source(&[&fake], &settings);
            assert_eq!(ask(&source).await, found, "{attributes:?}");
        }
    }
}

#[tokio::test]
async fn an_entry_that_may_not_be_read_is_judged_by_the_bind_alone() {
    for code in [50, 32, 1] {
        let fake = refusing_searches(code).await;
        for settings in [settings(&[&fake]), with_service(&[&fake])] {
            assert_eq!(ask(&source(&[&fake], &settings)).await, RIGHT);
        }
    }
}

#[tokio::test]
async fn nobody_is_let_in_whose_group_cannot_be_read() {
    let required_group = "CN=VPN,DC=corp,DC=contoso,DC=example".to_owned();
    let refused = answer(SourceOutcome::Denied, Reason::SourceMisconfigured, 0);
    for code in [50, 32, 10] {
        let fake = refusing_searches(code).await;
        let settings = LdapSettings {
            required_group: required_group.clone(),
            ..settings(&[&fake])
        };
        assert_eq!(ask(&source(&[&fake], &settings)).await, refused, "{code}");
    }
}

async fn refusing_searches(code: u8) -> Fake {
    Fake::new(move |id, asked| match asked {
        Asked::Search { .. } => vec![Reply::Octets(done(id, code))],
        Asked::Bind { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await
}

/// A search for a user finds these entries.
async fn finding(found: &'static [&'static str]) -> Fake {
    Fake::new(move |id, asked| match asked {
        Asked::Search { .. } => {
            let entries = found.iter().map(|dn| Reply::Octets(entry(id, dn, &[])));
            entries.chain([Reply::Octets(done(id, 0))]).collect()
        }
        Asked::Bind { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await
}

#[tokio::test]
async fn who_is_found_is_bound_by_the_name_of_the_entry() {
    let fake = finding(&[DN]).await;
    assert_eq!(ask(&source(&[&fake], &open_ldap(&[&fake]))).await, RIGHT);
    assert_eq!(fake.binds(), [(1, SERVICE.to_owned()), (2, DN.to_owned())]);
}

#[tokio::test]
async fn who_is_not_found_is_wrong_and_not_bound() {
    let fake = finding(&[]).await;
    let found = ask(&source(&[&fake], &open_ldap(&[&fake]))).await;
    assert_eq!(
        found,
        answer(SourceOutcome::Wrong, Reason::WrongPassword, 0)
    );
    assert_eq!(fake.binds(), [(1, SERVICE.to_owned())]);
}

#[tokio::test]
async fn of_two_with_the_same_name_none_is_bound() {
    let refused = answer(SourceOutcome::NotAsked, Reason::SourceMisconfigured, 0);
    for found in [&[DN, "CN=Other,DC=corp"][..], &[DN, DN, DN], &[""]] {
        let fake = finding(found).await;
        assert_eq!(ask(&source(&[&fake], &open_ldap(&[&fake]))).await, refused);
        assert_eq!(fake.binds(), [(1, SERVICE.to_owned())]);
    }
}

#[tokio::test]
async fn a_name_with_the_signs_of_filters_is_looked_for_as_it_is() {
    let fake = finding(&[]).await;
    let name = "a*)(uid=*\\,+\"<>;=";
    ask_as(&source(&[&fake], &open_ldap(&[&fake])), name, PASSWORD).await;
    let (_, asked) = fake.asked().remove(1);
    let Asked::Search { filter, .. } = asked else {
        panic!("{asked:?}")
    };
    // Equality, with the attribute and the value as one octet string each.
    assert_eq!(filter[0], 0xa3);
    assert!(has(&filter, b"\x04\x03uid"));
    let value = [&[4, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
    assert!(has(&filter, &value));
}

#[tokio::test]
async fn an_account_is_told_of_with_its_state() {
    let fake = with_account(&[
        ("userAccountControl", "514"),
        (COMPUTED, "16"),
        ("objectSid", "an identifier"),
        ("primaryGroupID", "513"),
    ])
    .await;
    let account = source(&[&fake], &with_service(&[&fake]))
        .account(NAME)
        .await;
    let account = account.unwrap().unwrap();
    assert_eq!(account.id, DN);
    assert!(account.disabled && account.locked && !account.expired);
    assert_eq!(account.refusal(), Some(Reason::AccountState));
    // The user is never bound.
    assert_eq!(fake.binds(), [(1, SERVICE.to_owned())]);
}

#[tokio::test]
async fn an_account_whose_state_may_not_be_read_is_not_told_of() {
    let fake = with_account(&[("pwdLastSet", "1")]).await;
    let told = source(&[&fake], &with_service(&[&fake]))
        .account(NAME)
        .await;
    assert_eq!(told, Err(LookupError::Refused(16)));
    // A bind judges the account by itself.
    assert_eq!(ask(&source(&[&fake], &settings(&[&fake]))).await, RIGHT);
}

#[tokio::test]
async fn there_may_be_no_account_or_no_way_to_know() {
    let fake = finding(&[]).await;
    let told = source(&[&fake], &with_service(&[&fake]))
        .account(NAME)
        .await;
    assert_eq!(told, Ok(None));
    let told = source(&[&fake], &settings(&[&fake])).account(NAME).await;
    assert_eq!(told, Err(LookupError::NoService));
    let fake = refusing_searches(10).await;
    let told = source(&[&fake], &with_service(&[&fake]))
        .account(NAME)
        .await;
    assert_eq!(told, Err(LookupError::Refused(10)));
}

#[tokio::test]
async fn a_lock_that_the_bind_has_just_denied_refuses_nobody_whose_account_is_looked_at() {
    let fake = with_account(&[
        ("userAccountControl", "512"),
        (COMPUTED, "16"),
        ("objectSid", "an identifier"),
        ("primaryGroupID", "513"),
    ])
    .await;
    let kind = Kind::Ldap(Box::new(source(&[&fake], &with_service(&[&fake]))));
    let settings = storage::Source::default();
    let sources = Sources::new();
    sources.adopt(1, vec![Arc::new(Source { settings, kind })]);
    let asked = async |against, password: &str| {
        let question = Question {
            against,
            account: Some(Vec::new().into()),
            name: NAME.to_owned(),
            password: Secret::from(password.to_owned()),
            timeout: Duration::from_secs(2),
        };
        sources.ask(question).await.reason
    };
    assert_eq!(asked(Against::Directory, PASSWORD).await, Reason::Accepted);
    // Where nobody was bound, it refuses.
    assert_eq!(asked(Against::Account, "").await, Reason::LockedAtSource);
}
