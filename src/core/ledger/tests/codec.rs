//! What is on disk: golden octets, and what a parser refuses.

use std::fmt::Write as _;
use std::time::Duration;

use prost::Message;

use super::world::*;
use crate::base::{AnswerId, Epoch, NodeId};
use crate::ledger::{
    Begin, BurnCode, Carried, Command, CommandError, Entry, Factors, Revisions, Settle,
    SourceOutcome, Table, storage,
};
use crate::radius::Relayed;

#[test]
fn an_entry_with_a_begin_has_these_octets() {
    let entry = entry(vec![Command::Begin(full())]);
    assert_eq!(hex(&entry.encode()), BEGIN_OCTETS);
    assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
}

#[test]
fn the_answer_to_a_challenge_stands_behind_all_else_of_a_begin() {
    let plain = Command::Begin(full()).encode();
    let begin = Begin {
        answer: Some(AnswerId([9; 16])),
        ..full()
    };
    let octets = Command::Begin(begin.clone()).encode();
    assert_eq!(octets.len(), plain.len() + 18);
    assert!(hex(&octets).ends_with(&format!("7210{}", "09".repeat(16))));
    assert_eq!(Command::decode(&octets), Ok(Command::Begin(begin)));
}

#[test]
fn the_account_stands_behind_all_that_a_begin_had_before() {
    let plain = Command::Begin(full()).encode();
    let begin = Begin {
        account: true,
        ..full()
    };
    let octets = Command::Begin(begin.clone()).encode();
    assert_eq!(octets.len(), plain.len() + 3);
    assert!(hex(&octets).ends_with("800101"));
    assert_eq!(Command::decode(&octets), Ok(Command::Begin(begin)));
}

#[test]
fn the_account_stands_behind_all_that_an_attempt_had_before() {
    let record = |account| {
        let mut world = World::new();
        let begin = Begin {
            account,
            ..world.login(1, 100)
        };
        world.grant(&begin);
        attempt(&world, 1)
    };
    assert_eq!(record(true), format!("{}b80101", record(false)));
}

#[test]
fn a_begin_by_the_password_alone_that_burns_on_match_has_these_octets() {
    let begin = Begin {
        burn_code: Some(BurnCode::OnMatch),
        factors: Factors::Password,
        matches: Vec::new(),
        revisions: Revisions {
            user: 10,
            ..full().revisions
        },
        ..full()
    };
    let entry = entry(vec![Command::Begin(begin)]);
    assert_eq!(hex(&entry.encode()), PASSWORD_OCTETS);
    assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
}

#[test]
fn an_entry_with_a_settle_has_these_octets() {
    let settle = Settle {
        key: attempt_key(1),
        epoch: Epoch {
            index: 300,
            place: 2,
        },
        outcome: SourceOutcome::Unanswered,
        relayed: None,
    };
    let entry = entry(vec![Command::Settle(settle)]);
    assert_eq!(hex(&entry.encode()), SETTLE_OCTETS);
    assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
}

#[test]
fn what_is_of_users_without_a_token_stands_behind_all_else_of_a_command() {
    let password = Begin {
        factors: Factors::Password,
        matches: Vec::new(),
        ..full()
    };
    let initial = Begin {
        initial_logins: 3,
        ..password.clone()
    };
    let command = Command::Begin(initial);
    let (octets, plain) = (command.encode(), Command::Begin(password).encode());
    assert_eq!(octets.len(), plain.len() + 2);
    assert!(hex(&octets).ends_with("7803"));
    assert_eq!(Command::decode(&octets), Ok(command));
    let command = Command::Settle(Settle {
        key: attempt_key(1),
        epoch: Epoch { index: 3, place: 0 },
        outcome: SourceOutcome::Right,
        relayed: Some(old_answer(b"x")),
    });
    let octets = command.encode();
    assert!(hex(&octets).ends_with(&format!("180122{OLD_ANSWER_OCTETS}")));
    assert_eq!(Command::decode(&octets), Ok(command));
}

