//! Resources of this process: descriptors, CPU time, and how late its timers fire.

use std::{cell::RefCell, time::Duration};

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, sleep_until};

use crate::cli::open_files;

/// Descriptors beside the clients': standard streams, the poller, requests.
const OTHER_DESCRIPTORS: u64 = 64;
/// How often the timers are checked.
const LAG_EVERY: Duration = Duration::from_millis(10);

/// The process cannot hold so many clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "so many clients need {wanted} open files, the system allows {allowed}; raise the hard limit (`ulimit -Hn`)"
)]
pub struct TooManyClients {
    pub wanted: u64,
    pub allowed: u64,
}

/// Raises the limit on open files so that each client can have a socket.
///
/// # Errors
/// When the system's hard limit is below that.
pub fn allow_clients(clients: u32) -> Result<(), TooManyClients> {
    let wanted = u64::from(clients) + OTHER_DESCRIPTORS;
    let allowed = open_files::raise();
    if wanted <= allowed {
        open_files::reserve(wanted);
        Ok(())
    } else {
        Err(TooManyClients { wanted, allowed })
    }
}

/// CPU time of this process so far.
pub fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // CPU time is never negative.
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_nanos(time.tv_nsec.unsigned_abs())
}

/// Records without end how late this thread's timers fire, in microseconds.
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
        let allowed = open_files::hard_limit();
        assert_eq!(allow_clients(1), Ok(()));
        let wanted = u64::from(u32::MAX) + OTHER_DESCRIPTORS;
        let expected = if wanted <= allowed { Ok(()) } else { Err(TooManyClients { wanted, allowed }) };
        assert_eq!(allow_clients(u32::MAX), expected);
    }
}
