//! `countersign cluster new`: makes the files of a cluster and says what becomes of them.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::node::chain;
use crate::login::Clock;
use crate::node::{self, Made, MadeCluster, Member, SystemClock, SystemEntropy};

/// Options of `countersign cluster new`.
#[derive(Debug, clap::Args)]
pub(super) struct New {
    /// Where to write the files; made if it is missing
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// A node, its host as the other nodes dial it; the first founds the cluster. Without
    /// any, a cluster of one node is made
    #[arg(long = "member", value_name = "ID=HOST[:PORT]")]
    members: Vec<Member>,
}

impl New {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let folder = self.directory.as_path();
        let now = SystemClock.wall();
        let refused = |error| Failure::Refused(chain(&error));
        if self.members.is_empty() {
            let made = node::make(folder, now, &mut SystemEntropy).map_err(refused)?;
            tell_single(&made);
        } else {
            let made = node::make_cluster(folder, &self.members, now, &mut SystemEntropy);
            tell(&made.map_err(refused)?);
        }
        Ok(())
    }
}

fn tell_single(made: &Made) {
    println!("made cluster {}", made.cluster);
    println!(
        "  start the node:     countersign serve --config {}",
        made.config.display()
    );
    println!("  first operator:     countersign admin bootstrap NAME \\");
    println!(
        "                        --bootstrap-token-file {}",
        made.bootstrap_token.display()
    );
    println!("  operators trust:    {}", made.admin_ca.display());
    println!(
        "  print, lock away and remove from this machine: {}",
        made.recovery_key.display()
    );
}

fn tell(made: &MadeCluster) {
    let count = made.nodes.len();
    println!("Made cluster {} of {count} node(s).", made.cluster);
    println!();
    println!("Copy each folder to the machine of its node, readable by the service alone:");
    for (id, folder) in &made.nodes {
        println!("  node {id}: {}", folder.display());
    }
    println!("There, `countersign check-config node.toml` says what does not fit, and");
    println!("`countersign serve --config node.toml` starts it. The order does not matter: the");
    println!("first of them founds the cluster when all of them answer.");
    println!();
    println!("Print, lock away, and then remove from this machine:");
    println!("  {}", made.recovery_key.display());
    println!("  {} (makes further peers)", made.peer_ca_key.display());
    println!();
    println!("Make the first operator within 24 hours of the founding:");
    println!("  countersign admin bootstrap NAME --admin https://HOST:8443 \\");
    println!("    --ca-file {} \\", made.admin_ca.display());
    println!(
        "    --bootstrap-token-file {}",
        made.bootstrap_token.display()
    );
    println!(
        "and remove the token then, here and from {}.",
        first(&made.nodes)
    );
    println!();
    println!("The nodes' certificates end in two years, their authority's in ten.");
    if count.is_multiple_of(2) {
        let odd = count.saturating_sub(1);
        eprintln!("{count} nodes survive the loss of no more of them than {odd} do: take {odd}");
    }
}

fn first<I>(nodes: &[(I, PathBuf)]) -> String {
    let founder = nodes.first().map(|(_, folder)| folder.as_path());
    founder
        .unwrap_or_else(|| Path::new(""))
        .display()
        .to_string()
}
