//! The signals of a service: end, reload of settings, and a status line in the log.
//!
//! They are awaited from before the service starts, so that none comes too early. Signals that come while another one
//! is handled are handled after it.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

/// What the outside asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignalEvent {
    /// The end; by which signal.
    End(&'static str),
    /// SIGHUP: the settings are to be read again.
    Reload,
    /// SIGUSR1 or SIGUSR2, which end a process that does not await them: a line on how it goes.
    Tell,
    /// No signal came within the time.
    Nothing,
}

/// How often it is looked whether what is waited for is done.
const POLL: Duration = Duration::from_millis(5);

pub struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user_1: Signal,
    user_2: Signal,
}

impl Signals {
    pub fn awaited() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let entered = runtime.enter();
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let hangup = signal(SignalKind::hangup())?;
        let (user_1, user_2) = (signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?);
        drop(entered);
        Ok(Signals { runtime, terminate, interrupt, hangup, user_1, user_2 })
    }

    /// Waits for the next, and no longer than `until`. Dropping the other waits loses nothing: a signal that has come
    /// stays until it is read.
    pub fn next(&mut self, until: Instant) -> SignalEvent {
        let Signals { runtime, terminate, interrupt, hangup, user_1, user_2 } = self;
        runtime.block_on(async {
            tokio::select! {
                // The end comes before everything.
                biased;
                signal = first(terminate, interrupt) => SignalEvent::End(signal),
                _ = hangup.recv() => SignalEvent::Reload,
                _ = user_1.recv() => SignalEvent::Tell,
                _ = user_2.recv() => SignalEvent::Tell,
                () = tokio::time::sleep_until(until.into()) => SignalEvent::Nothing,
            }
        })
    }

    /// The next signal for the end, unless `until` comes or `is_done` says so before; other signals are too late.
    pub fn end_before(&mut self, until: Instant, is_done: impl Fn() -> bool) -> Option<&'static str> {
        while !is_done() && Instant::now() < until {
            if let SignalEvent::End(signal) = self.next(until.min(Instant::now() + POLL)) {
                return Some(signal);
            }
        }
        None
    }

    /// What `begin` comes to, or the name of the signal for the end that came first. It has a thread of its own, which is
    /// left behind then: a recording may be a pipe without a writer, and opening that waits.
    pub fn or<T: Send + 'static>(
        &mut self,
        begin: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Result<T, &'static str>> {
        let (done, begun) = oneshot::channel();
        thread::Builder::new().name("start".to_owned()).spawn(move || drop(done.send(begin())))?;
        let Signals { runtime, terminate, interrupt, .. } = self;
        runtime.block_on(async {
            tokio::select! {
                begun = begun => begun.map(Ok).map_err(io::Error::other),
                signal = first(terminate, interrupt) => Ok(Err(signal)),
            }
        })
    }
}

async fn first(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
