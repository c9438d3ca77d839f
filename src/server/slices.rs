//! Time slices for HTTP work between two turns of its shard: few, and first come, first served.
//!
//! HTTP runs on the shards' threads, and a client may send requests as fast as it can write; unlimited, it would keep
//! all sessions of the shard waiting. So each request, each piece of a long answer, and each number of bytes in or out
//! takes a slice. A turn of the shard provides new slices. Requests without one wait in a queue, at most one per
//! connection. Probes and scrapes have slices of their own, and never wait for other requests.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{Notify, Semaphore};

/// The priority of a request's slices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Priority {
    /// Probes and scrapes.
    Urgent,
    Common,
}

/// The slices of one shard; clones share them.
#[derive(Clone)]
pub struct HttpSlices {
    urgent: Arc<Semaphore>,
    common: Arc<Semaphore>,
    /// The number of tasks waiting for a slice.
    waiting: Arc<AtomicUsize>,
    /// Wakes the shard's loop.
    wake: Arc<Notify>,
}

/// Slices per priority between two turns. One should take at most about 50 us.
const SLICES: usize = 2;

struct WaitingTask(Arc<AtomicUsize>);

impl HttpSlices {
    pub fn new(wake: Arc<Notify>) -> Self {
        let slices = || Arc::new(Semaphore::new(SLICES));
        HttpSlices { urgent: slices(), common: slices(), waiting: Arc::default(), wake }
    }

    /// Waits for a slice and takes it. A future dropped while waiting takes none.
    pub fn slice(&self, priority: Priority) -> impl Future<Output = ()> + Send + use<> {
        let slices = match priority {
            Priority::Urgent => Arc::clone(&self.urgent),
            Priority::Common => Arc::clone(&self.common),
        };
        let (waiting, wake) = (Arc::clone(&self.waiting), Arc::clone(&self.wake));
        async move {
            if let Ok(slice) = slices.try_acquire() {
                slice.forget();
                return;
            }
            waiting.fetch_add(1, Ordering::Relaxed);
            let _waiting = WaitingTask(waiting);
            // The shard may have nothing else to do.
            wake.notify_one();
            if let Ok(slice) = slices.acquire().await {
                slice.forget();
            }
        }
    }

    /// Provides new slices, after a turn of the shard.
    pub fn renew(&self) {
        for slices in [&self.urgent, &self.common] {
            slices.add_permits(SLICES.saturating_sub(slices.available_permits()));
        }
    }

    /// Whether a task is waiting for the next turn.
    pub fn has_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

impl Drop for WaitingTask {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn is_ready(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn slices_are_given_out_by_turns_in_the_order_of_the_queue() {
        let slices = HttpSlices::new(Arc::default());
        for _ in 0..SLICES {
            assert!(is_ready(pin!(slices.slice(Priority::Common))));
        }
        let mut queue: Vec<_> = (0..=SLICES).map(|_| Box::pin(slices.slice(Priority::Common))).collect();
        assert!(queue.iter_mut().all(|slice| !is_ready(slice.as_mut())) && slices.has_waiting());
        assert!(is_ready(pin!(slices.slice(Priority::Urgent))), "probes wait for no other");
        slices.renew();
        assert!(!is_ready(pin!(slices.slice(Priority::Common))), "nobody overtakes the queue");
        let ready: Vec<bool> = queue.iter_mut().map(|slice| is_ready(slice.as_mut())).collect();
        assert_eq!(ready.iter().position(|ready| !ready), Some(SLICES));
        slices.renew();
        assert!(is_ready(queue[SLICES].as_mut()) && !slices.has_waiting());
    }

    #[test]
    fn who_gives_up_takes_nothing_and_idle_turns_add_nothing_up() {
        let slices = HttpSlices::new(Arc::default());
        for _ in 0..10 {
            slices.renew();
        }
        for _ in 0..SLICES {
            assert!(is_ready(pin!(slices.slice(Priority::Common))));
        }
        let mut given_up = Box::pin(slices.slice(Priority::Common));
        assert!(!is_ready(given_up.as_mut()));
        drop(given_up);
        assert!(!slices.has_waiting());
        slices.renew();
        for _ in 0..SLICES {
            assert!(is_ready(pin!(slices.slice(Priority::Common))));
        }
    }
}
