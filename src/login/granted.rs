//! What the reply to one packet carries: the values that rules keep sealed are opened here,
//! where a reply is made, and nowhere before.

use countersign_core::base::{ClientId, Secret};
use countersign_core::ledger::fields;
use countersign_core::ledger::rules::SealedAttribute;
use countersign_core::login::{Decision, Ending, Outcome, Reason, Secrets};
use countersign_core::policy::Grants;
use countersign_core::radius::{Attribute, Salt};

use super::driver::{House, Logins};
use super::flows::Told;
use super::ports::{Clock, Ledger, PasswordSource};

impl<L: Ledger, S: PasswordSource, C: Clock> House<L, S, C> {
    /// The outcome of one packet. Where a value does not open, nobody is let in without it:
    /// the device asks a node that has the key.
    pub(super) fn carried(&self, mut told: Told, client: ClientId) -> Outcome {
        if told.ending.decision != Decision::Accept {
            return told.outcome(client, Vec::new());
        }
        let opened = opened(&self.secrets.load(), &told.grants);
        if opened.is_none() {
            tracing::error!(
                client = client.0,
                "a rule grants a secret that does not open here"
            );
            told.ending = Ending::silent(Reason::Unsealable);
        }
        let mut carried = opened.unwrap_or_default();
        carried.append(&mut told.relayed.attributes());
        carried.append(&mut told.answer);
        told.outcome(client, carried)
    }
}

impl<L: Ledger, S: PasswordSource, C: Clock> Logins<L, S, C> {
    /// Chance for the salts of one reply.
    #[must_use]
    pub fn draw_salt(&self) -> Salt {
        Salt::of(self.0.with_chance(countersign_core::base::Entropy::array))
    }
}

fn opened(secrets: &Secrets, grants: &Grants) -> Option<Vec<Attribute>> {
    grants.opened(|attribute| open(secrets, attribute))
}

fn open(secrets: &Secrets, attribute: &SealedAttribute) -> Option<Secret> {
    let row = fields::number_row(attribute.number());
    let context = fields::rule_secret(secrets.cluster, &row);
    secrets.keyring.open(&context, attribute.sealed()).ok()
}
