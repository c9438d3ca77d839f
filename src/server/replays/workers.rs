//! The threads that read and decode recordings for replays.
//!
//! Few, and of low priority: shards and feeds get the CPU first. A piece of work is bounded (`replays/replay.rs`,
//! `FILL_BYTES`), and a replay has at most one in the queue, so replays take turns.
//!
//! Invariant: a panic loses one piece of work, not its thread.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::sync::oneshot;

/// The threads, which start with the first work and end with their owner.
#[derive(Default)]
pub struct Workers(Arc<WorkQueue>);

#[derive(Default)]
struct WorkQueue {
    state: Mutex<WorkState>,
    changed: Condvar,
}

#[derive(Default)]
struct WorkState {
    waiting: VecDeque<Work>,
    threads: usize,
    is_over: bool,
}

type Work = Box<dyn FnOnce() + Send>;

/// More would only compete for the CPU.
const THREADS_MAX: usize = 2;
/// Niceness of these threads.
const NICE: i32 = 10;

impl Workers {
    /// Runs the work on one of the threads; `None` if it was lost.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (tell, told) = oneshot::channel();
        // The caller may be gone.
        self.push(Box::new(move || drop(tell.send(work()))));
        told.await.ok()
    }

    fn push(&self, work: Work) {
        let mut state = self.0.lock();
        state.waiting.push_back(work);
        let most = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        if state.threads < most {
            let queue = Arc::clone(&self.0);
            let started =
                thread::Builder::new().name(format!("replays-{}", state.threads)).spawn(move || {
                    // Linux sets niceness per thread. On failure only priority suffers.
                    let _best_effort = rustix::process::nice(NICE);
                    queue.work();
                });
            match started {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => {
                    tracing::error!(%error, "no thread can be started for replays");
                    // Callers are told that their work is lost.
                    state.waiting.clear();
                }
                Err(_) => {}
            }
        }
        drop(state);
        self.0.changed.notify_one();
    }
}

impl WorkQueue {
    fn work(&self) {
        loop {
            let mut state = self.lock();
            let work = loop {
                if state.is_over {
                    return;
                }
                match state.waiting.pop_front() {
                    Some(work) => break work,
                    None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                }
            };
            drop(state);
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                tracing::error!("work on a replay has failed: this is a fault of the service");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, WorkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_and_what_panics_is_lost_alone() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let workers = Workers::default();
        runtime.block_on(async {
            assert_eq!(workers.run(|| 1 + 1).await, Some(2));
            for _ in 0..THREADS_MAX {
                assert_eq!(workers.run(|| if true { panic!("as it must") } else { 0 }).await, None);
            }
            assert_eq!(
                workers
                    .run(|| thread::current().name().map(str::to_owned))
                    .await
                    .flatten()
                    .map(|name| name.len()),
                Some(9)
            );
        });
    }
}
