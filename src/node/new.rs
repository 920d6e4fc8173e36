//! `cluster new`: makes, offline, what a cluster is founded with.
//!
//! Knows files and their permissions. Touches no store and talks to nobody.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use countersign_core::base::{ClusterId, Entropy, Secret};
use countersign_core::seal::{KeyEncryptionKey, KeyFile, RecoverySecretKey};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

use super::certificates::{Authority, CertificateError};

/// What was made.
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
}

/// Makes a cluster of one node in `folder`, whose `node.toml` can be started as it is.
///
/// # Errors
/// When a file of it exists already or cannot be written.
pub fn make(folder: &Path, entropy: &mut impl Entropy) -> Result<Made, MakeError> {
    let config = folder.join("node.toml");
    if config.exists() {
        return Err(MakeError::Exists(config));
    }
    fs::create_dir_all(folder).map_err(|error| MakeError::Write(folder.to_owned(), error))?;
    let cluster = ClusterId(entropy.array());
    let recovery = RecoverySecretKey::draw(entropy);
    let peers = Authority::new(&format!("Countersign peers {cluster}"))?;
    let admin = Authority::new(&format!("Countersign admin {cluster}"))?;
    let server = admin.server(&["localhost", "127.0.0.1", "::1"])?;
    let token = BASE64URL_NOPAD.encode(&entropy.array::<32>());
    let keys = KeyFile::new(KeyEncryptionKey::draw(entropy)).text();
    let text = node_file(cluster, &recovery.public().line());
    let line = Secret::new([recovery.line().expose(), b"\n"].concat());
    for (name, secret) in [("keys", &keys), ("recovery-key", &line)] {
        write(folder, name, PRIVATE, secret.expose())?;
    }
    write(folder, "bootstrap-token", PRIVATE, token.as_bytes())?;
    write(
        folder,
        "peer-ca.pem",
        PUBLIC,
        peers.certificate().as_bytes(),
    )?;
    write(folder, "peer-ca.key", PRIVATE, peers.key().expose())?;
    write(
        folder,
        "admin-ca.pem",
        PUBLIC,
        admin.certificate().as_bytes(),
    )?;
    write(folder, "admin.pem", PUBLIC, server.chain.as_bytes())?;
    write(folder, "admin.key", PRIVATE, server.key.expose())?;
    write(folder, "node.toml", PUBLIC, text.as_bytes())?;
    Ok(Made {
        cluster,
        config,
        recovery_key: folder.join("recovery-key"),
        bootstrap_token: folder.join("bootstrap-token"),
        admin_ca: folder.join("admin-ca.pem"),
    })
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

fn node_file(cluster: ClusterId, recovery: &str) -> String {
    let cluster = HEXLOWER.encode(&cluster.0);
    format!(
        r#"# A node of Countersign. `countersign check-config` says what is wrong with it.
id = 1
cluster = "{cluster}"
recovery_key = "{recovery}"
data_dir = "data"
key_file = "keys"
bootstrap_token_file = "bootstrap-token"

[radius]
authentication = ["0.0.0.0:1812"]
accounting = ["0.0.0.0:1813"]

[admin]
listen = "127.0.0.1:8443"
certificate = "admin.pem"
key = "admin.key"

[metrics]
listen = "127.0.0.1:9464"

# The only hosts that may ever receive a password.
[sources]
hosts = ["login.microsoftonline.com"]
"#
    )
}

const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use countersign_core::base::SeededEntropy;

    use super::*;
    use crate::node::config;

    #[test]
    fn the_made_file_can_be_started_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let made = make(folder.path(), &mut SeededEntropy::new(1)).unwrap();
        let config = config::load(&made.config).unwrap();
        assert_eq!(config.cluster, made.cluster);
        KeyFile::parse(&fs::read(config.key_file).unwrap()).unwrap();
        let line = fs::read_to_string(made.recovery_key).unwrap();
        let recovery = RecoverySecretKey::parse(line.trim()).unwrap();
        assert_eq!(recovery.public(), config.recovery_key);
    }

    #[test]
    fn secrets_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), &mut SeededEntropy::new(1)).unwrap();
        for name in [
            "keys",
            "recovery-key",
            "bootstrap-token",
            "peer-ca.key",
            "admin.key",
        ] {
            let mode = fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, PRIVATE, "{name}");
        }
    }

    #[test]
    fn a_cluster_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), &mut SeededEntropy::new(1)).unwrap();
        let keys = fs::read(folder.path().join("keys")).unwrap();
        let again = make(folder.path(), &mut SeededEntropy::new(2));
        assert!(matches!(again, Err(MakeError::Exists(_))));
        assert_eq!(fs::read(folder.path().join("keys")).unwrap(), keys);
    }
}
