//! What settings a node takes.

use super::super::ForwardConfigError;
use super::*;

fn refused(change: impl FnOnce(&mut storage::Forward)) -> ForwardConfigError {
    refused_with(SECRET, change)
}

fn refused_with(secret: &[u8], change: impl FnOnce(&mut storage::Forward)) -> ForwardConfigError {
    let mut settings = settings(&["198.51.100.7"]);
    change(&mut settings);
    let surroundings = surroundings(&["198.51.100.7", "old.contoso.example:1645"]);
    let made = Forward::configure(&settings, Secret::from(secret), &surroundings);
    made.expect_err("a fault")
}

#[test]
fn a_server_that_the_nodes_file_does_not_pin_gets_no_password() {
    for unpinned in [
        "198.51.100.8",
        "198.51.100.7:1645",
        "old.contoso.example",
        "contoso.example:1645",
    ] {
        let error = refused(|it| it.servers.push(unpinned.to_owned()));
        let expected = format!("the server {unpinned} is not pinned in this node's file");
        assert_eq!(error.to_string(), expected);
    }
    let pinned = surroundings(&["198.51.100.7", "old.contoso.example:1645"]);
    let both = settings(&["198.51.100.7:1812", "OLD.contoso.example:1645"]);
    Forward::configure(&both, Secret::from(SECRET), &pinned).unwrap();
}

#[test]
fn what_no_old_server_can_be_asked_with_is_refused() {
    let error = refused(|it| it.servers.clear());
    assert!(matches!(error, ForwardConfigError::Servers));
    let error = refused(|it| it.servers = vec!["198.51.100.7".to_owned(); 5]);
    assert!(matches!(error, ForwardConfigError::Servers));
    let error = refused(|it| it.servers[0] = "radius://198.51.100.7".to_owned());
    assert!(matches!(error, ForwardConfigError::Server(_)));
    let error = refused(|it| it.timeout = 99);
    assert!(matches!(error, ForwardConfigError::Timeout(99)));
    let error = refused(|it| it.tries = 11);
    assert!(matches!(error, ForwardConfigError::Tries));
    let error = refused_with(b"testing123", |_| ());
    assert!(matches!(error, ForwardConfigError::Secret));
}

#[test]
fn what_no_accept_may_carry_from_elsewhere_is_never_allowed() {
    for kind in [24, 33, 69, 79, 80] {
        let error = refused(|it| it.attributes[0].kind = kind);
        assert!(matches!(error, ForwardConfigError::Attribute(_)), "{kind}");
    }
    let error = refused(|it| it.attributes[0].kind = 256);
    assert!(matches!(error, ForwardConfigError::Number(_)));
}

#[test]
fn an_old_server_shows_no_secret() {
    let shown = format!("{:?}", forward(&settings(&["198.51.100.7"])));
    assert!(
        shown.contains("198.51.100.7") || shown.contains("Ipv4"),
        "{shown}"
    );
    assert!(!shown.contains("between these"), "{shown}");
}
