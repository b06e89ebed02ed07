//! What a process has used, as Linux tells it under `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// Length of the kernel's unit of processor time: `USER_HZ` is 100 for every program on Linux (`man 7 time`).
const TICK: Duration = Duration::from_millis(10);

/// Processor time of a process so far, of all its threads, in user and system mode; to ten milliseconds.
pub(super) fn cpu(process: u32) -> anyhow::Result<Duration> {
    let text = read(process, "stat")?;
    cpu_in(&text).with_context(|| format!("/proc/{process}/stat is not understood: {text}"))
}

/// The most memory that a process has had at once, in KiB.
pub(super) fn peak_memory(process: u32) -> anyhow::Result<u64> {
    let text = read(process, "status")?;
    peak_in(&text).with_context(|| format!("/proc/{process}/status tells no peak"))
}

fn read(process: u32, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{process}/{file}");
    fs::read_to_string(&path).with_context(|| format!("failed to read {path}; the benchmark needs Linux, and a process that runs"))
}

fn cpu_in(stat: &str) -> Option<Duration> {
    // The second field is the program's name in parentheses, and may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11);
    let (user, system): (u32, u32) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
    Some(TICK * (user + system))
}

fn peak_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_user_and_system_time_whatever_the_name() {
        let stat = "7 (a) R (b) S 1 7 7 0 -1 4194560 900 0 3 0 250 31 4 5 20 0 3 0 1000 90000000 5000";
        assert_eq!(cpu_in(stat), Some(Duration::from_millis(2810)));
        assert_eq!(cpu_in("7 (a) S 1"), None);
    }

    #[test]
    fn the_peak_is_told_in_kibibytes() {
        assert_eq!(peak_in("Name:\ta\nVmPeak:\t  9000 kB\nVmHWM:\t  4242 kB\nVmRSS:\t  4000 kB\n"), Some(4242));
        assert_eq!(peak_in("Name:\ta\n"), None);
    }
}
