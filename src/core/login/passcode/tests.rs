//! Who is answered how, and what is recorded for it.

use std::collections::BTreeSet;

use prost::Message as _;

use super::*;
use crate::base::{AttemptKey, ClusterId, KeyId, PlaceId, SeededEntropy, Timestamp};
use crate::ledger::rules::Prompt;
use crate::ledger::{Factors, MemoryTables, Table, Write};
use crate::login::{Apart, Call, Caller, Identity, LoginName, Senders};
use crate::policy::{Grants, Terms};
use crate::seal::{DataKey, Keyring, Purpose};

const USER: UserId = UserId(7);
const CLIENT: ClientId = ClientId(1);
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn macs() -> AttemptMacs {
    AttemptMacs::draw(1, NOW, &mut SeededEntropy::new(1))
}

fn secrets() -> Secrets {
    let mut entropy = SeededEntropy::new(2);
    let key = DataKey::draw(KeyId(1), Purpose::Fields, &mut entropy);
    Secrets {
        cluster: ClusterId([9; 16]),
        keyring: Keyring::new([key], KeyId(1)).unwrap(),
        places: MacKey::draw(&mut entropy),
    }
}

fn request() -> Request {
    Request {
        client: CLIENT,
        client_revision: 1,
        user_name: b"alice@contoso.example".to_vec(),
        password: Secret::default(),
        state: Some(b"state".to_vec()),
        response: None,
        proven: true,
        caller: Caller::default(),
        arrived: NOW,
        call: Call::default(),
    }
}

/// Settings that have both senders, one client, one rule, and the user.
fn tables(rule: storage::PasscodeWay, email: &str) -> MemoryTables {
    let mut tables = MemoryTables::default();
    let rules = storage::Rules {
        revision: 1,
        rules: vec![storage::Rule {
            name: "all".into(),
            factors: storage::RuleFactors::PasswordAndCode.into(),
            prompt: storage::Prompt::Challenge.into(),
            passcode: rule.into(),
            ..storage::Rule::default()
        }],
    };
    let settings = storage::Settings {
        mail: Some(storage::Mail {
            from: "vpn@mail.contoso.example".into(),
            ..storage::Mail::default()
        }),
        sms: Some(storage::SmsGateway::default()),
        ..storage::Settings::default()
    };
    let client = storage::Client {
        id: 1,
        revision: 1,
        ..storage::Client::default()
    };
    let user = storage::User {
        id: USER.0,
        revision: 3,
        email: email.into(),
        phone: "+491701234512".into(),
        ..storage::User::default()
    };
    let head = storage::Head {
        rules_revision: 1,
        ..storage::Head::default()
    };
    let id = |id: u64| id.to_be_bytes().to_vec();
    tables.write(vec![
        Write::Put(Table::Head, Vec::new(), head.encode_to_vec()),
        Write::Put(Table::Rules, Vec::new(), rules.encode_to_vec()),
        Write::Put(Table::Settings, Vec::new(), settings.encode_to_vec()),
        Write::Put(Table::Clients, id(1), client.encode_to_vec()),
        Write::Put(Table::Users, id(USER.0), user.encode_to_vec()),
    ]);
    tables
}

fn rule(tables: &MemoryTables) -> Rule {
    let head = query::head(tables).unwrap();
    let rules = Rule::list(tables, &head).expect("rules");
    Rule::read(tables, &head, rules, CLIENT).expect("a rule")
}

fn case(passcode: Option<PasscodeWay>, factors: Factors) -> Case {
    Case {
        identity: Identity {
            user: USER,
            name: LoginName {
                key: AttemptKey([1; 32]),
                answer: None,
            },
            place: PlaceId([2; 16]),
        },
        directory_name: "alice@contoso.example".into(),
        tokens: Vec::new(),
        terms: Terms {
            factors,
            burn_code: None,
            prompt: Prompt::Challenge,
            passcode,
            account: None,
            grants: Grants::default(),
            account_grants: None,
            to: None,
            initial_logins: 0,
        },
        own_password: Vec::new(),
        user_revision: 3,
        passcodes: Vec::new(),
        record: None,
        issued: NOW,
    }
}

fn asked(
    tables: &MemoryTables,
    case: Result<&Case, Option<UserId>>,
) -> Result<Option<Asking>, Stop> {
    let mut entropy = SeededEntropy::new(3);
    let (rule, request) = (rule(tables), request());
    let (secrets, macs) = (secrets(), macs());
    let with = (&secrets, &macs);
    ask(
        tables,
        (&request, &rule),
        case,
        with,
        Owner::default(),
        &mut entropy,
    )
}

const EMAIL: storage::PasscodeWay = storage::PasscodeWay::Email;
const BY_EMAIL: Option<PasscodeWay> = Some(PasscodeWay::Email);

