//! What a client's entry and the settings say of every login through that client.

use std::time::Duration;

use super::NameForms;
use crate::base::limits::{
    CLIENT_WAIT_MAX, COMMIT_SLACK, FORWARD_TIMEOUT, LEASE_MAX, REPLY_MARGIN,
};
use crate::ledger::limits::Limits;
use crate::ledger::{AllowedFactors, Factors, storage};

/// The rule of one client, resolved: nothing in it is unset or out of bounds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientPolicy {
    /// What a login must show where there are no rules; `None`: nothing says so.
    pub factors: Option<Factors>,
    /// How long after a request's arrival its reply must have left.
    pub deadline: Duration,
    /// How long the password source may take.
    pub source_timeout: Duration,
    /// How long a grant holds its code: the source's time-out and the slack for commits.
    pub lease: Duration,
    /// Steps on either side of the expected one in which a code is looked for.
    pub window_steps: u8,
    /// What the device hears when no source can be asked.
    pub on_source_down: SourceDown,
    /// How a user's name may be typed.
    pub name_forms: NameForms,
    /// The least that a login must show, whatever the rules say.
    pub allowed: AllowedFactors,
}

/// What the device hears when no password source can be asked (DESIGN §2, "Silent or
/// Reject").
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SourceDown {
    /// A Reject, at the deadline.
    #[default]
    Reject,
    /// Nothing, so that it asks another server.
    Silent,
}

/// Nothing says what a login must show, or how often it may be wrong; it is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("nothing that this program understands says how a login is judged")]
pub struct NoRule;

impl ClientPolicy {
    /// Resolves the rule. A number that is 0 is unset and takes its default.
    ///
    /// # Errors
    /// When a limit or a choice is unknown to this binary: unknown means no.
    pub fn of(client: &storage::Client, settings: &storage::Settings) -> Result<Self, NoRule> {
        let limits = Limits::resolve(settings.limits.as_ref()).map_err(|_| NoRule)?;
        let longest = LEASE_MAX.saturating_sub(COMMIT_SLACK);
        let source_timeout = source_timeout(settings).min(longest);
        Ok(Self {
            name_forms: NameForms::read(&client.name_forms).ok_or(NoRule)?,
            allowed: AllowedFactors::read(&client.allowed_factors).map_err(|_| NoRule)?,
            factors: factors(client.factors()),
            deadline: deadline(client),
            source_timeout,
            lease: source_timeout.saturating_add(COMMIT_SLACK),
            window_steps: limits.window_steps,
            on_source_down: match client.on_source_down() {
                storage::OnSourceDown::Silent => SourceDown::Silent,
                storage::OnSourceDown::Reject | storage::OnSourceDown::Unspecified => {
                    SourceDown::Reject
                }
            },
        })
    }
}

const fn factors(factors: storage::Factors) -> Option<Factors> {
    match factors {
        storage::Factors::PasswordAndCode => Some(Factors::PasswordAndCode),
        storage::Factors::Code => Some(Factors::Code),
        storage::Factors::Password
        | storage::Factors::CodeAndAccount
        | storage::Factors::Forward
        | storage::Factors::Unspecified => None,
    }
}

/// The time in which the device waits for an answer of this server, its tries included.
fn deadline(client: &storage::Client) -> Duration {
    millis(client.timeout, DEVICE_TIMEOUT)
        .saturating_mul(client.tries.max(1))
        .min(CLIENT_WAIT_MAX)
        .saturating_sub(REPLY_MARGIN)
}

/// The slowest source's: the next one is asked in what the one before has left of it.
fn source_timeout(settings: &storage::Settings) -> Duration {
    let timeouts = settings.sources.iter().map(|source| {
        let set = match &source.kind {
            Some(storage::source::Kind::Entra(entra)) => entra.timeout,
            Some(storage::source::Kind::Ldap(ldap)) => ldap.timeout,
            None => 0,
        };
        millis(set, SOURCE_TIMEOUT)
    });
    let forwards = settings.forwards.iter();
    let forwards = forwards.map(|forward| millis(forward.timeout, FORWARD_TIMEOUT));
    let source = timeouts.max().unwrap_or(SOURCE_TIMEOUT);
    forwards.fold(source, Duration::max)
}

fn millis(set: u32, default: Duration) -> Duration {
    match set {
        0 => default,
        set => Duration::from_millis(set.into()),
    }
}

/// How long most devices wait for one answer.
const DEVICE_TIMEOUT: Duration = Duration::from_secs(3);
/// Longer than the directory's slow answers, shorter than a person's patience.
const SOURCE_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> storage::Client {
        storage::Client {
            factors: storage::Factors::Code.into(),
            ..storage::Client::default()
        }
    }

    fn resolved(client: &storage::Client) -> ClientPolicy {
        ClientPolicy::of(client, &storage::Settings::default()).expect("a rule")
    }

    #[test]
    fn a_client_without_factors_lets_nobody_in() {
        let nothing = storage::Client::default();
        let unknown = storage::Client {
            factors: 99,
            ..client()
        };
        for client in [nothing, unknown] {
            assert_eq!(resolved(&client).factors, None);
        }
    }

    #[test]
    fn what_this_program_cannot_name_lets_nobody_in() {
        let form = storage::Client {
            name_forms: vec![99],
            ..client()
        };
        let factors = storage::Client {
            allowed_factors: vec![99],
            ..client()
        };
        for client in [form, factors] {
            let policy = ClientPolicy::of(&client, &storage::Settings::default());
            assert_eq!(policy, Err(NoRule));
        }
    }

    #[test]
    fn the_reply_leaves_half_a_second_before_the_device_gives_up() {
        assert_eq!(resolved(&client()).deadline, Duration::from_millis(2500));
        let patient = storage::Client {
            timeout: 5000,
            tries: 3,
            ..client()
        };
        assert_eq!(resolved(&patient).deadline, Duration::from_millis(14_500));
    }

    #[test]
    fn no_setting_can_widen_the_window_or_the_lease() {
        let settings = storage::Settings {
            sources: vec![storage::Source {
                kind: Some(storage::source::Kind::Entra(storage::EntraSettings {
                    timeout: u32::MAX,
                    ..storage::EntraSettings::default()
                })),
                ..storage::Source::default()
            }],
            ..storage::Settings::default()
        };
        let policy = ClientPolicy::of(&client(), &settings).expect("a rule");
        assert_eq!(policy.lease, LEASE_MAX);
        let wide = storage::Settings {
            limits: Some(storage::Limits {
                window_steps: 1000,
                ..storage::Limits::default()
            }),
            ..storage::Settings::default()
        };
        assert_eq!(ClientPolicy::of(&client(), &wide), Err(NoRule));
    }
}
