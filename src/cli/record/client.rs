//! Records a server: its messages are written, and so are the gaps that a lost connection caused.
//!
//! Invariant: after a lost connection the client resumes, so that no tick is written twice.

use std::io;

use serde_json::json;
use tickcast::{
    clock::Clock,
    feed::{FeedError, SourceError},
    tick::Nanos,
};
use tickcast_client::{
    Client, ClientError, Endpoint, Event, Events, Outcome, Step, Subscription, SymbolResult, printable,
};
use tokio::time::interval;

use super::{
    configured::Configured,
    files::{FLUSH_EVERY, Files},
    ticks::{InvalidMessage, Missed, gap_note, note, tick},
};
use crate::{
    cli::{access::AccessError, shell::complain},
    config::ConfigFaults,
};

/// Why a recording ends before it is stopped.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    InvalidMessage(#[from] InvalidMessage),
    #[error("the feed cannot be used")]
    Source(#[from] SourceError),
    #[error("the feed broke off")]
    Feed(#[source] FeedError),
    #[error("`push` brings ticks by HTTP, and there is no server here; record the server instead")]
    Push,
    #[error(
        "--raw records the messages of a venue, such as --feed 'binance?symbols=BTCUSDT'; this feed has none"
    )]
    NoMessages,
    #[error("{path}: {why}")]
    Ending { path: String, why: String },
    #[error("cannot write {path}")]
    Output { path: String, source: io::Error },
    #[error("cannot write")]
    Write(#[from] io::Error),
    #[error("{0}")]
    Fields(#[from] ConfigFaults),
    #[error("no event loop")]
    Runtime(#[source] io::Error),
}

/// A recording of a server under way.
pub struct Recorder<'a> {
    client: Client,
    book: Book<'a>,
    disconnects: u32,
}

/// The output, and counts of what was written and what was missed.
struct Book<'a> {
    files: &'a mut Files,
    clock: Clock,
    missed: Missed,
    configured: Configured,
}

// === impl Recorder ===

impl<'a> Recorder<'a> {
    pub fn new(endpoint: Endpoint, symbols: &[String], files: &'a mut Files) -> Self {
        let subscription = Subscription::every(symbols.iter().cloned());
        let client = Client::new(endpoint, subscription).without_pings();
        let book = Book {
            files,
            clock: Clock::system(),
            missed: Missed::default(),
            configured: Configured::default(),
        };
        Recorder { client, book, disconnects: 0 }
    }

    /// Records until `stop`.
    ///
    /// # Errors
    /// When the first connection fails, the server refuses to reconnect, or the output cannot be written.
    pub async fn run(&mut self, stop: impl Future<Output = ()>) -> Result<(), RecordError> {
        let mut stop = std::pin::pin!(stop);
        let mut turns = interval(FLUSH_EVERY);
        let mut stops = false;
        loop {
            let step = tokio::select! {
                () = stop.as_mut(), if !stops => {
                    // What the server sends before it receives the close is written, too.
                    self.client.close();
                    stops = true;
                    continue;
                }
                _ = turns.tick() => {
                    self.book.files.look(self.book.clock.now())?;
                    continue;
                }
                step = self.client.next() => step?,
            };
            match step {
                Step::Frame => self.book.write(self.client.events())?,
                Step::Lost { end, .. } => {
                    self.disconnects += 1;
                    self.book.lost(&end.to_string())?;
                }
                Step::Over => {
                    if !stops {
                        complain("tickcast record: the replay is over\n");
                    }
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    /// For a person: what was received, and what was not.
    pub fn summary(&self) -> String {
        let missed = &self.book.missed;
        let gone: u64 = missed.gaps.values().sum();
        let mut text = format!(
            "{} symbols, {} disconnects, {gone} ticks in gaps",
            self.client.mirror().topics().iter().filter(|topic| topic.seq() > 0).count(),
            self.disconnects
        );
        if gone > 0 {
            let reasons: Vec<String> =
                missed.gaps.iter().map(|(reason, count)| format!("{} {count}", printable(reason))).collect();
            text = format!("{text} ({})", reasons.join(", "));
        }
        if missed.merged > 0 {
            text = format!("{text}, {} merged", missed.merged);
        }
        if missed.unannounced > 0 {
            text = format!("{text}, {} missing without a word", missed.unannounced);
        }
        text
    }
}

// === impl Book ===

impl Book<'_> {
    fn write(&mut self, mut events: Events<'_>) -> Result<(), RecordError> {
        let now = self.clock.now();
        while let Some(event) = events.next_event().map_err(InvalidMessage::from)? {
            self.take(&event, now)?;
        }
        Ok(())
    }

    fn take(&mut self, event: &Event<'_>, now: Nanos) -> Result<(), RecordError> {
        match event {
            Event::Record(change) | Event::Correction(change) => {
                if !change.is_snapshot {
                    self.missed.merged += change.tick.n.saturating_sub(1);
                }
                self.missed.unannounced += change.breach.map_or(0, |breach| breach.missing());
                if let Some((tick, rx)) = tick(change, &mut self.configured)? {
                    self.files.write(&tick, rx, now)?;
                }
            }
            Event::Gap(loss) => {
                self.missed.unannounced += loss.breach.map_or(0, |breach| breach.missing());
                *self.missed.gaps.entry(loss.gap.reason.to_string()).or_default() += loss.gap.ticks();
                self.files.note(&gap_note(loss, now), now)?;
            }
            Event::Welcome(welcome) => {
                self.configured.begin(&welcome.fields);
                let epoch = json!(welcome.epoch);
                self.files.note(&note("connected", now, &[("epoch", epoch)]), now)?;
            }
            Event::Subscribed(answer) => {
                let refused = |result: &&SymbolResult<'_>| result.status == Outcome::Error;
                for SymbolResult { symbol, message, .. } in answer.results.iter().filter(refused) {
                    complain_of(&format!("{symbol}: {message}"));
                }
            }
            Event::Error(fault) => complain_of(&fault.message),
            _ => {}
        }
        Ok(())
    }

    fn lost(&mut self, why: &str) -> Result<(), RecordError> {
        complain(format_args!("tickcast record: {why}; connecting again\n"));
        let now = self.clock.now();
        self.files.note(&note("disconnected", now, &[("why", json!(why))]), now)?;
        Ok(self.files.look(now)?)
    }
}

fn complain_of(what: &str) {
    complain(format_args!("tickcast record: {}\n", printable(what)));
}
