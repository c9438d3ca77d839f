//! How many files the process may have open: each session is one.
//!
//! The soft limit is often 1,024 for the sake of programs that use `select`; this one does not, so `serve` raises it to
//! the hard limit, and only the hard limit bounds the sessions.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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

/// What [`raise`] would raise to.
pub fn hard_limit() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Whether `allowed` files are enough for the sessions of `config`.
///
/// # Errors
/// When they are not.
pub fn check(config: &Config, allowed: u64) -> Result<(), TooFew> {
    let sessions = config.limits.sessions;
    let shards = match config.shards {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        shards => shards,
    };
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let needed =
        count(sessions).saturating_add(RESERVE).saturating_add(PER_SHARD.saturating_mul(count(shards)));
    if needed <= allowed { Ok(()) } else { Err(TooFew { sessions, needed, allowed }) }
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
    fn raising_says_what_is_then_in_force() {
        let raised = raise();
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), raised);
        assert!(raised <= hard_limit());
    }
}
