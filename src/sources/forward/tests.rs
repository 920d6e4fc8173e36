//! The client against an old server that says what each test wants.

mod examine;
mod hostile;
mod old;
mod reach;
mod settings;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::base::limits::{
    FORWARD_PASSWORD_OCTETS_MAX, FORWARD_QUESTIONS_MAX, RELAYED_ATTRIBUTES_MAX,
};
use countersign_core::base::{ClusterId, Secret, SeededEntropy, Timestamp, Unobserved};
use countersign_core::ledger::SourceOutcome;
use countersign_core::ledger::storage::{self, AllowedAttribute};
use countersign_core::login::{Forwarded, Reason};
use countersign_core::radius::{Attribute, Challenge, Mark, Number, Relayed, Reply, Salt, kind};
use tokio::time::Instant;

use self::old::{Old, SECRET, reply};
use super::{Forward, ForwardSurroundings, OldServer, OldServers};
use crate::login::{Against, Answer, Clock, Question};
use crate::sources::PinnedServers;
use crate::sources::alarm::Alarms;

struct StoppedClock;

impl Clock for StoppedClock {
    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(1_795_219_200_000)
    }
}

const CLUSTER: ClusterId = ClusterId([7; 16]);
const NAME: &str = "CONTOSO\\alice";
const PASSWORD: &str = "R1ght & p\u{e4}ss+w=rd%:123456";
/// Any chance does.
const SALT: Salt = Salt::of([0, 1]);

fn surroundings(pinned: &[&str]) -> ForwardSurroundings {
    ForwardSurroundings {
        pinned: PinnedServers::parse(pinned.iter().copied()).unwrap(),
        cluster: CLUSTER,
        chance: Arc::new(Mutex::new(SeededEntropy::new(1))),
        alarms: Arc::new(Alarms::new(Arc::new(Unobserved))),
        clock: Arc::new(StoppedClock),
        operations: Arc::new(Unobserved),
    }
}

/// Of servers that are there, or not; Class and a vendor's group are relayed.
fn settings(servers: &[&str]) -> storage::Forward {
    let allowed = |(kind, vendor, vendor_kind)| AllowedAttribute {
        kind,
        vendor,
        vendor_kind,
    };
    storage::Forward {
        name: "old".to_owned(),
        servers: servers.iter().map(ToString::to_string).collect(),
        secret: Vec::new(),
        timeout: 400,
        tries: 2,
        attributes: [(25, 0, 0), (26, 12356, 1)].map(allowed).to_vec(),
        dangerous_unsigned_replies: false,
    }
}

fn forward(settings: &storage::Forward) -> Forward {
    let servers: Vec<_> = settings.servers.iter().map(String::as_str).collect();
    Forward::configure(settings, Secret::from(SECRET), &surroundings(&servers)).unwrap()
}

/// What is asked of most servers.
async fn ask(forward: &Forward) -> Answer {
    typed(forward, PASSWORD).await
}

async fn typed(forward: &Forward, password: &str) -> Answer {
    let call = [of_call(31, b"203.0.113.5"), of_call(5, &[0, 0, 0, 9])];
    forward.ask(&question(password), &call).await
}

fn question(password: &str) -> Question {
    Question {
        name: NAME.to_owned(),
        password: Secret::from(password.to_owned()),
        // Which server it goes to was decided above.
        against: Against::Directory,
        account: None,
        timeout: Duration::from_secs(5),
    }
}

fn of_call(kind: u8, value: &[u8]) -> Attribute {
    Attribute::of_login(Number::Standard(kind), value).unwrap()
}

fn granted(number: &str, value: &[u8]) -> Attribute {
    Attribute::new(number.parse().unwrap(), value).unwrap()
}

fn accept(packet: &[u8]) -> Vec<u8> {
    reply(packet, &Reply::Accept(&[granted("25", b"staff")], SALT))
}

fn right() -> Answer {
    Answer {
        relayed: Relayed::new(&[granted("25", b"staff")]).unwrap(),
        ..Answer::new(SourceOutcome::Right, Reason::Accepted, 0)
    }
}

const fn plain(outcome: SourceOutcome, reason: Reason) -> Answer {
    Answer::new(outcome, reason, 0)
}

const SILENT: Answer = plain(SourceOutcome::Unanswered, Reason::SourceUnanswered);
const UNREACHABLE: Answer = plain(SourceOutcome::NotAsked, Reason::SourceUnreachable);

#[tokio::test]
async fn an_accept_grants_what_is_allowed_and_nothing_else() {
    let old = Old::new(|_, packet| {
        let granted = [
            granted("18", b"welcome"),
            granted("25", b"first"),
            granted("26.12356.1", b"staff"),
            granted("26.12356.2", b"root"),
            granted("8", &[198, 51, 100, 7]),
            granted("25", b"second"),
        ];
        vec![reply(packet, &Reply::Accept(&granted, SALT))]
    })
    .await;
    let heard = ask(&forward(&settings(&[&old.at()]))).await;
    assert_eq!(heard.outcome, SourceOutcome::Right);
    let expected = [
        granted("25", b"first"),
        granted("26.12356.1", b"staff"),
        granted("25", b"second"),
    ];
    assert_eq!(heard.relayed.attributes(), expected);
}

