//! Which sources are for a name, and whether the next one may be asked too.
//!
//! Must not know what a source is.

use countersign_core::ledger::SourceOutcome;
use countersign_core::login::Reason;

use crate::login::Answer;

/// The domain of a directory name: what is behind its last `@`, in lower case. Empty where
/// there is none.
pub(super) fn domain_of(name: &str) -> String {
    let domain = name.rsplit_once('@').map_or("", |(_, domain)| domain);
    domain.to_ascii_lowercase()
}

/// The places of the sources that are for `name`, in order: those that name its domain, else
/// those that name none.
pub(super) fn route(name: &str, domains: &[&[String]]) -> Vec<usize> {
    let domain = domain_of(name);
    let places = |is_for: &dyn Fn(&[String]) -> bool| -> Vec<usize> {
        let each = domains.iter().enumerate();
        each.filter(|(_, domains)| is_for(domains))
            .map(|(place, _)| place)
            .collect()
    };
    let named = places(&|domains| domains.contains(&domain));
    if named.is_empty() {
        places(&<[String]>::is_empty)
    } else {
        named
    }
}

/// Whether the source says that it could judge nobody's password, so that the next one may be
/// asked. Never after a password was judged or may have been, and never after a lock: that
/// would be a second guess at what may well be the same account.
pub(super) const fn goes_on(answer: &Answer) -> bool {
    matches!(answer.outcome, SourceOutcome::NotAsked)
        && matches!(
            answer.reason,
            Reason::Overload
                | Reason::SourceDown
                | Reason::SourceMisconfigured
                | Reason::SourceUnreachable
        )
}

/// What is told where no source could judge: what the first one said, unless a peer may reach
/// another.
pub(super) fn told(first: Option<Answer>, last: Answer) -> Answer {
    let is_unreachable = last.reason == Reason::SourceUnreachable;
    first.filter(|_| !is_unreachable).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(list: &[&[&str]]) -> Vec<Vec<String>> {
        let owned = |domains: &&[&str]| domains.iter().map(ToString::to_string).collect();
        list.iter().map(owned).collect()
    }

    fn routed(name: &str, list: &[&[&str]]) -> Vec<usize> {
        let list = domains(list);
        let list: Vec<_> = list.iter().map(Vec::as_slice).collect();
        route(name, &list)
    }

    #[test]
    fn a_name_goes_to_the_sources_of_its_domain_in_order() {
        let list: &[&[&str]] = &[&["a.example"], &[], &["b.example", "a.example"]];
        assert_eq!(routed("ann@A.example", list), [0, 2]);
        assert_eq!(routed("ann@b.example", list), [2]);
    }

    #[test]
    fn a_name_of_no_listed_domain_goes_to_those_that_list_none() {
        let list: &[&[&str]] = &[&["a.example"], &[]];
        for name in [
            "ann@c.example",
            "ann",
            "a.example",
            "ann@sub.a.example",
            "ann@",
        ] {
            assert_eq!(routed(name, list), [1], "{name}");
        }
        assert!(routed("ann@c.example", &[&["a.example"]]).is_empty());
    }

    #[test]
    fn the_last_domain_decides() {
        let list: &[&[&str]] = &[&["a.example"], &["b.example"]];
        assert_eq!(routed("ann@a.example@b.example", list), [1]);
    }

    #[test]
    fn only_a_source_that_judged_nobody_is_followed_by_another() {
        let outcomes = [
            SourceOutcome::Denied,
            SourceOutcome::NotAsked,
            SourceOutcome::Right,
            SourceOutcome::Unanswered,
            SourceOutcome::Wrong,
        ];
        let on = |outcome, reason| goes_on(&Answer::new(outcome, reason, 0));
        let mut going: Vec<Reason> = Vec::new();
        for &reason in Reason::ALL {
            for outcome in outcomes {
                if on(outcome, reason) {
                    assert_eq!(outcome, SourceOutcome::NotAsked);
                    going.push(reason);
                }
            }
        }
        let expected = [
            Reason::Overload,
            Reason::SourceDown,
            Reason::SourceMisconfigured,
            Reason::SourceUnreachable,
        ];
        assert_eq!(going, expected);
        assert!(!on(SourceOutcome::NotAsked, Reason::LockedAtSource));
    }
}
