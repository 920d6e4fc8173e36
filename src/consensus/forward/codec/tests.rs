//! Every outcome there and back, and the octets that they are for ever.

use countersign_core::base::Epoch;
use countersign_core::ledger::storage::{ChangeOutcome, Refusal};
use countersign_core::radius::{Attribute, Number, Relayed};
use data_encoding::HEXLOWER;
use prost::Message;

use super::*;

const LEADER: NodeId = NodeId(3);

type Golden = (Result<Outcome, ProposeError>, &'static str);

fn all() -> Vec<Golden> {
    let mut all = begins();
    all.extend(refusals());
    all.extend(others());
    all
}

fn begins() -> Vec<Golden> {
    let until = Timestamp::from_millis(300);
    let epoch = Epoch { index: 9, place: 2 };
    let all = [
        (BeginResult::TooLate, "0a020801"),
        (BeginResult::Stale, "0a020802"),
        (BeginResult::Repeat(Verdict::Accepted), "0a0408041001"),
        (BeginResult::Repeat(Verdict::WrongPassword), "0a0408041002"),
        (BeginResult::Repeat(Verdict::WrongCode), "0a0408041003"),
        (BeginResult::Repeat(Verdict::Denied), "0a0408041004"),
        (BeginResult::Repeat(Verdict::Revoked), "0a0408041005"),
        (
            BeginResult::Granted { epoch, until },
            "0a0b080522040809100228ac02",
        ),
        (BeginResult::InFlight { until }, "0a05080628ac02"),
        (BeginResult::Changed { epoch }, "0a080807220408091002"),
        (BeginResult::Busy { until }, "0a05080828ac02"),
        (
            BeginResult::LetIn(old_answer()),
            "0a0e0809320a0a036f6c641203190378",
        ),
    ];
    let named = all.map(|(result, golden)| (Ok(Outcome::Begin(result)), golden));
    named.into()
}

fn old_answer() -> Carried {
    let class = Attribute::new(Number::Standard(25), b"x").unwrap();
    Carried {
        server: Some("old".into()),
        attributes: Relayed::new(&[class]).unwrap(),
    }
}

fn refusals() -> Vec<Golden> {
    let all = [
        (RefusedBy::Revoked, "0a0408031801"),
        (RefusedBy::Locked, "0a0408031802"),
        (RefusedBy::Waiting, "0a0408031803"),
        (RefusedBy::Wrong, "0a0408031804"),
        (RefusedBy::Spent, "0a0408031805"),
        (RefusedBy::Limit, "0a0408031806"),
        (RefusedBy::Overload, "0a0408031807"),
        (RefusedBy::Answered, "0a0408031808"),
        (RefusedBy::Initial, "0a0408031809"),
    ];
    let named = all.map(|(by, golden)| (Ok(Outcome::Begin(BeginResult::Refused(by))), golden));
    named.into()
}

fn others() -> Vec<Golden> {
    let settle = |result| Ok(Outcome::Settle(result));
    let refused = |because| Err(ProposeError::NotProposed(because));
    let changed = Outcome::Change(ChangeOutcome {
        revision: 7,
        refusal: Refusal::Exists.into(),
        ..ChangeOutcome::default()
    });
    let unreadable = Outcome::Unreadable(CommandError::Told("no".to_owned()));
    let send = |result| Ok(Outcome::SendPasscode(result));
    vec![
        (send(SendResult::TooLate), "42020801"),
        (send(SendResult::Stale), "42020802"),
        (
            send(SendResult::Refused(RefusedBy::Overload)),
            "420408031007",
        ),
        (send(SendResult::Already), "42020804"),
        (send(SendResult::Sent), "42020805"),
        (
            settle(SettleResult::Settled(Verdict::Accepted)),
            "120408011001",
        ),
        (
            settle(SettleResult::Already(Verdict::WrongPassword)),
            "120408021002",
        ),
        (settle(SettleResult::Gone), "12020803"),
        (
            settle(SettleResult::LetIn(old_answer())),
            "120e08061a0a0a036f6c641203190378",
        ),
        (settle(SettleResult::Superseded), "12020804"),
        (settle(SettleResult::Released), "12020805"),
        (Ok(changed), "1a0408071002"),
        (Ok(unreadable), "22026e6f"),
        (refused(Because::NotLeader(None)), "2a020801"),
        (refused(Because::Busy), "2a020802"),
        (refused(Because::Stopping), "2a020803"),
        (Err(ProposeError::Unknown), "3200"),
    ]
}

#[test]
fn each_outcome_has_its_octets_for_ever() {
    for (result, golden) in all() {
        let octets = encoded(result.clone()).encode_to_vec();
        assert_eq!(HEXLOWER.encode(&octets), golden, "{result:?}");
    }
}

#[test]
fn each_outcome_comes_back_as_it_was() {
    for (result, _) in all() {
        assert_eq!(decoded(encoded(result.clone()), LEADER), result);
    }
}

#[test]
fn what_a_newer_binary_says_is_unknown() {
    for octets in [
        "",
        "0a020809",
        "0a0408041006",
        "0a040803180a",
        "0a020805",
        "12020806",
    ] {
        let octets = HEXLOWER.decode(octets.as_bytes()).unwrap();
        let outcome = CommandOutcome::decode(&*octets).unwrap();
        assert_eq!(decoded(outcome, LEADER), Err(ProposeError::Unknown));
    }
    let refused = CommandOutcome {
        kind: Some(Kind::Refused(Refused { cause: 77 })),
    };
    let because = Because::Unreachable(LEADER);
    assert_eq!(
        decoded(refused, LEADER),
        Err(ProposeError::NotProposed(because))
    );
}
