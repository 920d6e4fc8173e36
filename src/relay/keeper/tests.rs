use std::sync::Mutex;

use countersign_core::base::{SeededEntropy, Timestamp};
use countersign_core::login::{ATTEMPT_KEYS_LIFE, ATTEMPT_KEYS_NOTICE};

use super::*;

/// Three nodes, one of which leads, or none.
#[derive(Default)]
struct World {
    leader: Mutex<Option<(NodeId, u64)>>,
    now: Mutex<Timestamp>,
    cut_off: Mutex<bool>,
    nodes: Mutex<Vec<Told>>,
}

#[derive(Clone, Default)]
struct Told {
    held: Option<Arc<AttemptMacs>>,
    /// What it names in its words when it leads.
    named: u64,
    /// It answers nobody.
    silent: bool,
}

struct Seat(Arc<World>, NodeId);

type TestKeeper = Keeper<Seat, Seat, Seat, SeededEntropy>;

impl World {
    fn new() -> Arc<Self> {
        let world = Self::default();
        *world.nodes.lock().unwrap() = vec![Told::default(); 3];
        *world.now.lock().unwrap() = Timestamp::from_millis(1_000_000);
        Arc::new(world)
    }

    fn leads(&self, node: u16, term: u64) {
        *self.leader.lock().unwrap() = Some((NodeId(node), term));
    }

    fn told<T>(&self, node: NodeId, tell: impl FnOnce(&mut Told) -> T) -> T {
        let at = usize::from(node.0) - 1;
        tell(&mut self.nodes.lock().unwrap()[at])
    }

    fn held(&self, node: u16) -> u64 {
        self.told(NodeId(node), |told| {
            told.held.as_ref().map_or(0, |held| held.number)
        })
    }

    fn holds(&self, node: u16, set: AttemptMacs) {
        self.told(NodeId(node), |told| told.held = Some(Arc::new(set)));
    }

    fn is_silent(&self, node: u16, silent: bool) {
        self.told(NodeId(node), |told| told.silent = silent);
    }

    fn named(&self, node: u16) -> u64 {
        self.told(NodeId(node), |told| told.named)
    }

    fn passes(&self, span: Duration) {
        let mut now = self.now.lock().unwrap();
        *now = now.plus(span);
    }

    /// Whether all three hold the same keys.
    fn agree(&self) -> bool {
        let nodes = self.nodes.lock().unwrap();
        nodes[0].held.is_some() && nodes.iter().all(|node| node.held == nodes[0].held)
    }
}

fn keeper(world: &Arc<World>, node: u16) -> TestKeeper {
    let seat = || Seat(Arc::clone(world), NodeId(node));
    let entropy = SeededEntropy::new(node.into());
    Keeper::new(Arc::new(seat()), seat(), seat(), entropy)
}

fn keepers(world: &Arc<World>) -> [TestKeeper; 3] {
    [1, 2, 3].map(|node| keeper(world, node))
}

async fn round(keepers: &mut [TestKeeper; 3]) {
    for keeper in keepers {
        keeper.step().await;
    }
}

fn set(number: u64) -> AttemptMacs {
    let start = Timestamp::from_millis(1_000_000);
    AttemptMacs::draw(number, start, &mut SeededEntropy::new(50 + number))
}

impl Reign for Seat {
    fn standing(&self) -> Standing {
        let leader = *self.0.leader.lock().unwrap();
        let role = match leader {
            Some((node, _)) if node == self.1 => Role::Leading,
            Some((node, _)) => Role::Following(node),
            None => Role::Vacant,
        };
        let peers = (1..=3).map(NodeId).filter(|node| *node != self.1);
        Standing {
            role,
            term: leader.map_or(0, |(_, term)| term),
            now: *self.0.now.lock().unwrap(),
            in_contact: !*self.0.cut_off.lock().unwrap(),
            peers: peers.map(|node| (node, String::new())).collect(),
        }
    }

    fn attempt_keys(&self) -> u64 {
        let leader = *self.0.leader.lock().unwrap();
        leader.map_or(0, |(node, _)| self.0.told(node, |told| told.named))
    }

    fn name_attempt_keys(&self, number: u64) {
        self.0.told(self.1, |told| told.named = number);
    }

