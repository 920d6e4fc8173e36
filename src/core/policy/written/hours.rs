//! `mon-fri 08:00-18:00 +01:00`: days, a span, and how far from UTC. A span that ends
//! before it begins goes on into the next day; without days it is every day, without a
//! distance UTC.

use super::WrittenError;
use crate::ledger::storage::RuleHours;

/// Reads a time of the week.
///
/// # Errors
/// What is no day, span or distance.
pub fn hours(text: &str) -> Result<RuleHours, WrittenError> {
    let fault = || {
        let why = "a time is like \"mon-fri 08:00-18:00 +01:00\"";
        WrittenError::of(text, why)
    };
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let utc_offset = match words.last() {
        Some(last) if last.starts_with(['+', '-']) => {
            let offset = offset(last).ok_or_else(fault)?;
            words.pop();
            offset
        }
        Some(&"UTC") => {
            words.pop();
            0
        }
        Some(_) | None => 0,
    };
    let (days, span) = match *words {
        [span] => (EVERY_DAY, span),
        [days, span] => (self::days(days).ok_or_else(fault)?, span),
        _ => return Err(fault()),
    };
    let (from, to) = span.split_once('-').ok_or_else(fault)?;
    let (from, to) = minute(from).zip(minute(to)).ok_or_else(fault)?;
    Ok(RuleHours {
        days,
        from,
        to,
        utc_offset,
    })
}

/// A time of the week, as [`hours`] reads it.
#[must_use]
pub fn shown_hours(stored: &RuleHours) -> String {
    let on = |day: &usize| stored.days >> day & 1 == 1;
    let days: Vec<_> = (0..DAYS.len()).filter(on).collect();
    let names: Vec<_> = days
        .iter()
        .filter_map(|&day| DAYS.get(day).copied())
        .collect();
    let clock = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
    let offset = stored.utc_offset.unsigned_abs();
    let sign = if stored.utc_offset < 0 { '-' } else { '+' };
    let (from, to) = (clock(stored.from), clock(stored.to));
    format!("{} {from}-{to} {sign}{}", names.join(","), clock(offset))
}

/// `mon-fri`, `sat,sun`, or both kinds together.
fn days(text: &str) -> Option<u32> {
    let day = |name: &str| {
        DAYS.iter()
            .position(|known| known.eq_ignore_ascii_case(name))
    };
    let mut days = 0;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let mut at = first;
        days |= 1 << at;
        while at != last {
            at = at.checked_add(1)?.checked_rem(DAYS.len())?;
            days |= 1 << at;
        }
    }
    Some(days)
}

fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, most| {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
        let number: Option<u32> = text.parse().ok();
        number.filter(|number| plain && *number <= most)
    };
    let found = number(hour, 24)?.checked_mul(60)?;
    found.checked_add(number(minute, 59)?)
}

fn offset(text: &str) -> Option<i32> {
    let (sign, rest) = text.split_at_checked(1)?;
    let minutes = i32::try_from(minute(rest)?).ok()?;
    Some(if sign == "-" {
        minutes.checked_neg()?
    } else {
        minutes
    })
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const EVERY_DAY: u32 = 0b111_1111;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_week_are_read() {
        for (text, days, from, to, utc_offset) in [
            ("mon-fri 08:00-18:00 +01:00", 0b001_1111, 480, 1080, 60),
            ("Sat,Sun 00:00-24:00", 0b110_0000, 0, 1440, 0),
            ("fri-mon 22:00-06:00 -05:30", 0b111_0001, 1320, 360, -330),
            ("9:00-17:30 UTC", 0b111_1111, 540, 1050, 0),
        ] {
            let expected = RuleHours {
                days,
                from,
                to,
                utc_offset,
            };
            assert_eq!(hours(text), Ok(expected), "{text}");
            assert_eq!(hours(&shown_hours(&expected)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_of_the_week_is_refused() {
        for text in [
            "",
            "mon-fri",
            "08:00",
            "08:00-25:00",
            "08:60-09:00",
            "+8:00-09:00",
            "mo 08:00-18:00",
            "mon 08:00-18:00 +1",
            "mon tue 08:00-18:00",
        ] {
            assert!(hours(text).is_err(), "{text}");
        }
    }
}
