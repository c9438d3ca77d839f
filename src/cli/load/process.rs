//! What this process may use and has used: descriptors, processor time, and how late its timers are.

use std::{cell::RefCell, io, time::Duration};

use hdrhistogram::Histogram;
use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    time::{ClockId, clock_gettime},
};
use tokio::time::{Instant, sleep_until};

/// Descriptors beside the clients': standard streams, the poller, requests.
const OTHER_DESCRIPTORS: u64 = 64;
/// How often the timers are looked at.
const LAG_EVERY: Duration = Duration::from_millis(10);

/// Why the process cannot hold so many clients.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error(
        "{wanted} open files are needed for so many clients, and {allowed} is the hard limit: see `ulimit -Hn`"
    )]
    Descriptors { wanted: u64, allowed: u64 },
    #[error("cannot raise the limit of open files: {0}")]
    Raise(#[source] io::Error),
}

/// Sees to it that a socket for each client can be open.
///
/// # Errors
/// When the system's hard limit is below that.
pub fn allow_clients(clients: u32) -> Result<(), ProcessError> {
    let wanted = u64::from(clients) + OTHER_DESCRIPTORS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    if let Some(allowed) = maximum.filter(|&maximum| maximum < wanted) {
        return Err(ProcessError::Descriptors { wanted, allowed });
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
        .map_err(|error| ProcessError::Raise(error.into()))
}

/// Processor time of this process so far.
pub fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // Never negative, and below a second behind the point.
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Records for ever how much later than asked this thread's timers go off, in microseconds.
pub async fn watch_lag(lag_us: &RefCell<Histogram<u64>>) {
    loop {
        let due = Instant::now() + LAG_EVERY;
        sleep_until(due).await;
        let late_us = Instant::now().saturating_duration_since(due).as_micros();
        lag_us.borrow_mut().saturating_record(u64::try_from(late_us).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_rises_with_work() {
        let before = cpu();
        let mut sum = 0u64;
        while cpu() == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu() > before);
    }

    #[test]
    fn more_clients_than_descriptors_are_refused_with_the_figures() {
        let maximum = getrlimit(Resource::Nofile).maximum;
        assert!(allow_clients(1).is_ok());
        if let Some(allowed) = maximum.filter(|&maximum| maximum < u64::from(u32::MAX)) {
            let error = allow_clients(u32::MAX).unwrap_err();
            assert!(matches!(error, ProcessError::Descriptors { allowed: found, .. } if found == allowed));
        }
    }
}