    fn changed(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

impl Holder for Seat {
    fn adopt(&self, set: AttemptMacs) {
        self.0.told(self.1, |told| told.held = Some(Arc::new(set)));
    }

    fn held(&self) -> Option<Arc<AttemptMacs>> {
        self.0.told(self.1, |told| told.held.clone())
    }
}

impl Sets for Seat {
    async fn of(&self, node: NodeId, _: &str) -> Result<Option<AttemptMacs>, Unanswered> {
        let told = self.0.told(node, |told| told.clone());
        if told.silent {
            std::future::pending::<()>().await;
        }
        let now = *self.0.now.lock().unwrap();
        Ok(told.held.map(|held| held.folded(now)))
    }
}

#[tokio::test(start_paused = true)]
async fn where_nobody_has_keys_the_leader_draws_and_the_others_ask() {
    let world = World::new();
    let mut keepers = keepers(&world);
    round(&mut keepers).await;
    assert_eq!(world.held(1), 0, "nobody leads, nobody draws");
    world.leads(2, 7);
    round(&mut keepers).await;
    round(&mut keepers).await;
    assert_eq!(world.held(2), 7 << 16);
    assert_eq!(world.named(2), 7 << 16);
    assert!(world.agree());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_started_anew_takes_the_keys_that_a_peer_holds() {
    let world = World::new();
    world.holds(3, set(9));
    world.holds(2, set(8));
    world.leads(1, 4);
    let mut keepers = keepers(&world);
    keepers[0].step().await;
    assert_eq!((world.held(1), world.named(1)), (9, 9));
    round(&mut keepers).await;
    assert!(world.agree());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_holds_a_leader_up_for_a_moment_only() {
    let world = World::new();
    world.is_silent(3, true);
    world.leads(1, 4);
    let began = Instant::now();
    keeper(&world, 1).step().await;
    assert_eq!(world.held(1), 4 << 16);
    assert_eq!(began.elapsed(), ANSWER_TIME_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_leader_whom_nobody_answers_asks_again_before_it_draws() {
    let world = World::new();
    world.holds(3, set(9));
    world.is_silent(2, true);
    world.is_silent(3, true);
    world.leads(1, 4);
    let mut keeper = keeper(&world, 1);
    keeper.step().await;
    assert_eq!((world.held(1), world.named(1)), (0, 0));
    world.is_silent(3, false);
    keeper.step().await;
    assert_eq!(world.held(1), 9);
    // A leader has a quorum; but it must not wait for ever either.
    let alone = World::new();
    alone.is_silent(2, true);
    alone.is_silent(3, true);
    alone.leads(1, 4);
    let mut keeper = self::keeper(&alone, 1);
    for _ in 0..=SURVEYS_MAX {
        keeper.step().await;
    }
    assert_eq!(alone.held(1), 4 << 16);
}

#[tokio::test(start_paused = true)]
async fn keys_are_turned_daily_and_everyone_has_the_next_before_it_is_in_force() {
    let world = World::new();
    let mut keepers = keepers(&world);
    world.leads(1, 4);
    round(&mut keepers).await;
    world.passes(ATTEMPT_KEYS_LIFE);
    round(&mut keepers).await;
    round(&mut keepers).await;
    assert_eq!(world.held(1), (4 << 16) + 1);
    assert!(world.agree());
    world.told(NodeId(3), |told| {
        let held = told.held.as_ref().unwrap();
        assert!(held.next.is_some(), "it is handed out first");
    });
    world.passes(ATTEMPT_KEYS_NOTICE);
    round(&mut keepers).await;
    assert!(world.agree());
    world.told(NodeId(3), |told| {
        let held = told.held.as_ref().unwrap();
        assert!(held.next.is_none() && held.previous.is_some());
    });
}

/// Its clock may be off by days.
#[tokio::test(start_paused = true)]
async fn a_node_out_of_contact_neither_turns_keys_nor_forgets_any() {
    let world = World::new();
    let mut keepers = keepers(&world);
    world.leads(1, 4);
    round(&mut keepers).await;
    let all = || [1, 2, 3].map(|node| world.told(NodeId(node), |told| told.held.clone()));
    let cut_off = |cut_off| *world.cut_off.lock().unwrap() = cut_off;
    cut_off(true);
    world.passes(ATTEMPT_KEYS_LIFE);
    let drawn = all();
    round(&mut keepers).await;
    assert_eq!(all(), drawn);
    cut_off(false);
    round(&mut keepers).await;
    round(&mut keepers).await;
    let turned = all();
    assert_ne!(turned, drawn);
    cut_off(true);
    world.passes(ATTEMPT_KEYS_LIFE);
    round(&mut keepers).await;
    assert_eq!(all(), turned);
}

#[tokio::test(start_paused = true)]
async fn two_leaders_that_turn_one_set_make_two_numbers() {
    let world = World::new();
    let mut keepers = keepers(&world);
    world.leads(1, 4);
    round(&mut keepers).await;
    round(&mut keepers).await;
    world.passes(ATTEMPT_KEYS_LIFE);
    // It turns, and dies before anyone has heard of it.
    keepers[0].step().await;
    let lost = world.held(1);
    world.is_silent(1, true);
    world.leads(2, 5);
    keepers[1].step().await;
    assert_ne!(world.held(2), lost);
    // Back again, it takes the set that is in force.
    world.is_silent(1, false);
    round(&mut keepers).await;
    assert!(world.agree());
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_names_its_keys_at_once_where_they_were_in_force_lately() {
    let world = World::new();
    let mut keepers = keepers(&world);
    world.leads(1, 4);
    round(&mut keepers).await;
    round(&mut keepers).await;
    world.leads(2, 5);
    // Before its keeper has done anything.
    assert_eq!(world.named(2), 4 << 16);
    *world.leader.lock().unwrap() = None;
    tokio::time::advance(CONFIRMED_AGE_MAX).await;
    keepers[2].step().await;
    // A turn may have come into force unheard: it has to ask first.
    assert_eq!(world.named(3), 0);
}

#[tokio::test(start_paused = true)]
async fn a_newer_set_is_not_given_up_for_an_older_one_before_the_leader_has_asked() {
    let world = World::new();
    let mut keepers = keepers(&world);
    world.holds(1, set(8));
    world.holds(2, set(9));
    world.told(NodeId(1), |told| told.named = 8);
    world.leads(1, 4);
    keepers[1].step().await;
    assert_eq!(world.held(2), 9);
    keepers[0].step().await;
    round(&mut keepers).await;
    assert!(world.agree());
    assert_eq!(world.held(1), 9);
    // A leader that names the older one all the same has it in force.
    world.holds(2, set(10));
    keepers[1].step().await;
    assert_eq!(world.held(2), 10);
    tokio::time::advance(LOWER_TIME_MIN).await;
    keepers[1].step().await;
    assert_eq!(world.held(2), 9);
}
