//! The files of the demo's nodes: those of `cluster new`, on ports of loopback.

use std::fs;
use std::path::{Path, PathBuf};

use countersign::login::Clock;
use countersign::node::{self, Member, SystemClock, SystemEntropy};
use countersign_core::base::NodeId;

use super::ports::Ports;
use super::radsec::Signer;
use crate::entra;

/// A node that can be started.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) id: u16,
    pub(super) folder: PathBuf,
    pub(super) config: PathBuf,
    pub(super) ports: Ports,
    /// It has peers.
    pub(super) several: bool,
}

/// What a cluster is founded with, and its nodes, `dir/n1` and on.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) sites: Vec<Site>,
    pub(super) bootstrap_token: PathBuf,
    pub(super) admin_ca: PathBuf,
}

/// Makes the files of as many nodes as there are `ports`.
pub(super) fn make(
    dir: &Path,
    ports: &[Ports],
    entra: &entra::Ready,
    radsec: &Signer,
) -> anyhow::Result<Made> {
    let now = SystemClock.wall();
    let several = ports.len() > 1;
    let sites = (1..).zip(ports).map(|(id, ports)| Site {
        id,
        folder: dir.join(format!("n{id}")),
        config: dir.join(format!("n{id}/node.toml")),
        ports: ports.clone(),
        several,
    });
    let sites: Vec<_> = sites.collect();
    // What belongs on no node's machine; of a cluster of one, it is all in one folder.
    let shared = dir.join(if several { "cluster" } else { "n1" });
    if several {
        let made = node::make_cluster(&shared, &members(&sites), now, &mut SystemEntropy)?;
        for (site, (_, folder)) in sites.iter().zip(&made.nodes) {
            configure(site, folder, entra, radsec)?;
            // Last: a node's folder has its name when everything in it is there.
            fs::rename(folder, &site.folder)?;
        }
    } else {
        node::make(&shared, now, &mut SystemEntropy)?;
        for site in &sites {
            configure(site, &site.folder, entra, radsec)?;
        }
    }
    Ok(Made {
        sites,
        bootstrap_token: shared.join("bootstrap-token"),
        admin_ca: shared.join("admin-ca.pem"),
    })
}

fn members(sites: &[Site]) -> Vec<Member> {
    let member = |site: &Site| Member {
        node: NodeId(site.id),
        host: site.ports.peers.ip().to_string(),
        port: site.ports.peers.port(),
    };
    sites.iter().map(member).collect()
}

/// Puts a node on its ports and before the stand-in, and marks it as a demo's.
fn configure(
    site: &Site,
    folder: &Path,
    entra: &entra::Ready,
    radsec: &Signer,
) -> anyhow::Result<()> {
    let file = folder.join("node.toml");
    let Ports {
        radius,
        accounting,
        admin,
        metrics,
        peers,
        ..
    } = &site.ports;
    let id = format!("id = {}\n", site.id);
    let host = entra.authority.trim_start_matches("https://");
    // The peers first: 0.0.0.0:1812 is also the beginning of a port of theirs, of 0.0.0.0:18126.
    let text = fs::read_to_string(&file)?
        .replace(&id, &format!("{id}demo = true\n"))
        .replace(&format!("0.0.0.0:{}", peers.port()), &peers.to_string())
        .replace("0.0.0.0:1812", &radius.to_string())
        .replace("0.0.0.0:1813", &accounting.to_string())
        .replace("127.0.0.1:8443", &admin.to_string())
        .replace("127.0.0.1:9464", &metrics.to_string())
        .replace("\"login.microsoftonline.com\"", &format!("\"{host}\""))
        // An old server of this machine may be tried.
        .replace(
            "[sources]\n",
            "[sources]\nforward_servers = [\"127.0.0.1\"]\n",
        );
    let section = radsec.section(folder, &site.ports)?;
    let text = format!("{text}ca_file = \"{}\"\n{section}", entra.ca_file.display());
    Ok(fs::write(file, text)?)
}
