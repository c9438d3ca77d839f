//! The process's own metrics, under the names that every exporter has for them.
//!
//! The crate counts CPU time in whole seconds, of which a rate over a few scrapes says nothing; here it is as fine as the
//! kernel has it.

use prometheus::{
    core::{Collector, Desc},
    process_collector::ProcessCollector,
    proto::{Counter, MetricFamily},
};
use rustix::time::{ClockId, clock_gettime};

pub struct Process(ProcessCollector);

const CPU: &str = "process_cpu_seconds_total";

impl Process {
    pub fn of_self() -> Self {
        Process(ProcessCollector::for_self())
    }
}

/// CPU time of all threads since the process began, in seconds.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.0.collect();
        for family in families.iter_mut().filter(|family| family.name() == CPU) {
            for metric in family.mut_metric() {
                let mut counter = Counter::default();
                counter.set_value(cpu_seconds());
                metric.set_counter(counter);
            }
        }
        families
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_finer_than_seconds() {
        let process = Process::of_self();
        let shown = || {
            let families = process.collect();
            let cpu = families.iter().find(|family| family.name() == CPU).unwrap();
            cpu.get_metric()[0].get_counter().get_value()
        };
        let before = shown();
        // Work until some of it shows; in whole seconds that would be one at least.
        let mut after = shown();
        while after <= before {
            after = shown();
        }
        assert!(after - before < 1.0, "{before} {after}");
        assert_eq!(process.collect().len(), 7, "and nothing else is lost");
    }
}
