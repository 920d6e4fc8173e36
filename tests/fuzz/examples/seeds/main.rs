//! Writes the seed corpus: `cargo run --example seeds`, in `tests/fuzz/`.
//!
//! Each seed of `script` is a script in the octets of `house/script.rs`, and each of `datagram`
//! the first thing of one; those of `entry` are entries as they stand in the log.

use std::fs;
use std::path::Path;
use std::time::Duration;

use countersign_core::base::{
    AttemptKey, Boot, ClientId, Epoch, NodeId, Owner, PlaceId, Secret, Timestamp, TokenId, UserId,
};
use countersign_core::ledger::storage::change::Kind;
use countersign_core::ledger::storage::{self, Change};
use countersign_core::ledger::{
    Begin, CLUSTER_VERSION, Command, Entry, Factors, Match, Revisions, Settle, SourceOutcome, query,
};
use countersign_core::radius::{Authenticator, Question, RADSEC_SECRET, Raw, kind};
use countersign_fuzz::{STATE, TOKEN};

mod packets;
mod replies;
mod states;

fn main() -> std::io::Result<()> {
    write("datagram", &datagrams())?;
    write("script", &scripts())?;
    write("entry", &entries())?;
    write("attributes", &grants())?;
    write("state", &states::states())?;
    write("csv", &files())?;
    write("old_server", &replies::replies())?;
    write("packet", &packets::packets())?;
    write("base32", &seeds())?;
    write("radsec", &streams())
}

/// A name and its octets.
type Seed = (&'static str, Vec<u8>);

fn write(target: &str, seeds: &[Seed]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&folder)?;
    seeds
        .iter()
        .try_for_each(|(name, octets)| fs::write(folder.join(name), octets))
}

// ---- scripts ----

/// Codes: the token's place among the testers, and the offset of the step plus 3.
const fn code(tester: u8, offset: i8) -> u8 {
    tester | (offset + 3).cast_unsigned() << 3
}

const PROXY: u8 = 0;
const VPN: u8 = 1;
const BURNING: u8 = 2;
const ALICE: u8 = 0;
const BOB: u8 = 3;
const RIGHT: [u8; 2] = [0, 0];
const WRONG: [u8; 2] = [0, 1];
const UNANSWERED: [u8; 2] = [0, 4];
const HELD: [u8; 2] = [0, 8];
const RESULT_LOST: [u8; 2] = [1 | 1 << 3, 0];
const LOST: [u8; 2] = [2 | 2 << 3, 0];

/// A login at `node` with the password octet `password`, from the caller `station`.
fn login(client: u8, user: u8, (password, code): (u8, u8), way: (u8, u8, [u8; 2])) -> Vec<u8> {
    let (station, node, [commands, source]) = way;
    let attributes = 1 | station << 1;
    let at = 4 << 2 | node;
    // `at` must say the node modulo 3.
    let at = (at..at + 3).find(|at| at % 3 == node).unwrap_or(at);
    vec![
        1, client, 0, user, password, code, attributes, at, commands, source,
    ]
}

fn both(way: (u8, u8, [u8; 2])) -> Vec<u8> {
    login(VPN, ALICE, (1, code(0, 0)), way)
}

fn alone(offset: i8, way: (u8, u8, [u8; 2])) -> Vec<u8> {
    login(PROXY, ALICE, (0, code(0, offset)), way)
}

/// The shape of `house/datagrams.rs` stands third.
fn hashed(shape: u8) -> Vec<u8> {
    let mut login = alone(0, (0, 0, RIGHT));
    login[2] = shape;
    login
}

fn script(things: &[Vec<u8>]) -> Vec<u8> {
    [&[1][..], &things.concat()].concat()
}

fn datagrams() -> Vec<Seed> {
    vec![
        ("accepted", both((0, 0, RIGHT))),
        ("wrong-password", both((0, 0, WRONG))),
        ("unanswered", both((0, 0, UNANSWERED))),
        ("held", both((0, 0, HELD))),
        ("result-lost", both((0, 0, RESULT_LOST))),
        ("code-alone", alone(0, (0, 0, RIGHT))),
        ("chap", hashed(32)),
        ("ms-chap", hashed(64)),
        (
            "eight-digits",
            login(VPN, BOB, (1, code(1, 0)), (0, 0, RIGHT)),
        ),
        (
            "burned",
            login(BURNING, ALICE, (1, code(0, 0)), (0, 0, RIGHT)),
        ),
        ("status", vec![7, 0, 0, 0]),
    ]
}