#[test]
fn what_a_directory_told_stands_in_a_settle_without_a_server() {
    for (attributes, golden) in [
        (old_answer(b"x").attributes, "180122051203190378"),
        (Relayed::NONE, "18012200"),
    ] {
        let relayed = Some(Carried {
            server: None,
            attributes,
        });
        let command = Command::Settle(Settle {
            key: attempt_key(1),
            epoch: Epoch { index: 3, place: 0 },
            outcome: SourceOutcome::Right,
            relayed,
        });
        let octets = command.encode();
        assert!(hex(&octets).ends_with(golden), "{}", hex(&octets));
        assert_eq!(Command::decode(&octets), Ok(command));
    }
}

#[test]
fn records_of_users_without_a_token_have_these_octets() {
    let mut world = World::new();
    let epoch = world.grant(&world.forward(1));
    world.relay(1, epoch, &old_answer(b"x"));
    let record = attempt(&world, 1);
    assert!(
        record.ends_with(&format!("aa01{OLD_ANSWER_OCTETS}")),
        "{record}"
    );
    let last = "2a0c0a036f6c641080a0f1c2b134";
    let budgets = |world: &World| raw(world, Table::Budgets, &USER.0.to_be_bytes());
    assert_eq!(budgets(&world), last);
    world.ask(&world.initial_login(2, 3), SourceOutcome::Right);
    assert_eq!(budgets(&world), format!("2001{last}"));
    let record = attempt(&world, 2);
    assert!(record.ends_with("b00103"), "{record}");
}

#[test]
fn a_rule_that_ends_and_an_allowance_have_these_octets() {
    let rule = storage::Rule {
        name: "a".into(),
        factors: storage::RuleFactors::Forward.into(),
        until: START,
        forward: "old".into(),
        initial_logins: 3,
        ..storage::Rule::default()
    };
    let octets = "0a01611805a00180a0f1c2b134aa01036f6c64b00103";
    assert_eq!(hex(&rule.encode_to_vec()), octets);
    let change = storage::Change {
        kind: Some(storage::change::Kind::AllowUser(storage::AllowUser {
            id: 1,
        })),
        ..storage::Change::default()
    };
    assert_eq!(hex(&change.encode_to_vec()), "8a01020801");
}

#[test]
fn records_have_these_octets() {
    let mut world = World::new();
    world.edit_client(|it| it.burn_code = storage::BurnCode::OnMatch.into());
    let wrong = world.login(9, 99);
    world.ask(&wrong, SourceOutcome::Wrong);
    let wrong = world.wrong_code(8);
    world.begin(&wrong);
    let begin = world.login(1, 100);
    world.grant(&begin);
    let records = [
        ("in flight", attempt(&world, 1)),
        ("settled", attempt(&world, 9)),
        (
            "budgets",
            raw(&world, Table::Budgets, &USER.0.to_be_bytes()),
        ),
        (
            "counter",
            raw(&world, Table::Counters, &TOKEN.0.to_be_bytes()),
        ),
        // Its hash pins every write that led here.
        ("head", raw(&world, Table::Head, &[])),
    ];
    for ((name, octets), expected) in records.iter().zip(RECORDS) {
        assert_eq!(octets, expected, "{name}");
    }
}

#[test]
fn the_budget_of_a_known_place_has_these_octets() {
    let mut world = World::new();
    world.let_in(1, 100);
    let wrong = world.wrong_code(8);
    world.begin(&wrong);
    let octets = raw(&world, Table::Budgets, &USER.0.to_be_bytes());
    assert_eq!(octets, KNOWN_PLACE_OCTETS);
}

#[test]
fn the_tokens_of_a_user_have_these_octets() {
    let user = storage::User {
        id: 1,
        tokens: vec![11, u64::MAX],
        ..storage::User::default()
    };
    assert_eq!(hex(&user.encode_to_vec()), USER_OCTETS);
}

