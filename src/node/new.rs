//! `cluster new`: makes, offline, what a cluster is founded with.
//!
//! Knows files and their permissions. Touches no store and talks to nobody.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use countersign_core::base::{ClusterId, Entropy, NodeId, Secret, Timestamp};
use countersign_core::seal::{KeyEncryptionKey, KeyFile, RecoverySecretKey};
use data_encoding::BASE64URL_NOPAD;

use super::certificates::{Authority, CertificateError, ServerCertificate};
use super::member::{MEMBERS_MAX, Member};
use super::template;
use crate::peers::PeerName;

/// What was made for one node.
#[derive(Debug)]
pub struct Made {
    /// The cluster.
    pub cluster: ClusterId,
    /// The file to start the first node with.
    pub config: PathBuf,
    /// To be printed, locked away and removed from the machine.
    pub recovery_key: PathBuf,
    /// Makes the first operator.
    pub bootstrap_token: PathBuf,
    /// What operators' tools must trust.
    pub admin_ca: PathBuf,
}

/// What was made for several nodes.
#[derive(Debug)]
pub struct MadeCluster {
    /// The cluster.
    pub cluster: ClusterId,
    /// A folder for each node, to be copied to its machine; the founder's first.
    pub nodes: Vec<(NodeId, PathBuf)>,
    /// To be printed, locked away and removed from the machine.
    pub recovery_key: PathBuf,
    /// Makes further peers; to be locked away and removed from the machine.
    pub peer_ca_key: PathBuf,
    /// Makes the first operator.
    pub bootstrap_token: PathBuf,
    /// What operators' tools must trust.
    pub admin_ca: PathBuf,
}

/// Why nothing, or not everything, was made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// There is a cluster already; nothing was touched.
    #[error("{0} is there already; name another directory")]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("{0} cannot be written")]
    Write(PathBuf, #[source] io::Error),
    /// A certificate cannot be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Two members have the same id.
    #[error("node {0} is named twice")]
    SameNode(NodeId),
    /// Two members have the same address.
    #[error("{0} is named twice")]
    SameAddress(String),
    /// No member, or too many.
    #[error("{0} members; a cluster is founded by 1 to {MEMBERS_MAX}")]
    Count(usize),
}

/// Makes a cluster of one node in `folder`, whose `node.toml` can be started as it is.
///
/// # Errors
/// When a file of it exists already or cannot be written.
pub fn make(folder: &Path, now: Timestamp, entropy: &mut impl Entropy) -> Result<Made, MakeError> {
    vacant(folder, &["node.toml", "recovery-key"])?;
    let house = House::draw(now, entropy)?;
    let text = house.template(NodeId(1), true);
    let admin = house.admin.server(&LOCAL_NAMES)?;
    prepare(folder)?;
    write(folder, "keys", PRIVATE, house.keys.expose())?;
    house.write_shared(folder)?;
    write_admin(folder, &house.admin, &admin)?;
    write(folder, "node.toml", PUBLIC, text.single().as_bytes())?;
    settle(folder)?;
    Ok(Made {
        cluster: house.cluster,
        config: folder.join("node.toml"),
        recovery_key: folder.join("recovery-key"),
        bootstrap_token: folder.join("bootstrap-token"),
        admin_ca: folder.join("admin-ca.pem"),
    })
}

/// Makes a cluster of several nodes: `folder/node-<id>` for each of `members`, of whom the
/// first founds it, and in `folder` what belongs on none of their machines.
///
/// # Errors
/// When members contradict each other, or a file exists already or cannot be written.
pub fn make_cluster(
    folder: &Path,
    members: &[Member],
    now: Timestamp,
    entropy: &mut impl Entropy,
) -> Result<MadeCluster, MakeError> {
    judge(members)?;
    let names = members.iter().map(folder_name).collect::<Vec<_>>();
    vacant(folder, &["recovery-key"])?;
    vacant(
        folder,
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    )?;
    let house = House::draw(now, entropy)?;
    prepare(folder)?;
    // First what all nodes need, so that a full disk leaves no node that could be started.
    house.write_shared(folder)?;
    let mut nodes = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let own = folder.join(folder_name(member));
        house.write_node(&own, member, members, index == 0)?;
        nodes.push((member.node, own));
    }
    write(
        folder,
        "admin-ca.pem",
        PUBLIC,
        house.admin.certificate().as_bytes(),
    )?;
    settle(folder)?;
    Ok(MadeCluster {
        cluster: house.cluster,
        nodes,
        recovery_key: folder.join("recovery-key"),
        peer_ca_key: folder.join("peer-ca.key"),
        bootstrap_token: folder.join("bootstrap-token"),
        admin_ca: folder.join("admin-ca.pem"),
    })
}

/// What all nodes of a cluster share.
struct House {
    cluster: ClusterId,
    recovery: RecoverySecretKey,
    keys: Secret,
    token: Secret,
    peers: Authority,
    admin: Authority,
}

