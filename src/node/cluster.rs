//! The node among the others: its links, what it serves them, where it stands.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use countersign_core::base::{NodeId, Operations};
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;

use super::config::Config;
use super::error::ServeError;
use super::parts::{NodeLogins, Telling};
use super::system::SystemClock;
use crate::consensus::{self, Consensus, HandOverError, Lead};
use crate::login::{Alone, Clock, Neighbours};
use crate::operate::{
    self, ClusterStanding, ClusterView, LinkStanding, Member, MemberStanding, NodeRole, Sighting,
    SightingLog, TransferError,
};
use crate::peers::wire::NodeStatus;
use crate::peers::{self, Credentials, Links, PeerName, Refusals};
use crate::relay::{
    self, Gathered, Neighbourhood, OverLinks, Reign, RestTeller, Role, Standing, Teller,
};
use crate::sources::Sources;
use crate::sources::breaker::{Rests, Untold};

/// What a node with peers has for them.
pub(super) struct Peering {
    config: super::config::Peers,
    credentials: Arc<Credentials>,
    /// Consensus drives its links by threads of its own: a busy front must not delay a
    /// heartbeat. So logins have links of their own.
    of_consensus: Arc<Links>,
    of_logins: Arc<Links>,
    refusals: Arc<Refusals>,
}

impl Peering {
    /// `None`: the node has no peers.
    pub(super) fn open(
        config: &Config,
        operations: Arc<dyn Operations>,
    ) -> Result<Option<Self>, ServeError> {
        let Some(peers) = config.peers.clone() else {
            return Ok(None);
        };
        let own = PeerName {
            cluster: config.cluster,
            node: config.node,
        };
        let credentials = Arc::new(Credentials::load(own, peers.files.clone())?);
        Ok(Some(Self {
            config: peers,
            of_consensus: Arc::new(Links::new(Arc::clone(&credentials))),
            of_logins: Arc::new(Links::new(Arc::clone(&credentials))),
            credentials,
            refusals: Arc::new(Refusals::new(operations)),
        }))
    }

    pub(super) fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.credentials)
    }

    /// As consensus is told of them.
    pub(super) fn members(&self) -> consensus::Peers {
        consensus::Peers {
            links: Arc::clone(&self.of_consensus),
            refusals: Arc::clone(&self.refusals),
            initial_members: self.config.initial_members.clone(),
        }
    }

    /// Serves peers on `listener` until `stop` resolves.
    pub(super) fn serve(
        &self,
        listener: TcpListener,
        consensus: &Arc<Consensus>,
        (logins, teller, sources): (Arc<OnceLock<NodeLogins>>, Teller, Arc<Sources>),
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> BoxFuture<'static, Result<(), peers::ServeError>> {
        let routes = relay::add_service(consensus.routes(), logins);
        let routes = relay::add_sightings(routes, teller);
        let routes = relay::add_rests(routes, sources);
        let (gate, credentials) = (consensus.gate(), self.credentials());
        Box::pin(peers::serve(
            listener,
            credentials,
            routes,
            gate,
            Arc::clone(&self.refusals),
            stop,
        ))
    }

    /// Where it is to be served.
    pub(super) fn listen(&self) -> SocketAddr {
        self.config.listen
    }
}

/// The other nodes, as logins see them.
pub(super) fn neighbours(
    consensus: &Arc<Consensus>,
    peering: Option<&Peering>,
) -> Arc<dyn Neighbours> {
    match peering {
        None => Arc::new(Alone),
        Some(peering) => {
            let seat = Arc::new(Seat(Arc::clone(consensus)));
            Arc::new(Neighbourhood::new(seat, Arc::clone(&peering.of_logins)))
        }
    }
}

/// Who is told that a source wants to be left alone.
pub(super) fn rests(
    consensus: &Arc<Consensus>,
    peering: Option<&Peering>,
    sources: &Arc<Sources>,
) -> Arc<dyn Rests> {
    match peering {
        None => Arc::new(Untold),
        Some(peering) => {
            let seat = Arc::new(Seat(Arc::clone(consensus)));
            let (links, sources) = (Arc::clone(&peering.of_logins), Arc::clone(sources));
            Arc::new(RestTeller::new(seat, links, sources))
        }
    }
}

/// What this node tells of a client, and where its devices find it.
pub(super) fn teller(config: &Config, telling: &Telling) -> Teller {
    let members = config.peers.iter().flat_map(|peers| &peers.initial_members);
    let mut members = members.filter(|(node, _)| *node == config.node);
    let own = members
        .next()
        .and_then(|(_, address)| address.rsplit_once(':'));
    let named = own.map_or_else(host_name, |(host, _)| host.to_owned());
    let told = |at: &SocketAddr| {
        if at.ip().is_unspecified() {
            format!("{named}:{}", at.port())
        } else {
            at.to_string()
        }
    };
    let authentication: Vec<_> = config.authentication.iter().map(told).collect();
    let accounting: Vec<_> = config.accounting.iter().map(told).collect();
    let sightings = Arc::clone(&telling.sightings);
    Arc::new(move |client| Sighting {
        authentication: authentication.clone(),
        accounting: accounting.clone(),
        now: SystemClock.wall().as_millis(),
        ..sightings.of(client)
    })
}