fn scripts() -> Vec<Seed> {
    let wrong_code = |digits: &[u8; 6]| {
        let mut login = login(VPN, ALICE, (1, 7), (0, 0, RIGHT));
        login.splice(6..6, [&[6][..], digits].concat());
        login
    };
    let (answer, wait) = (vec![9, 0, 0, 0], |seconds: u8| vec![12, 1, seconds]);
    let change = |octets: &[u8]| [&[15][..], octets].concat();
    vec![
        (
            "accepted",
            script(&[both((0, 0, RIGHT)), both((0, 1, RIGHT))]),
        ),
        (
            "code-alone",
            script(&[alone(0, (0, 0, RIGHT)), alone(0, (1, 1, RIGHT))]),
        ),
        (
            "eight-digits",
            script(&[login(VPN, BOB, (1, code(1, 0)), (0, 0, RIGHT))]),
        ),
        (
            "wrong-password",
            script(&[both((0, 0, WRONG)), both((0, 1, RIGHT))]),
        ),
        (
            "wrong-codes",
            script(&[
                wrong_code(b"000000"),
                wrong_code(b"000001"),
                wrong_code(b"000002"),
            ]),
        ),
        (
            "two-callers",
            script(&[both((0, 0, HELD)), both((1, 1, HELD)), answer.clone()]),
        ),
        (
            "joined",
            script(&[both((0, 0, HELD)), both((0, 1, RIGHT)), answer.clone()]),
        ),
        (
            "unanswered",
            script(&[both((0, 0, UNANSWERED)), both((0, 1, RIGHT))]),
        ),
        (
            "results-lost",
            script(&[both((0, 0, RESULT_LOST)), both((0, 1, RIGHT))]),
        ),
        (
            "late-copies",
            script(&[
                alone(0, (0, 0, LOST)),
                vec![11, 0],
                alone(0, (0, 1, RIGHT)),
                vec![11, 1],
            ]),
        ),
        (
            "lease-over",
            script(&[
                both((0, 0, HELD)),
                wait(13),
                both((0, 1, RIGHT)),
                answer.clone(),
            ]),
        ),
        (
            "restart",
            script(&[both((0, 0, HELD)), vec![13, 0], both((0, 0, RIGHT))]),
        ),
        (
            "key-turned",
            script(&[both((0, 0, RIGHT)), vec![14], both((0, 0, RIGHT))]),
        ),
        (
            "revoked",
            script(&[
                both((0, 0, HELD)),
                change(&[0, 0, 0, 1]),
                answer.clone(),
                both((0, 1, RIGHT)),
            ]),
        ),
        (
            "stricter",
            script(&[
                alone(0, (0, 0, RIGHT)),
                change(&[6, 0, 0, 0, 0, 2]),
                alone(0, (0, 1, RIGHT)),
            ]),
        ),
        (
            "burned",
            script(&[
                login(BURNING, ALICE, (1, code(0, 0)), (0, 0, WRONG)),
                login(BURNING, ALICE, (2, code(0, 1)), (0, 0, UNANSWERED)),
                login(BURNING, ALICE, (2, code(0, 1)), (0, 1, RIGHT)),
            ]),
        ),
        (
            "clock-back",
            script(&[alone(1, (0, 0, RIGHT)), alone(0, (1, 1, RIGHT)), wait(30)]),
        ),
        (
            "status",
            script(&[vec![7, 2, 0, 0], vec![7, 0, 0, 0], vec![7, 1, 0, 0]]),
        ),
        ("raw", script(&[raw(&[1, 9, 0, 38]), raw(&[4, 1, 0, 20])])),
    ]
}

/// A datagram with this head and one attribute.
fn raw(head: &[u8; 4]) -> Vec<u8> {
    let length = head[3];
    let mut octets = vec![0, 4, 0, length];
    octets.extend(head);
    octets.extend([0x5a; 16]);
    if length > 20 {
        octets.extend([2, length - 20]);
        octets.resize(4 + usize::from(length), 0x33);
    }
    octets.extend([16, 0, 0]);
    octets
}

// ---- entries ----