impl House {
    fn draw(now: Timestamp, entropy: &mut impl Entropy) -> Result<Self, MakeError> {
        let cluster = ClusterId(entropy.array());
        Ok(Self {
            cluster,
            recovery: RecoverySecretKey::draw(entropy),
            keys: KeyFile::new(KeyEncryptionKey::draw(entropy)).text(),
            token: BASE64URL_NOPAD.encode(&entropy.array::<32>()).into(),
            peers: Authority::new(&format!("Countersign peers {cluster}"), now)?,
            admin: Authority::new(&format!("Countersign admin {cluster}"), now)?,
        })
    }

    fn template(&self, node: NodeId, founds: bool) -> template::Node {
        template::Node {
            node,
            cluster: self.cluster,
            recovery_key: self.recovery.public().line(),
            founds,
        }
    }

    /// What belongs on no node's machine; for a single node there is but one.
    fn write_shared(&self, folder: &Path) -> Result<(), MakeError> {
        let line = Secret::new([self.recovery.line().expose(), b"\n"].concat());
        write(folder, "recovery-key", PRIVATE, line.expose())?;
        write(folder, "bootstrap-token", PRIVATE, self.token.expose())?;
        let authority = self.peers.certificate().as_bytes();
        write(folder, "peer-ca.pem", PUBLIC, authority)?;
        write(folder, "peer-ca.key", PRIVATE, self.peers.key().expose())
    }

    fn write_node(
        &self,
        folder: &Path,
        member: &Member,
        members: &[Member],
        founds: bool,
    ) -> Result<(), MakeError> {
        let peer = self.peers.peer(PeerName {
            cluster: self.cluster,
            node: member.node,
        })?;
        let names = [&[member.host.trim_end_matches('.')][..], &LOCAL_NAMES].concat();
        let admin = self.admin.server(&names)?;
        prepare(folder)?;
        write(folder, "keys", PRIVATE, self.keys.expose())?;
        if founds {
            write(folder, "bootstrap-token", PRIVATE, self.token.expose())?;
        }
        let authority = self.peers.certificate().as_bytes();
        write(folder, "peer-ca.pem", PUBLIC, authority)?;
        write(folder, "peer.pem", PUBLIC, peer.chain.as_bytes())?;
        write(folder, "peer.key", PRIVATE, peer.key.expose())?;
        write_admin(folder, &self.admin, &admin)?;
        let text = self.template(member.node, founds).among(member, members);
        write(folder, "node.toml", PUBLIC, text.as_bytes())?;
        settle(folder)
    }
}

fn judge(members: &[Member]) -> Result<(), MakeError> {
    if !(1..=MEMBERS_MAX).contains(&members.len()) {
        return Err(MakeError::Count(members.len()));
    }
    let (mut nodes, mut addresses) = (HashSet::new(), HashSet::new());
    for member in members {
        if !nodes.insert(member.node) {
            return Err(MakeError::SameNode(member.node));
        }
        if !addresses.insert(member.address()) {
            return Err(MakeError::SameAddress(member.address()));
        }
    }
    Ok(())
}

fn folder_name(member: &Member) -> String {
    format!("node-{}", member.node)
}

/// Nothing is touched where a cluster was made before.
fn vacant(folder: &Path, names: &[&str]) -> Result<(), MakeError> {
    let taken = names.iter().map(|name| folder.join(name));
    match taken.into_iter().find(|path| path.exists()) {
        Some(path) => Err(MakeError::Exists(path)),
        None => Ok(()),
    }
}

fn prepare(folder: &Path) -> Result<(), MakeError> {
    fs::create_dir_all(folder).map_err(|error| MakeError::Write(folder.to_owned(), error))
}

/// Waits until the disk knows the names of the files, too.
fn settle(folder: &Path) -> Result<(), MakeError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| MakeError::Write(folder.to_owned(), error))
}

fn write_admin(
    folder: &Path,
    authority: &Authority,
    server: &ServerCertificate,
) -> Result<(), MakeError> {
    let trusted = authority.certificate().as_bytes();
    write(folder, "admin-ca.pem", PUBLIC, trusted)?;
    write(folder, "admin.pem", PUBLIC, server.chain.as_bytes())?;
    write(folder, "admin.key", PRIVATE, server.key.expose())
}

/// Writes a file that must not be there yet, and waits for the disk: a key that is lost
/// in a power cut after the first seed was sealed with it is lost for ever.
fn write(folder: &Path, name: &str, mode: u32, octets: &[u8]) -> Result<(), MakeError> {
    let path = folder.join(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&path);
    written
        .and_then(|mut file| file.write_all(octets).and_then(|()| file.sync_all()))
        .map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                MakeError::Exists(path)
            } else {
                MakeError::Write(path, error)
            }
        })
}

const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;

#[cfg(test)]
mod tests;
