//! Returns memory to the system after many sessions have ended.
//!
//! glibc keeps freed memory that lies below memory in use, in an arena for each thread: after a peak the process stays
//! as large as it was for as long as it runs. `malloc_trim` returns every free page. That takes the arenas' locks, for
//! some milliseconds after a peak, and a shard that allocates waits for them. So it is called seldom, by a thread that
//! has nothing else to do, and postponed for a while when the process is busy.

use std::time::{Duration, Instant};

/// Decides when memory is returned: when as many sessions have ended as are left.
#[derive(Debug)]
pub struct TrimSchedule {
    /// Sessions opened ever, and sessions open, at the last check.
    opened: u64,
    open: u64,
    /// Sessions that were closed free their buffers a while later.
    again_at: Option<Instant>,
    /// The time since which the return has been due and postponed.
    postponed_since: Option<Instant>,
}

/// How busy the process has been between two checks.
#[derive(Debug)]
pub struct CpuLoad {
    sampled_at: Instant,
    cpu: Duration,
}

/// When fewer sessions have ended, too little memory is free, unless they were all.
const ENDED_MIN: u64 = 64;
/// The longest postponement: memory should be returned within a minute.
const POSTPONED_MAX: Duration = Duration::from_secs(30);
/// From this share of a core on the process counts as busy.
const BUSY_CORES: f64 = 0.3;

impl TrimSchedule {
    pub fn new() -> Self {
        TrimSchedule { opened: 0, open: 0, again_at: None, postponed_since: None }
    }

    /// Whether it should be done now. `settled_after`: how long a closed session may stay. `is_busy`: open sessions
    /// would have to wait for it; without any, it does not matter.
    pub fn is_due(
        &mut self,
        opened: u64,
        open: u64,
        now: Instant,
        settled_after: Duration,
        is_busy: bool,
    ) -> bool {
        if self.is_worthwhile(opened, open, now, settled_after) {
            self.postponed_since.get_or_insert(now);
        }
        let Some(since) = self.postponed_since else { return false };
        let is_postponed = is_busy && open > 0 && now.saturating_duration_since(since) < POSTPONED_MAX;
        if !is_postponed {
            self.postponed_since = None;
        }
        !is_postponed
    }

    fn is_worthwhile(&mut self, opened: u64, open: u64, now: Instant, settled_after: Duration) -> bool {
        let ended = (opened.saturating_sub(self.opened) + self.open).saturating_sub(open);
        let again = self.again_at.is_some_and(|at| now >= at);
        let due = ended >= ENDED_MIN.max(open) || (open == 0 && ended > 0);
        if due {
            (self.opened, self.open) = (opened, open);
            self.again_at = Some(now + settled_after);
        } else if again {
            self.again_at = None;
        }
        due || again
    }
}

// === impl CpuLoad ===

impl CpuLoad {
    pub fn begin() -> Self {
        CpuLoad { sampled_at: Instant::now(), cpu: process_cpu() }
    }

    /// Whether the process was busy since the last check.
    pub fn is_busy(&mut self) -> bool {
        let before = std::mem::replace(self, CpuLoad::begin());
        let cpu = self.cpu.saturating_sub(before.cpu);
        let elapsed = self.sampled_at.saturating_duration_since(before.sampled_at);
        cpu.as_secs_f64() > BUSY_CORES * elapsed.as_secs_f64()
    }
}

fn process_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

impl Default for TrimSchedule {
    fn default() -> Self {
        Self::new()
    }
}

/// Usable sizes that glibc caches for each thread, in bytes: 64 of them, 16 apart.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const CACHED_SIZES: std::ops::RangeInclusive<usize> = 24..=24 + 63 * 16;
/// Chunks of each of these sizes that a thread's cache holds at most.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const CACHED_CHUNKS: usize = 7;

/// Replaces the chunks in this thread's allocator cache. Chunks that a peak has left there are scattered, and each keeps a
/// page from being returned; new ones are next to each other. It has no effect on other allocators.
pub fn renew_thread_cache() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for bytes in CACHED_SIZES.step_by(16) {
        // The first of these come out of the cache, the others from the arena.
        let chunk = |_| std::hint::black_box(Vec::<u8>::with_capacity(bytes));
        let mut chunks: Vec<_> = (0..2 * CACHED_CHUNKS).map(chunk).collect();
        // The others fill the cache, and there is no room for the first.
        chunks.drain(CACHED_CHUNKS..).for_each(drop);
        drop(chunks);
    }
}

/// Returns every page that the allocator holds free to the system. Returns how long that took, which is the longest
/// that an allocating thread has waited. Allocators other than glibc's do so by themselves.
pub fn give_back() -> Duration {
    let begun = Instant::now();
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "the C library has no safe wrapper for it")]
        // SAFETY: it takes no pointer, may be called from any thread at any time, and moves no memory in use.
        unsafe {
            libc::malloc_trim(0);
        }
    }
    begun.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLED: Duration = Duration::from_secs(15);

    #[test]
    fn it_is_due_when_as_many_have_ended_as_are_left_and_once_more_when_they_are_gone() {
        let begun = Instant::now();
        let mut schedule = TrimSchedule::new();
        let mut due = |opened, open, second| {
            schedule.is_due(opened, open, begun + Duration::from_secs(second), SETTLED, false)
        };
        assert!(!due(10_000, 10_000, 0), "a peak leaves nothing to return");
        assert!(!due(10_000, 6_000, 5));
        assert!(due(10_000, 5_000, 10));
        assert!(!due(10_000, 5_000, 20));
        assert!(due(10_000, 5_000, 25), "those that closed have gone by now");
        assert!(!due(10_000, 5_000, 60));
        // Between two checks many sessions have come and gone.
        assert!(due(16_000, 5_000, 65));
    }

    #[test]
    fn while_others_are_busy_it_is_postponed_but_not_for_ever() {
        let begun = Instant::now();
        let mut schedule = TrimSchedule::new();
        let mut due = |open, second, is_busy| {
            schedule.is_due(1_000, open, begun + Duration::from_secs(second), SETTLED, is_busy)
        };
        assert!(!due(1_000, 0, true));
        assert!(!due(400, 10, true), "half have gone, and the others are busy");
        assert!(!due(400, 35, true));
        assert!(due(400, 40, true), "long enough");
        assert!(!due(400, 45, false), "once");
        assert!(!due(100, 50, true));
        assert!(due(100, 55, false), "they are idle");
        assert!(due(0, 60, true), "nobody is there who could wait");
    }

    #[test]
    fn few_are_worth_it_only_when_they_were_all() {
        let begun = Instant::now();
        let mut schedule = TrimSchedule::new();
        assert!(!schedule.is_due(40, 1, begun, SETTLED, false));
        assert!(schedule.is_due(40, 0, begun, SETTLED, false));
        assert!(!schedule.is_due(40, 0, begun, SETTLED, false), "once");
    }
}