fn entries() -> Vec<Seed> {
    let grant = begin(1, 59_840_640, Factors::PasswordAndCode);
    let settle = Settle {
        key: AttemptKey([1; 32]),
        epoch: Epoch {
            index: STATE.index + 1,
            place: 0,
        },
        outcome: SourceOutcome::Right,
        relayed: None,
    };
    let wrong = Begin {
        matches: Vec::new(),
        ..begin(3, 0, Factors::PasswordAndCode)
    };
    let alone = begin(2, 59_840_641, Factors::Code);
    let unlock = change(Kind::UnlockUser(storage::UnlockUser { id: 1 }));
    let disable = change(Kind::SetUserStatus(storage::SetUserStatus {
        id: 2,
        status: storage::UserStatus::Disabled.into(),
    }));
    let raise = change(Kind::RaiseVersion(storage::RaiseVersion { to: 2 }));
    vec![
        (
            "login",
            log(&[
                vec![Command::Begin(grant.clone())],
                vec![Command::Settle(settle)],
            ]),
        ),
        (
            "batch",
            log(&[vec![
                Command::Begin(grant),
                Command::Begin(alone),
                Command::Begin(wrong),
            ]]),
        ),
        ("changes", log(&[vec![unlock, disable], vec![raise]])),
        ("import", log(&[vec![change(import())]])),
        ("empty", log(&[Vec::new()])),
    ]
}

/// Entries behind their lengths, half a second apart.
fn log(entries: &[Vec<Command>]) -> Vec<u8> {
    let mut octets = Vec::new();
    for (number, commands) in (1..).zip(entries) {
        let entry = Entry {
            version: CLUSTER_VERSION,
            at: start().plus(Duration::from_millis(500 * number)),
            proposer: NodeId(1),
            commands: commands.clone(),
        };
        let entry = entry.encode();
        let length = u16::try_from(entry.len()).expect("a short entry");
        octets.extend(length.to_be_bytes());
        octets.extend(entry);
    }
    octets
}

/// A login of the user 1 by the token 11, through the client that asks for `factors`.
fn begin(key: u8, step: u64, factors: Factors) -> Begin {
    let client = match factors {
        Factors::Code => ClientId(1),
        Factors::PasswordAndCode
        | Factors::CodeAndAccount
        | Factors::Password
        | Factors::Forward => ClientId(2),
    };
    let head = query::head(&STATE.tables).expect("the head can be read");
    Begin {
        key: AttemptKey([key; 32]),
        prev: Epoch::default(),
        owner: Owner {
            node: NodeId(1),
            boot: Boot(1),
            flow: key.into(),
        },
        user: UserId(1),
        client,
        place: PlaceId([9; 16]),
        matches: vec![Match {
            token: TokenId(11),
            generation: 1,
            step,
            offset: 0,
        }],
        revisions: Revisions {
            client: client.0,
            rules: head.rules_revision,
            settings: head.settings_revision,
            user: 0,
        },
        factors,
        issued: start(),
        lease: Duration::from_secs(12),
        caller_named: true,
        burn_code: None,
        answer: None,
        passcodes: Vec::new(),
        account: false,
        initial_logins: 0,
    }
}

fn change(kind: Kind) -> Command {
    Command::Change(Box::new(Change {
        request_id: vec![5; 16],
        actor: Some(storage::Actor {
            token: TOKEN.to_vec(),
            ..storage::Actor::default()
        }),
        digest: Vec::new(),
        kind: Some(kind),
    }))
}

fn import() -> Kind {
    let row = storage::ImportRow {
        number: 1,
        user: None,
        token: Some(storage::Token {
            id: 99,
            seed: vec![1; 80],
            algorithm: storage::TokenAlgorithm::Sha1.into(),
            digits: 6,
            period: 30,
            serial: "serial-99".into(),
            state: storage::TokenState::Active.into(),
            ..storage::Token::default()
        }),
    };
    Kind::Import(storage::Import {
        rows: vec![row],
        atomic: true,
    })
}

fn start() -> Timestamp {
    let head = query::head(&STATE.tables).expect("the head can be read");
    Timestamp::from_millis(head.at)
}

// ---- texts ----

fn files() -> Vec<Seed> {
    let header = "upn,serial number,secret key,time interval,manufacturer,model\r\n";
    let row = "alice@contoso.example,0012,GEZDGNBVGY3TQOJQGEZDGNBVGY,30,Contoso,T1\r\n";
    let hex = row.replace("GEZDGNBVGY3TQOJQGEZDGNBVGY", "3132333435363738393031323334");
    let wide = format!("{header}{row}");
    let wide = wide.encode_utf16().flat_map(u16::to_le_bytes);
    let marked = [0, 0xff, 0xfe].into_iter().chain(wide).collect();
    vec![
        ("plain", format!("\0{header}{row}").into_bytes()),
        ("hex", format!("\x01{header}{hex}").into_bytes()),
        (
            "semicolons",
            format!("\0sep=;\n{header}{row}{row}")
                .replace(',', ";")
                .into_bytes(),
        ),
        ("utf16", marked),
        (
            "quoted",
            format!("\0{header}\"alice\",\"00\"\"12\",\"a\nb\",30,,\n{row}").into_bytes(),
        ),
    ]
}

