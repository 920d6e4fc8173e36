//! The question itself, about a user who is not there.

use aws_lc_rs::digest::{SHA256, digest};
use countersign_core::base::Secret;
use countersign_core::ledger::SourceOutcome;
use data_encoding::BASE64URL_NOPAD;

use super::{Finding, LOOK_AT_WAY, amber, green, red};
use crate::sources::entra::Entra;
use crate::sources::entra::decision::{Judged, Then};
use crate::sources::entra::request::Stamp;
use crate::sources::entra::troubles::EGRESS;

impl Entra {
    pub(super) async fn find_sign_in(&self, domain: Option<&str>) -> Finding {
        let Some(domain) = domain else {
            let remedy = "examine again with a domain of your users";
            return amber(STEP, "no domain to ask in", remedy);
        };
        // Neither is anyone's: the id has random octets of this node in it.
        let request_id = self.request_ids.next();
        let name = format!("radius-probe-{request_id}@{domain}");
        let password = digest(&SHA256, name.as_bytes());
        let password = Secret::from(BASE64URL_NOPAD.encode(password.as_ref()));
        let stamp = Stamp {
            id: &request_id,
            now: self.clock.wall(),
        };
        let Ok(form) = self.grant.form(&name, &password, stamp) else {
            return red(
                STEP,
                "the certificate's key cannot sign",
                "upload a new one",
            );
        };
        match self.posted(form, &request_id).await {
            Some((status, said, _)) => finding(&self.decisions.judge(status, &said), domain),
            None => amber(STEP, "no answer", LOOK_AT_WAY),
        }
    }
}

fn finding(judged: &Judged, domain: &str) -> Finding {
    let code = judged.answer.code;
    if let Some(trouble) = judged.trouble {
        let found = format!("refused with AADSTS{code}: {}", trouble.what);
        return red(STEP, found, trouble.remedy);
    }
    match (code, judged.answer.outcome, judged.then) {
        (50034, ..) => green(
            STEP,
            "a user who is not there is not found: the way to the users is open".to_owned(),
        ),
        (50059 | 50128 | 90019, ..) => red(
            STEP,
            format!("the domain {domain} leads to no tenant (AADSTS{code})"),
            "correct the domain of the users' directory names",
        ),
        (_, SourceOutcome::Wrong, _) => amber(
            STEP,
            format!("the password of a user who is not there is called wrong (AADSTS{code})"),
            "look at the step for the domain: a federated one answers so to everybody",
        ),
        (_, _, Then::LeaveLocked) => red(
            STEP,
            format!("a user who is not there is called locked (AADSTS{code})"),
            EGRESS.remedy,
        ),
        (_, SourceOutcome::NotAsked | SourceOutcome::Unanswered, _) => amber(
            STEP,
            format!("nobody is judged now (AADSTS{code})"),
            "look at the service health of the tenant; try again in some minutes",
        ),
        (_, SourceOutcome::Right | SourceOutcome::Denied, _) => red(
            STEP,
            format!("a user who is not there is known (AADSTS{code})"),
            "look for a proxy or a portal that answers in Entra's place; report the number",
        ),
    }
}

const STEP: &str = "sign-in";

#[cfg(test)]
mod tests;
