//! What a node refuses to start with: it says why, and touches nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::node::SystemEntropy;
use countersign_core::base::Entropy;
use tempfile::TempDir;

use super::process::{COUNTERSIGN, Process, Said, until};
use super::sealed::files;

/// A cluster as `countersign cluster new` makes it, on ports of a loopback address that
/// nobody else has: while the node does not run, none of them is given to another.
fn made(dir: &Path) -> anyhow::Result<PathBuf> {
    let mut new = Command::new(COUNTERSIGN);
    let said = Said::by(new.args(["cluster", "new"]).arg(dir), b"")?;
    anyhow::ensure!(said.status == 0, "{}", said.err);
    let config = dir.join("node.toml");
    let [one, two, three] = SystemEntropy.array::<3>().map(|octet| octet | 1);
    let at = |port: u16| format!("127.{one}.{two}.{three}:{port}");
    // Below those that the kernel hands out, also to who listens at every address.
    let text = fs::read_to_string(&config)?
        .replace("0.0.0.0:1812", &at(21_812))
        .replace("0.0.0.0:1813", &at(21_813))
        .replace("127.0.0.1:8443", &at(28_443))
        .replace("127.0.0.1:9464", &at(29_464));
    fs::write(&config, text)?;
    Ok(config)
}

/// Runs the node until it founded its cluster, and ends it in order.
async fn found(config: &Path) -> anyhow::Result<()> {
    let log = config.with_file_name("log");
    fs::write(&log, "")?;
    let mut node = Process::serve(config, &log)?;
    until("the cluster is founded", async || {
        fs::read_to_string(&log).is_ok_and(|log| log.contains(" ready "))
    })
    .await?;
    anyhow::ensure!(node.stop()?.success());
    Ok(())
}

fn serve(config: &Path) -> anyhow::Result<Said> {
    let mut command = Command::new(COUNTERSIGN);
    Said::by(command.args(["serve", "--config"]).arg(config), b"")
}

#[tokio::test]
async fn a_foreign_store_or_key_file_stops_the_start_and_touches_nothing() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    let (config, foreign) = (made(&ours)?, made(&theirs)?);
    found(&config).await?;
    let data = ours.join("data");
    let before = files(&data)?;
    assert!(before.len() > 3, "there is a store");
    let keys = fs::read(ours.join("keys"))?;
    let text = fs::read_to_string(&config)?;
    let cluster = |file: &Path| -> anyhow::Result<String> {
        let text = fs::read_to_string(file)?;
        let line = text.lines().find(|line| line.starts_with("cluster = "));
        Ok(line.unwrap_or_default().to_owned())
    };
    let other = text.replace(&cluster(&config)?, &cluster(&foreign)?);
    let node = text.replace("id = 1\n", "id = 2\n");
    let foreign_keys = fs::read(theirs.join("keys"))?;
    let damaged = b"not keys".to_vec();
    let cases = [
        ("another cluster's store", &other, Some(&keys), 1, "cluster"),
        ("another node's store", &node, Some(&keys), 1, "node"),
        ("wrong keys", &text, Some(&foreign_keys), 1, "key file"),
        ("damaged keys", &text, Some(&damaged), 1, "key file"),
        // A fault of the node's own file, told with its line and remedy.
        ("no keys", &text, None, 2, "key_file"),
    ];
    for (case, text, keys, status, why) in cases {
        fs::write(&config, text)?;
        match keys {
            Some(keys) => fs::write(ours.join("keys"), keys)?,
            None => fs::remove_file(ours.join("keys"))?,
        }
        let said = serve(&config)?;
        assert_eq!(said.status, status, "{case}: {said:?}");
        assert!(said.err.contains(why), "{case}: {}", said.err);
        let after = files(&data)?;
        let names = |files: &[(String, Vec<u8>)]| -> Vec<_> {
            files
                .iter()
                .map(|(name, octets)| (name.clone(), octets.len()))
                .collect()
        };
        assert_eq!(names(&after), names(&before), "{case}");
        assert!(after == before, "{case}: a file was changed");
    }
    fs::write(&config, &text)?;
    fs::write(ours.join("keys"), &keys)?;
    found(&config).await
}

#[tokio::test]
async fn a_bad_file_ends_with_all_its_faults_and_status_2() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let config = made(&dir.path().join("node"))?;
    let text = fs::read_to_string(&config)?
        .replace("id = 1\n", "id = 0\nidd = 1\n")
        .replace("key_file = \"keys\"\n", "")
        .replace("certificate = \"admin.pem\"", "certificate = 7")
        .replace("authentication = [\"", "authentication = [\"nowhere:");
    fs::write(&config, text)?;
    let mut check = Command::new(COUNTERSIGN);
    let check = Said::by(check.arg("check-config").arg(&config), b"")?;
    for said in [serve(&config)?, check] {
        assert_eq!(said.status, 2, "{said:?}");
        for fault in [
            "id",
            "idd",
            "key_file",
            "admin.certificate",
            "radius.authentication",
        ] {
            assert!(said.err.contains(fault), "{fault} is not in\n{}", said.err);
        }
        let lines = said.err.lines().filter(|line| line.contains("node.toml: "));
        println!("{}", said.err);
        assert!(lines.count() >= 5, "{}", said.err);
    }
    assert!(!config.with_file_name("data").exists());
    Ok(())
}
