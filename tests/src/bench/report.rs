//! The numbers.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use super::rounds::Pairs;

/// What one round took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    pub(super) objects: usize,
    /// From the start of the program until the last object was seen Ready.
    pub(super) wall: Duration,
    /// Processor time of the program until then.
    pub(super) cpu: Duration,
    pub(super) peak_kib: u64,
    /// Writes to the API server, but for the Lease.
    pub(super) writes: usize,
    /// Those of them that changed nothing.
    pub(super) noop_writes: usize,
    /// Reads of single Secrets.
    pub(super) live_reads: usize,
}

impl Round {
    pub(super) fn objects_per_second(&self) -> f64 {
        count(self.objects) / self.wall.as_secs_f64()
    }

    fn cpu_ms_per_object(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e3 / count(self.objects)
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objects, wall, writes, .. } = self;
        let (speed, cpu, peak) = (self.objects_per_second(), self.cpu_ms_per_object(), mib(self.peak_kib));
        let wall = wall.as_secs_f64();
        write!(f, "{objects} in {wall:.2} s, {speed:.0}/s, {cpu:.3} ms of processor time each, peak {peak:.1} MB, {writes} writes")
    }
}

/// What an operator wrote over objects that were Ready.
#[derive(Clone, Copy, Debug)]
pub(super) struct Restart {
    pub(super) cluster_writes: usize,
    pub(super) cloud_writes: usize,
}

/// What was measured. Ratios are medians over the pairs.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    objects: usize,
    pairs: usize,
    /// Objects a second: the operator's over the bare program's.
    throughput_ratio: f64,
    /// Processor time an object: the operator's over the bare program's.
    cpu_ratio: f64,
    /// The same with a fifth of the objects: equal if the cost of an object does not depend on how many there are.
    cpu_ratio_of_a_fifth: f64,
    /// The operator's, over all rounds; MB are of 1,024 × 1,024 bytes.
    peak_rss_mb: f64,
    /// Writes to the API server, but for the Lease.
    writes_per_object: f64,
    /// Patches of credentials, in all rounds, that changed nothing.
    noop_writes: usize,
    /// Reads of single Secrets.
    live_reads_per_object: f64,
    /// Writes to API server and cloud of a second operator over objects that are Ready.
    restart_writes: usize,
    /// From the request that creates an object until it is seen Ready, while a restarted operator looks at all others.
    new_object_p99_ms: f64,
    new_object_p50_ms: f64,
    operator_objects_per_second: f64,
    bare_objects_per_second: f64,
    operator_cpu_ms_per_object: f64,
    bare_cpu_ms_per_object: f64,
    /// The best of those that were tried.
    bare_concurrency: usize,
}

impl Report {
    pub(super) fn new(
        bare_concurrency: usize,
        fewer: &Pairs,
        pairs: &Pairs,
        restart: &Restart,
        mut newcomers: Vec<Duration>,
    ) -> anyhow::Result<Self> {
        let objects = pairs.operator.first().context("no pair was measured")?.objects;
        let all = pairs.operator.iter().map(|round| round.objects).sum();
        let of_all = |what: fn(&Round) -> usize| rounded(count(pairs.operator.iter().map(what).sum()) / count(all), 4);
        let peak = pairs.operator.iter().map(|round| round.peak_kib).max().unwrap_or(0);
        newcomers.sort_unstable();
        Ok(Self {
            objects,
            pairs: pairs.operator.len(),
            throughput_ratio: rounded(ratio(pairs, Round::objects_per_second), 3),
            cpu_ratio: rounded(ratio(pairs, Round::cpu_ms_per_object), 3),
            cpu_ratio_of_a_fifth: rounded(ratio(fewer, Round::cpu_ms_per_object), 3),
            peak_rss_mb: rounded(mib(peak), 1),
            writes_per_object: of_all(|round| round.writes),
            noop_writes: pairs.operator.iter().map(|round| round.noop_writes).sum(),
            live_reads_per_object: of_all(|round| round.live_reads),
            restart_writes: restart.cluster_writes + restart.cloud_writes,
            new_object_p99_ms: milliseconds(&newcomers, 99),
            new_object_p50_ms: milliseconds(&newcomers, 50),
            operator_objects_per_second: rounded(median(pairs.operator.iter().map(Round::objects_per_second)), 1),
            bare_objects_per_second: rounded(median(pairs.bare.iter().map(Round::objects_per_second)), 1),
            operator_cpu_ms_per_object: rounded(median(pairs.operator.iter().map(Round::cpu_ms_per_object)), 3),
            bare_cpu_ms_per_object: rounded(median(pairs.bare.iter().map(Round::cpu_ms_per_object)), 3),
            bare_concurrency,
        })
    }

