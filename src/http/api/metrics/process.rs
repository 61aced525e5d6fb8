//! What the operating system says of this process, under the names that Prometheus's own clients use.
//!
//! Linux tells it in `/proc`; elsewhere these figures are left out. A figure that cannot be read is left out as well.

use std::fmt;
use std::fs;

use prometheus_client::encoding::NoLabelSet;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::Sheet;

/// What `/proc` counts processor time in: Linux shows user space 100 to the second, whatever its own timer does.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn encode(sheet: &mut Sheet<'_>) -> fmt::Result {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let (resident, virtual_memory) = (kib(&status, "VmRSS:"), kib(&status, "VmSize:"));
    gauge(sheet, "process_resident_memory", "Memory that is resident", Some(Unit::Bytes), resident)?;
    gauge(sheet, "process_virtual_memory", "Address space", Some(Unit::Bytes), virtual_memory)?;
    gauge(sheet, "process_threads", "Threads", None, number(&status, "Threads:"))?;
    // Reading the directory is one more.
    let open = fs::read_dir("/proc/self/fd").ok().map(|all| all.count().saturating_sub(1) as f64);
    gauge(sheet, "process_open_fds", "Open descriptors", None, open)?;
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    gauge(sheet, "process_max_fds", "Descriptors that may be open", None, number(&limits, "Max open files"))?;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let Some((processor, started)) = times(&stat) else { return Ok(()) };
    let about = "Processor time in user and system mode";
    let mut metric = sheet.0.encode_descriptor("process_cpu", about, Some(&Unit::Seconds), MetricType::Counter)?;
    metric.encode_counter::<NoLabelSet, _, u64>(&(processor / TICKS_PER_SECOND), None)?;
    let booted = number(&fs::read_to_string("/proc/stat").unwrap_or_default(), "btime ");
    let started = booted.map(|booted| booted + started / TICKS_PER_SECOND);
    gauge(sheet, "process_start_time", "When it started, as Unix time", Some(Unit::Seconds), started)
}

fn gauge(sheet: &mut Sheet<'_>, name: &str, about: &str, unit: Option<Unit>, value: Option<f64>) -> fmt::Result {
    value.map_or(Ok(()), |value| sheet.gauge(name, about, unit, value))
}

/// The number that follows `key` at the start of a line; `None` where it is not there, or is no number, as `unlimited`.
fn number(text: &str, key: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kib(text: &str, key: &str) -> Option<f64> {
    number(text, key).map(|kib| kib * 1024.0)
}

/// Ticks of processor time, and those from boot to the start; see proc_pid_stat(5).
fn times(stat: &str) -> Option<(f64, f64)> {
    // The name comes in brackets and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let field = |n: usize| rest.split_whitespace().nth(n - 3)?.parse::<f64>().ok();
    Some((field(14)? + field(15)?, field(22)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_in_what_proc_says() {
        let status = "Name:\tx\nVmSize:\t   10 kB\nVmRSS:\t  7 kB\nThreads:\t3\n";
        assert_eq!((kib(status, "VmRSS:"), number(status, "Threads:")), (Some(7.0 * 1024.0), Some(3.0)));
        let limits = "Limit  Soft Limit  Hard Limit\nMax open files            256                  unlimited  files\n";
        assert_eq!(number(limits, "Max open files"), Some(256.0));
        assert_eq!(number("Max open files unlimited unlimited", "Max open files"), None);
        let stat = "12 (a ) b) S 1 2 3 4 5 6 7 8 9 10 111 222 15 16 17 18 19 20 5000 22\n";
        assert_eq!(times(stat), Some((333.0, 5000.0)));
    }
}
