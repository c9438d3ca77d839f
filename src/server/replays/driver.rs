//! The task that drives one replay: requests parts, hands them to the connections, and waits for these.
//!
//! Several connections that share a session stay together: nothing is requested before all have written their last
//! part, so none is ahead of another by more than one part, which spans at most one second.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep},
};

use super::workers::Workers;
use crate::{
    access::ProductCounts,
    feed::{FeedError, ReplaySpeed, with_sources},
    replays::{
        pace::ClientPace,
        replay::{ClientReplay, Filled, Framing, ReplayOutput},
        stream::MessageStream,
    },
    tick::Symbol,
};

/// What is handed to a connection.
pub enum ReplayPart {
    Messages(MessagesPart),
    /// The end: everything was handed over.
    End,
    /// The replay failed, with the reason for the client.
    Failed(&'static str),
}

/// A part with complete messages.
pub struct MessagesPart {
    pub bytes: Vec<u8>,
    pub messages: u64,
    pub uses: ProductCounts,
    /// The symbols that occur for the first time.
    pub symbols: Vec<Symbol>,
    /// Dropped when the part is written, or its connection has ended.
    pub written: Option<oneshot::Sender<()>>,
}

/// One connection of a replay.
pub struct ReplayMember {
    pub streams: Vec<MessageStream>,
    pub framing: Framing,
    pub speed: ReplaySpeed,
    pub parts: mpsc::Sender<ReplayPart>,
}

/// Parts queued for a connection, beyond the one that it is writing.
pub const PARTS_AHEAD: usize = 1;
/// A wait for the next record is interrupted this often to check whether a client is still there.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// What is handed over when the driver has vanished.
pub const LOST: ReplayPart = ReplayPart::Failed("the replay was lost: ask again");
const BROKEN: &str = "a recording cannot be read on: the server's log says why";

/// A running replay.
struct Drive {
    workers: Arc<Workers>,
    parts: Vec<mpsc::Sender<ReplayPart>>,
    /// Absent while a worker fills it.
    replay: Option<(Box<ClientReplay>, Vec<ReplayOutput>)>,
    pace: ClientPace,
}

/// Plays to the end, or until all connections have left.
pub async fn drive(workers: Arc<Workers>, members: Vec<ReplayMember>) {
    let speed = members.iter().map(|member| member.speed).find(|speed| *speed != ReplaySpeed::Max);
    let (mut parts, mut outputs, mut streams) = (Vec::new(), Vec::new(), Vec::new());
    for (place, member) in members.into_iter().enumerate() {
        parts.push(member.parts);
        outputs.push(ReplayOutput::new(member.framing));
        streams.extend(member.streams.into_iter().map(|stream| (place, stream)));
    }
    let replay = Some((Box::new(ClientReplay::new(streams)), outputs));
    let pace = ClientPace::new(speed.unwrap_or(ReplaySpeed::Max));
    let mut drive = Drive { workers, parts, replay, pace };
    while drive.step().await.is_some() {}
}

impl Drive {
    /// One step; `None` when the replay is over.
    async fn step(&mut self) -> Option<()> {
        let until = self.pace.due(Instant::now());
        let (mut replay, mut outputs) = self.replay.take()?;
        let work = move || {
            let filled = replay.fill(until, &mut outputs);
            for warning in replay.warnings() {
                tracing::debug!(warning, "a replay's recording");
            }
            (replay, outputs, filled)
        };
        let Some((replay, mut outputs, filled)) = self.workers.run(work).await else {
            self.tell(|| ReplayPart::Failed(BROKEN)).await;
            return None;
        };
        self.hand_over(&mut outputs).await;
        self.replay = Some((replay, outputs));
        match filled {
            Ok(Filled::Ended) => {
                self.tell(|| ReplayPart::End).await;
                return None;
            }
            Ok(Filled::More) => {}
            Ok(Filled::Waits(next)) => sleep(self.pace.wait(next, Instant::now()).min(WAIT_MAX)).await,
            Err(error) => {
                self.broken(&error).await;
                return None;
            }
        }
        let is_over = self.parts.iter().all(mpsc::Sender::is_closed);
        if is_over { None } else { Some(()) }
    }

    async fn hand_over(&self, outputs: &mut [ReplayOutput]) {
        let are_several = self.parts.len() > 1;
        let mut written = Vec::new();
        for (parts, output) in self.parts.iter().zip(outputs) {
            if output.bytes.is_empty() {
                continue;
            }
            let (tell, told) = oneshot::channel();
            let part = MessagesPart {
                bytes: std::mem::take(&mut output.bytes),
                messages: std::mem::take(&mut output.messages),
                uses: std::mem::take(&mut output.uses),
                symbols: std::mem::take(&mut output.symbols),
                written: are_several.then_some(tell),
            };
            // Connections that have left get nothing.
            if parts.send(ReplayPart::Messages(part)).await.is_ok() && are_several {
                written.push(told);
            }
        }
        for told in written {
            // Completes when the other end is dropped, written or not.
            let _ = told.await;
        }
    }

    async fn tell(&self, part: impl Fn() -> ReplayPart) {
        for parts in &self.parts {
            let _ = parts.send(part()).await;
        }
    }

    async fn broken(&self, error: &FeedError) {
        tracing::warn!(error = with_sources(error), "a replay ends early");
        self.tell(|| ReplayPart::Failed(BROKEN)).await;
    }
}
