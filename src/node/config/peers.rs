//! The section `[peers]`: how the nodes of a cluster reach and know each other.
//!
//! Without it the node is a cluster of one.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};

use countersign_core::base::{ClusterId, NodeId, Timestamp};

use super::files::{Named, remedy};
use super::reader::{At, Section, Sheet};
use crate::node::member::{MEMBERS_MAX, Member, PEERS_PORT};
use crate::peers::{CredentialsError, PeerName, examine};
use crate::tls::Files;

/// The node among its peers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Peers {
    /// Where it hears them.
    pub listen: SocketAddr,
    /// What it shows them, and trusts them by.
    pub files: Files,
    /// Who founds the cluster, the founder first, with the addresses at which they are
    /// dialled; the node itself among them. 1 to [`MEMBERS_MAX`], no node twice.
    pub initial_members: Vec<(NodeId, String)>,
}

/// Reads the section; `None`: there is none, or it has faults.
pub(super) fn read<'t>(sheet: &mut Sheet<'t>, root: &mut Section<'t>) -> Option<Found> {
    if !root.has("peers") {
        return None;
    }
    let mut section = sheet.section(root, "peers");
    let listen = sheet.parsed(&mut section, "listen", "0.0.0.0:8300");
    let keys = [
        ("certificate", "peer.pem"),
        ("key", "peer.key"),
        ("authority", "peer-ca.pem"),
    ];
    let named = Named::read(sheet, ("peers", &mut section), keys);
    if !section.has("initial_members") {
        sheet.missing_list(&section, "initial_members", EXAMPLE);
    }
    let members = sheet.list::<Member>(&mut section, "initial_members", EXAMPLE);
    sheet.close(&section);
    Some(Found {
        listen: listen.map_or_else(
            || SocketAddr::from((Ipv4Addr::UNSPECIFIED, PEERS_PORT)),
            |(_, at)| at,
        ),
        named,
        members,
    })
}

/// What the section says, not yet held against the rest.
pub(super) struct Found {
    listen: SocketAddr,
    named: Named,
    members: Option<(At, Vec<Member>)>,
}

impl Found {
    /// Holds it against who the node is and what time it is.
    pub(super) fn resolve(
        self,
        sheet: &mut Sheet<'_>,
        node: Option<NodeId>,
        cluster: Option<ClusterId>,
        now: Timestamp,
    ) -> Option<Peers> {
        if let Some((at, members)) = &self.members {
            judge(sheet, at, members, node);
        }
        let own = node.zip(cluster);
        let own = own.map(|(node, cluster)| PeerName { cluster, node });
        let files = self.files(sheet, own, now)?;
        let (_, members) = self.members?;
        let address = |member: Member| (member.node, member.address());
        Some(Peers {
            listen: self.listen,
            files,
            initial_members: members.into_iter().map(address).collect(),
        })
    }

    fn files(&self, sheet: &mut Sheet<'_>, own: Option<PeerName>, now: Timestamp) -> Option<Files> {
        let files = self.named.files()?;
        let (wrong, expires) = examine(own, &files, now);
        for error in &wrong {
            if let Some(remedy) = remedy_of(error) {
                self.named.tell(sheet, error.file(), error, remedy);
            }
        }
        if let Some(expires) = expires.filter(|_| wrong.is_empty()) {
            self.named.tell_expiry(sheet, expires, now);
        }
        Some(files)
    }
}

fn judge(sheet: &mut Sheet<'_>, at: &At, members: &[Member], node: Option<NodeId>) {
    let mut nodes = HashSet::new();
    let mut addresses = HashSet::new();
    for member in members {
        if !nodes.insert(member.node) {
            let what = format!("names node {} twice", member.node);
            sheet.fault(at, what, "give each node a number of its own");
        }
        if !addresses.insert(member.address()) {
            let what = format!("names {} twice", member.address());
            sheet.fault(at, what, "give each node an address of its own");
        }
    }
    if let Some(own) = node
        && !nodes.contains(&own)
    {
        let what = format!("does not name this node, {own}");
        sheet.fault(
            at,
            what,
            "list every founding node, this one too, or mend `id`",
        );
    }
    let count = members.len();
    if count > MEMBERS_MAX {
        let what = format!("names {count} nodes");
        sheet.fault(at, what, format!("list at most {MEMBERS_MAX}"));
    } else if count > 0 && count.is_multiple_of(2) {
        let what = format!("names {count} nodes, an even number");
        let odd = count.saturating_sub(1);
        let remedy = format!("list an odd one: {count} survive no more losses than {odd}");
        sheet.advise(at, what, remedy);
    }
}

fn remedy_of(error: &CredentialsError) -> Option<&'static str> {
    match error {
        CredentialsError::Foreign { .. } => Some(
            "take the certificate that `cluster new` made for this node, or mend `id` or `cluster`",
        ),
        CredentialsError::Name(..) => Some(MADE),
        CredentialsError::File(error) => remedy(error, MADE),
    }
}

const EXAMPLE: &str = "1=node1.contoso.example:8300";
const MADE: &str = "take the file that `cluster new` made";
