//! `--confirm 10m`, and what ends such a trial.

use serde_json::json;

use super::connection::Session;
use super::failure::Failure;
use super::output::Output;
use crate::admin::api;
use crate::admin::api::settings_service_client::SettingsServiceClient;

/// Unless it is confirmed in time, what was before comes back.
#[derive(Debug, clap::Args)]
pub(super) struct Confirm {
    /// What was before comes back unless it is confirmed within this time: 90s, 10m, 2h
    #[arg(long, value_name = "TIME", value_parser = millis)]
    confirm: Option<u32>,
}

impl Confirm {
    /// Milliseconds; 0: it stays.
    pub(super) fn within(&self) -> u32 {
        self.confirm.unwrap_or_default()
    }

    /// What the operator has to do now.
    pub(super) fn remind(&self, command: &str) {
        if let Some(millis) = self.confirm {
            let seconds = millis / 1000;
            eprintln!(
                "countersign: on trial: say `countersign {command} confirm` within {seconds} s, \
                 or what was before comes back"
            );
        }
    }
}

/// Ends a trial before its time. `seen`: the revision of what is on trial.
pub(super) async fn end(
    session: &Session,
    subject: api::TrialSubject,
    confirmed: bool,
    seen: u64,
) -> Result<(), Failure> {
    let mut settings = SettingsServiceClient::new(session.named());
    let end = api::EndTrialRequest {
        request_id: session.request_id(),
        subject: subject.into(),
        confirmed,
        expected_revision: seen,
    };
    let done = session.done(settings.end_trial(end).await)?;
    let output: Output = session.output;
    output.one(&["revision"], &json!({ "revision": done.revision }));
    Ok(())
}

/// A number of seconds, minutes or hours, in milliseconds. No time at all is refused: to the
/// node it means "for good", which nobody who asks for a trial wants.
pub(super) fn millis(text: &str) -> Result<u32, String> {
    let units = [("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let mut read = units.iter().filter_map(|(unit, millis)| {
        let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*millis)
    });
    read.next()
        .filter(|millis| *millis > 0)
        .ok_or_else(|| "a time is a number above 0 with s, m or h behind it: 10m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        assert_eq!(millis("90s"), Ok(90_000));
        assert_eq!(millis("10m"), Ok(600_000));
        assert_eq!(millis("2h"), Ok(7_200_000));
        for odd in ["10", "m", "-1m", "1.5h", "99999h", ""] {
            assert!(millis(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_trial_of_no_time_is_refused_and_not_for_good() {
        for none in ["0", "0s", "0m", "0h"] {
            assert!(millis(none).is_err(), "{none}");
        }
    }
}
