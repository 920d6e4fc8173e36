//! What a bind is answered, and what comes of it.

use countersign_core::base::Operations;

use super::fake::{message, tlv};
use super::*;

/// Answers each bind of a user with `code` and `text`.
async fn refusing(code: u8, text: String) -> Fake {
    Fake::new(move |id, asked| match asked {
        Asked::Bind { .. } => vec![Reply::Octets(outcome(id, 0x61, code, &text))],
        Asked::Search { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await
}

#[tokio::test]
async fn a_right_password_is_right_and_a_wrong_one_wrong() {
    let fake = Fake::new(in_order).await;
    let source = source(&[&fake], &settings(&[&fake]));
    assert_eq!(ask(&source).await, RIGHT);
    let wrong = ask_as(&source, NAME, "no").await;
    assert_eq!(
        wrong,
        answer(SourceOutcome::Wrong, Reason::WrongPassword, 49)
    );
    assert_eq!(fake.binds(), [(1, NAME.to_owned()), (2, NAME.to_owned())]);
}

#[tokio::test]
async fn the_password_arrives_octet_by_octet() {
    for password in [
        "a b",
        " x ",
        "p&+%=\"\\",
        "\u{1f511}\u{e4}",
        &"long".repeat(60),
    ] {
        let fake = Fake::new(in_order).await;
        ask_as(&source(&[&fake], &settings(&[&fake])), NAME, password).await;
        let (_, asked) = fake.asked().remove(0);
        let name = NAME.to_owned();
        let password = password.as_bytes().to_vec();
        assert_eq!(asked, Asked::Bind { name, password });
    }
}

#[tokio::test]
async fn each_number_of_active_directory_is_judged_and_asked_for_once() {
    use SourceOutcome::{Denied, NotAsked, Wrong};
    for (data, outcome, reason) in [
        ("525", Wrong, Reason::WrongPassword),
        ("52e", Wrong, Reason::WrongPassword),
        ("52f", Denied, Reason::AccountState),
        ("530", Denied, Reason::AccountState),
        ("531", Denied, Reason::AccountState),
        ("532", Denied, Reason::MustChangePassword),
        ("533", Denied, Reason::AccountState),
        ("568", Denied, Reason::AccountState),
        ("701", Denied, Reason::AccountState),
        ("773", Denied, Reason::MustChangePassword),
        ("775", NotAsked, Reason::LockedAtSource),
        ("999", Denied, Reason::UnknownAnswer),
    ] {
        let text = format!(
            "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, \
             data {data}, v3839\0"
        );
        let fakes = [refusing(49, text).await, Fake::new(in_order).await];
        let fakes = [&fakes[0], &fakes[1]];
        let source = source(&fakes, &settings(&fakes));
        let number = u32::from_str_radix(data, 16).unwrap();
        assert_eq!(
            ask(&source).await,
            answer(outcome, reason, number),
            "{data}"
        );
        assert_eq!(fakes[0].binds().len(), 1);
        assert_eq!(fakes[1].connections(), 0);
    }
}

#[tokio::test]
async fn a_referral_is_not_followed() {
    // Referral, result 10, with an address in it ([3] of RFC 4511 §4.1.9).
    let elsewhere = Fake::new(in_order).await;
    let url = elsewhere.url();
    let fake = Fake::new(move |id, _| {
        let to = tlv(0xa3, &tlv(4, url.as_bytes()));
        let result = [vec![0x0a, 1, 10], tlv(4, b""), tlv(4, b""), to];
        vec![Reply::Octets(message(id, &[tlv(0x61, &result.concat())]))]
    })
    .await;
    let refused = answer(SourceOutcome::NotAsked, Reason::SourceMisconfigured, 10);
    assert_eq!(ask(&source(&[&fake], &settings(&[&fake]))).await, refused);
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_directory_that_wants_tls_or_is_busy_has_judged_nothing() {
    for (code, reason) in [
        (8, Reason::SourceMisconfigured),
        (13, Reason::SourceMisconfigured),
        (51, Reason::SourceDown),
        (52, Reason::SourceDown),
    ] {
        let fake = refusing(code, String::new()).await;
        let found = ask(&source(&[&fake], &settings(&[&fake]))).await;
        assert_eq!(found, answer(SourceOutcome::NotAsked, reason, code.into()));
        assert_eq!(fake.binds().len(), 1);
    }
}

#[tokio::test]
async fn what_a_directory_might_take_for_an_anonymous_bind_is_never_sent() {
    let fake = Fake::new(|id, asked| match asked {
        Asked::Bind { .. } => vec![Reply::Octets(outcome(id, 0x61, 0, ""))],
        Asked::Search { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await;
    let source = source(&[&fake], &settings(&[&fake]));
    for (name, password, reason) in [
        (NAME, "", Reason::EmptyPassword),
        (NAME, "\0", Reason::UnreadablePassword),
        (NAME, "pa55\0word", Reason::UnreadablePassword),
        ("al\0ice", "pa55", Reason::UnreadablePassword),
        ("", "pa55", Reason::UnknownUser),
    ] {
        let found = ask_as(&source, name, password).await;
        assert_eq!(
            found,
            answer(SourceOutcome::NotAsked, reason, 0),
            "{name:?}"
        );
    }
    assert_eq!(fake.connections(), 0);
}

/// Counts of one name, by label.
#[derive(Debug, Default)]
struct Counted(std::sync::Mutex<Vec<(&'static str, &'static str)>>);

impl Operations for Counted {
    fn count(&self, name: &'static str, label: &'static str) {
        self.0.lock().unwrap().push((name, label));
    }

    fn time(&self, name: &'static str, label: &'static str, _: Duration) {
        self.0.lock().unwrap().push((name, label));
    }

    fn level(&self, _: &'static str, _: &'static str, _: u64) {}
}

#[tokio::test]
async fn each_answer_is_counted_and_one_that_no_table_knows_stands_out() {
    let fake = refusing(49, "error, data 999, v1".to_owned()).await;
    let counted = Arc::new(Counted::default());
    let surroundings = LdapSurroundings {
        operations: Arc::clone(&counted) as _,
        ..surroundings(&[&fake])
    };
    let settings = settings(&[&fake]);
    let source = Ldap::configure("ad", &[], &settings, None, &surroundings).unwrap();
    ask(&source).await;
    ask_as(&source, NAME, "").await;
    let (unknown, empty) = (Reason::UnknownAnswer.code(), Reason::EmptyPassword.code());
    let counted = counted.0.lock().unwrap();
    assert_eq!(
        *counted,
        [
            ("source_answers", unknown),
            ("source_seconds", "denied"),
            ("source_unknown_codes", "ldap"),
            ("source_answers", empty),
            ("source_seconds", "not_asked"),
        ]
    );
}

#[tokio::test]
async fn a_password_that_was_wrong_is_not_asked_about_again() {
    let fake = Fake::new(in_order).await;
    let source = source(&[&fake], &settings(&[&fake]));
    let known = answer(SourceOutcome::Wrong, Reason::KnownWrong, 0);
    ask_as(&source, NAME, "no").await;
    assert_eq!(ask_as(&source, NAME, "no").await, known);
    assert_eq!(fake.binds().len(), 1);
    // Another user's may be right, and this one's other.
    ask_as(&source, "bob@corp.contoso.example", "no").await;
    assert_eq!(ask(&source).await, RIGHT);
    assert_eq!(fake.binds().len(), 3);
    // Who has proven a password may have set it to any.
    let again = ask_as(&source, NAME, "no").await;
    assert_eq!(again.reason, Reason::WrongPassword);
}

#[tokio::test]
async fn a_name_gets_the_domain_that_is_configured() {
    for (name, bound) in [
        ("alice", r"CORP\alice"),
        ("alice@corp.contoso.example", r"CORP\alice"),
        (r"corp\alice", r"CORP\alice"),
    ] {
        let fake = Fake::new(in_order).await;
        let settings = LdapSettings {
            bind: LdapBind::Domain.into(),
            netbios_domain: "CORP".to_owned(),
            ..settings(&[&fake])
        };
        let source = source(&[&fake], &settings);
        ask_as(&source, name, PASSWORD).await;
        assert_eq!(fake.binds(), [(1, bound.to_owned())]);
        let foreign = ask_as(&source, r"OTHER\alice", PASSWORD).await;
        assert_eq!(
            foreign,
            answer(SourceOutcome::Denied, Reason::ForeignAccount, 0)
        );
        assert_eq!(fake.binds().len(), 1);
    }
}

#[tokio::test]
async fn the_policy_of_openldap_is_heard() {
    for (code, error, found) in [
        (
            49,
            1,
            answer(SourceOutcome::NotAsked, Reason::LockedAtSource, 49),
        ),
        (
            49,
            0,
            answer(SourceOutcome::Denied, Reason::MustChangePassword, 49),
        ),
        (
            0,
            2,
            answer(SourceOutcome::Denied, Reason::MustChangePassword, 0),
        ),
    ] {
        let fake = Fake::new(move |id, asked| match asked {
            Asked::Bind { name, .. } if name == DN => {
                let result = [vec![0x0a, 1, code], tlv(4, b""), tlv(4, b"")];
                let value = tlv(0x30, &[0x81, 1, error]);
                let control = [tlv(4, b"1.3.6.1.4.1.42.2.27.8.5.1"), tlv(4, &value)];
                let controls = tlv(0xa0, &tlv(0x30, &control.concat()));
                let said = message(id, &[tlv(0x61, &result.concat()), controls]);
                vec![Reply::Octets(said)]
            }
            Asked::Search { .. } => {
                vec![
                    Reply::Octets(fake::entry(id, DN, &[])),
                    Reply::Octets(done(id, 0)),
                ]
            }
            Asked::Bind { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
                in_order(id, asked)
            }
        })
        .await;
        assert_eq!(ask(&source(&[&fake], &open_ldap(&[&fake]))).await, found);
    }
}
