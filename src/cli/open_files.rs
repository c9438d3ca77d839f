//! How many files the process may have open: each session is one.
//!
//! The soft limit is often 1,024 for the sake of programs that use `select`; this one does not, so `serve` raises it to
//! the hard limit, and only the hard limit bounds the sessions.
//!
//! The kernel's table of a process's files grows by doubling. A process with several threads then waits until no processor
//! uses the old table (RCU): 5 to 20 ms in which a shard does nothing. So the table is made large enough before the first
//! client connects.

use rustix::{
    io::fcntl_dupfd_cloexec,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use crate::config::Config;

/// What the process needs besides its sessions: listener, feeds, standard streams, connections being refused.
const RESERVE: u64 = 256;
/// What a shard's runtime needs: epoll, wake-up, timer.
const PER_SHARD: u64 = 8;

/// The configuration allows more sessions than the system allows files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "limits.sessions = {sessions} needs {needed} open files, the system allows {allowed}; raise the hard limit \
     (`ulimit -Hn`, systemd: LimitNOFILE=) or lower limits.sessions"
)]
pub struct TooFew {
    pub sessions: usize,
    pub needed: u64,
    pub allowed: u64,
}

/// Raises the soft limit to the hard one. When the system refuses, the soft limit stays, which is no reason not to
/// serve; [`check`] with what is returned says whether it is enough.
pub fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let in_force = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    in_force.unwrap_or(u64::MAX)
}

/// Makes room for as many files as `config` needs, so far as `allowed` goes; says for how many.
pub fn make_room(config: &Config, allowed: u64) -> u64 {
    reserve(needed(config).min(allowed))
}

/// Makes room for so many files. When the system refuses, it grows when files come, and that is all.
pub fn reserve(files: u64) -> u64 {
    let last = i32::try_from(files).unwrap_or(i32::MAX).saturating_sub(1);
    // The highest number that is needed is opened and closed at once. The table keeps its size.
    match fcntl_dupfd_cloexec(std::io::stderr(), last) {
        Ok(_) => files,
        Err(_) => 0,
    }
}

/// What [`raise`] would raise to.
pub fn hard_limit() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Whether `allowed` files are enough for the sessions of `config`.
///
/// # Errors
/// When they are not.
pub fn check(config: &Config, allowed: u64) -> Result<(), TooFew> {
    let (sessions, needed) = (config.limits.sessions, needed(config));
    if needed <= allowed { Ok(()) } else { Err(TooFew { sessions, needed, allowed }) }
}

fn needed(config: &Config) -> u64 {
    let shards = match config.shards {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        shards => shards,
    };
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    count(config.limits.sessions)
        .saturating_add(RESERVE)
        .saturating_add(PER_SHARD.saturating_mul(count(shards)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_session_is_a_file_and_the_rest_is_counted_too() {
        let mut config = Config { shards: 2, ..Config::default() };
        config.limits.sessions = 1_000;
        let needed = 1_000 + RESERVE + 2 * PER_SHARD;
        assert_eq!(check(&config, needed), Ok(()));
        let too_few = TooFew { sessions: 1_000, needed, allowed: needed - 1 };
        assert_eq!(check(&config, needed - 1), Err(too_few));
    }

    #[test]
    fn room_is_made_as_far_as_the_system_allows() {
        let mut config = Config { shards: 1, ..Config::default() };
        config.limits.sessions = 2_000;
        let allowed = raise();
        let expected = allowed.min(2_000 + RESERVE + PER_SHARD);
        assert_eq!(make_room(&config, allowed), expected);
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("FDSize:")).unwrap();
        assert!(size.trim().parse::<u64>().unwrap() >= expected);
        assert_eq!(reserve(u64::MAX), 0, "beyond the limit the system refuses");
    }

    #[test]
    fn raising_says_what_is_then_in_force() {
        let raised = raise();
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), raised);
        assert!(raised <= hard_limit());
    }
}
