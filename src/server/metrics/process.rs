//! The process's own metrics, under the usual names of exporters, from what the kernel reports.
//!
//! Not the prometheus crate's collector, which counts CPU time in whole seconds, too coarse for rates over a few
//! scrapes, and adds two more crates for seven metrics than all other metrics need.
//!
//! Loss: a value that the kernel does not report is missing from the scrape.

use std::fs;

use prometheus::{
    core::{Collector, Desc},
    proto::{Counter, Gauge, Metric, MetricFamily, MetricType},
};
use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

pub struct Process {
    descs: Vec<Desc>,
    /// Seconds since 1970; `None` if the kernel does not report it.
    started_at: Option<f64>,
}

/// Name, type and help, in the order of a scrape.
const METRICS: [(&str, MetricType, &str); 7] = [
    (CPU, MetricType::COUNTER, "Total user and system CPU time spent in seconds."),
    (OPEN_FDS, MetricType::GAUGE, "Number of open file descriptors."),
    (MAX_FDS, MetricType::GAUGE, "Maximum number of open file descriptors."),
    (VIRTUAL, MetricType::GAUGE, "Virtual memory size in bytes."),
    (RESIDENT, MetricType::GAUGE, "Resident memory size in bytes."),
    (STARTED, MetricType::GAUGE, "Start time of the process since unix epoch in seconds."),
    (THREADS, MetricType::GAUGE, "Number of OS threads in the process."),
];
const CPU: &str = "process_cpu_seconds_total";
const OPEN_FDS: &str = "process_open_fds";
const MAX_FDS: &str = "process_max_fds";
const VIRTUAL: &str = "process_virtual_memory_bytes";
const RESIDENT: &str = "process_resident_memory_bytes";
const STARTED: &str = "process_start_time_seconds";
const THREADS: &str = "process_threads";

/// Indices of fields of `/proc/self/stat` after the program's name, from 0 (`proc_pid_stat(5)`, fields 20 and 22).
const STAT_THREADS: usize = 17;
const STAT_STARTED: usize = 19;

impl Process {
    pub fn of_self() -> Self {
        let desc = |(name, _, help): &(&str, MetricType, &str)| {
            Desc::new((*name).to_owned(), (*help).to_owned(), Vec::new(), <_>::default())
                .expect("the names are fixed and valid")
        };
        Process { descs: METRICS.iter().map(desc).collect(), started_at: started_at() }
    }

    fn value(&self, name: &str) -> Option<f64> {
        match name {
            CPU => Some(cpu_seconds()),
            // Minus the directory that is being read here.
            OPEN_FDS => Some((fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1)) as f64),
            // An unlimited number is not reported.
            MAX_FDS => getrlimit(Resource::Nofile).current.map(|most| most as f64),
            VIRTUAL => memory_pages(0).map(|pages| pages * page_size() as f64),
            RESIDENT => resident_bytes(),
            STARTED => self.started_at,
            THREADS => stat(STAT_THREADS),
            _ => None,
        }
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let family = |&(name, kind, help): &(&str, MetricType, &str)| {
            Some(family(name, kind, help, self.value(name)?))
        };
        METRICS.iter().filter_map(family).collect()
    }
}

/// Resident memory.
pub fn resident_bytes() -> Option<f64> {
    memory_pages(1).map(|pages| pages * page_size() as f64)
}

/// CPU time of all threads since the process began, in seconds.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn family(name: &str, kind: MetricType, help: &str, value: f64) -> MetricFamily {
    let mut metric = Metric::default();
    if kind == MetricType::COUNTER {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(vec![metric]);
    family
}

/// Seconds since 1970 at which the process began: the machine's start plus the ticks from there.
fn started_at() -> Option<f64> {
    let of_machine = fs::read_to_string("/proc/stat").ok()?;
    let booted_at: f64 =
        of_machine.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(booted_at + stat(STAT_STARTED)? / clock_ticks_per_second() as f64)
}

/// A field of `/proc/self/stat`. The program's name, in brackets, may contain blanks and brackets.
fn stat(field: usize) -> Option<f64> {
    let line = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = line.rsplit_once(')')?;
    fields.split_whitespace().nth(field)?.parse().ok()
}

/// A field of `/proc/self/statm`, in pages: 0 is the virtual size, 1 the resident size.
fn memory_pages(field: usize) -> Option<f64> {
    let line = fs::read_to_string("/proc/self/statm").ok()?;
    line.split_whitespace().nth(field)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    fn shown(process: &Process, name: &str) -> f64 {
        let families = process.collect();
        let metric = &families.iter().find(|family| family.name() == name).expect(name).get_metric()[0];
        if name == CPU { metric.get_counter().get_value() } else { metric.get_gauge().get_value() }
    }

    #[test]
    fn cpu_time_is_finer_than_seconds() {
        let process = Process::of_self();
        let before = shown(&process, CPU);
        // Burn CPU until it shows; in whole seconds that would be at least one.
        let mut after = shown(&process, CPU);
        while after <= before {
            after = shown(&process, CPU);
        }
        assert!(after - before < 1.0, "{before} {after}");
    }

    #[test]
    fn all_figures_are_those_of_this_process() {
        let process = Process::of_self();
        assert_eq!(process.collect().len(), METRICS.len());
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let kib = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
        };
        assert!((shown(&process, VIRTUAL) / kib("VmSize:") - 1.0).abs() < 0.5);
        assert!((shown(&process, RESIDENT) / kib("VmRSS:") - 1.0).abs() < 0.5);
        assert!(shown(&process, THREADS) >= 2.0, "the test's own and its harness's");
        let (open, most) = (shown(&process, OPEN_FDS), shown(&process, MAX_FDS));
        assert!(open >= 3.0 && open < most, "{open} of {most}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let age = now - shown(&process, STARTED);
        assert!((-1.0..24.0 * 3600.0).contains(&age), "{age}");
    }
}
