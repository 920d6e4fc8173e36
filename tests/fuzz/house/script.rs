//! What happens in one input, one thing after the other: datagrams at several nodes, time,
//! restarts, late copies of commands, operators at work.
//!
//! The first octet says whether a second node checks the log at the end. Then, for each
//! thing, one octet says what it is and the next ones say how.

use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::Duration;

use countersign_core::base::{Boot, NodeId, Owner, SeededEntropy, Timestamp};
use countersign_core::ledger::{Command, query};
use countersign_core::login::{
    ATTEMPT_KEYS_NOTICE, Asking, AttemptMacs, Dialogue, Identity, Rule, Stop,
};

use crate::changes;
use crate::claims::Claims;
use crate::datagrams::{Sent, Writer};
use crate::ledger::Ledger;
use crate::login::{Came, Desk, Fate, Login};
use crate::octets::Octets;
use crate::port::{self, Arrived};
use crate::state::STATE;

/// Runs one input against the fixed state.
pub fn run_script(input: &[u8]) {
    let mut input = Octets::new(input);
    let is_checked = input.octet() & 1 != 0;
    let mut script = Script::new();
    for _ in 0..THINGS_MAX {
        if input.is_empty() {
            break;
        }
        script.happens(&mut input);
    }
    if is_checked {
        script.ledger.check_replica();
    }
}

/// One datagram at a node, up to its verdict and its reply: many times as many as scripts.
pub fn judge_datagram(input: &[u8]) {
    let mut input = Octets::new(input);
    let mut script = Script::new();
    let sent = match input.octet() & 15 {
        0 => Some(Writer::raw(&mut input)),
        7 => script.writer.other(&mut input),
        _ => script.writer.access(&mut input, script.ledger.now),
    };
    if let Some(sent) = sent {
        script.deliver(&mut input, sent);
        // A source that took its time.
        script.go_on(&mut input);
    }
}

struct Script {
    ledger: Ledger,
    claims: Claims,
    writer: Writer,
    /// Logins whose source has not answered yet.
    held: VecDeque<Held>,
    /// The last datagrams, which anyone may send again.
    datagrams: VecDeque<Sent>,
    /// Commands that were proposed.
    commands: Vec<Command>,
    boots: [u64; 3],
    flows: u64,
    /// Whether the key of the attempts was turned.
    is_turned: bool,
}

struct Held {
    login: Login,
    sent: Sent,
    asking: Asking,
}

impl Script {
    fn new() -> Self {
        Self {
            ledger: Ledger::new(),
            claims: Claims::default(),
            writer: Writer::default(),
            held: VecDeque::new(),
            datagrams: VecDeque::new(),
            commands: Vec::new(),
            boots: [1; 3],
            flows: 0,
            is_turned: false,
        }
    }

    fn happens(&mut self, input: &mut Octets<'_>) {
        match input.octet() & 15 {
            0 => {
                let sent = Writer::raw(input);
                self.deliver(input, sent);
            }
            1..=6 => {
                if let Some(sent) = self.writer.access(input, self.ledger.now) {
                    self.deliver(input, sent);
                }
            }
            7 => {
                if let Some(sent) = self.writer.other(input) {
                    self.deliver(input, sent);
                }
            }
            8 => self.deliver_again(input),
            9 | 10 => self.go_on(input),
            11 => self.copy_comes_late(input),
            12 => self.time_passes(input),
            13 => self.node_restarts(input),
            14 => self.is_turned = !self.is_turned,
            _ => {
                let change = changes::read(input, self.ledger.view(), self.ledger.now);
                self.ledger.propose(&Command::Change(Box::new(change)));
            }
        }
    }

    fn deliver(&mut self, input: &mut Octets<'_>, sent: Sent) {
        self.datagrams.push_front(sent.clone());
        self.datagrams.truncate(KEPT_MAX);
        let at = input.octet();
        let arrived = wall(self.ledger.now, at >> 2);
        let Arrived::Login(request) = port::receive(self.ledger.view(), &sent, arrived) else {
            return;
        };
        let fate = Fate::read(input);
        let macs = &MACS[usize::from(self.is_turned)];
        let view = self.ledger.view();
        let issued = self.ledger.now;
        let head = query::head(view).expect("the head can be read");
        let rules = Rule::list(view, &head);
        let rule = rules.and_then(|rules| Rule::read(view, &head, rules, request.client));
        let found = rule.and_then(|rule| {
            rule.admit(&request)?;
            let dialogue = Dialogue::open(&request, macs)?;
            let places = &STATE.secrets.places;
            let identity = Identity::find(view, &head, &request, &rule, macs, places, issued)?;
            Ok((dialogue.apart(), identity))
        });
        let (apart, identity) = match found {
            Ok(found) => found,
            Err(Stop::Ended(ending)) => return port::answer(&sent, ending.decision),
            Err(Stop::Store(error)) => panic!("a login found the store unreadable: {error:?}"),
        };
        let owner = self.owner(at);
        let mut login = Login::new((request, apart), identity, owner);
        let came = login.start(&mut self.desk(), fate);
        self.came(login, sent, came);
    }