#[test]
fn who_is_known_is_sent_what_the_command_has_the_hash_of() {
    let tables = tables(EMAIL, "alice.private@fabrikam.example");
    let case = case(BY_EMAIL, Factors::PasswordAndCode);
    let asking = asked(&tables, Ok(&case)).expect("no stop").expect("an ask");
    assert_eq!(asking.to, "a***@fabrikam.example");
    let message = asking.message.expect("a message");
    assert_eq!(message.to, "alice.private@fabrikam.example");
    assert_eq!(message.command.revisions.user, 3);
    assert_eq!(message.command.key, AttemptKey([1; 32]));
    let mut typed = case;
    let apart = Apart {
        password: Secret::from(b"secret".as_slice()),
        code: Secret::from(message.passcode.expose().as_bytes()),
    };
    typed.hold_against_passcode(&request(), Some(&apart), &macs());
    assert_eq!(typed.passcodes, [message.command.hash]);
}

#[test]
fn who_is_unknown_or_refused_is_answered_alike_and_sent_nothing() {
    let tables = tables(EMAIL, "");
    let without = case(BY_EMAIL, Factors::PasswordAndCode);
    let by_another_rule = case(None, Factors::PasswordAndCode);
    for case in [
        Ok(&without),
        Ok(&by_another_rule),
        Err(None),
        Err(Some(USER)),
        Err(Some(UserId(99))),
    ] {
        let asking = asked(&tables, case).expect("no stop").expect("an ask");
        assert_eq!(asking.to, "a***@contoso.example");
        assert!(asking.message.is_none());
    }
}

#[test]
fn who_is_locked_has_the_address_of_before() {
    let tables = tables(EMAIL, "alice.private@fabrikam.example");
    let asking = asked(&tables, Err(Some(USER))).expect("no stop");
    assert_eq!(asking.expect("an ask").to, "a***@fabrikam.example");
}

#[test]
fn without_a_rule_or_a_sender_nobody_is_sent_anything() {
    let tables = tables(storage::PasscodeWay::Unspecified, "a@contoso.example");
    let case = case(None, Factors::PasswordAndCode);
    assert!(asked(&tables, Ok(&case)).expect("no stop").is_none());
    let none = Senders::default();
    assert_eq!(none.having(BY_EMAIL), None);
    assert_eq!(none.having(Some(PasscodeWay::Sms)), None);
}

#[test]
fn a_user_who_was_changed_meanwhile_is_sent_nothing() {
    let tables = tables(EMAIL, "a@contoso.example");
    let mut case = case(BY_EMAIL, Factors::PasswordAndCode);
    case.user_revision = 2;
    let Err(Stop::Ended(ending)) = asked(&tables, Ok(&case)) else {
        panic!("no stop");
    };
    assert_eq!(ending.reason, Reason::Overtaken);
}

#[test]
fn a_passcode_has_eight_digits_and_is_not_printed() {
    let mut entropy = SeededEntropy::new(4);
    let drawn: BTreeSet<_> = (0..200)
        .map(|_| Passcode::draw(&mut entropy).expose().to_owned())
        .collect();
    assert_eq!(drawn.len(), 200);
    assert!(drawn.iter().all(|it| Passcode::is_one(it.as_bytes())));
    assert!(drawn.iter().any(|it| it.starts_with('0')));
    let passcode = Passcode::draw(&mut entropy);
    assert!(!format!("{passcode:?}").contains(passcode.expose()));
}

#[test]
fn a_hash_is_of_one_user_one_client_and_one_key() {
    let (macs, other) = (
        macs(),
        AttemptMacs::draw(1, NOW, &mut SeededEntropy::new(9)),
    );
    let of = |macs: &AttemptMacs, user, client, typed: &[u8]| {
        hash(macs.in_force(NOW), (UserId(user), ClientId(client)), typed)
    };
    let base = of(&macs, 7, 1, b"12345678");
    assert_eq!(base, of(&macs, 7, 1, b"12345678"));
    for another in [
        of(&macs, 8, 1, b"12345678"),
        of(&macs, 7, 2, b"12345678"),
        of(&macs, 7, 1, b"12345679"),
        of(&other, 7, 1, b"12345678"),
    ] {
        assert_ne!(base, another);
    }
}

#[test]
fn only_digits_that_came_by_themselves_and_left_what_the_rule_asks_for_are_held_against_one() {
    let held = |way, factors, password: &[u8], code: &[u8]| {
        let mut case = case(way, factors);
        let apart = Apart {
            password: Secret::from(password),
            code: Secret::from(code),
        };
        case.hold_against_passcode(&request(), Some(&apart), &macs());
        case.passcodes.len()
    };
    assert_eq!(
        held(BY_EMAIL, Factors::PasswordAndCode, b"secret", b"12345678"),
        1
    );
    assert_eq!(held(BY_EMAIL, Factors::Code, b"", b"12345678"), 1);
    assert_eq!(
        held(None, Factors::PasswordAndCode, b"secret", b"12345678"),
        0
    );
    assert_eq!(
        held(BY_EMAIL, Factors::PasswordAndCode, b"", b"12345678"),
        0
    );
    assert_eq!(held(BY_EMAIL, Factors::Code, b"secret", b"12345678"), 0);
    assert_eq!(
        held(BY_EMAIL, Factors::PasswordAndCode, b"secret", b"123456"),
        0
    );
    assert_eq!(
        held(BY_EMAIL, Factors::PasswordAndCode, b"secret", b"1234567x"),
        0
    );
    let mut case = case(BY_EMAIL, Factors::PasswordAndCode);
    case.hold_against_passcode(&request(), None, &macs());
    assert!(case.passcodes.is_empty());
}
