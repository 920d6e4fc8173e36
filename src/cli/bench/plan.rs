//! Who logs in next, with which code.
//!
//! Every user takes the steps of the window in ascending order, since a spent step spends
//! those before it; all users take one step before any takes the next.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{Secret, Timestamp};
use countersign_core::otp::{Parameters, code_at};

/// What all users type.
#[derive(Debug)]
pub(super) struct Typed {
    name: String,
    password: Secret,
    seed: Secret,
}

/// One login.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) name: String,
    pub(super) password: Arc<Secret>,
}

/// The logins that are left.
#[derive(Debug)]
pub(super) struct Plan {
    typed: Typed,
    users: Range<u64>,
    steps: RangeInclusive<i64>,
    left: u64,
    /// A code that runs out in this time is left out.
    patience: Duration,
    user: u64,
    /// Where the users end who take `step` in this round.
    end: u64,
    /// Users before this one take `step` in a round of their own.
    passed: u64,
    step: u64,
    /// Password and code of `step`.
    password: Option<Arc<Secret>>,
}

impl Typed {
    pub(super) fn new(name: String, password: Secret, seed: Secret) -> Self {
        Self {
            name,
            password,
            seed,
        }
    }

    fn at(&self, step: u64) -> Option<Arc<Secret>> {
        let code = code_at(&self.seed, &Parameters::default(), step)?;
        let typed = [self.password.expose(), code.as_bytes()].concat();
        Some(Arc::new(Secret::new(typed)))
    }

    fn name(&self, user: u64) -> String {
        self.name.replace("{n}", &user.to_string())
    }
}

impl Plan {
    pub(super) fn new(
        typed: Typed,
        users: Range<u64>,
        steps: RangeInclusive<i64>,
        now: Timestamp,
        logins: u64,
    ) -> Self {
        Self {
            step: step_of(now).saturating_add_signed(*steps.start()),
            user: users.start,
            end: users.end,
            passed: users.start,
            typed,
            users,
            steps,
            left: logins,
            patience: PATIENCE_MIN,
            password: None,
        }
    }

    /// As long as a device may take until a server hears it: a code that runs out while it
    /// is on its way tells nothing about the server.
    pub(super) fn for_device(self, patience: Duration) -> Self {
        Self {
            patience: patience.saturating_add(PATIENCE_MIN),
            ..self
        }
    }

    /// The next login; none when every code that is good now has been used.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Login> {
        let soon = now.plus(self.patience);
        let newest = step_of(now).saturating_add_signed(*self.steps.end());
        let oldest = step_of(soon).saturating_add_signed(*self.steps.start());
        let oldest = oldest.min(newest);
        if self.user >= self.end {
            self.begin_round();
        }
        if self.step < oldest {
            // Whoever has used the step before this one may use this one, too.
            (self.passed, self.end) = (self.user, self.users.end);
            self.turn(oldest);
        }
        if self.step > newest || self.users.is_empty() {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        let password = match &self.password {
            Some(password) => Arc::clone(password),
            None => Arc::clone(self.password.insert(self.typed.at(self.step)?)),
        };
        let name = self.typed.name(self.user);
        self.user = self.user.saturating_add(1);
        Some(Login { name, password })
    }

    /// A user who passed over a step would take two at once: more than the drift that a
    /// server learns from one login.
    fn begin_round(&mut self) {
        self.user = self.users.start;
        if self.passed > self.users.start {
            self.end = std::mem::replace(&mut self.passed, self.users.start);
        } else {
            self.end = self.users.end;
            self.turn(self.step.saturating_add(1));
        }
    }

    fn turn(&mut self, step: u64) {
        self.step = step;
        self.password = None;
    }
}

fn step_of(now: Timestamp) -> u64 {
    let period = Parameters::default().period.as_secs();
    now.as_secs().checked_div(period).unwrap_or_default()
}

const PATIENCE_MIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const NOON: u64 = 43_200_000;

    fn plan(steps: RangeInclusive<i64>, logins: u64) -> Plan {
        let seed = Secret::new(b"12345678901234567890".to_vec());
        let typed = Typed::new("load{n}".to_owned(), Secret::new(b"pw".to_vec()), seed);
        let now = Timestamp::from_millis(NOON);
        Plan::new(typed, 5..8, steps, now, logins)
    }

    fn taken(plan: &mut Plan, millis: u64) -> Vec<(String, Vec<u8>)> {
        let next = || plan.next(Timestamp::from_millis(millis));
        let logins = std::iter::from_fn(next);
        logins
            .map(|login| (login.name, login.password.expose().to_vec()))
            .collect()
    }

    #[test]
    fn no_user_takes_a_code_twice() {
        let logins = taken(&mut plan(-1..=1, u64::MAX), NOON);
        assert_eq!(logins.len(), 9);
        assert_eq!(logins.iter().collect::<HashSet<_>>().len(), 9);
        let names: Vec<_> = logins.iter().take(4).map(|(name, _)| &**name).collect();
        assert_eq!(names, ["load5", "load6", "load7", "load5"]);
    }

    #[test]
    fn a_new_step_gives_every_user_one_login_more() {
        let mut plan = plan(-1..=1, u64::MAX);
        assert_eq!(taken(&mut plan, NOON).len(), 9);
        assert_eq!(taken(&mut plan, NOON + 30_000).len(), 3);
    }

    #[test]
    fn a_step_that_is_about_to_leave_the_window_is_passed_over() {
        let mut plan = plan(-1..=0, u64::MAX);
        let before = plan.next(Timestamp::from_millis(NOON)).unwrap();
        let after = plan.next(Timestamp::from_millis(NOON + 29_500)).unwrap();
        assert_eq!(after.name, "load6");
        assert_ne!(before.password, after.password);
    }

    #[test]
    fn whoever_took_the_step_before_takes_the_next_one_before_any_goes_further() {
        let mut plan = plan(-1..=1, u64::MAX);
        plan.next(Timestamp::from_millis(NOON)).unwrap();
        let logins = taken(&mut plan, NOON + 29_500);
        let names: Vec<_> = logins.iter().map(|(name, _)| &**name).collect();
        assert_eq!(
            names,
            ["load6", "load7", "load5", "load5", "load6", "load7"]
        );
        let codes: Vec<_> = logins.iter().map(|(_, code)| code).collect();
        assert!(codes[0] == codes[2] && codes[2] != codes[3]);
    }

    #[test]
    fn a_code_that_a_device_cannot_show_in_time_is_passed_over() {
        let mut hasty = plan(-1..=0, u64::MAX);
        let mut patient = plan(-1..=0, u64::MAX).for_device(Duration::from_secs(9));
        let code = |plan: &mut Plan, at| plan.next(Timestamp::from_millis(at)).unwrap().password;
        let first = code(&mut hasty, NOON + 21_000);
        assert_ne!(code(&mut patient, NOON + 21_000), first);
    }

    #[test]
    fn the_number_of_logins_is_kept() {
        assert_eq!(taken(&mut plan(-1..=1, 4), NOON).len(), 4);
    }
}