    /// The numbers as one line of JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers serialize")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objects, pairs, bare_concurrency, .. } = self;
        writeln!(f, "{objects} DeviceCredentials from cold to Ready, {pairs} pairs, the bare program {bare_concurrency} at a time")?;
        let mut line = |what: &str, value: String, aim: &str| writeln!(f, "  {what:<44} {value:>12}   {aim}");
        line("throughput, operator over bare", self.throughput_ratio.to_string(), "aim: at least 0.85")?;
        line("processor time an object, operator over bare", self.cpu_ratio.to_string(), "aim: at most 2.5")?;
        line("the same with a fifth of the objects", self.cpu_ratio_of_a_fifth.to_string(), "aim: the same")?;
        line("objects a second, operator", self.operator_objects_per_second.to_string(), "")?;
        line("objects a second, bare", self.bare_objects_per_second.to_string(), "")?;
        line("processor time an object, operator", format!("{} ms", self.operator_cpu_ms_per_object), "")?;
        line("processor time an object, bare", format!("{} ms", self.bare_cpu_ms_per_object), "")?;
        line("peak memory of the operator", format!("{} MB", self.peak_rss_mb), "aim: at most 60 MB")?;
        line("writes an object", self.writes_per_object.to_string(), "aim: 2")?;
        line("reads of single Secrets an object", self.live_reads_per_object.to_string(), "aim: 0")?;
        line("patches that changed nothing", self.noop_writes.to_string(), "aim: 0")?;
        line("writes after a restart", self.restart_writes.to_string(), "aim: 0")?;
        line("a new object is Ready, median", format!("{} ms", self.new_object_p50_ms), "")?;
        line("a new object is Ready, 99th percentile", format!("{} ms", self.new_object_p99_ms), "")
    }
}

/// The median over the pairs of the operator's value over the bare program's.
fn ratio(pairs: &Pairs, value: fn(&Round) -> f64) -> f64 {
    median(pairs.operator.iter().zip(&pairs.bare).map(|(operator, bare)| value(operator) / value(bare)))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// A percentile of sorted times by nearest rank.
fn milliseconds(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(f64::NAN, |time| rounded(time.as_secs_f64() * 1e3, 1))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(wall: u64, cpu: u64) -> Round {
        let (wall, cpu) = (Duration::from_secs(wall), Duration::from_secs(cpu));
        Round { objects: 1000, wall, cpu, peak_kib: 51_200, writes: 2000, noop_writes: 0, live_reads: 0 }
    }

    #[test]
    fn a_ratio_is_the_median_of_the_pairs_and_not_the_ratio_of_the_medians() {
        let pairs = Pairs { operator: vec![round(4, 1), round(10, 1), round(12, 1)], bare: vec![round(2, 1), round(9, 1), round(12, 1)] };
        let report = Report::new(32, &pairs, &pairs, &Restart { cluster_writes: 0, cloud_writes: 0 }, Vec::new()).expect("pairs");
        assert_eq!(report.throughput_ratio.to_string(), "0.9");
        assert_eq!((report.peak_rss_mb.to_string(), report.writes_per_object.to_string()), ("50".to_owned(), "2".to_owned()));
    }

    #[test]
    fn an_even_number_of_values_has_its_median_between_the_two_in_the_middle() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0].into_iter()).to_string(), "2.5");
        assert_eq!(median([9.0, 1.0, 5.0].into_iter()).to_string(), "5");
    }

    #[test]
    fn the_99th_percentile_of_200_is_the_198th() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(milliseconds(&times, 99).to_string(), "198");
        assert_eq!(milliseconds(&times, 50).to_string(), "100");
    }
}
