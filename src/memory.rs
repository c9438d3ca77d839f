//! Giving memory back to the system after many sessions have ended.
//!
//! glibc keeps what is freed below something that is still in use, in an arena for each thread: after a peak the process
//! stays as large as it was, for as long as it runs. Asked to, it lets go of every page that is free. That takes the
//! arenas' locks, so it is done seldom, by a thread that has nothing else to do.

use std::time::{Duration, Instant};

/// When it is worth it: as many sessions have ended as there are left.
#[derive(Debug)]
pub struct Ebb {
    /// Sessions opened ever, and open, when it was done last.
    opened: u64,
    open: u64,
    /// Sessions that were closed let go of their buffers a while later.
    again_at: Option<Instant>,
}

/// Fewer have left nothing behind that is worth a look, unless they were all.
const ENDED_MIN: u64 = 64;

impl Ebb {
    pub fn new() -> Self {
        Ebb { opened: 0, open: 0, again_at: None }
    }

    /// Whether it is to be done now. `settled_after`: how long a session that is closed may stay.
    pub fn is_due(&mut self, opened: u64, open: u64, now: Instant, settled_after: Duration) -> bool {
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

impl Default for Ebb {
    fn default() -> Self {
        Self::new()
    }
}

/// Lets go of every page that the allocator holds free. Others than glibc's do so by themselves.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "the C library has no safe door for it")]
        // SAFETY: it takes no pointer, may be called from any thread at any time, and moves nothing that is in use.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLED: Duration = Duration::from_secs(15);

    #[test]
    fn it_is_due_when_as_many_have_ended_as_are_left_and_once_more_when_they_are_gone() {
        let begun = Instant::now();
        let mut ebb = Ebb::new();
        let mut due =
            |opened, open, second| ebb.is_due(opened, open, begun + Duration::from_secs(second), SETTLED);
        assert!(!due(10_000, 10_000, 0), "a peak is no ebb");
        assert!(!due(10_000, 6_000, 5));
        assert!(due(10_000, 5_000, 10));
        assert!(!due(10_000, 5_000, 20));
        assert!(due(10_000, 5_000, 25), "those that closed have gone by now");
        assert!(!due(10_000, 5_000, 60));
        // Between two looks a crowd has come and gone.
        assert!(due(16_000, 5_000, 65));
    }

    #[test]
    fn few_are_worth_it_only_when_they_were_all() {
        let begun = Instant::now();
        let mut ebb = Ebb::new();
        assert!(!ebb.is_due(40, 1, begun, SETTLED));
        assert!(ebb.is_due(40, 0, begun, SETTLED));
        assert!(!ebb.is_due(40, 0, begun, SETTLED), "once");
    }
}
