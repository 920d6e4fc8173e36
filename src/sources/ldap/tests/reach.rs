//! The way to a server: several servers, certificates, StartTLS.

use super::fake::localhost;
use super::*;
use crate::sources::ldap::connection::ANSWER_TIME_MIN;
use crate::tls::testing::Shown;

/// A server that nobody can bind at, by its certificate.
async fn unreachable(shown: Shown) {
    for scheme in ["ldaps", "ldap"] {
        let fake = Fake::with(scheme, &shown, in_order).await;
        let found = ask(&source(&[&fake], &settings(&[&fake]))).await;
        assert_eq!(found, UNREACHABLE, "{scheme}");
        assert_eq!(fake.binds(), []);
    }
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused() {
    let dns = vec!["dc1.corp.contoso.example".to_owned()];
    unreachable(Shown {
        dns,
        ..Shown::default()
    })
    .await;
}

#[tokio::test]
async fn a_certificate_without_a_san_is_refused() {
    let common_name = "localhost".to_owned();
    unreachable(Shown {
        common_name,
        ..Shown::default()
    })
    .await;
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    unreachable(Shown {
        expired: true,
        ..localhost()
    })
    .await;
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let (fake, other) = (Fake::new(in_order).await, Fake::new(in_order).await);
    // The authority is the first one's.
    let source = source(&[&other, &fake], &settings(&[&fake]));
    assert_eq!(ask(&source).await, UNREACHABLE);
    assert_eq!(fake.binds(), []);
}

#[tokio::test]
async fn start_tls_comes_before_the_bind() {
    let fake = Fake::with("ldap", &localhost(), in_order).await;
    assert_eq!(ask(&source(&[&fake], &settings(&[&fake]))).await, RIGHT);
    assert_eq!(fake.asked()[0], (1, Asked::StartTls));
}

#[tokio::test]
async fn no_password_goes_to_a_server_that_does_not_start_tls() {
    for reply in [
        |id| vec![Reply::Octets(outcome(id, 0x78, 2, ""))],
        |id| vec![Reply::Octets(outcome(id, 0x78, 52, ""))],
        |id| vec![Reply::Octets(outcome(id, 0x61, 0, ""))],
        |id| vec![Reply::Octets(outcome(id + 1, 0x78, 0, "")), Reply::Secure],
        |_| vec![Reply::Octets(vec![0xff; 99])],
        |_| vec![Reply::Close],
        |_| vec![Reply::Hang],
        // Said in the clear, to be heard as if it had come through TLS.
        |id| {
            let start = outcome(id, 0x78, 0, "");
            vec![
                Reply::Octets([start, outcome(2, 0x61, 0, "")].concat()),
                Reply::Secure,
            ]
        },
    ] {
        let fake = Fake::with("ldap", &localhost(), move |id, asked| match asked {
            Asked::StartTls => reply(id),
            Asked::Bind { .. } | Asked::Search { .. } | Asked::Paged { .. } | Asked::Other(_) => {
                in_order(id, asked)
            }
        })
        .await;
        let settings = LdapSettings {
            timeout: 400,
            ..settings(&[&fake])
        };
        assert_eq!(ask(&source(&[&fake], &settings)).await, UNREACHABLE);
        assert_eq!(fake.binds(), []);
    }
}

#[tokio::test]
async fn clear_text_is_spoken_only_where_it_is_allowed() {
    let fake = Fake::with("ldap", &localhost(), in_order).await;
    let settings = LdapSettings {
        dangerous_clear_text: true,
        ..settings(&[&fake])
    };
    assert_eq!(ask(&source(&[&fake], &settings)).await, RIGHT);
    assert!(matches!(fake.asked()[0], (1, Asked::Bind { .. })));
}

#[tokio::test]
async fn another_server_is_asked_only_while_there_is_no_connection() {
    let expired = Shown {
        expired: true,
        ..localhost()
    };
    let bad = Fake::with("ldaps", &expired, in_order).await;
    let good = Fake::new(in_order).await;
    // The good one's authority is trusted; nobody listens at the last.
    let mut settings = settings(&[&bad, &good]);
    settings.servers.insert(0, "ldaps://localhost:1".to_owned());
    let pinned = ["localhost:1", &bad.host(), &good.host()];
    let surroundings = LdapSurroundings {
        pinned: PinnedServers::parse(pinned).unwrap(),
        ..surroundings(&[&good])
    };
    let source = Ldap::configure("ad", &[], &settings, None, &surroundings).unwrap();
    assert_eq!(ask(&source).await, RIGHT);
    assert_eq!(bad.connections(), 1);
    assert_eq!(good.binds().len(), 1);
    // From now on the one that works comes first.
    assert_eq!(ask(&source).await, RIGHT);
    assert_eq!(bad.connections(), 1);
    assert_eq!(good.binds().len(), 2);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_asked_last_by_the_next_login() {
    let hung = Fake::with("ldap", &localhost(), |_, _| vec![Reply::Hang]).await;
    let good = Fake::with("ldap", &localhost(), in_order).await;
    let fakes = [&hung, &good];
    let settings = LdapSettings {
        timeout: 400,
        dangerous_clear_text: true,
        ..settings(&fakes)
    };
    let source = source(&fakes, &settings);
    assert_eq!(ask(&source).await, SILENT);
    assert_eq!(good.connections(), 0);
    assert_eq!(ask(&source).await, RIGHT);
    assert_eq!(hung.binds().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_last_by_the_next_login() {
    for code in [51, 52] {
        let busy = Fake::with("ldap", &localhost(), move |id, asked| match asked {
            Asked::Bind { .. } => vec![Reply::Octets(outcome(id, 0x61, code, ""))],
            Asked::Search { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
                in_order(id, asked)
            }
        })
        .await;
        let good = Fake::with("ldap", &localhost(), in_order).await;
        let fakes = [&busy, &good];
        let settings = LdapSettings {
            dangerous_clear_text: true,
            ..settings(&fakes)
        };
        let source = source(&fakes, &settings);
        let down = answer(SourceOutcome::NotAsked, Reason::SourceDown, code.into());
        assert_eq!(ask(&source).await, down);
        assert_eq!(good.connections(), 0);
        assert_eq!(ask(&source).await, RIGHT);
    }
}

#[tokio::test]
async fn a_user_is_bound_on_a_connection_of_its_own() {
    let fake = Fake::new(in_order).await;
    let source = source(&[&fake], &settings(&[&fake]));
    for login in 1..=5 {
        assert_eq!(ask(&source).await, RIGHT);
        assert_eq!(fake.binds().last(), Some(&(login, NAME.to_owned())));
    }
}

#[tokio::test]
async fn no_password_is_sent_with_too_little_time_for_an_answer() {
    let fake = Fake::with("ldap", &localhost(), in_order).await;
    let settings = LdapSettings {
        dangerous_clear_text: true,
        ..with_service(&[&fake])
    };
    let source = source(&[&fake], &settings);
    let question = Question {
        against: Against::Directory,
        account: None,
        name: NAME.to_owned(),
        password: Secret::from(PASSWORD.to_owned()),
        timeout: ANSWER_TIME_MIN,
    };
    assert_eq!(source.ask(question).await, UNREACHABLE);
    assert_eq!(fake.binds(), []);
}
