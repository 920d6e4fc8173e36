//! The file's faults, all at once, each with its line.

use std::path::PathBuf;

use countersign_core::base::{SeededEntropy, Timestamp};
use countersign_core::seal::RecoverySecretKey;

use super::*;
use crate::node::{Authority, make_cluster};

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
    match load(&write(&folder, text), NOW) {
        Err(ConfigError::Faulty(_, faults)) => faults
            .into_iter()
            .map(|fault| (fault.line, fault.key))
            .collect(),
        other => panic!("{other:?}"),
    }
}

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

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
    let config = load(&write(&folder, &least()), NOW).unwrap();
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
fn servers_are_pinned_by_host_and_port_and_by_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let pins = "[sources]\nforward_servers = [\"198.51.100.7\", \"old.contoso.example:1645\"]\n";
    let config = load(&write(&folder, &format!("{}{pins}", least())), NOW).unwrap();
    let expected = ["198.51.100.7", "old.contoso.example:1645"];
    assert_eq!(config.forward_servers, expected);
    let odd = "forward_servers = [\"radius://old\"]\nldap_servers = [\"dc1:port\"]\n";
    let found = faults(&format!("{}[sources]\n{odd}", least()));
    let expected = [
        (10, "sources.forward_servers"),
        (11, "sources.ldap_servers"),
    ];
    assert_eq!(found, expected.map(|(line, key)| (line, key.to_owned())));
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
    let error = load(&PathBuf::from("/nonexistent/node.toml"), NOW).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/node.toml"));
}

/// What it names lies on a machine of its own; nothing else may be wrong with it.
#[test]
fn the_sample_in_deploy_has_no_fault_but_the_files_it_names() {
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/node.toml");
    let Err(ConfigError::Faulty(_, faults)) = load(&sample, NOW) else {
        panic!("the sample's files should be missing");
    };
    let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "key_file",
            "radsec.certificate",
            "radsec.key",
            "radsec.client_ca",
            "admin.certificate",
            "admin.key",
            "peers.certificate",
            "peers.key",
            "peers.authority",
        ],
        "{faults:?}"
    );
}

/// The file of node 2 of three, in a folder of its own, changed by `change`.
fn changed(change: impl FnOnce(&str) -> String) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let members = ["1=a", "2=b", "3=c"].map(|text| text.parse().unwrap());
    make_cluster(folder.path(), &members, NOW, &mut SeededEntropy::new(1)).unwrap();
    let file = folder.path().join("node-2/node.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, change(&text)).unwrap();
    (folder, file)
}

/// Faults of the section `[peers]` in that file.
fn peer_faults(change: impl FnOnce(&str) -> String) -> Vec<String> {
    let (_folder, file) = changed(change);
    match load(&file, NOW) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Faulty(_, faults)) => faults.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn the_peers_are_read() {
    let (folder, file) = changed(str::to_owned);
    let peers = load(&file, NOW).unwrap().peers.unwrap();
    assert_eq!(peers.listen, "0.0.0.0:8300".parse().unwrap());
    assert_eq!(peers.files.key, folder.path().join("node-2/peer.key"));
    let (node, address) = &peers.initial_members[1];
    assert_eq!((node.0, &**address), (2, "b:8300"));
}

#[test]
fn every_fault_of_the_peers_is_told_at_once_with_its_line() {
    let faults = peer_faults(|text| {
        text.replace("\"0.0.0.0:8300\"", "\"8300\"")
            .replace("\"peer.pem\"", "\"../node-1/peer.pem\"")
            .replace("peer-ca.pem", "no-such.pem")
            .replace("\"2=b:8300\"", "\"1=b:8300\", \"4=a\", \"5=a b\"")
    });
    let expected = [
        ("peers.listen", "invalid socket address"),
        ("peers.certificate", "is the certificate of"),
        ("peers.key", "is not the key to the certificate"),
        ("peers.authority", "cannot be read"),
        ("peers.initial_members", "names node 1 twice"),
        ("peers.initial_members", "names a:8300 twice"),
        ("peers.initial_members", "\"a b\" is no DNS name"),
        ("peers.initial_members", "does not name this node, 2"),
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (key, what) in expected {
        let told = |fault: &&String| fault.contains(key) && fault.contains(what);
        let fault = faults.iter().find(told);
        let fault = fault.unwrap_or_else(|| panic!("{key} {what} not in {faults:#?}"));
        assert!(fault.starts_with("line "), "{fault}");
    }
}

#[test]
fn a_section_without_anything_in_it_names_all_that_is_missing() {
    let faults = peer_faults(|text| {
        let (head, rest) = text.split_once("[peers]").unwrap();
        let (_, tail) = rest.split_once("\n# The only").unwrap();
        format!("{head}[peers]\n# The only{tail}")
    });
    for key in ["certificate", "key", "authority", "initial_members"] {
        let told = format!("peers.{key} is missing");
        assert!(
            faults.iter().any(|fault| fault.contains(&told)),
            "{faults:#?}"
        );
    }
}

#[test]
fn certificates_that_do_not_fit_are_told() {
    let other = tempfile::tempdir().unwrap();
    let members = ["1=a", "2=b", "3=c"].map(|text| text.parse().unwrap());
    make_cluster(other.path(), &members, NOW, &mut SeededEntropy::new(2)).unwrap();
    let of_another_cluster = |file: &str| {
        peer_faults(|text| {
            let other = other.path().join("node-2").join(file);
            text.replace(&format!("\"{file}\""), &format!("\"{}\"", other.display()))
        })
    };
    for (file, told) in [
        ("peer.pem", "is the certificate of countersign://"),
        ("peer.key", "is not the key to the certificate"),
        ("peer-ca.pem", "is no peer's certificate of this authority"),
        ("keys", ""),
    ] {
        let faults = of_another_cluster(file);
        assert_eq!(faults.is_empty(), told.is_empty(), "{file}: {faults:#?}");
        assert!(faults.iter().all(|it| it.contains("peers.")), "{faults:#?}");
        assert!(
            told.is_empty() || faults.iter().any(|it| it.contains(told)),
            "{faults:#?}"
        );
    }
}

/// A file with a section for RadSec, whose certificates `change` may spoil.
fn radsec(change: impl FnOnce(&std::path::Path) -> String) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("RadSec", NOW).unwrap();
    let made = authority.server(&["radius.contoso.example"]).unwrap();
    let put = |name: &str, octets: &[u8]| std::fs::write(folder.path().join(name), octets);
    put("radsec.pem", made.chain.as_bytes()).unwrap();
    put("radsec.key", made.key.expose()).unwrap();
    put("radsec-ca.pem", authority.certificate().as_bytes()).unwrap();
    let section = change(folder.path());
    load(&write(&folder, &format!("{}{section}", least())), NOW)
}

