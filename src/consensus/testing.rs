//! What the tests of this module share: a place, ports that can be watched, commands.

pub(super) mod cluster;
pub(super) mod proxy;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use countersign_core::base::{ClusterId, NodeId, Timestamp, Unobserved};
use countersign_core::ledger::storage::key::Wrap;
use countersign_core::ledger::storage::member::MemberRole;
use countersign_core::ledger::storage::{
    Actor, ApiToken, Change, Found, Key, KeyPurpose, Member, Operator, PutOperator, PutUser,
    Refusal, Role, User, UserStatus, change,
};
use countersign_core::ledger::{CLUSTER_VERSION, Command, Outcome, Read, Table, Write, query};
use prost::Message;
use rocksdb::WriteBatch;

use super::disk::{Disk, Owner};
use super::halt::OnHalt;
use super::{Config, Consensus, Ports, Timing};
use crate::login::Clock;

pub(super) const OWNER: Owner = Owner {
    cluster: ClusterId([7; 16]),
    node: NodeId(1),
};

/// Hashes of the bootstrap token, and of the API token that comes by it.
const BOOTSTRAP: [u8; 32] = [8; 32];
const TOKEN: [u8; 32] = [9; 32];
const ADDRESS: &str = "one.contoso.example:8300";

/// What the clocks of a cluster say at first.
pub(super) const NOW: u64 = 1_000_000;

/// A clock whose time of day stands where it is put; its monotonic time is the real one,
/// by which tokio's time-outs end.
#[derive(Default)]
pub(super) struct FixedWall(AtomicU64);

impl FixedWall {
    pub(super) fn set(&self, millis: u64) {
        self.0.store(millis, Ordering::SeqCst);
    }
}

impl Clock for FixedWall {
    fn monotonic(&self) -> tokio::time::Instant {
        tokio::time::Instant::now()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// What the halt handler was told.
#[derive(Clone, Default)]
pub(super) struct Halts(Arc<Mutex<Vec<String>>>);

impl Halts {
    pub(super) fn port(&self) -> OnHalt {
        let said = Arc::clone(&self.0);
        Arc::new(move |halt| said.lock().unwrap().push(halt.to_string()))
    }

    pub(super) fn said(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Halting fails the test.
pub(super) fn must_not_halt() -> OnHalt {
    Arc::new(|halt| panic!("halted: {halt}"))
}

pub(super) fn disk(root: &Path) -> Arc<Disk> {
    Arc::new(Disk::open(root, OWNER, 1, must_not_halt()).unwrap())
}

pub(super) fn config(root: &Path) -> Config {
    Config {
        directory: root.to_owned(),
        cluster: OWNER.cluster,
        node: OWNER.node,
        address: ADDRESS.to_owned(),
        timing: Timing::default(),
        peers: None,
    }
}

pub(super) async fn start(root: &Path, clock: Arc<dyn Clock>) -> Consensus {
    let ports = Ports {
        clock,
        operations: Arc::new(Unobserved),
        on_halt: must_not_halt(),
    };
    Consensus::start(config(root), ports).await.unwrap()
}

/// A node that has founded its cluster.
pub(super) async fn founded(root: &Path, clock: Arc<dyn Clock>) -> Consensus {
    let node = start(root, clock).await;
    assert!(is_done(&node.found(found()).await.unwrap()));
    assert!(is_done(&node.propose(administrator()).await.unwrap()));
    node
}

pub(super) fn found() -> Command {
    command(
        0,
        change::Kind::Found(Found {
            cluster: OWNER.cluster.0.to_vec(),
            keys: vec![Key {
                id: 1,
                purpose: KeyPurpose::Seal.into(),
                wraps: vec![Wrap {
                    kek: vec![1; 8],
                    wrapped: vec![2; 48],
                }],
                recovery: vec![3; 80],
                created: 0,
            }],
            member: Some(Member {
                node: OWNER.node.0.into(),
                incarnation: 1,
                role: MemberRole::Voter.into(),
                address: ADDRESS.to_owned(),
                version_max: CLUSTER_VERSION,
                removed: false,
            }),
            bootstrap_hash: BOOTSTRAP.to_vec(),
            ..Found::default()
        }),
    )
}

/// Makes the administrator by whose token all else is changed.
pub(super) fn administrator() -> Command {
    let name = "test".to_owned();
    let first_token = ApiToken {
        name: "test-1".to_owned(),
        operator: name.clone(),
        hash: TOKEN.to_vec(),
        role: Role::Admin.into(),
        ..ApiToken::default()
    };
    let mut change = change(
        u64::MAX,
        change::Kind::PutOperator(PutOperator {
            operator: Some(Operator {
                name,
                role: Role::Admin.into(),
                ..Operator::default()
            }),
            bootstrap_hash: BOOTSTRAP.to_vec(),
            first_token: Some(first_token),
            ..PutOperator::default()
        }),
    );
    change.actor = None;
    Command::Change(Box::new(change))
}

/// Whether a change was carried out.
pub(super) fn is_done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Change(it) if it.refusal() == Refusal::Unspecified)
}

/// Makes user `number`.
pub(super) fn put_user(number: u64) -> Command {
    command(
        number,
        change::Kind::PutUser(PutUser {
            user: Some(User {
                id: number,
                name: format!("user{number}@contoso.example"),
                status: UserStatus::Active.into(),
                ..User::default()
            }),
            expected_revision: 0,
        }),
    )
}

/// Whether there is a user `number`.
pub(super) fn has_user(tables: &impl Read, number: u64) -> bool {
    let user = tables.get(Table::Users, &number.to_be_bytes());
    user.unwrap().is_some()
}

/// As if `apply` had done something else here once: from the next entry on all hashes
/// differ.
pub(super) fn falsify(node: &Consensus) {
    let tables = node.tables();
    let mut head = query::head(&tables).unwrap();
    head.hash = vec![9; 32];
    let wrong = Write::Put(Table::Head, Vec::new(), head.encode_to_vec());
    let mut batch = WriteBatch::default();
    tables.add_writes(&mut batch, vec![wrong]);
    node.disk.write(batch).unwrap();
}

pub(super) fn command(number: u64, kind: change::Kind) -> Command {
    Command::Change(Box::new(change(number, kind)))
}

fn change(number: u64, kind: change::Kind) -> Change {
    Change {
        request_id: request_id(number),
        actor: Some(Actor {
            name: "test".to_owned(),
            token: TOKEN.to_vec(),
            ..Actor::default()
        }),
        digest: vec![1; 32],
        kind: Some(kind),
    }
}

fn request_id(number: u64) -> Vec<u8> {
    u128::from(number).to_be_bytes().to_vec()
}
