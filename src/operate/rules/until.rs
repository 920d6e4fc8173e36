//! The end of a rule, as people write it: a day, or a moment with its distance from UTC.

use countersign_core::base::Timestamp;
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime, Time};

/// Reads an end; empty: there is none. A day ends where it begins, in UTC: nobody is let in
/// for longer than the narrowest reading allows.
///
/// # Errors
/// What would be right.
pub(super) fn until(text: &str) -> Result<Option<Timestamp>, &'static str> {
    const LIKE: &str = "until is a day like 2027-03-01, on which it ends at 00:00 in UTC, or a \
                        moment like 2027-03-01T08:00:00+01:00";
    if text.is_empty() {
        return Ok(None);
    }
    let day = Date::parse(text, &Iso8601::DATE).ok();
    let plain = |sign: u8| sign.is_ascii_digit() || sign == b'-';
    let day = day.filter(|_| text.len() == DAY_SIGNS && text.bytes().all(plain));
    let moment = match day {
        Some(day) => day.with_time(Time::MIDNIGHT).assume_utc(),
        None => OffsetDateTime::parse(text, &Rfc3339).map_err(|_| LIKE)?,
    };
    let millis = moment.unix_timestamp_nanos() / 1_000_000;
    let millis = u64::try_from(millis).map_err(|_| LIKE)?;
    let is_after_1970 = millis > 0;
    let end = is_after_1970.then(|| Timestamp::from_millis(millis));
    end.map(Some).ok_or(LIKE)
}

/// The same of what is stored; 0: there is none.
pub(super) fn shown_until(millis: u64) -> String {
    let nanos = i128::from(millis).saturating_mul(1_000_000);
    match OffsetDateTime::from_unix_timestamp_nanos(nanos) {
        _ if millis == 0 => String::new(),
        Ok(moment) if moment.time() == Time::MIDNIGHT => moment.date().to_string(),
        Ok(moment) => moment.format(&Rfc3339).unwrap_or_default(),
        // Beyond what has a form: it never ends.
        Err(_) => String::from("9999-12-31"),
    }
}

/// Whether a rule with this end, as it is shown, matches nothing any more.
#[must_use]
pub fn has_ended(text: &str, now: Timestamp) -> bool {
    until(text).is_ok_and(|end| end.is_some_and(|end| end <= now))
}

/// `2027-03-01`: other forms of a day are none.
const DAY_SIGNS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// The first of March 2027, at 00:00 in UTC.
    const MARCH: u64 = 1_803_859_200_000;

    #[test]
    fn a_day_ends_where_it_begins_and_a_moment_has_its_distance_from_utc() {
        for (text, millis) in [
            ("2027-03-01", MARCH),
            ("2027-03-01T00:00:00Z", MARCH),
            ("2027-03-01T01:00:00+01:00", MARCH),
            ("2027-03-01T08:30:00+01:00", MARCH + 27_000_000),
        ] {
            let read = until(text).expect("an end");
            assert_eq!(read, Some(Timestamp::from_millis(millis)), "{text}");
        }
        assert_eq!(until(""), Ok(None));
    }

    #[test]
    fn what_is_shown_is_read_as_the_same() {
        assert_eq!(shown_until(MARCH), "2027-03-01");
        assert_eq!(shown_until(MARCH + 27_000_000), "2027-03-01T07:30:00Z");
        assert_eq!(shown_until(0), "");
        for millis in [MARCH, MARCH + 1, MARCH + 27_000_000] {
            let read = until(&shown_until(millis)).expect("an end");
            assert_eq!(read, Some(Timestamp::from_millis(millis)));
        }
    }

    #[test]
    fn what_is_neither_a_day_nor_a_moment_is_refused() {
        for odd in [
            "soon",
            "2027-03",
            "2027-02-30",
            "20270301",
            "2027-W09-1",
            "2027-03-01T08:00:00",
            "1970-01-01",
            "1969-12-31",
        ] {
            assert!(until(odd).is_err(), "{odd}");
        }
    }
}
