//! Times of the week.

use super::Fault;
use crate::base::Timestamp;
use crate::ledger::storage::RuleHours;

/// A span of the day on some days of the week, at a fixed distance from UTC: a rule must
/// not change its meaning with a node's time zone tables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hours {
    /// Bit 0: Monday.
    days: u8,
    /// Minute of the day.
    from: u16,
    /// The first minute after it; not after `from`: on the next day.
    to: u16,
    /// Minutes.
    utc_offset: i16,
}

impl Hours {
    pub(super) fn read(stored: &RuleHours) -> Result<Self, Fault> {
        let fault = |value: String, why| Fault::condition("the time", &value, why);
        let days = u8::try_from(stored.days).ok();
        let days = days.filter(|days| (1..=EVERY_DAY).contains(days));
        let minute = |minute: u32| u16::try_from(minute).ok().filter(|&it| it <= DAY_MINUTES);
        let span = minute(stored.from).zip(minute(stored.to));
        let span = span.filter(|(from, _)| *from < DAY_MINUTES);
        let offset = i16::try_from(stored.utc_offset).ok();
        let offset = offset.filter(|offset| (-OFFSET_MAX..=OFFSET_MAX).contains(offset));
        let (from, to) =
            span.ok_or_else(|| fault(format!("{}-{}", stored.from, stored.to), "is no span"))?;
        Ok(Self {
            days: days.ok_or_else(|| fault(stored.days.to_string(), "names no day"))?,
            from,
            to,
            utc_offset: offset
                .ok_or_else(|| fault(stored.utc_offset.to_string(), "is too far from UTC"))?,
        })
    }

    /// Whether `now` is in it.
    #[must_use]
    pub fn hold(&self, now: Timestamp) -> bool {
        let minutes = i64::try_from(now.as_millis() / 60_000).unwrap_or(i64::MAX);
        let minutes = minutes.saturating_add(self.utc_offset.into());
        let (day, minute) = (
            minutes.div_euclid(DAY_MINUTES.into()),
            minutes.rem_euclid(DAY_MINUTES.into()),
        );
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        if from < to {
            self.is_on(day) && (from..to).contains(&minute)
        } else {
            (self.is_on(day) && minute >= from)
                || (self.is_on(day.saturating_sub(1)) && minute < to)
        }
    }

    /// Whether it begins on that day since 1970, which began on a Thursday.
    fn is_on(&self, day: i64) -> bool {
        let weekday = day.saturating_add(3).rem_euclid(7);
        self.days >> weekday & 1 == 1
    }
}

const DAY_MINUTES: u16 = 24 * 60;
const EVERY_DAY: u8 = 0b111_1111;
/// Wider than any zone.
const OFFSET_MAX: i16 = 15 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-28 is a Saturday.
    const SATURDAY: u64 = 1_795_824_000_000;

    fn hours(days: u32, from: u32, to: u32, utc_offset: i32) -> Hours {
        let stored = RuleHours {
            days,
            from,
            to,
            utc_offset,
        };
        Hours::read(&stored).unwrap()
    }

    fn at(day: u64, hour: u64, minute: u64) -> Timestamp {
        Timestamp::from_millis(SATURDAY + (day * 24 * 60 + hour * 60 + minute) * 60_000)
    }

    #[test]
    fn working_hours_hold_on_working_days_alone() {
        let work = hours(0b001_1111, 8 * 60, 18 * 60, 0);
        assert!(!work.hold(at(0, 12, 0)), "Saturday");
        assert!(work.hold(at(2, 8, 0)), "Monday");
        assert!(!work.hold(at(2, 7, 59)) && !work.hold(at(2, 18, 0)));
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let night = hours(0b100_0000, 22 * 60, 6 * 60, 0);
        assert!(night.hold(at(1, 22, 0)), "Sunday night");
        assert!(night.hold(at(2, 5, 59)), "Monday morning");
        assert!(!night.hold(at(2, 22, 0)), "Monday night");
        assert!(!night.hold(at(1, 5, 59)), "Sunday morning");
    }

    #[test]
    fn the_distance_from_utc_moves_the_day() {
        let monday = |offset| hours(0b000_0001, 0, 24 * 60, offset);
        assert!(monday(60).hold(at(1, 23, 0)), "Monday at +01:00");
        assert!(!monday(0).hold(at(1, 23, 0)) && !monday(-60).hold(at(2, 0, 59)));
    }

    #[test]
    fn what_is_no_time_of_the_week_is_refused() {
        for (days, from, to, utc_offset) in [
            (0, 0, 60, 0),
            (128, 0, 60, 0),
            (1, 1440, 60, 0),
            (1, 0, 1441, 0),
            (1, 0, 60, 901),
        ] {
            let stored = RuleHours {
                days,
                from,
                to,
                utc_offset,
            };
            assert!(Hours::read(&stored).is_err(), "{stored:?}");
        }
    }
}
