//! What lies in `deploy/`: the node files go through the real binary, and every part of it
//! names the same ports. Schemas and references are `tests/deploy/check`'s.

#![expect(clippy::unwrap_used, reason = "a failed preparation fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::login::Clock;
use countersign::node::{Authority, SystemClock};
use countersign::peers::PeerName;
use countersign_core::base::NodeId;
use data_encoding::HEXLOWER;

/// The default ports of the design.
const PORTS: [(u16, &str, &str); 6] = [
    (1812, "udp", "radius"),
    (1813, "udp", "accounting"),
    (RADSEC, "tcp", "radsec"),
    (8300, "tcp", "peers"),
    (8443, "tcp", "admin"),
    (9464, "tcp", "metrics"),
];

/// Heard where a node's file has a section for it: its certificates are the owner's own.
const RADSEC: u16 = 2083;

/// What a node calls: names, and password sources.
const CALLED: [u16; 2] = [53, 443];

/// The files that the node files name; here they are there, and nothing more is asked.
const NAMED: [&str; 13] = [
    "admin.key",
    "admin.pem",
    "bootstrap-token",
    "keys",
    "node-1.key",
    "node-1.pem",
    "node-2.key",
    "node-2.pem",
    "node-3.key",
    "node-3.pem",
    "peer-ca.pem",
    "peer.key",
    "peer.pem",
];

#[test]
fn every_node_file_has_no_fault() {
    let files = files("toml");
    assert!(files.len() >= 4, "one alone and three of a cluster");
    for file in files {
        let folder = tempfile::tempdir().unwrap();
        let text = read(&file);
        make_files(folder.path(), &text);
        let here = folder.path().to_str().unwrap();
        let text = text.replace("/etc/countersign", here);
        let node = folder.path().join("node.toml");
        fs::write(&node, text).unwrap();
        let said = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .arg("check-config")
            .arg(&node)
            .output()
            .unwrap();
        let faults = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{}: {faults}", file.display());
    }
}

/// Makes every file that `text` may name; the peers' ones fit the node that it is of.
fn make_files(folder: &Path, text: &str) {
    let value = |key: &str| {
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        line.unwrap().trim_matches('"')
    };
    let cluster = HEXLOWER.decode(value("cluster").as_bytes()).unwrap();
    let peer = PeerName {
        cluster: cluster.as_slice().try_into().unwrap(),
        node: NodeId(value("id").parse().unwrap()),
    };
    let authority = Authority::new("test peers", SystemClock.wall()).unwrap();
    let made = authority.peer(peer).unwrap();
    for name in NAMED {
        let octets = match name.rsplit_once('.') {
            Some(_) if name.starts_with("peer-ca") => authority.certificate().as_bytes(),
            Some((_, "pem")) => made.chain.as_bytes(),
            Some((_, "key")) => made.key.expose(),
            _ => b"x",
        };
        fs::write(folder.join(name), octets).unwrap();
    }
    let radsec = authority.server(&["radius.contoso.example"]).unwrap();
    for (name, octets) in [
        ("radsec.pem", radsec.chain.as_bytes()),
        ("radsec.key", radsec.key.expose()),
        ("radsec-client-ca.pem", authority.certificate().as_bytes()),
    ] {
        fs::write(folder.join(name), octets).unwrap();
    }
}

/// A listener that moved would leave probes, services and policies behind.
#[test]
fn every_node_file_listens_where_the_manifests_expect_it() {
    for file in files("toml") {
        let text = read(&file);
        let listeners = text.lines().filter(|line| {
            let key = line.split(" = ").next().unwrap_or_default();
            ["listen", "authentication", "accounting"].contains(&key)
        });
        let found: BTreeSet<_> = listeners.flat_map(ports_after_colons).collect();
        let known: BTreeSet<_> = PORTS.iter().map(|(port, _, _)| *port).collect();
        assert!(found.is_subset(&known), "{}: {found:?}", file.display());
        if text.contains("[peers]") {
            let mut missing = known.difference(&found);
            let told = text.contains("[radsec]");
            assert!(
                missing.all(|port| *port == RADSEC && !told),
                "{}",
                file.display()
            );
        }
    }
}

#[test]
fn the_image_exposes_the_ports_and_stops_by_sigterm() {
    let recipe = read(Path::new("deploy/Dockerfile"));
    let exposed = recipe.lines().find_map(|line| line.strip_prefix("EXPOSE "));
    let expected: Vec<_> = PORTS
        .iter()
        .map(|(port, protocol, _)| format!("{port}/{protocol}"))
        .collect();
    assert_eq!(exposed, Some(expected.join(" ").as_str()));
    let unit = read(Path::new("deploy/countersign.service"));
    assert!(recipe.contains("\nSTOPSIGNAL SIGTERM\n"));
    assert!(unit.contains("\nKillSignal=SIGTERM\n"));
}

