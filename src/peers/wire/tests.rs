//! What goes over a link must be understood by the release before and after: the octets
//! are fixed here, each field with a value of its own.

use std::fmt::Debug;

use data_encoding::HEXLOWER;
use prost::Message;

use super::*;
use countersign_core::ledger::storage::{self, command};

/// Sent with these octets for ever, and read from them.
fn is_golden<T: Message + Default + PartialEq + Debug>(message: &T, golden: &str) {
    let octets = message.encode_to_vec();
    assert_eq!(HEXLOWER.encode(&octets), golden, "{message:?}");
    let read = T::decode(&*HEXLOWER.decode(golden.as_bytes()).unwrap()).unwrap();
    assert_eq!(read, *message);
}

#[test]
fn a_greeting_goes_over_a_link_as_ever() {
    is_golden(&GreetRequest { sent_at: 300 }, GREET_REQUEST);
    let reply = GreetReply {
        stage: Stage::Admitted.into(),
        raft_id: 65_537,
        version_max: 1,
        sent_at: 300,
    };
    is_golden(&reply, GREET_REPLY);
}

#[test]
fn an_admission_goes_over_a_link_as_ever() {
    let request = AdmitRequest {
        incarnation: 1,
        members: vec![1, 2, 3],
    };
    is_golden(&request, ADMIT_REQUEST);
    let reply = AdmitReply {
        stage: Stage::Member.into(),
        raft_id: 65_537,
    };
    is_golden(&reply, ADMIT_REPLY);
}

#[test]
fn commands_go_over_a_link_as_ever() {
    let settle = storage::Settle {
        key: vec![5; 2],
        ..storage::Settle::default()
    };
    let request = ProposeRequest {
        number: 7,
        term: 3,
        remaining: 300,
        commands: vec![storage::Command {
            kind: Some(command::Kind::Settle(settle)),
        }],
    };
    is_golden(&request, PROPOSE_REQUEST);
    let outcomes = propose_reply::Outcomes {
        index: 9,
        outcomes: vec![CommandOutcome {
            kind: Some(command_outcome::Kind::Settle(SettleOutcome {
                kind: 1,
                verdict: 2,
                let_in: None,
            })),
        }],
    };
    let refused = propose_reply::Refused {
        cause: propose_reply::refused::Cause::Busy.into(),
    };
    for (result, golden) in [
        (propose_reply::Result::Outcomes(outcomes), OUTCOMES),
        (propose_reply::Result::Refused(refused), REFUSED),
        (propose_reply::Result::Lost(propose_reply::Lost {}), LOST),
    ] {
        let reply = ProposeReply {
            number: 7,
            result: Some(result),
        };
        is_golden(&reply, golden);
    }
}

#[test]
fn attempt_keys_go_over_a_link_as_ever() {
    let reply = AttemptKeysReply {
        number: 7,
        current: vec![1; 2],
        previous: vec![2; 2],
        next: vec![3; 2],
        next_from: 300,
        drawn_at: 301,
    };
    is_golden(&reply, ATTEMPT_KEYS);
}

#[test]
fn a_login_goes_over_a_link_as_ever() {
    let request = LoginRequest {
        client: 7,
        client_revision: 3,
        user_name: b"alice".to_vec(),
        password: b"word".to_vec(),
        proven: true,
        calling_station_id: Some(b"a".to_vec()),
        nas_identifier: Some(Vec::new()),
        nas_ip_address: Some(0xc000_0201),
        nas_port: Some(0),
        nas_port_id: Some(b"b".to_vec()),
        arrived: 300,
        remaining: 301,
        called_station_id: None,
        nas_port_type: None,
        echoed_octets: 0,
        state: None,
        chap: Vec::new(),
        ms_chap2: Vec::new(),
        challenge: Vec::new(),
    };
    is_golden(&request, LOGIN_REQUEST);
    let reply = LoginReply {
        decision: 2,
        reason: 301,
        source_code: 302,
        reference: "7K2M9Q".to_owned(),
        user: Some(0),
        took_micros: 303,
        attributes: Vec::new(),
        ..LoginReply::default()
    };
    is_golden(&reply, LOGIN_REPLY);
}

#[test]
fn clocks_and_tables_are_compared_over_a_link_as_ever() {
    let tables = vec![TableHash {
        index: 300,
        hash: vec![7; 2],
    }];
    let request = CompareRequest {
        tables: tables.clone(),
    };
    is_golden(&request, COMPARE_REQUEST);
    is_golden(&CompareReply { now: 301, tables }, COMPARE_REPLY);
}

