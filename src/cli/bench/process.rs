//! What processes have cost so far, as the kernel counts it (proc(5)).

use std::fs;
use std::time::Duration;

use super::super::failure::Failure;

/// The processes of one server.
#[derive(Clone, Debug)]
pub(super) struct Processes(pub(super) Vec<u32>);

/// What a process has cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// User and system time of all threads.
    pub(super) cpu: Duration,
    /// The most memory that was resident.
    pub(super) resident_kib: u64,
}

/// What those processes have cost that lived through the whole run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    /// All together, in that time.
    pub(super) cpu: Duration,
    /// The most memory of each, added up.
    pub(super) resident_kib: u64,
    /// Processes that ended on the way, and are in neither figure.
    pub(super) gone: usize,
}

impl Processes {
    /// This process.
    pub(super) fn own() -> Self {
        Self(vec![std::process::id()])
    }

    /// What each has cost so far.
    ///
    /// # Errors
    /// When one of them is not there.
    pub(super) fn costs(&self) -> Result<Vec<Cost>, Failure> {
        self.0.iter().map(|pid| cost(*pid)).collect()
    }

    /// What they have cost since `before`; none: there are no processes.
    pub(super) fn spent(&self, before: &[Cost]) -> Option<Spent> {
        let mut spent = (!self.0.is_empty()).then(Spent::default)?;
        for (pid, before) in self.0.iter().zip(before) {
            match cost(*pid) {
                Ok(after) => {
                    let cpu = after.cpu.saturating_sub(before.cpu);
                    spent.cpu = spent.cpu.saturating_add(cpu);
                    let resident = spent.resident_kib.saturating_add(after.resident_kib);
                    spent.resident_kib = resident;
                }
                Err(_) => spent.gone = spent.gone.saturating_add(1),
            }
        }
        Some(spent)
    }
}

fn cost(pid: u32) -> Result<Cost, Failure> {
    Ok(Cost {
        cpu: cpu(&read(pid, "stat")?),
        resident_kib: resident(&read(pid, "status")?),
    })
}

fn read(pid: u32, file: &str) -> Result<String, Failure> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).map_err(|error| Failure::file(path.as_ref(), &error))
}

/// The name of the process may hold anything, also blanks and brackets.
fn cpu(stat: &str) -> Duration {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(USER_TIME_FIELD).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks.saturating_mul(TICK_MILLIS))
}

fn resident(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Of `utime`, counted from the one behind the name.
const USER_TIME_FIELD: usize = 11;
/// Linux tells user space 100 ticks a second on every machine.
const TICK_MILLIS: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_misleads_nobody() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 1 0 0 0 250 150 9 9 20 0 1 0 5 6 7";
        assert_eq!(cpu(stat), Duration::from_secs(4));
    }

    #[test]
    fn costs_are_added_up_and_whoever_is_gone_is_told() {
        let own = std::process::id();
        let processes = Processes(vec![own, own, u32::MAX]);
        assert!(processes.costs().is_err());
        let one = cost(own).unwrap();
        let spent = processes.spent(&[one, one, one]).unwrap();
        assert_eq!(spent.gone, 1);
        assert!(spent.resident_kib >= 2 * one.resident_kib);
        assert!(Processes(Vec::new()).spent(&[]).is_none());
    }

    #[test]
    fn the_peak_is_read() {
        assert_eq!(resident("VmPeak:\t 9 kB\nVmHWM:\t  1234 kB\n"), 1234);
    }
}