#[tokio::test]
async fn the_old_server_reads_what_was_typed_and_what_the_device_says_of_the_call() {
    let old = Old::new(|_, packet| vec![accept(packet)]).await;
    assert_eq!(ask(&forward(&settings(&[&old.at()]))).await, right());
    let [packet] = &old.heard()[..] else {
        panic!("one packet");
    };
    let read = old::read(packet);
    assert_eq!(read.name, NAME.as_bytes());
    assert_eq!(read.password, PASSWORD.as_bytes());
    assert_eq!(read.kinds, [80, 1, 2, 31, 5, 32, 33]);
    assert!(Mark::is_of(CLUSTER, &read.proxy_state));
}

#[tokio::test]
async fn the_device_is_named_as_it_names_itself() {
    let old = Old::new(|_, packet| vec![accept(packet)]).await;
    for named in [
        of_call(kind::NAS_IDENTIFIER, b"fw1"),
        of_call(kind::NAS_IP_ADDRESS, &[192, 0, 2, 1]),
    ] {
        let kind = u8::try_from(named.number().parts().0).unwrap();
        let forward = forward(&settings(&[&old.at()]));
        let heard = forward.ask(&question(PASSWORD), &[named]).await;
        assert_eq!(heard, right());
        let packet = old.heard().pop().unwrap();
        let kinds = old::read(&packet).kinds;
        assert_eq!(kinds, [80, 1, 2, kind, 33]);
    }
}

#[tokio::test]
async fn a_reject_is_a_wrong_password() {
    let old = Old::new(|_, packet| vec![reply(packet, &Reply::Reject(&["no"]))]).await;
    let heard = ask(&forward(&settings(&[&old.at()]))).await;
    assert_eq!(heard, plain(SourceOutcome::Wrong, Reason::WrongPassword));
}

#[tokio::test]
async fn a_question_of_the_old_servers_own_is_not_relayed() {
    let old = Old::new(|_, packet| {
        let challenge = Challenge {
            state: b"1",
            messages: &["Token code?"],
            prompt: None,
            wait_secs: None,
        };
        vec![reply(packet, &Reply::Challenge(challenge))]
    })
    .await;
    let heard = ask(&forward(&settings(&[&old.at()]))).await;
    let expected = plain(SourceOutcome::Denied, Reason::ForwardChallenge);
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn an_accept_that_cannot_be_relayed_whole_lets_nobody_in() {
    let old = Old::new(|_, packet| {
        let many = vec![granted("25", b"x"); RELAYED_ATTRIBUTES_MAX + 1];
        vec![reply(packet, &Reply::Accept(&many, SALT))]
    })
    .await;
    let heard = ask(&forward(&settings(&[&old.at()]))).await;
    assert_eq!(heard, plain(SourceOutcome::Denied, Reason::ForwardUnfit));
}

#[tokio::test]
async fn what_an_old_server_may_cut_off_is_not_sent() {
    let old = Old::new(|_, packet| vec![accept(packet)]).await;
    let forward = forward(&settings(&[&old.at()]));
    let longest = "x".repeat(FORWARD_PASSWORD_OCTETS_MAX);
    let unaskable = plain(SourceOutcome::Denied, Reason::ForwardUnaskable);
    for password in ["", "pa55\0word", &format!("{longest}x")] {
        assert_eq!(typed(&forward, password).await, unaskable, "{password:?}");
    }
    assert_eq!(old.heard().len(), 0);
    assert_eq!(typed(&forward, &longest).await, right());
    let packet = old.heard().pop().unwrap();
    assert_eq!(old::read(&packet).password, longest.as_bytes());
}

#[tokio::test]
async fn above_its_room_an_old_server_is_not_asked() {
    let old = Old::new(|_, packet| vec![accept(packet)]).await;
    let forward = forward(&settings(&[&old.at()]));
    let all = u32::try_from(FORWARD_QUESTIONS_MAX).unwrap();
    let all = forward.room.acquire_many(all).await.unwrap();
    let full = plain(SourceOutcome::NotAsked, Reason::Overload);
    assert_eq!(ask(&forward).await, full);
    drop(all);
    assert_eq!(ask(&forward).await, right());
    assert_eq!(old.heard().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_set_or_not_usable_is_not_asked() {
    let servers = OldServers::default();
    let settings = settings(&["198.51.100.7"]);
    let unusable = OldServer {
        settings,
        forward: None,
    };
    servers.adopt(vec![Arc::new(unusable)]);
    for server in ["old", "older"] {
        let to = Forwarded {
            server: Arc::from(server),
            attributes: Vec::new(),
        };
        let heard = servers.ask(&question(PASSWORD), &to).await;
        let expected = plain(SourceOutcome::NotAsked, Reason::SourceMisconfigured);
        assert_eq!(heard, expected);
    }
}
