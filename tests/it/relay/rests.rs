//! A source's wish to be left alone, from one node to the other.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use countersign::node::SystemClock;
use countersign::peers::wire::RestRequest;
use countersign::peers::wire::sources_client::SourcesClient;
use countersign::relay::{PEER_REST_MAX, RestTeller, add_rests};
use countersign::sources::alarm::Alarms;
use countersign::sources::breaker::{Rests, Untold};
use countersign::sources::entra::{Credentials, Entra, PinnedHosts, Surroundings};
use countersign::sources::{Kind, Source, Sources};
use countersign_core::base::{Secret, Unobserved};
use countersign_core::ledger::storage::{self, EntraClientType, EntraSettings};
use tokio::time::Instant;
use tonic::service::Routes;

use super::{Follower, PATIENCE, SECOND, Street, members};

const REVISION: u64 = 7;
const MINUTE: Duration = Duration::from_secs(60);

/// Sources of one, which is never asked here.
fn sources() -> Arc<Sources> {
    let surroundings = Surroundings {
        pinned: PinnedHosts::default(),
        ca_file: None,
        request_ids: [7; 8],
        boot_key: Arc::new(Secret::from(&[7; 32][..])),
        operations: Arc::new(Unobserved),
        alarms: Arc::new(Alarms::new(Arc::new(Unobserved))),
        rests: Arc::new(Untold),
        clock: Arc::new(SystemClock),
    };
    let settings = EntraSettings {
        tenant: "7d2c4f1e-9a53-4b8e-8f06-3c1b5e7a9d20".to_owned(),
        client_id: "1b6f0c3a-52d7-4e19-a8c4-90e2d7f3b615".to_owned(),
        client_type: EntraClientType::Public.into(),
        ..EntraSettings::default()
    };
    let entra = Entra::configure("entra", &settings, Credentials::default(), &surroundings);
    let source = Source {
        settings: storage::Source {
            name: "entra".to_owned(),
            ..storage::Source::default()
        },
        kind: Kind::Entra(Box::new(entra.expect("the set-up of the test"))),
    };
    let sources = Sources::new();
    sources.adopt(REVISION, vec![Arc::new(source)]);
    Arc::new(sources)
}

fn resting(sources: &Sources) -> Option<Duration> {
    sources
        .current()
        .iter()
        .find_map(|source| match &source.kind {
            Kind::Entra(entra) => entra.resting(),
            Kind::Ldap(_) | Kind::Misconfigured => None,
        })
}

#[tokio::test]
async fn a_peers_word_is_taken_within_bounds_and_for_the_same_settings_alone() {
    let (street, second) = (Street::new(), sources());
    let routes = add_rests(Routes::default(), Arc::clone(&second));
    let address = street.serve_routes(routes, members()).await.to_string();
    let told = async |source: &str, revision, millis| {
        let mut peer = SourcesClient::new(street.links().to(SECOND, &address));
        let mut request = RestRequest::default();
        (request.source, request.revision, request.millis) = (source.to_owned(), revision, millis);
        peer.rest(request)
            .await
            .expect("an answer")
            .into_inner()
            .taken
    };
    for (source, revision) in [("other", REVISION), ("entra", REVISION - 1), ("", 0)] {
        assert!(!told(source, revision, 60_000).await, "{source} {revision}");
        assert_eq!(resting(&second), None, "{source} {revision}");
    }
    assert!(told("entra", REVISION, 0).await);
    assert_eq!(resting(&second), None, "no time is none");
    assert!(told("entra", REVISION, u64::MAX).await);
    let left = resting(&second).expect("it rests");
    assert!(
        left <= PEER_REST_MAX && left > PEER_REST_MAX - MINUTE,
        "{left:?}"
    );
}

#[tokio::test]
async fn a_rest_that_begins_is_told_to_peers() {
    let (street, first, second) = (Street::new(), sources(), sources());
    let routes = add_rests(Routes::default(), Arc::clone(&second));
    let address = street.serve_routes(routes, members()).await.to_string();
    let reign = Arc::new(Follower(address, AtomicU64::new(0)));
    let teller = RestTeller::new(reign, street.links(), Arc::clone(&first));
    let begun = Instant::now();
    while resting(&second).is_none() {
        // A busy machine may take longer than a message waits.
        teller.resting("entra", MINUTE);
        assert!(begun.elapsed() < PATIENCE, "never told");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(resting(&second) <= Some(MINUTE));
    assert_eq!(resting(&first), None, "who tells knows already");
}
