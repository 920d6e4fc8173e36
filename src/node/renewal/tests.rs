//! What is taken into force, and when.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use countersign_core::base::{NodeId, Secret, SeededEntropy};

use super::*;
use crate::node::certificates::{Authority, ServerCertificate};
use crate::node::new::make_cluster;
use crate::peers::{Credentials, PeerName};
use crate::telemetry::Metrics;
use crate::tls::Files;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A node whose files lie as Kubernetes mounts them: links into a folder that is swapped.
struct House {
    folder: tempfile::TempDir,
    own: PeerName,
    metrics: Arc<Metrics>,
    watch: Watch<Credentials>,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let members = ["1=a".parse().unwrap()];
        let entropy = &mut SeededEntropy::new(1);
        let made = make_cluster(folder.path(), &members, NOW, entropy).unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("node-1", at("..data")).unwrap();
        let files = ["peer.pem", "peer.key", "peer-ca.pem"].map(|name| {
            let link = at(&format!("mounted-{name}"));
            symlink(PathBuf::from("..data").join(name), &link).unwrap();
            link
        });
        let [certificate, key, authority] = files;
        let own = PeerName {
            cluster: made.cluster,
            node: NodeId(1),
        };
        let files = Files {
            certificate,
            key,
            authority,
        };
        let credentials = Arc::new(Credentials::load(own, files).unwrap());
        let metrics = Arc::new(Metrics::default());
        let watch = Watch::new(credentials, Arc::clone(&metrics) as _);
        Self {
            folder,
            own,
            metrics,
            watch,
        }
    }

    fn issue(&self, now: Timestamp) -> ServerCertificate {
        let key = fs::read(self.folder.path().join("peer-ca.key")).unwrap();
        let name = format!("Countersign peers {}", self.own.cluster);
        let authority = Authority::open(&name, &Secret::new(key), now).unwrap();
        authority.peer(self.own).unwrap()
    }

    /// A new folder with these contents, and the link swapped to it.
    fn mount(&self, name: &str, certificate: &str, key: &[u8]) {
        let at = |name: &str| self.folder.path().join(name);
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("peer.pem"), certificate).unwrap();
        fs::write(at(name).join("peer.key"), key).unwrap();
        fs::copy(at("peer-ca.pem"), at(name).join("peer-ca.pem")).unwrap();
        symlink(name, at("..data.new")).unwrap();
        fs::rename(at("..data.new"), at("..data")).unwrap();
    }

    fn ends(&self) -> Timestamp {
        self.watch.credentials.expires()
    }

    fn told(&self, line: &str) -> bool {
        self.metrics.render().contains(line)
    }
}

#[test]
fn files_that_stay_as_they_are_are_read_once() {
    let mut house = House::new();
    assert_eq!(house.watch.look(NOW), Look::Renewed);
    assert_eq!(house.watch.look(NOW), Look::Same);
}

#[test]
fn a_swapped_link_brings_a_new_certificate_into_force() {
    let mut house = House::new();
    let (before, later) = (house.ends(), NOW.plus(YEAR));
    house.watch.look(NOW);
    let renewed = house.issue(later);
    house.mount("renewed", &renewed.chain, renewed.key.expose());
    assert_eq!(house.watch.look(later), Look::Renewed);
    assert!(house.ends().since(before) > YEAR / 2);
    let level = format!(
        "countersign_certificate_expires_seconds{{of=\"peers\"}} {}",
        house.ends().as_secs()
    );
    assert!(house.told(&level), "{}", house.metrics.render());
}

#[test]
fn half_a_renewal_leaves_the_old_certificate_and_is_tried_again() {
    let mut house = House::new();
    let before = house.ends();
    house.watch.look(NOW);
    let later = NOW.plus(YEAR);
    let renewed = house.issue(later);
    let folder = house.folder.path().join("node-1");
    fs::write(folder.join("peer.pem"), &renewed.chain).unwrap();
    assert_eq!(house.watch.look(later), Look::Refused);
    assert_eq!(house.ends(), before);
    assert!(house.told("certificate_reloads_total{fate=\"refused\"} 1"));
    fs::write(folder.join("peer.key"), renewed.key.expose()).unwrap();
    assert_eq!(house.watch.look(later), Look::Renewed);
    assert!(house.ends() > before);
}

#[test]
fn what_no_peer_would_take_is_not_taken() {
    let mut house = House::new();
    let before = house.ends();
    let expired = house.issue(NOW.minus(YEAR * 3));
    house.mount("expired", &expired.chain, expired.key.expose());
    assert_eq!(house.watch.look(NOW), Look::Refused);
    let strangers = Authority::new("Countersign peers of somebody", NOW).unwrap();
    let stranger = strangers.peer(house.own).unwrap();
    house.mount("stranger", &stranger.chain, stranger.key.expose());
    assert_eq!(house.watch.look(NOW), Look::Refused);
    fs::remove_file(house.folder.path().join("..data")).unwrap();
    assert_eq!(house.watch.look(NOW), Look::Refused);
    assert_eq!(house.ends(), before);
}
