//! The service account, what it reads, and what an operator is told of it.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use tokio::time::timeout;

use super::fake::{entry, localhost, texts};
use super::*;
use crate::sources::{Finding, Light};
use crate::tls::testing::Shown;

#[tokio::test]
async fn its_connection_is_kept_and_no_users_is() {
    let fake = Fake::new(in_order).await;
    let source = source(&[&fake], &with_service(&[&fake]));
    for _ in 0..3 {
        assert_eq!(source.account(NAME).await, Ok(None));
    }
    assert_eq!(ask(&source).await, RIGHT);
    assert_eq!(source.account(NAME).await, Ok(None));
    assert_eq!(
        fake.binds(),
        [(1, SERVICE.to_owned()), (2, NAME.to_owned())]
    );
    assert_eq!(fake.connections(), 2);
}

#[tokio::test]
async fn an_account_that_is_refused_is_not_tried_until_it_is_locked() {
    let fake = Fake::new(|id, asked| match asked {
        Asked::Bind { name, .. } if name == SERVICE => {
            vec![Reply::Octets(outcome(id, 0x61, 49, "error, data 52e, v1"))]
        }
        Asked::Bind { .. }
        | Asked::Search { .. }
        | Asked::Paged { .. }
        | Asked::StartTls
        | Asked::Other(_) => in_order(id, asked),
    })
    .await;
    let source = source(&[&fake], &with_service(&[&fake]));
    for _ in 0..3 {
        let refused = source.account(NAME).await;
        assert_eq!(refused, Err(LookupError::Service(0x52e)));
    }
    // Users log in without it.
    assert_eq!(ask(&source).await, RIGHT);
    let tried = fake.binds().into_iter().filter(|(_, name)| name == SERVICE);
    assert_eq!(tried.count(), 1);
}

