//! What the application can prove.

use std::time::Duration;

use super::{Answered, Finding, LOOK_AT_WAY, amber, green, red};
use crate::sources::entra::Entra;
use crate::sources::entra::request::{Proof, Stamp};

impl Entra {
    /// What is found, and what brought a token of its own, if anything did.
    pub(super) async fn find_own_token(&self) -> (Finding, Option<Answered>) {
        if matches!(self.grant.proof, Proof::Public) {
            let found = "a public client, which proves itself by nothing: Conditional Access \
                         covers only what it asks for";
            return (green(STEP, found.to_owned()), None);
        }
        let request_id = self.request_ids.next();
        let stamp = Stamp {
            id: &request_id,
            now: self.clock.wall(),
        };
        let scope = self.places.graph_scope();
        let Ok(form) = self.grant.own_form(&scope, stamp) else {
            let found = "the certificate's key cannot sign";
            return (red(STEP, found, "upload a new one"), None);
        };
        let Some((status, said, answered)) = self.posted(form, &request_id).await else {
            return (amber(STEP, "no answer", LOOK_AT_WAY), None);
        };
        if status == 200 && said.token {
            return (self.granted(), Some(answered));
        }
        let judged = self.decisions.judge(status, &said);
        let found = format!("refused with AADSTS{}", judged.answer.code);
        let finding = match judged.trouble {
            Some(trouble) => red(STEP, format!("{found}: {}", trouble.what), trouble.remedy),
            None => red(STEP, found, "look the number up"),
        };
        (finding, None)
    }

    fn granted(&self) -> Finding {
        if let Some(left) = self.certificate_left().filter(|left| *left < RENEW_BEFORE) {
            let days = left.as_secs() / 86_400;
            let found = format!("the client certificate is good for {days} more days");
            return amber(STEP, found, "make a new one, upload it and apply it here");
        }
        green(STEP, "known, and it proves itself".to_owned())
    }

    fn certificate_left(&self) -> Option<Duration> {
        match &self.grant.proof {
            Proof::Certificate(certificate) => Some(certificate.expires.since(self.clock.wall())),
            Proof::Public | Proof::Secret(_) => None,
        }
    }
}

const STEP: &str = "application";
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 86_400);
