//! The event loop of a shard's thread: accepts, handles requests, runs turns, and pauses between them.

use std::{rc::Rc, time::Duration};

use tokio::{
    sync::{Notify, mpsc},
    time::MissedTickBehavior,
};

use super::{
    admission::balancer::Role,
    connection::start_connection,
    listener::{self, Listener},
    message::ToShard,
    shard::{SWEEP, Shard},
    timer::ExactTimer,
};

/// Consecutive turns that a feed may cause before the runtime gets its share.
const TURNS_IN_A_ROW: u32 = 8;
/// Maximum number of yields to the runtime in a row. Each polls up to 61 tasks, while a turn may write to 128 sessions,
/// each of which may answer with a pong.
const YIELDS_MAX: u32 = 4;

impl Shard {
    /// Accepts and serves until drained.
    pub async fn run(
        self: Rc<Self>,
        mut inbox: mpsc::UnboundedReceiver<ToShard>,
        listeners: Vec<(Role, Listener)>,
    ) {
        for (role, listener) in listeners {
            tokio::task::spawn_local(listener::accept_for(Rc::clone(&self), listener, role));
        }
        let timer = match ExactTimer::new() {
            Ok(timer) => Some(timer),
            Err(error) => {
                tracing::warn!(%error, "there is no exact timer to be had: pauses are up to a millisecond longer");
                None
            }
        };
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let asked = Rc::new(Notify::new());
        tokio::task::spawn_local(answer(Rc::clone(&self), Rc::clone(&asked)));
        let mut in_a_row = 0;
        loop {
            let Some(due) = self.turn() else { return };
            // With work left, only check for other events, and yield to the runtime.
            let wait = self.wait(&due);
            self.ask(wait, &asked);
            // Not a branch of the `select!`: a feed that keeps waking the shard would be ready first each time, and
            // sessions would not be read while there is work.
            if wait.is_zero() || in_a_row >= TURNS_IN_A_ROW {
                self.yield_to_sessions().await;
                in_a_row = 0;
            }
            tokio::select! {
                // In order of urgency. Every branch can be cancelled without loss: permits and messages stay.
                biased;
                Some(message) = inbox.recv() => {
                    if let Some(accepted) = self.handle(message) {
                        start_connection(&self, accepted);
                    }
                }
                _ = sweep.tick() => self.core.borrow_mut().sweep(),
                () = self.wake.notified() => in_a_row += 1,
                () = pause(timer.as_ref(), wait) => in_a_row = 0,
            }
        }
    }
}

impl Shard {
    /// Measures how long input waits while there is work.
    fn ask(&self, wait: Duration, asked: &Notify) {
        let mut core = self.core.borrow_mut();
        if !wait.is_zero() {
            core.lag.rest();
        } else if core.lag.ask(self.node.clock.now()) {
            asked.notify_one();
        }
    }

    /// Yields to the runtime, repeatedly while sessions have input, since each yield costs a poll of all sockets.
    async fn yield_to_sessions(&self) {
        for _ in 0..YIELDS_MAX {
            let polled = self.core.borrow().polled;
            tokio::task::yield_now().await;
            if self.core.borrow().polled == polled {
                return;
            }
        }
    }
}

/// The runtime polls session tasks in the order of their input, and this task after them.
async fn answer(shard: Rc<Shard>, asked: Rc<Notify>) {
    loop {
        asked.notified().await;
        shard.core.borrow_mut().lag.answer(shard.node.clock.now());
    }
}

async fn pause(timer: Option<&ExactTimer>, wait: Duration) {
    match timer {
        // The runtime has had its share.
        _ if wait.is_zero() => {}
        Some(timer) => timer.pause(wait).await,
        None => tokio::time::sleep(wait).await,
    }
}