#[tokio::test]
async fn of_many_at_once_one_alone_tries_an_account_that_is_refused() {
    let fake = Fake::new(|id, asked| match asked {
        Asked::Bind { .. } => vec![Reply::Octets(outcome(id, 0x61, 49, "error, data 52e, v1"))],
        Asked::Search { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await;
    let source = source(&[&fake], &with_service(&[&fake]));
    let many = join_all((0..16).map(|_| source.account(NAME))).await;
    let refused = Err(LookupError::Service(0x52e));
    assert!(many.iter().all(|told| *told == refused), "{many:?}");
    assert_eq!(fake.binds().len(), 1);
}

/// A directory in clear text of which the first server does what `first` says.
async fn two(
    first: impl Fn(u32, &Asked) -> Vec<Reply> + Send + Sync + 'static,
) -> ([Fake; 2], Ldap) {
    let fakes = [
        Fake::with("ldap", &localhost(), first).await,
        Fake::with("ldap", &localhost(), in_order).await,
    ];
    let both = [&fakes[0], &fakes[1]];
    let settings = LdapSettings {
        dangerous_clear_text: true,
        timeout: 400,
        ..with_service(&both)
    };
    let source = source(&both, &settings);
    (fakes, source)
}

#[tokio::test]
async fn a_server_that_binds_nobody_now_says_nothing_of_the_account() {
    for code in [51, 52, 80] {
        let (_fakes, source) = two(binding(code)).await;
        let told = source.account(NAME).await;
        assert_eq!(told, Err(LookupError::Broken), "{code}");
        assert_eq!(source.account(NAME).await, Ok(None), "{code}");
    }
}

/// What each bind is answered.
fn binding(code: u8) -> impl Fn(u32, &Asked) -> Vec<Reply> + Send + Sync {
    move |id, asked| match asked {
        Asked::Bind { .. } => vec![Reply::Octets(outcome(id, 0x61, code, ""))],
        Asked::Search { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    }
}

#[tokio::test]
async fn a_server_that_judges_no_password_does_not_keep_the_account_from_others() {
    for code in [1, 8, 13, 50, 53] {
        let (fakes, source) = two(binding(code)).await;
        let refused = Err(LookupError::Service(code.into()));
        assert_eq!(source.account(NAME).await, refused);
        // Two at once: one connection is kept.
        let both = join_all((0..2).map(|_| source.account(NAME))).await;
        assert_eq!(both, [Ok(None), Ok(None)], "{code}");
        assert_eq!(fakes[0].connections(), 1);
    }
}

#[tokio::test]
async fn where_no_server_judges_a_password_none_is_asked_at_every_login() {
    let fakes = [
        Fake::with("ldap", &localhost(), binding(8)).await,
        Fake::with("ldap", &localhost(), binding(13)).await,
    ];
    let both = [&fakes[0], &fakes[1]];
    let settings = LdapSettings {
        dangerous_clear_text: true,
        ..with_service(&both)
    };
    let source = source(&both, &settings);
    for code in [8, 13, 8, 8] {
        let refused = Err(LookupError::Service(code));
        assert_eq!(source.account(NAME).await, refused);
    }
    assert_eq!(fakes.map(|fake| fake.binds().len()), [1, 1]);
}

/// Hangs at every search once it is told to.
fn hanging(hangs: Arc<AtomicBool>) -> impl Fn(u32, &Asked) -> Vec<Reply> + Send + Sync {
    move |id, asked| match asked {
        Asked::Search { .. } if hangs.load(Ordering::SeqCst) => vec![Reply::Hang],
        Asked::Bind { .. }
        | Asked::Search { .. }
        | Asked::Paged { .. }
        | Asked::StartTls
        | Asked::Other(_) => in_order(id, asked),
    }
}

#[tokio::test]
async fn no_kept_connection_to_a_server_that_fell_silent_is_tried() {
    let hangs = Arc::new(AtomicBool::new(false));
    let (fakes, source) = two(hanging(Arc::clone(&hangs))).await;
    let both = join_all((0..2).map(|_| source.account(NAME))).await;
    assert_eq!(both, [Ok(None), Ok(None)]);
    assert_eq!(fakes[0].connections(), 2, "both are kept");
    hangs.store(true, Ordering::SeqCst);
    assert_eq!(source.account(NAME).await, Err(LookupError::Broken));
    assert_eq!(source.account(NAME).await, Ok(None));
}

#[tokio::test]
async fn a_server_that_somebody_gave_up_waiting_for_is_asked_last() {
    let (_fakes, source) = two(hanging(Arc::new(AtomicBool::new(true)))).await;
    let shorter = Duration::from_millis(200);
    let given_up = timeout(shorter, source.account(NAME)).await;
    assert!(given_up.is_err());
    assert_eq!(source.account(NAME).await, Ok(None));
}

#[tokio::test]
async fn without_it_nobody_is_searched_for() {
    let fake = Fake::new(|id, asked| match asked {
        Asked::Bind { .. } => vec![Reply::Octets(outcome(id, 0x61, 49, ""))],
        Asked::Search { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await;
    let found = ask(&source(&[&fake], &open_ldap(&[&fake]))).await;
    let refused = answer(SourceOutcome::NotAsked, Reason::SourceMisconfigured, 49);
    assert_eq!(found, refused);
    assert_eq!(fake.binds(), [(1, SERVICE.to_owned())]);
}

/// A domain that locks after 5 wrong passwords, with a finer policy that locks after 3.
fn domain(id: u32, asked: &Asked) -> Vec<Reply> {
    let Asked::Search { base, filter } = asked else {
        return in_order(id, asked);
    };
    let found = match &**base {
        "" => Some(entry(id, "", &[("defaultNamingContext", texts(&[BASE]))])),
        BASE if filter[0] == 0x87 => Some(entry(id, BASE, &[("lockoutThreshold", texts(&["5"]))])),
        _ if base.starts_with("CN=Password Settings Container,") => {
            let strict = ("msDS-LockoutThreshold", texts(&["3"]));
            Some(entry(id, &format!("CN=strict,{base}"), &[strict]))
        }
        _ => None,
    };
    let found = found.into_iter().map(Reply::Octets);
    found.chain([Reply::Octets(done(id, 0))]).collect()
}

#[tokio::test]
async fn the_strictest_lockout_counts() {
    let fake = Fake::new(domain).await;
    let threshold = source(&[&fake], &with_service(&[&fake]))
        .lockout_threshold()
        .await;
    assert_eq!(threshold, Ok(Some(3)));
}

#[tokio::test]
async fn a_lockout_that_cannot_be_read_is_not_taken_for_none() {
    let fake = Fake::new(in_order).await;
    let threshold = source(&[&fake], &with_service(&[&fake]))
        .lockout_threshold()
        .await;
    assert_eq!(threshold, Err(LookupError::Refused(16)));
}

/// An attribute of a policy, and its values.
type Told = (&'static str, &'static [&'static str]);

const OF_WHAT: Told = ("pwdAttribute", &["userPassword"]);
const LOCKS: Told = ("pwdLockout", &["TRUE"]);

/// OpenLDAP with a policy below the base that tells this; nothing: with none.
async fn policies(found: &'static [Told]) -> Fake {
    Fake::new(move |id, asked| match asked {
        Asked::Search { .. } if !found.is_empty() => {
            let told = found.iter().map(|(name, values)| (*name, texts(values)));
            let told: Vec<_> = told.collect();
            vec![
                Reply::Octets(entry(id, "cn=default,ou=policies", &told)),
                Reply::Octets(done(id, 0)),
            ]
        }
        Asked::Bind { .. }
        | Asked::Search { .. }
        | Asked::Paged { .. }
        | Asked::StartTls
        | Asked::Other(_) => in_order(id, asked),
    })
    .await
}

#[tokio::test]
async fn a_policy_of_openldap_that_cannot_be_seen_is_not_taken_for_none() {
    let three: &'static [Told] = &[OF_WHAT, LOCKS, ("pwdMaxFailure", &["3"])];
    let cases: [(&'static [Told], _); 4] = [
        (&[], Err(LookupError::Absent)),
        (&[("cn", &["default"])], Err(LookupError::Refused(16))),
        (&[OF_WHAT], Ok(None)),
        (three, Ok(Some(3))),
    ];
    for (found, threshold) in cases {
        let fake = policies(found).await;
        let source = source(&[&fake], &open_ldap(&[&fake]));
        assert_eq!(source.lockout_threshold().await, threshold, "{found:?}");
    }
}

#[tokio::test]
async fn an_examination_tells_that_no_policy_of_openldap_can_be_seen() {
    let fake = policies(&[]).await;
    let findings = source(&[&fake], &open_ldap(&[&fake])).examine().await;
    let lockout = findings.iter().find(|it| it.step == "lockout").unwrap();
    assert_eq!(lockout.light, Light::Amber);
    assert!(lockout.remedy.contains("pwdPolicy"), "{lockout:?}");
}

fn lights(findings: &[Finding]) -> Vec<(&str, Light)> {
    findings.iter().map(|it| (it.step, it.light)).collect()
}

#[tokio::test]
async fn an_examination_goes_through_every_step() {
    let fake = Fake::new(domain).await;
    let findings = source(&[&fake], &with_service(&[&fake])).examine().await;
    assert_eq!(
        lights(&findings),
        [
            ("name", Light::Green),
            ("connection", Light::Green),
            ("certificate", Light::Green),
            ("service account", Light::Green),
            ("base", Light::Green),
            ("lockout", Light::Amber),
            ("user filter", Light::Green),
        ]
    );
    let told = findings
        .iter()
        .all(|it| it.remedy.is_empty() == (it.light == Light::Green));
    assert!(told, "{findings:?}");
}

/// The last step that an examination of one server comes to.
async fn last(fake: &Fake, settings: &LdapSettings) -> Finding {
    source(&[fake], settings).examine().await.pop().unwrap()
}

#[tokio::test]
async fn an_examination_names_what_is_wrong_with_a_certificate() {
    let other = Shown {
        dns: vec!["dc1.corp.contoso.example".to_owned()],
        ..Shown::default()
    };
    let expired = Shown {
        expired: true,
        ..localhost()
    };
    for (shown, remedy) in [(other, "localhost in its SAN"), (expired, "renew")] {
        let fake = Fake::with("ldaps", &shown, in_order).await;
        let found = last(&fake, &with_service(&[&fake])).await;
        assert_eq!((found.step, found.light), ("certificate", Light::Red));
        assert!(found.remedy.contains(remedy), "{found:?}");
    }
    let (fake, stranger) = (Fake::new(in_order).await, Fake::new(in_order).await);
    let found = source(&[&stranger, &fake], &with_service(&[&fake]))
        .examine()
        .await;
    let found = found.last().unwrap();
    assert_eq!((found.step, found.light), ("certificate", Light::Red));
    assert!(found.remedy.contains("CA file"), "{found:?}");
}

#[tokio::test]
async fn an_examination_tries_a_refused_account_at_one_server_alone() {
    let refusing = |id, asked: &Asked| match asked {
        Asked::Bind { .. } => vec![Reply::Octets(outcome(id, 0x61, 49, "error, data 533, v1"))],
        Asked::Search { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    };
    let fakes = [
        Fake::with("ldap", &localhost(), refusing).await,
        Fake::with("ldap", &localhost(), refusing).await,
    ];
    let settings = LdapSettings {
        dangerous_clear_text: true,
        ..with_service(&[&fakes[0], &fakes[1]])
    };
    let found = source(&[&fakes[0], &fakes[1]], &settings).examine().await;
    let account = found
        .iter()
        .find(|it| it.step == "service account")
        .unwrap();
    assert_eq!(
        (account.light, &*account.remedy),
        (Light::Red, "enable the account")
    );
    assert_eq!(fakes[0].binds().len() + fakes[1].binds().len(), 1);
}

#[tokio::test]
async fn an_examination_does_not_try_an_account_that_was_refused_just_now() {
    let fake = Fake::new(binding(49)).await;
    let fakes = [&fake];
    let before = source(&fakes, &with_service(&fakes));
    assert_eq!(source_refusal(&before).await, LookupError::Service(49));
    let found = before.examine().await.pop().unwrap();
    assert_eq!((found.step, found.light), ("service account", Light::Red));
    assert!(found.found.contains("for 5 minutes"), "{found:?}");
    assert_eq!(fake.binds().len(), 1);
    // With other settings nothing is known against it.
    source(&fakes, &with_service(&fakes)).examine().await;
    assert_eq!(fake.binds().len(), 2);
}

#[tokio::test]
async fn what_an_examination_finds_out_logins_need_not_try() {
    let fake = Fake::new(binding(49)).await;
    let source = source(&[&fake], &with_service(&[&fake]));
    source.examine().await;
    assert_eq!(source_refusal(&source).await, LookupError::Service(49));
    assert_eq!(fake.binds().len(), 1);
}

#[tokio::test]
async fn an_examination_goes_on_behind_a_server_that_judges_no_password() {
    let (fakes, source) = two(binding(53)).await;
    let found = source.examine().await;
    let lights = found.iter().filter(|it| it.step == "service account");
    let lights: Vec<_> = lights.map(|it| it.light).collect();
    assert_eq!(lights, [Light::Red, Light::Green]);
    assert_eq!(fakes[0].binds().len(), 1);
}

async fn source_refusal(source: &Ldap) -> LookupError {
    source.account(NAME).await.expect_err("it is refused")
}

#[tokio::test]
async fn an_examination_notices_a_filter_that_finds_anybody() {
    let fake = Fake::new(|id, asked| match asked {
        Asked::Search { .. } => {
            vec![
                Reply::Octets(entry(id, DN, &[])),
                Reply::Octets(done(id, 0)),
            ]
        }
        Asked::Bind { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await;
    let found = last(&fake, &with_service(&[&fake])).await;
    assert_eq!((found.step, found.light), ("user filter", Light::Red));
}