#[test]
fn what_rules_see_and_grant_goes_over_a_link_as_ever() {
    let mut request = LoginRequest::default();
    request.called_station_id = Some(b"c".to_vec());
    request.nas_port_type = Some(0);
    request.echoed_octets = 304;
    is_golden(&request, CALL);
    let mut standard = GrantedAttribute::default();
    standard.kind = 25;
    standard.value = b"d".to_vec();
    let vendor = GrantedAttribute {
        kind: 26,
        vendor: 12_356,
        vendor_kind: 1,
        value: b"e".to_vec(),
        salted: false,
        tag: None,
    };
    let reply = LoginReply {
        attributes: vec![standard, vendor],
        ..LoginReply::default()
    };
    is_golden(&reply, GRANTS);
}

#[test]
fn a_challenge_and_its_answer_go_over_a_link_as_ever() {
    let mut request = LoginRequest::default();
    request.state = Some(b"f".to_vec());
    is_golden(&request, "f2010166");
    let reply = LoginReply {
        decision: 4,
        state: b"f".to_vec(),
        message: "g".to_owned(),
        ..LoginReply::default()
    };
    is_golden(&reply, "0804f2010166fa010167");
}

#[test]
fn what_came_in_place_of_a_password_goes_over_a_link_as_ever() {
    let mut request = LoginRequest::default();
    request.chap = b"g".to_vec();
    request.ms_chap2 = b"h".to_vec();
    request.challenge = b"i".to_vec();
    is_golden(&request, RESPONSE);
}

#[test]
fn a_secret_that_rules_grant_goes_over_a_link_as_ever_and_is_not_printed() {
    let secret = GrantedAttribute {
        kind: 69,
        vendor: 0,
        vendor_kind: 0,
        value: b"f".to_vec(),
        salted: true,
        tag: Some(1),
    };
    assert_eq!(format!("{secret:?}"), "GrantedAttribute(69, …)");
    is_golden(&secret, SECRET);
}

#[test]
fn a_nodes_status_goes_over_a_link_as_ever() {
    let status = NodeStatus {
        node: 1,
        raft_id: 65_537,
        role: "voter".to_owned(),
        term: 3,
        leader: 2,
        last_log: 301,
        committed: 302,
        applied: 303,
        applied_at: 304,
        hash: vec![7; 2],
        fsync_p50_micros: 305,
        fsync_p99_micros: 306,
        certificate_expires: 307,
        ready: true,
        fenced: "a".to_owned(),
        program: "b".to_owned(),
        version_max: 4,
        now: 308,
        links: vec![node_status::Link {
            node: 2,
            connected: true,
            fault: "c".to_owned(),
            refused: 309,
            refusal: "d".to_owned(),
        }],
        strangers: Some(node_status::Strangers {
            refused: 310,
            refusal: "e".to_owned(),
        }),
    };
    is_golden(&status, NODE_STATUS);
}

const GREET_REQUEST: &str = "08ac02";
const GREET_REPLY: &str = "080210818004180120ac02";
const ADMIT_REQUEST: &str = "08011203010203";
const ADMIT_REPLY: &str = "080310818004";
const PROPOSE_REQUEST: &str = "0807100318ac02220612040a020505";
const OUTCOMES: &str = "0807120a08091206120408011002";
const REFUSED: &str = "08071a020802";
const LOST: &str = "08072200";
const ATTEMPT_KEYS: &str = "0807120201011a0202022202030328ac0230ad02";
const LOGIN_REQUEST: &str = "\
    080710031a05616c6963652204776f726428013201613a0045010200c0480052016258ac0260ad02";
const CALL: &str = "a2010163a80100b001b002";
const GRANTS: &str = "3a0508192201643a0a081a10c4601801220165";
const RESPONSE: &str = "c2020167ca020168d2020169";
const SECRET: &str = "084522016628013001";
const LOGIN_REPLY: &str = "080210ad0218ae022206374b324d3951280030af02";
const COMPARE_REQUEST: &str = "0a0708ac0212020707";
const COMPARE_REPLY: &str = "08ad02120708ac0212020707";
const NODE_STATUS: &str = "\
    0801108180041a05766f7465722003280230ad0238ae0240af0248b0025202070758b10260b20268b30270017a\
    0161820101628801049001b4029a010d080210011a016320b5022a0164a2010608b602120165";
