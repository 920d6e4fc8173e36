//! How many packets a second are let through: a token bucket.
//!
//! Time is an argument. Must not know whose packets they are.

use std::time::Duration;

/// Fills at a steady rate, up to a burst, and is emptied by packets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bucket {
    /// Time that one packet takes to fill in again.
    each: Duration,
    /// Filling time of the whole bucket.
    whole: Duration,
    /// When it will be full, counted from the caller's own beginning.
    full_at: Duration,
}

impl Bucket {
    /// A full bucket of `burst` packets (0: as many as of one second) that fills with
    /// `rate` a second. `None`: a rate of 0, which is no limit.
    #[must_use]
    pub fn new(rate: u32, burst: u32) -> Option<Self> {
        let each = Duration::from_secs(1).checked_div(rate)?;
        let burst = if burst == 0 { rate } else { burst };
        Some(Self {
            each,
            whole: each.saturating_mul(burst),
            full_at: Duration::ZERO,
        })
    }

    /// Takes a packet out at `now`; false: there is none, and nothing changes.
    pub fn take(&mut self, now: Duration) -> bool {
        let full_at = self.full_at.max(now).saturating_add(self.each);
        let fits = full_at <= now.saturating_add(self.whole);
        if fits {
            self.full_at = full_at;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut Bucket, now: Duration) -> usize {
        (0..1000).take_while(|_| bucket.take(now)).count()
    }

    #[test]
    fn a_burst_goes_through_and_then_the_rate() {
        let mut bucket = Bucket::new(10, 30).expect("a rate");
        let start = Duration::from_secs(100);
        assert_eq!(taken(&mut bucket, start), 30);
        let soon = start + Duration::from_millis(100);
        assert_eq!(taken(&mut bucket, soon), 1);
        assert_eq!(taken(&mut bucket, soon + Duration::from_secs(1)), 10);
    }

    #[test]
    fn it_never_holds_more_than_its_burst() {
        let mut bucket = Bucket::new(10, 0).expect("a rate");
        assert_eq!(taken(&mut bucket, Duration::from_secs(3600)), 10);
    }

    #[test]
    fn what_is_refused_costs_nothing() {
        let mut bucket = Bucket::new(1, 1).expect("a rate");
        assert!(bucket.take(Duration::ZERO));
        for millis in 1..1000 {
            assert!(!bucket.take(Duration::from_millis(millis)), "{millis}");
        }
        assert!(bucket.take(Duration::from_secs(1)));
    }

    #[test]
    fn no_rate_is_no_bucket() {
        assert_eq!(Bucket::new(0, 0), None);
    }
}
