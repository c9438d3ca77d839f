//! A precise timer for pauses of a millisecond or two, for which the runtime's timers, in steps of 1 ms, are too
//! coarse.
//!
//! One per shard, on the kernel's `timerfd`. A pause costs two system calls, so longer pauses are left to the runtime.

use std::{io, os::fd::OwnedFd, time::Duration};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

pub struct ExactTimer {
    timer: AsyncFd<OwnedFd>,
}

/// Pauses from this length on use the runtime's timers, whose error is then at most a tenth.
const LONG: Duration = Duration::from_millis(10);
const ZERO: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

impl ExactTimer {
    /// Registers with this thread's runtime.
    ///
    /// # Errors
    /// When no file descriptor is available.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            unsafe_code,
            reason = "tokio has no safe way to watch a descriptor that is none of its own kinds"
        )]
        // SAFETY: the registration owns the descriptor and never lends it out to be changed, so that it stays open and
        // the same for as long as it is watched.
        let timer = unsafe { AsyncFd::register(timer) }?;
        Ok(ExactTimer { timer })
    }

    /// Returns after `wait`, which must not be zero. Can be dropped and restarted.
    pub async fn pause(&self, wait: Duration) {
        if wait >= LONG || self.wake_after(wait).await.is_err() {
            tokio::time::sleep(wait).await;
        }
    }

    async fn wake_after(&self, wait: Duration) -> io::Result<()> {
        let value = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
        let timer = self.timer.get_ref();
        timerfd_settime(
            timer,
            TimerfdTimerFlags::empty(),
            &Itimerspec { it_interval: ZERO, it_value: value },
        )?;
        loop {
            // A read detects readiness left over from an earlier setting: the timer has not expired since it was set.
            let mut guard = self.timer.readable().await?;
            let mut expirations = [0; size_of::<u64>()];
            match guard.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut expirations)?)) {
                Ok(read) => return read.map(drop),
                Err(_would_block) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::{runtime::Builder, time::timeout};

    use super::*;

    fn run(test: &impl AsyncFn(&ExactTimer)) {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async { test(&ExactTimer::new().expect("a timer")).await });
    }

    #[test]
    fn it_wakes_no_sooner_than_it_was_set_to() {
        run(&async |timer: &ExactTimer| {
            for wait in [1, 300_000, 1_000_000, 9_999_999, 12_000_000].map(Duration::from_nanos) {
                let begin = Instant::now();
                timer.pause(wait).await;
                assert!(begin.elapsed() >= wait, "{wait:?}");
            }
        });
    }

    #[test]
    fn one_that_was_dropped_leaves_nothing_behind() {
        run(&async |timer: &ExactTimer| {
            // Set, dropped, and expired while no task waits; or expired at once.
            let _ = timeout(Duration::ZERO, timer.pause(Duration::from_nanos(1))).await;
            ExactTimer::new().expect("a timer").pause(Duration::from_millis(1)).await;
            let (begin, wait) = (Instant::now(), Duration::from_millis(3));
            timer.pause(wait).await;
            assert!(begin.elapsed() >= wait);
        });
    }
}
