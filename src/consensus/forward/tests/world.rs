//! A leader that is one node alone, and the forwarder of another, over a real link.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::limits::COMMAND_LIFE;
use countersign_core::base::{
    AttemptKey, Boot, ClientId, Epoch, NodeId, Owner, PlaceId, Timestamp, TokenId, UserId,
};
use countersign_core::ledger::storage::{
    self, Client, PutClient, PutToken, Token, TokenAlgorithm, TokenState, change,
};
use countersign_core::ledger::{Begin, Command, Factors, Match, Outcome, Revisions, query};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tonic::service::Routes;

use super::authority::{Authority, listen};
use crate::consensus::Consensus;
use crate::consensus::forward::{Forwarder, IsVoter, OWN_TABLES_WAIT_MAX, Proposals};
use crate::consensus::proposer::{Asked, ProposeError};
use crate::consensus::reign::Reign;
use crate::consensus::state_machine::Applied;
use crate::consensus::testing::{FixedWall, command, founded, is_done, put_user};
use crate::login::Clock;
use crate::peers::Links;

pub(super) const NOW: u64 = 1_800_000_000_000;
pub(super) const ASKER: NodeId = NodeId(2);
pub(super) const TERM: u64 = 1;
const CLIENT: ClientId = ClientId(1);
const USER: UserId = UserId(1);
const TOKEN: TokenId = TokenId(11);

pub(super) struct World {
    pub(super) leader: Arc<Consensus>,
    pub(super) reign: watch::Sender<Reign>,
    pub(super) applied: watch::Sender<Applied>,
    pub(super) queue: mpsc::Sender<Asked>,
    pub(super) local: mpsc::Receiver<Asked>,
    pub(super) links: Arc<Links>,
    pub(super) address: String,
    _place: TempDir,
}

impl World {
    /// With the real service on the leader.
    pub(super) async fn new() -> Self {
        Self::with(|proposals| Routes::default().add_service(proposals.server())).await
    }

    /// With `routes` made of the real service.
    pub(super) async fn with(routes: impl FnOnce(Proposals) -> Routes) -> Self {
        Self::waiting(OWN_TABLES_WAIT_MAX, routes).await
    }

    /// The same, and the asker waits for its own tables for so long.
    pub(super) async fn waiting(
        own_tables_wait_max: Duration,
        routes: impl FnOnce(Proposals) -> Routes,
    ) -> Self {
        let place = tempfile::tempdir().unwrap();
        let leader = Arc::new(founded(&place.path().join("store"), clock()).await);
        let proposals = leader.proposals(Arc::new(|node| node == ASKER));
        Self::open(place, leader, routes(proposals), own_tables_wait_max).await
    }

    pub(super) async fn on(place: TempDir, leader: Arc<Consensus>, routes: Routes) -> Self {
        Self::open(place, leader, routes, OWN_TABLES_WAIT_MAX).await
    }

    async fn open(
        place: TempDir,
        leader: Arc<Consensus>,
        routes: Routes,
        own_tables_wait_max: Duration,
    ) -> Self {
        let authority = Authority::new();
        let address = listen(authority.credentials(place.path(), 1), routes).await;
        let links = Arc::new(Links::new(authority.credentials(place.path(), ASKER.0)));
        let seat = Reign::Following {
            leader: NodeId(1),
            term: TERM,
        };
        let (reign, followed) = watch::channel(seat);
        let (applied, shown) = watch::channel(Applied {
            index: u64::MAX,
            at: Timestamp::default(),
        });
        let (queue, asked) = mpsc::channel(8192);
        let (to_local, local) = mpsc::channel(1);
        let dialled = address.clone();
        let forwarder = Forwarder {
            links: Arc::clone(&links),
            address_of: Arc::new(move |_| Some(dialled.clone())),
            clock: clock(),
            reign: followed,
            applied: shown,
            own_tables_wait_max,
            queue: asked,
            local: to_local,
        };
        tokio::spawn(forwarder.run());
        Self {
            leader,
            reign,
            applied,
            queue,
            local,
            links,
            address,
            _place: place,
        }
    }

    /// Proposes by way of the forwarder.
    pub(super) fn propose(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<Outcome, ProposeError>> + use<> {
        let (reply, answer) = oneshot::channel();
        let asked = Asked {
            command,
            reply,
            deadline: Instant::now() + COMMAND_LIFE,
        };
        self.queue.try_send(asked).ok().unwrap();
        async move {
            let reply = tokio::time::timeout(Duration::from_secs(20), answer).await;
            let reply = reply
                .expect("it is answered")
                .unwrap_or(Err(ProposeError::Unknown));
            reply.map(|(_, outcome)| outcome)
        }
    }
}

/// A user with a token, through a client.
pub(super) async fn make_user(leader: &Consensus) {
    let client = change::Kind::PutClient(PutClient {
        client: Some(Client {
            id: CLIENT.0,
            name: "vpn".to_owned(),
            ranges: vec!["192.0.2.0/24".to_owned()],
            secrets: vec![vec![1; 64]],
            factors: storage::Factors::PasswordAndCode.into(),
            timeout: 3000,
            tries: 3,
            servers: 1,
            ..Client::default()
        }),
        ..PutClient::default()
    });
    let token = change::Kind::PutToken(PutToken {
        token: Some(Token {
            id: TOKEN.0,
            owner: USER.0,
            seed: vec![1; 64],
            algorithm: TokenAlgorithm::Sha1.into(),
            digits: 6,
            period: 30,
            state: TokenState::Active.into(),
            ..Token::default()
        }),
        expected_revision: 0,
    });
    for made in [
        put_user(USER.0),
        command(1001, client),
        command(1002, token),
    ] {
        let outcome = leader.propose(made).await.unwrap();
        assert!(is_done(&outcome), "{outcome:?}");
    }
}

/// A login with a right code, by way of the asker.
pub(super) fn begin(leader: &Consensus) -> Begin {
    let head = query::head(&leader.tables()).unwrap();
    Begin {
        key: AttemptKey([5; 32]),
        prev: Epoch::default(),
        owner: Owner {
            node: ASKER,
            boot: Boot(1),
            flow: 1,
        },
        user: USER,
        client: CLIENT,
        place: PlaceId([7; 16]),
        matches: vec![Match {
            token: TOKEN,
            generation: 1,
            step: NOW / 30_000,
            offset: 0,
        }],
        revisions: Revisions {
            client: head.clients_revision,
            rules: head.rules_revision,
            settings: head.settings_revision,
            user: 0,
        },
        factors: Factors::PasswordAndCode,
        issued: Timestamp::from_millis(NOW),
        lease: Duration::from_secs(10),
        caller_named: true,
        burn_code: None,
        answer: None,
        passcodes: Vec::new(),
        initial_logins: 0,
    }
}

pub(super) fn clock() -> Arc<dyn Clock> {
    let clock = FixedWall::default();
    clock.set(NOW);
    Arc::new(clock)
}

pub(super) fn nobody() -> IsVoter {
    Arc::new(|_| false)
}