#[test]
fn every_outcome_of_a_source_survives_the_way_to_the_leader() {
    for outcome in [
        SourceOutcome::Right,
        SourceOutcome::Wrong,
        SourceOutcome::Denied,
        SourceOutcome::NotAsked,
        SourceOutcome::Unanswered,
    ] {
        let command = Command::Settle(Settle {
            key: attempt_key(1),
            epoch: Epoch { index: 3, place: 0 },
            outcome,
            relayed: None,
        });
        assert_eq!(Command::decode(&command.encode()), Ok(command));
    }
}

#[test]
fn a_begin_out_of_its_bounds_is_refused() {
    let faults: [(fn(&mut storage::Begin), &str); 16] = [
        (
            |it| {
                it.factors = storage::Factors::Forward.into();
                it.matches.clear();
                it.passcodes = vec![vec![2; 16]];
            },
            "passcodes",
        ),
        (|it| it.key.push(0), "key"),
        (|it| it.place.clear(), "place"),
        (|it| it.owner = None, "owner"),
        (|it| it.owner.as_mut().unwrap().node = 65_536, "node"),
        (|it| it.revisions = None, "revisions"),
        (|it| it.factors = 0, "factors"),
        (|it| it.factors = 77, "factors"),
        (|it| it.lease = 60_001, "lease"),
        (
            |it| it.matches = vec![storage::Match::default(); 65],
            "matches",
        ),
        (
            |it| it.factors = storage::Factors::Password.into(),
            "matches",
        ),
        (|it| it.burn_code = 3, "burn_code"),
        (
            |it| (it.factors, it.account) = (storage::Factors::Code.into(), true),
            "account",
        ),
        (
            |it| it.factors = storage::Factors::Forward.into(),
            "matches",
        ),
        (|it| it.initial_logins = 1, "initial_logins"),
        (
            |it| {
                it.factors = storage::Factors::Password.into();
                it.matches.clear();
                it.initial_logins = 21;
            },
            "initial_logins",
        ),
    ];
    for (fault, field) in faults {
        let mut begin = storage::Begin::from(&full());
        fault(&mut begin);
        let kind = Some(storage::command::Kind::Begin(begin));
        let octets = storage::Command { kind }.encode_to_vec();
        assert_eq!(Command::decode(&octets), Err(CommandError::Field(field)));
    }
}

#[test]
fn a_settle_out_of_its_bounds_is_refused() {
    let faults: [(fn(&mut storage::Settle), &str); 7] = [
        (|it| it.key.clear(), "key"),
        (|it| it.epoch = None, "epoch"),
        (|it| it.outcome = 6, "outcome"),
        (
            |it| {
                it.outcome = 2;
                it.relayed = Some((&old_answer(b"vpn")).into());
            },
            "relayed",
        ),
        (
            |it| {
                it.relayed = Some(storage::Carried {
                    server: "old server".into(),
                    ..storage::Carried::default()
                });
            },
            "relayed",
        ),
        (|it| relayed(it, b"\x19\x01"), "relayed"),
        (|it| relayed(it, &[[25; 25]; 25].concat()), "relayed"),
    ];
    for (fault, field) in faults {
        let mut settle = storage::Settle {
            key: vec![1; 32],
            epoch: Some(storage::Epoch::default()),
            outcome: 1,
            relayed: None,
        };
        fault(&mut settle);
        let kind = Some(storage::command::Kind::Settle(settle));
        let octets = storage::Command { kind }.encode_to_vec();
        assert_eq!(Command::decode(&octets), Err(CommandError::Field(field)));
    }
}

