//! The least that a client lets in with, whatever the rules say.
//!
//! Must not know which login is judged.

use super::rules::{Rule, Then};
use super::{Factors, storage};
use crate::base::ClientId;

/// The least that a login through a client has to show: one of these.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AllowedFactors {
    code: bool,
    password: bool,
    both: bool,
    forward: bool,
}

/// A number that this program cannot name, or one that is there twice.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("allowed factors are both, code, password or forward, each once")]
pub struct NoFactors;

impl AllowedFactors {
    /// Reads what a client's entry says. Nothing: all is left to the rules.
    ///
    /// # Errors
    /// When this program cannot tell what is meant: unknown means no.
    pub fn read(stored: &[i32]) -> Result<Self, NoFactors> {
        let mut read = Self::default();
        for &number in stored {
            let factors = storage::Factors::try_from(number).map_err(|_| NoFactors)?;
            let place = match Factors::try_from(factors).map_err(|_| NoFactors)? {
                Factors::Code => &mut read.code,
                Factors::Password => &mut read.password,
                Factors::PasswordAndCode => &mut read.both,
                Factors::Forward => &mut read.forward,
                // A rule's alone: whether an account is alive is no factor.
                Factors::CodeAndAccount => return Err(NoFactors),
            };
            if std::mem::replace(place, true) {
                return Err(NoFactors);
            }
        }
        Ok(read)
    }

    /// Whether a login that shows this may be let in.
    #[must_use]
    pub fn allow(self, shown: Factors) -> bool {
        self == Self::default() || self.named().any(|(_, least)| shown.covers(least))
    }

    /// The first rule that would let in with less through the client. Behind a rule that
    /// decides every login of the client no other is met.
    #[must_use]
    pub fn offended_by(self, rules: &[Rule], client: ClientId) -> Option<&Rule> {
        let mut met = rules.iter().filter(|rule| rule.when.may_meet(client));
        let decides = met.find_map(|rule| match &rule.then {
            Then::Ask(ask) if !self.allow(ask.factors) => Some(Some(rule)),
            Then::Ask(_) | Then::Deny => rule.when.meets_all_of(client).then_some(None),
        });
        decides.flatten()
    }

    /// As an operator names them: `code or both`.
    #[must_use]
    pub fn text(self) -> String {
        let names: Vec<_> = self.named().map(|(name, _)| name).collect();
        names.join(" or ")
    }

    fn named(self) -> impl Iterator<Item = (&'static str, Factors)> {
        let all = [
            (self.both, "both", Factors::PasswordAndCode),
            (self.code, "code", Factors::Code),
            (self.password, "password", Factors::Password),
            (self.forward, "forward", Factors::Forward),
        ];
        let named = all.into_iter().filter(|(is_in, ..)| *is_in);
        named.map(|(_, name, factors)| (name, factors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::rules::parse;
    use storage::{RuleFactors, RuleMatch};

    const CLIENT: ClientId = ClientId(1);

    fn allowed(factors: &[storage::Factors]) -> AllowedFactors {
        let numbers: Vec<_> = factors.iter().map(|&it| it.into()).collect();
        AllowedFactors::read(&numbers).expect("factors")
    }

    fn rule(name: &str, factors: RuleFactors, when: RuleMatch) -> storage::Rule {
        storage::Rule {
            name: name.into(),
            factors: factors.into(),
            r#match: Some(when),
            ..storage::Rule::default()
        }
    }

    fn offender(rules: Vec<storage::Rule>) -> Option<String> {
        let rules = storage::Rules { revision: 1, rules };
        let rules = parse(&rules).expect("rules");
        let both = allowed(&[storage::Factors::PasswordAndCode]);
        let found = both.offended_by(&rules, CLIENT);
        found.map(|rule| rule.name.clone())
    }

    fn of(clients: &[u64]) -> RuleMatch {
        RuleMatch {
            clients: clients.to_vec(),
            ..RuleMatch::default()
        }
    }

    fn of_group(clients: &[u64]) -> RuleMatch {
        RuleMatch {
            groups: vec!["staff".into()],
            ..of(clients)
        }
    }

    #[test]
    fn who_shows_more_is_allowed_and_who_shows_less_is_not() {
        let both = allowed(&[storage::Factors::PasswordAndCode]);
        assert!(both.allow(Factors::PasswordAndCode));
        assert!(!both.allow(Factors::Code) && !both.allow(Factors::Password));
        let code = allowed(&[storage::Factors::Code]);
        assert!(code.allow(Factors::PasswordAndCode) && code.allow(Factors::Code));
        assert!(!code.allow(Factors::Password));
        assert!(AllowedFactors::default().allow(Factors::Password));
        let forward = allowed(&[storage::Factors::Forward]);
        assert!(forward.allow(Factors::Forward) && !both.allow(Factors::Forward));
        assert!(!forward.allow(Factors::Password) && !forward.allow(Factors::Code));
    }

    #[test]
    fn what_this_program_cannot_name_is_not_read() {
        for odd in [&[0][..], &[99], &[1, 1]] {
            assert_eq!(AllowedFactors::read(odd), Err(NoFactors));
        }
    }

    #[test]
    fn a_rule_offends_only_the_clients_whose_logins_it_may_meet() {
        let weak = |when| vec![rule("weak", RuleFactors::Code, when)];
        assert_eq!(offender(weak(of(&[2]))), None);
        assert_eq!(offender(weak(of(&[1, 2]))).as_deref(), Some("weak"));
        assert_eq!(offender(weak(of(&[]))).as_deref(), Some("weak"));
    }

    #[test]
    fn behind_a_rule_that_decides_all_of_the_clients_logins_none_offends() {
        let weak = || rule("weak", RuleFactors::Code, of(&[]));
        for first in [RuleFactors::PasswordAndCode, RuleFactors::Deny] {
            assert_eq!(offender(vec![rule("all", first, of(&[1])), weak()]), None);
            let some = vec![rule("some", first, of_group(&[1])), weak()];
            assert_eq!(offender(some).as_deref(), Some("weak"));
        }
    }
}