fn host_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

/// What all nodes have seen of clients.
pub(super) fn sightings(
    config: &Config,
    consensus: &Arc<Consensus>,
    peering: Option<&Peering>,
    telling: &Telling,
) -> Arc<dyn SightingLog> {
    Arc::new(Gathered {
        node: config.node,
        own: teller(config, telling),
        reign: Arc::new(Seat(Arc::clone(consensus))),
        links: peering.map(|peering| Arc::clone(&peering.of_logins)),
    })
}

/// Whom attempt keys are asked of.
pub(super) fn sets(peering: Option<&Peering>) -> Option<OverLinks> {
    peering.map(|peering| OverLinks(Arc::clone(&peering.of_logins)))
}

/// Where this node stands, for those who keep the attempt keys and hand logins over.
#[derive(Clone)]
pub(super) struct Seat(pub(super) Arc<Consensus>);

impl Reign for Seat {
    fn standing(&self) -> Standing {
        let heard = self.0.standing().ok();
        Standing {
            role: match self.0.lead() {
                Lead::This => Role::Leading,
                Lead::Other(node) => Role::Following(node),
                Lead::Nobody => Role::Vacant,
            },
            term: self.0.figures().term,
            now: heard.unwrap_or_else(|| SystemClock.wall()),
            in_contact: heard.is_some(),
            peers: self.0.others(),
        }
    }

    fn attempt_keys(&self) -> u64 {
        self.0.attempt_keys()
    }

    fn name_attempt_keys(&self, number: u64) {
        self.0.set_attempt_keys(number);
    }

    fn changed(&self) -> impl Future<Output = ()> + Send {
        self.0.lead_changed()
    }
}

/// Consensus as operators see it.
pub(super) struct View(pub(super) Arc<Consensus>, pub(super) NodeId);

impl ClusterView for View {
    fn standing(&self) -> ClusterStanding {
        let figures = self.0.figures();
        let leads = self.0.lead() == Lead::This;
        ClusterStanding {
            node: self.1,
            role: if leads {
                NodeRole::Leader
            } else {
                NodeRole::Voter
            },
            term: figures.term,
            leader: figures.leader,
            applied: figures.applied,
        }
    }

    fn members(&self) -> BoxFuture<'_, Vec<Member>> {
        Box::pin(async {
            let asked = self.0.cluster_status(STATUS_TIME_MAX).await;
            let said = asked.into_iter().map(|(node, said)| Member {
                node,
                said: said.map(standing).map_err(|fault| fault.to_string()),
            });
            said.collect()
        })
    }

    fn transfer_leader(&self, to: Option<NodeId>) -> BoxFuture<'_, Result<NodeId, TransferError>> {
        Box::pin(async move {
            let handed = self.0.hand_over_leadership(to).await;
            handed.map_err(|error| match error {
                HandOverError::Nobody => TransferError::NoSuchVoter,
                HandOverError::NotLeader => TransferError::NotLeader(self.0.figures().leader),
                HandOverError::Unfit => TransferError::Unfit,
                HandOverError::Late | HandOverError::Stopping => TransferError::NotTaken,
            })
        })
    }
}

fn standing(said: NodeStatus) -> MemberStanding {
    let node = |number| {
        u16::try_from(number)
            .ok()
            .filter(|&node| node != 0)
            .map(NodeId)
    };
    let links = said.links.into_iter().filter_map(|link| {
        Some(LinkStanding {
            node: node(link.node)?,
            connected: link.connected,
            fault: link.fault,
            refused: operate::Refusals {
                count: link.refused,
                last: link.refusal,
            },
        })
    });
    let strangers = said.strangers.unwrap_or_default();
    MemberStanding {
        links: links.collect(),
        strangers: operate::Refusals {
            count: strangers.refused,
            last: strangers.refusal,
        },
        role: said.role,
        term: said.term,
        leader: node(said.leader),
        last_log: said.last_log,
        committed: said.committed,
        applied: said.applied,
        applied_at: said.applied_at,
        hash: said.hash,
        fsync_p50_micros: said.fsync_p50_micros,
        fsync_p99_micros: said.fsync_p99_micros,
        certificate_expires: said.certificate_expires,
        in_sync: said.ready,
        fenced: said.fenced,
        program: said.program,
        now: said.now,
    }
}

/// How long a node may take to say how it stands.
const STATUS_TIME_MAX: Duration = Duration::from_secs(1);