#[test]
fn a_bad_command_does_not_spoil_its_entry() {
    let good = Command::Begin(full());
    let stored = storage::Entry {
        version: 1,
        commands: vec![storage::Command { kind: None }, (&good).into()],
        ..storage::Entry::default()
    };
    let entry = Entry::decode(&stored.encode_to_vec()).unwrap();
    assert_eq!(
        entry.commands,
        [Command::Unreadable(CommandError::Kind), good]
    );
}

#[test]
fn broken_octets_are_refused() {
    assert!(matches!(
        Command::decode(&[0xff]),
        Err(CommandError::Octets(_))
    ));
    assert!(matches!(
        Entry::decode(&[0xff]),
        Err(CommandError::Octets(_))
    ));
}

fn full() -> Begin {
    let world = World::new();
    Begin {
        prev: Epoch { index: 5, place: 6 },
        owner: owner(1, 2, 3),
        revisions: Revisions {
            client: 7,
            rules: 8,
            settings: 9,
            user: 0,
        },
        matches: vec![crate::ledger::Match {
            offset: -1,
            ..matched(100)
        }],
        lease: Duration::from_millis(10_500),
        ..world.login(1, 100)
    }
}

fn entry(commands: Vec<Command>) -> Entry {
    Entry {
        version: 1,
        at: at(START),
        proposer: NodeId(2),
        commands,
    }
}

/// The record of an attempt, whatever its generation.
fn attempt(world: &World, key: u8) -> String {
    let mut records = world.tables.records();
    let found = records.find(|(table, own, _)| *table == Table::Attempts && own[8] == key);
    hex(found.unwrap().2)
}

fn raw(world: &World, table: Table, key: &[u8]) -> String {
    hex(&crate::ledger::Read::get(&world.tables, table, key)
        .unwrap()
        .unwrap())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

fn relayed(settle: &mut storage::Settle, octets: &[u8]) {
    settle.relayed = Some(storage::Carried {
        server: "old".into(),
        attributes: octets.to_vec(),
    });
}

/// What the server "old" has said, with its length: a Class of one octet.
const OLD_ANSWER_OCTETS: &str = "0a0a036f6c641203190378";

/// As the test above names them.
const RECORDS: [&str; 5] = [
    "080110011a10070707070707070707070707070707072206080b100118642a060801100118013202\
     0804380140a09c0148a09c015090eef1c2b134",
    "080110011a10070707070707070707070707070707072206080b100118632a060801100118093202\
     0801380140a09c0148a09c01620908021080a0f1c2b134",
    "0a5a0a240a2009090909090909090909090909090909090909090909090909090909090909091001\
     0a2b0a20010101010101010101010101010101010101010101010101010101010101010110031890\
     eef1c2b13418c0ef95c3b13412020801",
    "080110641a200101010101010101010101010101010101010101010101010101010101010101",
    "0880a0f1c2b13412209e6e92a0c31470ee2e200f6eb9f6fb66c155849f4c2cee24e716d9d2f64826\
     2660016a0d088087a70e1003180120a09c01",
];

const KNOWN_PLACE_OCTETS: &str =
    "1a240a10070707070707070707070707070707071080a0f1c2b1341a09080110c0ef95c3b134";

const USER_OCTETS: &str = "08014a100b00000000000000ffffffffffffffff";

const BEGIN_OCTETS: &str = "\
     08011080a0f1c2b134180222680a660a200101010101010101010101010101010101010101010101\
     0101010101010101011204080510061a060801100218032001280132100707070707070707070707\
     07070707073a08080b100118642001420608071008180948015080a0f1c2b1345884526001";

const PASSWORD_OCTETS: &str = "\
     08011080a0f1c2b134180222620a600a200101010101010101010101010101010101010101010101\
     0101010101010101011204080510061a060801100218032001280132100707070707070707070707\
     07070707074208080710081809200a48035080a0f1c2b13458845260016802";

const SETTLE_OCTETS: &str = "\
     08011080a0f1c2b1341802222d122b0a200101010101010101010101010101010101010101010101\
     010101010101010101120508ac0210021805";
