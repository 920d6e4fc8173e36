//! The first start of a cluster's first node.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_core::base::Entropy;
use countersign_core::ledger::storage::{
    Actor, Change, Found, Member, change::Kind, member::MemberRole,
};
use countersign_core::ledger::{CLUSTER_VERSION, Command, Outcome, query};
use countersign_core::seal::KeyFile;
use sha2::{Digest, Sha256};

use super::config::Config;
use super::error::ServeError;
use super::keys;
use super::system::SystemEntropy;
use crate::consensus::Consensus;
use crate::login::Ledger;

/// Founds the cluster where the store has none and this node is the one to do it. Safe to
/// repeat after a crash on the way: the change founds once, whatever became of it before.
pub(super) async fn found_if_blank(
    config: &Config,
    consensus: &Arc<Consensus>,
    file: &KeyFile,
) -> Result<(), ServeError> {
    if !consensus.founds() || !query::head(&consensus.view())?.cluster.is_empty() {
        return Ok(());
    }
    let command = Command::Change(Box::new(founding(config, file)?));
    match consensus.found(command).await {
        Ok(Outcome::Change(outcome)) if outcome.refusal == 0 => {
            tracing::info!(cluster = %config.cluster, "the cluster is founded");
            Ok(())
        }
        // Entries of an earlier start were still to be applied; they had founded it.
        Ok(_) if !query::head(&consensus.view())?.cluster.is_empty() => Ok(()),
        other => Err(ServeError::Founding(format!("{other:?}"))),
    }
}

fn founding(config: &Config, file: &KeyFile) -> Result<Change, ServeError> {
    let mut entropy = SystemEntropy;
    let found = Found {
        cluster: config.cluster.0.to_vec(),
        keys: keys::draw(config.cluster, file, &config.recovery_key, &mut entropy),
        member: Some(Member {
            node: config.node.0.into(),
            incarnation: 1,
            role: MemberRole::Voter.into(),
            version_max: CLUSTER_VERSION,
            ..Member::default()
        }),
        bootstrap_hash: match &config.bootstrap_token_file {
            Some(path) => bootstrap_hash(path)?,
            None => Vec::new(),
        },
        demo: config.demo,
        settings: None,
    };
    Ok(Change {
        request_id: entropy.array::<16>().to_vec(),
        actor: Some(Actor {
            name: "cluster".to_owned(),
            ..Actor::default()
        }),
        digest: Sha256::digest(config.cluster.0).to_vec(),
        kind: Some(Kind::Found(found)),
    })
}

/// The hash of the token in the file, without the blanks around it.
fn bootstrap_hash(path: &Path) -> Result<Vec<u8>, ServeError> {
    let token = std::fs::read(path)
        .map_err(|error| ServeError::BootstrapToken(PathBuf::from(path), error))?;
    let token = token.trim_ascii();
    if token.len() < BOOTSTRAP_TOKEN_OCTETS_MIN {
        let short = std::io::Error::other("it is empty or too short to be secret");
        return Err(ServeError::BootstrapToken(PathBuf::from(path), short));
    }
    Ok(Sha256::digest(token).to_vec())
}

const BOOTSTRAP_TOKEN_OCTETS_MIN: usize = 16;
