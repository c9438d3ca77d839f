//! Connections that share a replay: those that name the same session within two seconds.
//!
//! As in tardis-machine: the replay starts two seconds after its first connection, with those that have joined by then.
//! A later one is refused.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use compact_str::CompactString;

use super::{
    driver::{self, ReplayMember},
    workers::Workers,
};

/// All current sessions.
#[derive(Clone, Default)]
pub struct ReplaySessions(Arc<Mutex<HashMap<SessionName, SessionState>>>);

/// A session's name, separate for each user.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SessionName {
    pub user: Option<CompactString>,
    pub name: String,
}

enum SessionState {
    /// Waiting for members; these have joined.
    Gathers(Vec<ReplayMember>),
    Runs,
}

/// Why a connection could not join.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CannotJoin {
    /// The replay has started already.
    TooLate,
    TooMany,
}

/// Removes a session when its replay is over.
struct OpenSession {
    sessions: ReplaySessions,
    workers: Arc<Workers>,
    name: SessionName,
}

const GATHERS_FOR: Duration = Duration::from_secs(2);
const MEMBERS_MAX: usize = 64;

impl ReplaySessions {
    /// Joins a session; the first member starts its replay, as a task of its shard.
    ///
    /// # Errors
    /// When the replay has started already, or the session is full.
    pub fn join(
        &self,
        workers: &Arc<Workers>,
        name: SessionName,
        member: ReplayMember,
    ) -> Result<(), CannotJoin> {
        let mut sessions = self.lock();
        match sessions.get_mut(&name) {
            Some(SessionState::Runs) => return Err(CannotJoin::TooLate),
            Some(SessionState::Gathers(members)) if members.len() >= MEMBERS_MAX => {
                return Err(CannotJoin::TooMany);
            }
            Some(SessionState::Gathers(members)) => members.push(member),
            None => {
                sessions.insert(name.clone(), SessionState::Gathers(vec![member]));
                let open = OpenSession { sessions: self.clone(), workers: Arc::clone(workers), name };
                tokio::task::spawn_local(open.run());
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionName, SessionState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenSession {
    async fn run(self) {
        tokio::time::sleep(GATHERS_FOR).await;
        let begun = self.sessions.lock().insert(self.name.clone(), SessionState::Runs);
        if let Some(SessionState::Gathers(members)) = begun {
            driver::drive(Arc::clone(&self.workers), members).await;
        }
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.name);
    }
}

impl CannotJoin {
    pub const fn message(self) -> &'static str {
        match self {
            CannotJoin::TooLate => "trying to add new WS connection to replay session that already started",
            CannotJoin::TooMany => "the replay session has as many connections as it may have",
        }
    }
}