    /// The datagram again, as it was: the network's copy, or an attacker's.
    fn deliver_again(&mut self, input: &mut Octets<'_>) {
        let which = usize::from(input.octet());
        let sent = self.datagrams.get(which % KEPT_MAX).cloned();
        if let Some(sent) = sent {
            self.deliver(input, sent);
        }
    }

    /// A source answers one of the questions that are held.
    fn go_on(&mut self, input: &mut Octets<'_>) {
        let which = usize::from(input.octet()) % KEPT_MAX;
        let fate = Fate::read(input);
        let held = self.held.remove(which).or_else(|| self.held.pop_front());
        let Some(mut held) = held else {
            return;
        };
        let came = held.login.go_on(&mut self.desk(), fate, held.asking);
        self.came(held.login, held.sent, came);
    }

    fn came(&mut self, login: Login, sent: Sent, came: Came) {
        match came {
            Came::Ended(decision) => port::answer(&sent, decision),
            Came::Held(asking) => {
                self.held.push_front(Held {
                    login,
                    sent,
                    asking,
                });
                self.held.truncate(KEPT_MAX);
            }
        }
    }

    /// A copy of a command comes when its sender has long forgotten it. Nobody hears what
    /// it comes to.
    fn copy_comes_late(&mut self, input: &mut Octets<'_>) {
        let which = usize::from(input.octet());
        let copy = which.checked_rem(self.commands.len());
        if let Some(command) = copy.and_then(|at| self.commands.get(at)) {
            self.ledger.propose(&command.clone());
        }
    }

    fn time_passes(&mut self, input: &mut Octets<'_>) {
        const UNITS_MILLIS: [u64; 4] = [1, 1_000, 30_000, 600_000];
        let (unit, count) = (*input.of(&UNITS_MILLIS), u64::from(input.octet()));
        let span = Duration::from_millis(unit.saturating_mul(count));
        self.ledger.now = self.ledger.now.plus(span);
    }

    /// A node dies with all it has in hand, and starts again.
    fn node_restarts(&mut self, input: &mut Octets<'_>) {
        let node = usize::from(input.octet()) % self.boots.len();
        self.boots[node] += 1;
        self.held
            .retain(|held| usize::from(held.login.owner.node.0) != node + 1);
    }

    /// A new flow at the node that the input says.
    fn owner(&mut self, at: u8) -> Owner {
        let node = at % 3;
        self.flows += 1;
        Owner {
            node: NodeId(u16::from(node) + 1),
            boot: Boot(self.boots[usize::from(node)]),
            flow: self.flows,
        }
    }

    const fn desk(&mut self) -> Desk<'_> {
        Desk {
            ledger: &mut self.ledger,
            claims: &mut self.claims,
            sent: &mut self.commands,
        }
    }
}

/// The wall clock of a node, which may be wrong.
fn wall(now: Timestamp, choice: u8) -> Timestamp {
    match choice {
        0 => now.plus(Duration::from_secs(40)),
        1 => now.minus(Duration::from_secs(40)),
        2 => Timestamp::default(),
        3 => Timestamp::from_millis(u64::MAX),
        _ => now,
    }
}

/// The first set, and the one after it, in which the first key is always looked for.
static MACS: LazyLock<[AttemptMacs; 2]> = LazyLock::new(|| {
    let mut entropy = SeededEntropy::new(2);
    let first = AttemptMacs::draw(1, Timestamp::default(), &mut entropy);
    let mut turned = first.turned(2, Timestamp::default(), &mut entropy);
    turned = turned.folded(Timestamp::default().plus(ATTEMPT_KEYS_NOTICE));
    turned.since = Timestamp::from_millis(u64::MAX);
    [first, turned]
});

const THINGS_MAX: usize = 16;
const KEPT_MAX: usize = 8;