const RADSEC: &str = "[radsec]
listen = \"192.0.2.1:2083\"
certificate = \"radsec.pem\"
key = \"radsec.key\"
client_ca = \"radsec-ca.pem\"
";

fn radsec_faults(change: impl FnOnce(&std::path::Path) -> String) -> String {
    match radsec(change) {
        Err(ConfigError::Faulty(_, faults)) => {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            faults.join("\n")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn radsec_is_read_where_it_is_and_not_missed_where_it_is_not() {
    let config = radsec(|_| RADSEC.to_owned()).unwrap();
    let found = config.radsec.unwrap();
    assert_eq!(found.listen, "192.0.2.1:2083".parse().unwrap());
    assert!(found.files.authority.ends_with("radsec-ca.pem"));
    let without_port = RADSEC.replace("listen = \"192.0.2.1:2083\"\n", "");
    let config = radsec(|_| without_port).unwrap();
    assert_eq!(config.radsec.unwrap().listen.port(), 2083);
    assert_eq!(radsec(|_| String::new()).unwrap().radsec, None);
}

#[test]
fn every_fault_of_radsec_is_told_with_its_key() {
    let bare = radsec_faults(|_| "[radsec]\n".to_owned());
    for key in ["certificate", "key", "client_ca"] {
        assert!(bare.contains(&format!("radsec.{key} is missing")), "{bare}");
    }
    let spoilt = radsec_faults(|folder| {
        let other = Authority::new("another", NOW).unwrap();
        let other = other.server(&["radius.contoso.example"]).unwrap();
        std::fs::write(folder.join("radsec.key"), other.key.expose()).unwrap();
        std::fs::write(folder.join("radsec-ca.pem"), "nothing").unwrap();
        RADSEC.replace("192.0.2.1:2083", "2083")
    });
    for told in [
        "line 10: radsec.listen \"2083\"",
        "line 12: radsec.key",
        "is not the key to the certificate",
        "line 13: radsec.client_ca",
        "holds no certificate in PEM",
    ] {
        assert!(spoilt.contains(told), "{told} not in {spoilt}");
    }
    let ended = radsec_faults(|folder| {
        let long_ago = Timestamp::from_millis(1);
        let old = Authority::new("RadSec", long_ago).unwrap();
        let old = old.server(&["radius.contoso.example"]).unwrap();
        std::fs::write(folder.join("radsec.pem"), &old.chain).unwrap();
        std::fs::write(folder.join("radsec.key"), old.key.expose()).unwrap();
        RADSEC.to_owned()
    });
    assert!(ended.contains("has expired; renew it"), "{ended}");
}

#[test]
fn too_many_members_are_refused_and_an_even_number_is_advised_against() {
    let list = |count: u16| {
        let members: Vec<_> = (1..=count).map(|id| format!("\"{id}=h{id}\"")).collect();
        format!("[{}]", members.join(", "))
    };
    let with = |count| {
        move |text: &str| {
            let (head, _) = text.split_once("initial_members").unwrap();
            format!("{head}initial_members = {}\n", list(count))
        }
    };
    let faults = peer_faults(with(9));
    assert!(
        faults[0].contains("names 9 nodes; list at most 7"),
        "{faults:#?}"
    );
    for (count, advised) in [(4, true), (5, false)] {
        let (_folder, file) = changed(with(count));
        let advice = load(&file, NOW).unwrap().advice;
        let told = advice.iter().any(|it| it.key == "peers.initial_members");
        assert_eq!(told, advised, "{advice:?}");
    }
}
