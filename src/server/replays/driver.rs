//! The task that drives one replay: it asks for parts, hands them to the connections, and waits as long as they do.
//!
//! With several connections, which share a session, nothing is asked for before all have written what they were handed:
//! none is further ahead of another than one part, which spans no more than a second.

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

/// What a connection is handed.
pub enum ReplayPart {
    Messages(MessagesPart),
    /// Everything was handed over.
    End,
    /// Nothing more will come: why, for the client.
    Failed(&'static str),
}

/// Messages, whole ones.
pub struct MessagesPart {
    pub bytes: Vec<u8>,
    pub messages: u64,
    pub uses: ProductCounts,
    /// That they show for the first time.
    pub symbols: Vec<Symbol>,
    /// Dropped when they are written, or their connection has ended.
    pub written: Option<oneshot::Sender<()>>,
}

/// One connection of a replay.
pub struct ReplayMember {
    pub streams: Vec<MessageStream>,
    pub framing: Framing,
    pub speed: ReplaySpeed,
    pub parts: mpsc::Sender<ReplayPart>,
}

/// Parts that wait for a connection, beside the one that it writes.
pub const PARTS_AHEAD: usize = 1;
/// A wait for the next record looks this often whether anybody is still there.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// What is handed over when the driver is gone without a word.
pub const LOST: ReplayPart = ReplayPart::Failed("the replay was lost: ask again");
const BROKEN: &str = "a recording cannot be read on: the server's log says why";

/// A replay under way.
struct Drive {
    workers: Arc<Workers>,
    parts: Vec<mpsc::Sender<ReplayPart>>,
    /// Absent while it is being filled.
    replay: Option<(Box<ClientReplay>, Vec<ReplayOutput>)>,
    pace: ClientPace,
}

/// Plays to the end, or until every connection has left.
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
    /// `None` when it is over.
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
            // Who has left gets nothing.
            if parts.send(ReplayPart::Messages(part)).await.is_ok() && are_several {
                written.push(told);
            }
        }
        for told in written {
            // The other end is dropped, written or not.
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