/// No image may hold a node that accepts everyone.
#[test]
fn the_image_is_built_without_the_demo() {
    let recipe = read(Path::new("deploy/Dockerfile"));
    assert!(recipe.contains("cargo build --release --locked --bin countersign \\\n"));
    assert!(!recipe.contains("countersign-demo"));
}

#[test]
fn every_port_in_the_manifests_is_one_of_the_nodes() {
    let mut seen = BTreeSet::new();
    for file in files("yaml") {
        for line in read(&file).lines() {
            let line = line.trim_start().trim_start_matches("- ");
            let keys = ["port: ", "containerPort: ", "prometheus.io/port: "];
            let Some(value) = keys.iter().find_map(|key| line.strip_prefix(key)) else {
                continue;
            };
            // A name of a port; tests/deploy/references.py finds out whether there is such.
            let Ok(port) = value.trim_matches('"').parse::<u16>() else {
                continue;
            };
            let own = PORTS.iter().any(|(known, _, _)| *known == port);
            assert!(own || CALLED.contains(&port), "{}: {line}", file.display());
            seen.insert(port);
        }
    }
    let missing = PORTS.iter().find(|(port, _, _)| !seen.contains(port));
    assert_eq!(missing, None, "in no manifest");
}

#[test]
fn the_pod_names_each_port_and_its_protocol() {
    let pod = read(Path::new("deploy/kubernetes/base/statefulset.yaml"));
    for (port, protocol, name) in PORTS {
        let protocol = protocol.to_uppercase();
        let indent = "            ";
        let entry = format!(
            "{indent}- name: {name}\n{indent}  containerPort: {port}\n\
             {indent}  protocol: {protocol}\n"
        );
        assert!(pod.contains(&entry), "no port {name} {port}/{protocol}");
    }
}

#[test]
fn the_readme_lists_the_ports() {
    let readme = read(Path::new("deploy/README.md"));
    for (port, protocol, name) in PORTS {
        let row = format!("| {port}/{protocol} | {name} |");
        assert!(readme.contains(&row), "no row {row}");
    }
}

/// Whoever copies the commands must find each file that they name, below what the command
/// before them has made, and each that the node files name in a Secret.
#[test]
fn the_readme_takes_its_secrets_from_what_cluster_new_writes() {
    let readme = read(Path::new("deploy/README.md"));
    let words: Vec<_> = readme.split_whitespace().collect();
    let members = words.windows(2).filter(|pair| pair[0] == "--member");
    let members: Vec<_> = members
        .flatten()
        .filter(|word| word.contains(':'))
        .collect();
    assert_eq!(members.len(), 3, "{members:?}");
    let folder = tempfile::tempdir().unwrap();
    let mut new = Command::new(env!("CARGO_BIN_EXE_countersign"));
    new.args(["cluster", "new"]).arg(folder.path());
    for member in members {
        new.args(["--member", member]);
    }
    assert!(new.output().unwrap().status.success());
    let mut named = BTreeSet::new();
    for file in words
        .iter()
        .filter_map(|word| word.strip_prefix("--from-file="))
    {
        let (name, path) = file.split_once('=').unwrap_or((file, file));
        assert!(folder.path().join(path).is_file(), "{path} is not made");
        named.insert(name);
    }
    let expected = NAMED
        .into_iter()
        .filter(|name| !["peer.key", "peer.pem"].contains(name));
    assert_eq!(named, expected.collect());
}

/// The image's version is written in five places.
#[test]
fn the_version_is_the_packages() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, text) in [
        ("Dockerfile", format!("version=\"{version}\"")),
        ("Dockerfile", format!("countersign:{version} ")),
        ("README.md", format!("countersign:{version}")),
        (
            "kubernetes/base/statefulset.yaml",
            format!("image: countersign:{version}\n"),
        ),
        (
            "kubernetes/overlays/example/kustomization.yaml",
            format!("newTag: {version}\n"),
        ),
    ] {
        let found = read(&Path::new("deploy").join(file)).contains(&text);
        assert!(found, "deploy/{file} does not say {text}");
    }
}

/// The port behind each `:` of a line that digits follow.
fn ports_after_colons(line: &str) -> Vec<u16> {
    let parts = line.split(':').skip(1);
    let digits = parts.map(|part| {
        part.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
    });
    digits.filter_map(|digits| digits.parse().ok()).collect()
}

/// All files below `deploy/` of that ending.
fn files(ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from("deploy")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("deploy/ can be read") {
            let path = entry.expect("deploy/ can be read").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|own| own == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("the files of deploy/ are UTF-8")
}
