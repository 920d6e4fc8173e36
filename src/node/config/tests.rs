//! The file's faults, all at once, each with its line.

use std::path::PathBuf;

use countersign_core::base::SeededEntropy;
use countersign_core::seal::RecoverySecretKey;

use super::*;

fn least() -> String {
    let recovery = RecoverySecretKey::draw(&mut SeededEntropy::new(1))
        .public()
        .line();
    format!("recovery_key = \"{recovery}\"\n{LEAST}")
}

fn write(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    for file in ["keys", "admin.pem", "admin.key"] {
        std::fs::write(folder.path().join(file), "x").unwrap();
    }
    let file = folder.path().join("node.toml");
    std::fs::write(&file, text).unwrap();
    file
}

fn faults(text: &str) -> Vec<(usize, String)> {
    let folder = tempfile::tempdir().unwrap();
    match load(&write(&folder, text)) {
        Err(ConfigError::Faulty(_, faults)) => faults
            .into_iter()
            .map(|fault| (fault.line, fault.key))
            .collect(),
        other => panic!("{other:?}"),
    }
}

const LEAST: &str = "id = 7
cluster = \"000102030405060708090a0b0c0d0e0f\"
data_dir = \"data\"
key_file = \"keys\"
[admin]
certificate = \"admin.pem\"
key = \"admin.key\"
";

#[test]
fn the_least_file_gives_the_default_ports_and_paths_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = load(&write(&folder, &least())).unwrap();
    assert_eq!(config.node.0, 7);
    assert_eq!(config.data_dir, folder.path().join("data"));
    assert_eq!(config.authentication, ["0.0.0.0:1812".parse().unwrap()]);
    assert_eq!(config.admin, "127.0.0.1:8443".parse().unwrap());
}

#[test]
fn every_fault_is_told_at_once_with_its_line() {
    let text = "id = 0
cluster = \"zz\"
data_dir = 3
key_file = \"no such file\"
colour = \"red\"
[radius]
authentication = [\"localhost\"]
sockets = 2
[admin]
listen = \"127.0.0.1\"
certificate = \"admin.pem\"
key = \"admin.key\"
[log]
format = \"xml\"
";
    let found = faults(text);
    let expected = [
        (1, "id"),
        (2, "cluster"),
        (3, "data_dir"),
        (4, "key_file"),
        (5, "colour"),
        (7, "radius.authentication"),
        (10, "admin.listen"),
        (14, "log.format"),
    ];
    for (line, key) in expected {
        assert!(
            found.contains(&(line, key.to_owned())),
            "{line} {key} not in {found:?}"
        );
    }
}

#[test]
fn a_line_that_is_no_toml_does_not_hide_the_other_faults() {
    let found = faults("id = \n[admin]\nlisten = \"x\"\n");
    assert!(found.iter().any(|(line, _)| *line == 1), "{found:?}");
    assert!(found.contains(&(3, "admin.listen".to_owned())), "{found:?}");
    assert!(found.iter().any(|(_, key)| key == "key_file"), "{found:?}");
}

#[test]
fn a_missing_file_is_told_by_its_name() {
    let error = load(&PathBuf::from("/nonexistent/node.toml")).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/node.toml"));
}

/// What it names lies on a machine of its own; nothing else may be wrong with it.
#[test]
fn the_sample_in_deploy_has_no_fault_but_the_files_it_names() {
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/node.toml");
    let Err(ConfigError::Faulty(_, faults)) = load(&sample) else {
        panic!("the sample's files should be missing");
    };
    let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(
        keys,
        ["key_file", "admin.certificate", "admin.key"],
        "{faults:?}"
    );
}
