//! What is made, and what is left alone.

use std::os::unix::fs::PermissionsExt;

use countersign_core::base::SeededEntropy;

use super::*;
use crate::node::config;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn members(texts: &[&str]) -> Vec<Member> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn three(folder: &Path) -> MadeCluster {
    let members = members(&["3=c.contoso.example", "1=192.0.2.1:9300", "2=[2001:db8::2]"]);
    make_cluster(folder, &members, NOW, &mut SeededEntropy::new(1)).unwrap()
}

#[test]
fn the_made_file_can_be_started_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let made = make(folder.path(), NOW, &mut SeededEntropy::new(1)).unwrap();
    let config = config::load(&made.config, NOW).unwrap();
    assert_eq!(config.cluster, made.cluster);
    KeyFile::parse(&fs::read(config.key_file).unwrap()).unwrap();
    let line = fs::read_to_string(made.recovery_key).unwrap();
    let recovery = RecoverySecretKey::parse(line.trim()).unwrap();
    assert_eq!(recovery.public(), config.recovery_key);
}

#[test]
fn secrets_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), NOW, &mut SeededEntropy::new(1)).unwrap();
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
    make(folder.path(), NOW, &mut SeededEntropy::new(1)).unwrap();
    let keys = fs::read(folder.path().join("keys")).unwrap();
    let again = make(folder.path(), NOW, &mut SeededEntropy::new(2));
    assert!(matches!(again, Err(MakeError::Exists(_))));
    assert_eq!(fs::read(folder.path().join("keys")).unwrap(), keys);
}

#[test]
fn each_file_of_a_cluster_can_be_started_where_it_was_copied_to() {
    let folder = tempfile::tempdir().unwrap();
    let made = three(folder.path());
    let ids: Vec<_> = made.nodes.iter().map(|(node, _)| node.0).collect();
    assert_eq!(ids, [3, 1, 2]);
    for (node, made_in) in &made.nodes {
        let copied = folder.path().join(format!("machine-{node}"));
        fs::rename(made_in, &copied).unwrap();
        let config = config::load(&copied.join("node.toml"), NOW).unwrap();
        assert_eq!((config.node, config.cluster), (*node, made.cluster));
        assert_eq!(config.advice, []);
        let listed = config.peers.unwrap().initial_members;
        let addresses: Vec<_> = listed.iter().map(|(_, address)| &**address).collect();
        assert_eq!(
            addresses,
            [
                "c.contoso.example:8300",
                "192.0.2.1:9300",
                "[2001:db8::2]:8300"
            ]
        );
    }
}

#[test]
fn only_the_founder_has_the_bootstrap_token_and_none_has_what_is_to_be_locked_away() {
    let folder = tempfile::tempdir().unwrap();
    let made = three(folder.path());
    let (_, founder) = &made.nodes[0];
    let token = fs::read(founder.join("bootstrap-token")).unwrap();
    assert_eq!(token, fs::read(&made.bootstrap_token).unwrap());
    for (node, own) in &made.nodes {
        let founds = own == founder;
        assert_eq!(own.join("bootstrap-token").exists(), founds, "{node}");
        let config = config::load(&own.join("node.toml"), NOW).unwrap();
        assert_eq!(config.bootstrap_token_file.is_some(), founds, "{node}");
        for secret in ["recovery-key", "peer-ca.key"] {
            assert!(!own.join(secret).exists(), "{node} {secret}");
        }
        for private in ["keys", "peer.key", "admin.key"] {
            let mode = fs::metadata(own.join(private))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, PRIVATE, "{node} {private}");
        }
    }
}

#[test]
fn a_peers_certificate_lasts_two_years_and_its_authority_ten() {
    let folder = tempfile::tempdir().unwrap();
    let made = three(folder.path());
    let (_, own) = &made.nodes[1];
    let after = |years: u64| Timestamp::from_millis(NOW.as_millis() + years * YEAR_MILLIS);
    let faults = |now| match config::load(&own.join("node.toml"), now) {
        Ok(config) => config.advice,
        Err(config::ConfigError::Faulty(_, faults)) => faults,
        Err(other) => panic!("{other}"),
    };
    assert_eq!(faults(after(1)), []);
    let soon = after(2).minus(std::time::Duration::from_secs(24 * 3600));
    assert!(
        faults(soon)[0].what.starts_with("ends in"),
        "{:?}",
        faults(soon)
    );
    let late = after(2).plus(std::time::Duration::from_secs(3 * 24 * 3600));
    assert!(
        faults(late)[0].what.ends_with("has expired"),
        "{:?}",
        faults(late)
    );
    let ca = fs::read(folder.path().join("peer-ca.pem")).unwrap();
    let (_, ca) = x509_parser::pem::parse_x509_pem(&ca).unwrap();
    let until = ca.parse_x509().unwrap().validity().not_after.timestamp();
    let seconds = after(10).as_secs() as i64;
    assert!((until - seconds).abs() < 7 * 24 * 3600);
}

#[test]
fn the_admin_certificate_names_the_node_and_the_machine_itself() {
    let folder = tempfile::tempdir().unwrap();
    three(folder.path());
    let chain = fs::read(folder.path().join("node-3/admin.pem")).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(&chain).unwrap();
    let certificate = pem.parse_x509().unwrap();
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    let names = format!("{:?}", names.value.general_names);
    for name in ["c.contoso.example", "localhost", "[127, 0, 0, 1]"] {
        assert!(names.contains(name), "{name} not in {names}");
    }
}

#[test]
fn members_that_contradict_each_other_make_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in [
        &["1=a", "1=b"][..],
        &["1=a", "2=a"],
        &[],
        &["1=a", "2=b", "3=c", "4=d", "5=e", "6=f", "7=g", "8=h"],
    ] {
        let made = make_cluster(
            folder.path(),
            &members(wrong),
            NOW,
            &mut SeededEntropy::new(1),
        );
        assert!(made.is_err(), "{wrong:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_cluster_of_several_that_is_there_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    three(folder.path());
    let keys = fs::read(folder.path().join("node-1/keys")).unwrap();
    fs::remove_file(folder.path().join("recovery-key")).unwrap();
    let again = make_cluster(
        folder.path(),
        &members(&["1=a", "8=b"]),
        NOW,
        &mut SeededEntropy::new(2),
    );
    assert!(matches!(again, Err(MakeError::Exists(_))));
    assert!(!folder.path().join("node-8").exists());
    assert_eq!(fs::read(folder.path().join("node-1/keys")).unwrap(), keys);
}

const YEAR_MILLIS: u64 = 365 * 24 * 3600 * 1000;
