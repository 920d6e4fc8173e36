//! An old server is looked at with Status-Server (RFC 5997), without any user's password.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use countersign_core::radius::{Code, Forged, Question, Raw, Untrusted, kind};
use tokio::time::Instant;

use super::client::{Forward, NAS_IDENTIFIER};
use super::line::{self, Pace, Said};
use super::troubles::UNUSABLE;
use crate::sources::alarm::Trouble;
use crate::sources::{Finding, Light};

/// Looks at each server, at each of its addresses.
pub(super) async fn examine(forward: &Forward) -> Vec<Finding> {
    let mut findings = Vec::new();
    for server in forward.servers() {
        let deadline = Instant::now() + forward.timeout();
        let addresses = server.addresses(deadline).await;
        if addresses.is_empty() {
            let found = format!("{server}: the name leads nowhere");
            findings.push(red("name", found, "mend the name, or the node's resolver"));
        }
        for address in addresses {
            findings.push(status(forward, address).await);
        }
    }
    findings
}

/// Of one that this node must not or cannot ask.
pub(super) fn unusable() -> Finding {
    let Trouble { what, remedy, .. } = UNUSABLE;
    red("settings", what.to_owned(), remedy)
}

async fn status(forward: &Forward, address: SocketAddr) -> Finding {
    let (identifier, authenticator, _) = forward.draw();
    let question = Question {
        identifier,
        authenticator: &authenticator,
        secret: forward.secret(),
    };
    let ours = Raw {
        kind: kind::NAS_IDENTIFIER,
        value: NAS_IDENTIFIER,
    };
    let Ok(packet) = question.status_server(&[ours]) else {
        return red(
            "question",
            format!("{address}: cannot be written"),
            "report it",
        );
    };
    let doubt = Mutex::new(None);
    let read = |reply: &[u8]| match forward.verified(reply, &question) {
        Ok(response) => (response.code() == Code::AccessAccept).then_some(()),
        Err(error) => {
            *doubt.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            None
        }
    };
    let pace = Pace::of(forward.tries(), Instant::now(), forward.timeout());
    let said = line::ask(address, &packet, pace, read).await;
    let doubt = doubt.into_inner().unwrap_or_else(PoisonError::into_inner);
    told(address, &said, doubt)
}

fn told(address: SocketAddr, said: &Said<()>, doubt: Option<Untrusted>) -> Finding {
    match (said, doubt) {
        (Said::Reply(()), _) => Finding {
            step: "status",
            light: Light::Green,
            found: format!("{address} answers, and has the same secret"),
            remedy: String::new(),
        },
        (Said::Unread, _) => red(
            "status",
            format!("{address}: nobody listens there, or there is no way to it"),
            "start the server, or mend address, port and route",
        ),
        (Said::Silent, Some(error)) => distrusted(address, error),
        (Said::Silent, None) => Finding {
            step: "status",
            light: Light::Amber,
            found: format!("{address} does not answer Status-Server"),
            remedy: "many servers do not, or only if told to (FreeRADIUS: status_server = yes); \
                     look whether this node is among its clients, with this secret"
                .to_owned(),
        },
    }
}

fn distrusted(address: SocketAddr, error: Untrusted) -> Finding {
    let missing = Untrusted::MessageAuthenticator(Forged::MessageAuthenticatorMissing);
    if error == missing {
        return Finding {
            step: "status",
            light: Light::Amber,
            found: format!(
                "{address} answers with the same secret, and without a Message-Authenticator"
            ),
            remedy: "where its other replies have none either, no login is let in: update it \
                     (CVE-2024-3596), or have it add one (FreeRADIUS: `update reply { \
                     &Message-Authenticator := 0x00 }` in post-auth)"
                .to_owned(),
        };
    }
    let found = format!("{address}: the answer is not believed: {error}");
    red("status", found, "set the same secret on both sides")
}

fn red(step: &'static str, found: String, remedy: &str) -> Finding {
    Finding {
        step,
        light: Light::Red,
        found,
        remedy: remedy.to_owned(),
    }
}