fn seeds() -> Vec<Seed> {
    let texts = [
        ("plain", "GEZDGNBVGY3TQOJQGEZDGNBVGY"),
        ("padded", "gezd gnbv gy3t-qojq gezd gnbv gy======"),
        ("dropped", "2234567abcdef2234567abcdef"),
        ("hex", "3132333435363738393031323334353637383930"),
    ];
    texts
        .map(|(name, text)| (name, text.as_bytes().to_vec()))
        .to_vec()
}

// ---- streams under TLS ----

/// A login, accounting, a question whether the node lives, and what is not served.
fn streams() -> Vec<Seed> {
    let secret = Secret::from(RADSEC_SECRET.as_bytes());
    let question = Question {
        identifier: 7,
        authenticator: b"0123456789abcdef",
        secret: &secret,
    };
    let state = Raw {
        kind: kind::PROXY_STATE,
        value: b"between",
    };
    let password = Secret::from(&b"password123456"[..]);
    let login = question.access_request(b"alice", &password, &[state]);
    let login = login.expect("a small packet");
    let status = question.status_server(&[]).expect("a small packet");
    let session = question.accounting_request(&[state]);
    let session = session.expect("a small packet");
    let tokened = |code: u8, attributes: &[u8]| {
        let length = u8::try_from(20 + attributes.len()).expect("a small packet");
        let head = [code, 0, 0, length, 1, 2, 3, 4];
        [&head[..], &[0; 12], attributes].concat()
    };
    let modern = [
        tokened(1, b"\x01\x07alice\x02\x10password123456\x21\x09between"),
        tokened(4, b"\x28\x06\0\0\0\x01"),
        tokened(12, b""),
        tokened(40, b"\x21\x09between"),
    ];
    let stream = |version: u8, segment: u8, packets: &[Vec<u8>]| {
        [&[version, segment][..], &packets.concat()].concat()
    };
    let historic = [login.clone(), session, status, tokened(43, b"")];
    vec![
        ("historic", stream(0, 16, &historic)),
        ("login", stream(0, 255, &[login])),
        ("without-md5", stream(1, 3, &modern)),
        (
            "broken",
            stream(1, 0, &[tokened(12, b""), vec![1, 0, 0, 19]]),
        ),
    ]
}

// ---- what rules grant ----

/// A user in two groups, a reply with room, and attributes: number, type and tag, vendor,
/// value.
fn granting(attributes: &[(u8, u8, Option<u16>, &str)]) -> Vec<u8> {
    let mut octets = vec![2 | 28 << 3];
    let text = |octets: &mut Vec<u8>, text: &str| {
        octets.push(text.len().try_into().expect("a short text"));
        octets.extend(text.as_bytes());
    };
    for name in ["alice", "vpn-a", "staff"] {
        text(&mut octets, name);
    }
    for (kind, shape, vendor, value) in attributes {
        octets.extend([*kind, *shape | u8::from(vendor.is_some()) << 4]);
        octets.extend(vendor.iter().flat_map(|vendor| (vendor - 1).to_be_bytes()));
        text(&mut octets, value);
    }
    octets
}

fn grants() -> Vec<Seed> {
    let tag = 1 << 5;
    vec![
        (
            "class",
            granting(&[
                (25, 2, None, "OU={group:vpn-};"),
                (11, 1, None, "{groups:,}"),
            ]),
        ),
        (
            "vendor",
            granting(&[
                (1, 1, Some(12_356), "{groups}"),
                (1, 2, Some(32_473), "0x00ff"),
            ]),
        ),
        (
            "numbers",
            granting(&[
                (27, 3, None, "3600"),
                (8, 4, None, "198.51.100.7"),
                (168, 5, None, "2001:db8::7"),
                (97, 6, None, "2001:db8::/32"),
            ]),
        ),
        (
            "tunnel",
            granting(&[(64, 9 | tag, None, "13"), (81, 8 | tag, None, "10")]),
        ),
        ("forbidden", granting(&[(24, 2, None, "state")])),
        (
            "braces",
            granting(&[(18, 1, None, "{{{user.name}}} via {client}")]),
        ),
    ]
}

const AUTHENTICATOR: Authenticator = *b"0123456789abcdef";
