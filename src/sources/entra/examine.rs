//! Looks at everything on the way to Entra that a login needs, step by step and each by
//! itself, without any user's password: what an operator presses when logins fail, or before
//! the first one.
//!
//! It goes past the guard, which may be closed for the very fault that is looked for, and
//! teaches it nothing. The last step leaves one failed sign-in of nobody in the tenant's log,
//! so it must be asked for by a person, never by a timer.
//!
//! Must not know: what is done with the findings.

mod graph;
mod own_token;
mod paths;
mod realm;
mod sign_in;
mod tenant;

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Entra;
use super::exchange::{self, Answered, BODY_OCTETS_MAX, Heard};
use super::response::Said;
use super::settings::is_domain;
use crate::sources::{Finding, Light};

impl Entra {
    /// Examines the source. `domain` is one in which users have their names; without one, the
    /// tenant's own is taken if the settings have it. One that is none is taken for no word.
    pub async fn examine(&self, domain: Option<&str>) -> Vec<Finding> {
        let domain = domain.or_else(|| self.places.domain());
        let domain = domain.filter(|domain| is_domain(domain));
        let ((way, configuration), (realm, [own, graph], sign_in)) = tokio::join!(
            async { tokio::join!(self.find_way(), self.find_tenant()) },
            async {
                tokio::join!(
                    self.find_realm(domain),
                    self.find_application(),
                    self.find_sign_in(domain)
                )
            }
        );
        let mut findings = vec![way];
        findings.extend(configuration);
        findings.extend([realm, own, graph, sign_in]);
        findings
    }

    async fn find_application(&self) -> [Finding; 2] {
        let (own, granted) = self.find_own_token().await;
        [own, self.find_graph(granted).await]
    }

    /// Posts a form, and reads what is said. `None`: nothing that could be read.
    async fn posted(&self, form: bytes::Bytes, request_id: &str) -> Option<(u16, Said, Answered)> {
        let deadline = Instant::now() + STEP_TIME_MAX;
        let to = &self.places.token;
        match exchange::post(&self.http, to, form, request_id, deadline).await {
            Heard::Answered(answered) => {
                let said = Said::read(&answered.body);
                Some((answered.status, said, answered))
            }
            Heard::NoConnection | Heard::Nothing | Heard::TooMuch => None,
        }
    }

    /// Gets a document of the authority.
    async fn got(&self, path: &str) -> Result<Answered, Missed> {
        let mut url = self.places.hosts.authority.clone();
        url.set_path(path);
        if path.contains("/userrealm/") {
            url.set_query(Some("api-version=1.0"));
        }
        let got = async { exchange::read(self.http.get(url).send().await?, BODY_OCTETS_MAX).await };
        match within(got).await {
            Some(Ok(Heard::Answered(answered))) => Ok(answered),
            Some(Ok(Heard::NoConnection | Heard::Nothing | Heard::TooMuch)) => Err(Missed::Odd),
            Some(Err(error)) if error.is_connect() => Err(Missed::NoConnection(error)),
            Some(Err(_)) => Err(Missed::Odd),
            None => Err(Missed::Late),
        }
    }
}

/// Why a document is not there.
enum Missed {
    Late,
    NoConnection(reqwest::Error),
    Odd,
}

impl Missed {
    /// In a few words of ours.
    const fn words(&self) -> &'static str {
        match self {
            Self::Late => "no answer in time",
            Self::NoConnection(_) => "no connection",
            Self::Odd => "an answer that breaks off or is too long",
        }
    }
}

const fn green(step: &'static str, found: String) -> Finding {
    Finding {
        step,
        light: Light::Green,
        found,
        remedy: String::new(),
    }
}

fn amber(step: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        step,
        light: Light::Amber,
        found: found.into(),
        remedy: remedy.into(),
    }
}

fn red(step: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        light: Light::Red,
        ..amber(step, found, remedy)
    }
}

/// `None`: it took too long.
async fn within<T>(step: impl Future<Output = T>) -> Option<T> {
    timeout(STEP_TIME_MAX, step).await.ok()
}

/// LIMIT: for one look-up or exchange. The steps run side by side, and none has more than two.
const STEP_TIME_MAX: Duration = Duration::from_secs(5);
const LOOK_AT_WAY: &str = "look at the steps that are red; they come first";
