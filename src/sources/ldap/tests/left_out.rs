//! Accounts whose passwords are right, and which the settings leave out: by a filter, by a
//! base, by the domain beside the name.

use std::sync::atomic::{AtomicBool, Ordering};

use super::fake::{entry, has, texts};
use super::*;

/// Everybody binds; a search finds the account of the user alone that `found` says.
async fn everybody_binds(found: Option<&'static str>) -> Fake {
    Fake::new(move |id, asked| match asked {
        Asked::Bind { .. } => vec![Reply::Octets(outcome(id, 0x61, 0, ""))],
        Asked::Search { filter, .. } => {
            let found = found.filter(|value| has(filter, value.as_bytes()));
            let enabled = ("userAccountControl", texts(&["512"]));
            let found = found.map(|_| Reply::Octets(entry(id, DN, &[enabled])));
            found
                .into_iter()
                .chain([Reply::Octets(done(id, 0))])
                .collect()
        }
        Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => in_order(id, asked),
    })
    .await
}

fn restricted(settings: LdapSettings) -> [LdapSettings; 3] {
    [
        LdapSettings {
            user_filter: "(&(sAMAccountName={account})(department=vpn))".to_owned(),
            ..settings.clone()
        },
        LdapSettings {
            user_attribute: "mail".to_owned(),
            ..settings.clone()
        },
        LdapSettings {
            base_dn: format!("OU=Staff,{BASE}"),
            ..settings
        },
    ]
}

#[tokio::test]
async fn whom_a_filter_or_a_base_leaves_out_is_not_let_in_by_the_bind() {
    let fake = everybody_binds(None).await;
    let refused = answer(SourceOutcome::Denied, Reason::AccountState, 0);
    for plain in [settings(&[&fake]), with_service(&[&fake])] {
        for settings in restricted(plain.clone()) {
            let found = ask(&source(&[&fake], &settings)).await;
            assert_eq!(found, refused, "{settings:?}");
        }
        // Where nothing restricts, who cannot read its own entry is let in as ever.
        assert_eq!(ask(&source(&[&fake], &plain)).await, RIGHT);
    }
}

#[tokio::test]
async fn whom_a_filter_or_a_base_has_is_let_in() {
    let fake = everybody_binds(Some("alice")).await;
    for plain in [settings(&[&fake]), with_service(&[&fake])] {
        for settings in restricted(plain) {
            assert_eq!(ask(&source(&[&fake], &settings)).await, RIGHT);
        }
    }
}

#[tokio::test]
async fn where_searches_are_refused_nobody_is_let_in_past_a_filter() {
    let fake = Fake::new(|id, asked| match asked {
        Asked::Search { .. } => vec![Reply::Octets(done(id, 50))],
        Asked::Bind { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await;
    let refused = answer(SourceOutcome::Denied, Reason::SourceMisconfigured, 0);
    for settings in restricted(settings(&[&fake])) {
        assert_eq!(ask(&source(&[&fake], &settings)).await, refused);
    }
}

/// The service account, whose search is the first, finds nobody; the user's own is answered
/// by `then`.
async fn after_nobody(then: fn(u32) -> Vec<Reply>) -> Fake {
    let first = AtomicBool::new(true);
    Fake::new(move |id, asked| match asked {
        Asked::Search { .. } if !first.swap(false, Ordering::SeqCst) => then(id),
        Asked::Bind { .. }
        | Asked::Search { .. }
        | Asked::Paged { .. }
        | Asked::StartTls
        | Asked::Other(_) => in_order(id, asked),
    })
    .await
}

#[tokio::test]
async fn whom_the_service_account_does_not_find_may_still_find_itself() {
    let fake = after_nobody(|id| {
        vec![
            Reply::Octets(entry(id, DN, &[])),
            Reply::Octets(done(id, 0)),
        ]
    })
    .await;
    let [_, by_mail, _] = restricted(with_service(&[&fake]));
    assert_eq!(ask(&source(&[&fake], &by_mail)).await, RIGHT);
}

#[tokio::test]
async fn whom_the_service_account_does_not_find_and_who_may_not_search_is_left_out() {
    let fake = after_nobody(|id| vec![Reply::Octets(done(id, 50))]).await;
    let [_, by_mail, _] = restricted(with_service(&[&fake]));
    let refused = answer(SourceOutcome::Denied, Reason::AccountState, 0);
    assert_eq!(ask(&source(&[&fake], &by_mail)).await, refused);
}

#[tokio::test]
async fn an_account_of_another_domain_is_not_bound_and_not_taken_for_ours() {
    let foreign = answer(SourceOutcome::Denied, Reason::ForeignAccount, 0);
    let fake = everybody_binds(Some("alice")).await;
    let group = "CN=VPN,DC=corp,DC=contoso,DC=example".to_owned();
    for bind in [LdapBind::Upn, LdapBind::Search] {
        let settings = LdapSettings {
            bind: bind.into(),
            required_group: group.clone(),
            ..with_service(&[&fake])
        };
        let source = source(&[&fake], &settings);
        assert_eq!(ask_as(&source, r"OTHER\alice", PASSWORD).await, foreign);
        let told = source.account(r"OTHER\alice").await;
        assert_eq!(told, Err(LookupError::Foreign));
    }
    assert!(fake.binds().iter().all(|(_, name)| name == SERVICE));
}

#[tokio::test]
async fn an_account_of_the_own_domain_is_bound_by_either_of_its_names() {
    let fake = everybody_binds(Some("alice")).await;
    let source = source(&[&fake], &settings(&[&fake]));
    for name in [r"CORP\alice", r"corp.contoso.example\alice"] {
        assert_eq!(ask_as(&source, name, PASSWORD).await, RIGHT, "{name}");
    }
}

#[tokio::test]
async fn a_domain_that_is_cut_off_must_be_one_that_the_source_is_for() {
    let fake = everybody_binds(Some("alice")).await;
    let foreign = answer(SourceOutcome::Denied, Reason::ForeignAccount, 0);
    let domain = LdapSettings {
        bind: LdapBind::Domain.into(),
        netbios_domain: "CORP".to_owned(),
        ..settings(&[&fake])
    };
    let [by_account, _, _] = restricted(settings(&[&fake]));
    for settings in [domain, by_account] {
        let source = source_for(&["contoso.example"], &[&fake], &settings);
        for (name, found) in [
            ("alice@contoso.example", RIGHT),
            ("alice@corp.contoso.example", RIGHT),
            ("alice@other.example", foreign.clone()),
        ] {
            assert_eq!(ask_as(&source, name, PASSWORD).await, found, "{name}");
        }
    }
}
