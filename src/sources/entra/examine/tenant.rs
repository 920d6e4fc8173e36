//! What the OpenID configuration shows: TLS, the clock, the tenant and its cloud.

use std::time::Duration;

use countersign_core::base::Shown;
use reqwest::header::DATE;
use serde_json::Value;

use super::{Answered, Finding, LOOK_AT_WAY, Missed, Said, amber, green, red};
use crate::sources::entra::Entra;
use crate::sources::entra::request::Proof;
use crate::sources::entra::settings::is_guid;
use crate::sources::http::{chain, date};

impl Entra {
    /// TLS, clock and tenant, in this order.
    pub(super) async fn find_tenant(&self) -> [Finding; 3] {
        let tenant = &self.places.tenant;
        let path = format!("{tenant}/v2.0/.well-known/openid-configuration");
        match self.got(&path).await {
            Ok(answered) => [
                green(TLS, "the certificate is trusted".to_owned()),
                self.clock(&answered),
                self.tenant(&answered),
            ],
            Err(missed) => {
                let unseen = |step| amber(step, missed.words(), LOOK_AT_WAY);
                let [clock, tenant] = [unseen(CLOCK), unseen(TENANT)];
                [no_tls(missed), clock, tenant]
            }
        }
    }

    /// A statement of a certificate is good for five minutes; without one, a clock that is
    /// off does no harm here, but TOTP will not forgive it.
    fn clock(&self, answered: &Answered) -> Finding {
        let text = answered.headers.get(DATE).and_then(|it| it.to_str().ok());
        let Some(theirs) = text.and_then(date) else {
            let remedy = "look for a proxy that takes the Date header away";
            return amber(CLOCK, "the answer has no date", remedy);
        };
        let ours = self.clock.wall();
        let apart = ours.since(theirs).max(theirs.since(ours));
        let found = format!("this node's clock is {} s apart", apart.as_secs());
        let signs = matches!(self.grant.proof, Proof::Certificate(_));
        if apart < APART_LITTLE {
            green(CLOCK, found)
        } else if signs && apart >= APART_MUCH {
            red(CLOCK, found, NTP)
        } else {
            amber(CLOCK, found, NTP)
        }
    }

    fn tenant(&self, answered: &Answered) -> Finding {
        let asked = &self.places.tenant;
        if answered.status != 200 {
            return self.no_tenant(answered);
        }
        let document: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
        let text = |field: &str| document.get(field).and_then(Value::as_str);
        let parts = text("issuer").unwrap_or_default().split('/');
        let Some(id) = parts.clone().find(|part| is_guid(part)) else {
            let remedy = "look for a proxy or a portal that answers in Entra's place";
            return red(TENANT, "the answer names no tenant", remedy);
        };
        if is_guid(asked) && !id.eq_ignore_ascii_case(asked) {
            let found = format!("asked for {asked}, it is {id} that answers");
            return red(TENANT, found, "correct the tenant in the settings");
        }
        let graph = self.places.hosts.graph.host_str();
        let other = text("msgraph_host").filter(|host| Some(*host) != graph);
        if let (Some(other), true) = (other, self.places.hosts.is_cloud()) {
            let found = format!("the tenant {id} has its Graph at {}", Shown::from(other));
            return amber(TENANT, found, "name the tenant's cloud in the settings");
        }
        green(TENANT, format!("{asked} is the tenant {id}"))
    }

    fn no_tenant(&self, answered: &Answered) -> Finding {
        let said = Said::read(&answered.body);
        let judged = self.decisions.judge(answered.status, &said);
        let (status, code) = (answered.status, judged.answer.code);
        let found = format!("refused with status {status} and AADSTS{code}");
        match judged.trouble {
            Some(trouble) => red(TENANT, format!("{found}: {}", trouble.what), trouble.remedy),
            None => red(TENANT, found, "look the number up"),
        }
    }
}

fn no_tls(missed: Missed) -> Finding {
    match missed {
        Missed::NoConnection(error) => {
            let found = Shown::from(&*chain(error)).to_string();
            let remedy = "if the certificate is not trusted: a device inspects TLS. Take this \
                          node out of it, or give its authority to the node as sources.ca_file";
            red(TLS, found, remedy)
        }
        Missed::Late | Missed::Odd => amber(TLS, missed.words(), LOOK_AT_WAY),
    }
}

const TLS: &str = "TLS";
const CLOCK: &str = "clock";
const TENANT: &str = "tenant";
const NTP: &str = "check NTP on this node";
const APART_LITTLE: Duration = Duration::from_secs(60);
const APART_MUCH: Duration = Duration::from_secs(240);
