//! Plays a recording: its ticks, at the pace at which they were received, as commands control it.
//!
//! A record is due as long after the first as its time is after the first one's. Records keep the file's order: one
//! whose time steps back is due at once. [`Tape`] gives records and their positions, [`Player`] decides what is due,
//! [`ReplayControl`] holds the commands; this is the shell around them, on the feed's thread.
//!
//! Invariants: a tick is what the file says, with its event time (except the totals of a symbol's first trade after a
//! new beginning); the same file and the same commands give the same ticks in the same order, whatever the speed.

mod control;
mod names;
mod obey;
mod options;
mod player;
mod span;
mod tape;
mod timeline;

use std::{sync::Arc, time::Duration};

pub use control::{PaceError, Phase, Refusal, ReplayCommand, ReplayControl, ReplayState, Reply};
use names::Names;
pub use options::{AtEnd, ReplayConfig, Start, TimestampMode};
pub use player::{Hold, Player, RecordDue};
use span::Measure;
pub use span::ReplaySpan;
use tape::Tape;
use timeline::TimelinePosition;
pub use timeline::{MaxGap, ROUND_GAP};

use super::{
    DeclaredSymbols, Feed, FeedActivity, FeedError, RefusedTick, RejectReason, Sink, pace::ReplaySpeed,
    with_sources,
};
use crate::{
    clock::Anchor,
    shutdown::Stop,
    tick::{Nanos, Tick},
};

/// An open recording.
pub struct Replay {
    tape: Tape,
    player: Player,
    /// The symbols known before they tick.
    names: Arc<Names>,
    control: Arc<ReplayControl>,
    /// Taken from the tape and not submitted yet.
    batch: Vec<Tick>,
    /// The time of each by the market's clock, if the replay drives it.
    dates: Vec<Nanos>,
    /// The lateness of each, when it is paced.
    late: Vec<Duration>,
    refused: Vec<RefusedTick>,
    /// The recording's time of the last record taken since the last new beginning or seek.
    time: Option<Nanos>,
    /// The current position; initially the one it begins with. `None`: the market's clock is the wall clock.
    stands: Option<TimelinePosition>,
    /// Rejected records, before there is a sink to count them.
    rejected: Vec<RejectReason>,
    /// The command whose steps are being made.
    stepping: Option<Reply>,
    /// A seek or restart that waits for the readers of what was played. Nothing is played meanwhile.
    leaving: Option<(ReplayCommand, Reply)>,
    ended: bool,
    waiting_for_readers: bool,
    shown: Option<FeedActivity>,
}

/// What follows a batch.
enum Then {
    /// More is due, or may be.
    Look,
    /// The next record is due at this play time.
    At(Duration),
    /// More, when readers have taken what was submitted.
    Readers,
    /// Nothing, until a command comes.
    Rest,
    Over,
    Broken(FeedError),
}

/// The most ticks that go into one batch.
const BATCH_TICKS_MAX: usize = 1_024;
/// A shorter sleep costs more than it is worth; ticks may be this late.
const WAIT_MIN: Duration = Duration::from_micros(100);
/// A wait ends at least this often, which keeps it far from any overflow.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

// === impl Replay ===

impl Replay {
    /// Opens the recording and reads its first line. `feed` is the feed's name, for the log.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a recording.
    pub fn open(feed: &str, config: &ReplayConfig, line_bytes_max: usize) -> Result<Self, FeedError> {
        let mut tape = Tape::open(feed, config, line_bytes_max)?;
        let mut aside = Aside::default();
        let stands = match config.clock {
            TimestampMode::Wall => None,
            TimestampMode::Replay => tape.peek(&mut aside)?,
        };
        if !config.reads_a_pipe() {
            // To know its first symbols before they tick. An error is reported when it comes to be played.
            tape.read_ahead(&mut aside);
        }
        let names = Names::new(&config.selection, tape.ahead());
        let state = ReplayState {
            file: tape.name().to_owned(),
            speed: config.speed,
            round: 1,
            ..ReplayState::default()
        };
        let replay = Replay {
            tape,
            player: Player::new(config.speed, config.start.hold(), Nanos(0)),
            names: Arc::new(names),
            control: ReplayControl::new(state, Measure::new(config, line_bytes_max)),
            batch: Vec::with_capacity(BATCH_TICKS_MAX),
            late: Vec::new(),
            refused: Vec::new(),
            dates: Vec::new(),
            time: None,
            stands,
            rejected: aside.0,
            stepping: None,
            leaving: None,
            ended: false,
            waiting_for_readers: false,
            shown: None,
        };
        replay.show();
        Ok(replay)
    }

    fn play(&mut self, sink: &mut dyn Sink, stop: &Stop) -> Result<(), FeedError> {
        let begin = sink.now();
        self.player = Player::new(self.player.speed(), self.player.hold(), begin);
        self.rejected.drain(..).for_each(|reason| sink.reject(reason));
        self.drive(begin, sink);
        while !stop.is_set() {
            self.obey_all(sink)?;
            let now = sink.now();
            if matches!(self.player.hold(), Hold::Clients(wanted) if sink.clients() >= wanted) {
                self.player.resume(now);
                self.drive(now, sink);
            }
            let then = self.gather(now, sink);
            self.hand_in(now, sink);
            self.waiting_for_readers = matches!(then, Then::Readers);
            // First its effect on others, then the answer.
            self.tell(sink);
            self.answer_step();
            sink.watch_readers(self.waits_for_readers());
            match then {
                Then::Broken(error) => return Err(error),
                Then::Look => {}
                // The notification may precede the command that is handled next.
                _ if self.leaving.is_none() && self.control.is_asked(self.player.steps()) => {}
                Then::At(at) => {
                    self.tape.read_ahead(sink);
                    if let RecordDue::In(left) = self.player.due(at, sink.now()) {
                        self.control.wakeup().wait(left.clamp(WAIT_MIN, WAIT_MAX));
                    }
                }
                // No client is left that could ask for more.
                Then::Over if Arc::strong_count(&self.control) == 1 => return Ok(()),
                Then::Readers | Then::Rest | Then::Over => {
                    self.control.wakeup().wait(WAIT_MAX);
                }
            }
        }
        Ok(())
    }

    /// Takes the due records from the tape.
    fn gather(&mut self, now: Nanos, sink: &mut dyn Sink) -> Then {
        if self.leaving.is_some() {
            return Then::Readers;
        }
        let mut room = None;
        while self.batch.len() < BATCH_TICKS_MAX {
            let at = match self.tape.peek(sink) {
                Ok(Some(place)) => place.at,
                Ok(None) => {
                    self.player.forget_steps();
                    if !self.ended {
                        self.ended = true;
                        self.drive(now, sink);
                    }
                    return Then::Over;
                }
                Err(error) => return Then::Broken(error),
            };
            let late = match self.player.due(at, now) {
                RecordDue::Now { late } => late,
                RecordDue::In(_) => return Then::At(at),
                RecordDue::Held => return Then::Rest,
            };
            if self.waits_for_readers() && self.batch.len() >= *room.get_or_insert_with(|| sink.room()) {
                return if self.batch.is_empty() { Then::Readers } else { Then::Look };
            }
            let paced = self.player.steps() == 0 && self.player.speed() != ReplaySpeed::Max;
            self.player.played(at, now);
            if let Some((place, recorded, tick)) = self.tape.take() {
                self.batch.push(tick);
                if let Some(stands) = &mut self.stands {
                    *stands = place;
                    self.dates.push(place.time);
                }
                self.late.extend(paced.then_some(late));
                self.time = Some(recorded);
            }
        }
        Then::Look
    }

    fn hand_in(&mut self, now: Nanos, sink: &mut dyn Sink) {
        if self.batch.is_empty() {
            return;
        }
        if let Some(&oldest) = self.late.iter().max() {
            sink.lag(oldest);
        }
        let records = self.batch.len() as u64;
        if self.stands.is_some() {
            // First the clock: no tick has a time after the current one.
            self.drive(now, sink);
            sink.submit_dated(&mut self.batch, &self.dates, &mut self.refused);
            self.dates.clear();
        } else {
            sink.submit(&mut self.batch, &mut self.refused);
        }
        // The time spent up to here is part of the delay.
        let taken = Duration::from_nanos(sink.now().since(now));
        self.late.iter_mut().for_each(|late| *late += taken);
        self.control.note_lateness(&mut self.late);
        self.control.show(|state| state.records += records);
        self.tape.warnings().refused(now, &mut self.refused);
    }

    /// The market's time, if the replay drives it: that of the last record played, plus the time since then.
    fn market_time(&self, now: Nanos) -> Option<Nanos> {
        let stands = self.stands?;
        Some(stands.time.plus(self.player.position(now).saturating_sub(stands.at)))
    }

    /// Sets the market's clock.
    fn drive(&self, now: Nanos, sink: &mut dyn Sink) {
        let Some(market) = self.market_time(now) else { return };
        let rate = match (self.player.hold(), self.player.speed()) {
            (Hold::No, ReplaySpeed::Times(times)) if !self.ended => times,
            _ => 0.0,
        };
        sink.drive(Anchor { world: now, market, rate });
    }

    /// Publishes the status.
    fn tell(&mut self, sink: &mut dyn Sink) {
        let activity = match self.player.hold() {
            _ if self.ended => FeedActivity::Ended,
            Hold::No => FeedActivity::Playing,
            Hold::Paused | Hold::Clients(_) => FeedActivity::Held,
        };
        if self.shown.replace(activity) != Some(activity) {
            sink.activity(activity);
        }
        self.show();
    }

    fn show(&self) {
        let (player, tape) = (&self.player, &self.tape);
        self.control.show(|state| {
            state.phase = match player.hold() {
                _ if self.ended => Phase::Ended,
                Hold::No => Phase::Playing,
                Hold::Paused => Phase::Paused,
                Hold::Clients(_) => Phase::Waiting,
            };
            state.paused = player.hold() == Hold::Paused;
            state.waiting_for_clients = if let Hold::Clients(wanted) = player.hold() { wanted } else { 0 };
            state.ended = self.ended;
            state.waiting_for_readers = self.waiting_for_readers;
            state.speed = player.speed();
            (state.position, state.round) = (tape.position(), tape.round());
            (state.time, state.next) = (self.time, tape.next());
        });
    }
}

impl Feed for Replay {
    fn run(mut self: Box<Self>, sink: &mut dyn Sink, stop: &Stop) -> Result<(), FeedError> {
        sink.listen(self.control.wakeup());
        stop.notifies(self.control.wakeup());
        let result = self.play(sink, stop);
        if let Err(error) = &result {
            self.control.show(|state| state.phase = Phase::Failed);
            self.control.leave(&with_sources(error));
        }
        result
    }

    fn replay(&self) -> Option<Arc<ReplayControl>> {
        Some(Arc::clone(&self.control))
    }

    fn listing(&self) -> Option<Arc<dyn DeclaredSymbols>> {
        Some(Arc::clone(&self.names) as Arc<dyn DeclaredSymbols>)
    }

    fn begins(&self) -> Option<Nanos> {
        self.stands.map(|stands| stands.time)
    }
}

/// Keeps what is reported before there is a sink.
#[derive(Default)]
struct Aside(Vec<RejectReason>);

impl Sink for Aside {
    fn submit(&mut self, _ticks: &mut Vec<Tick>, _refused: &mut Vec<RefusedTick>) {}

    fn reject(&mut self, reason: RejectReason) {
        self.0.push(reason);
    }

    fn lag(&mut self, _behind: Duration) {}

    fn now(&self) -> Nanos {
        Nanos::default()
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.control.leave("the service stops");
        for reply in self.stepping.take().into_iter().chain(self.leaving.take().map(|(_, reply)| reply)) {
            reply(Err(Refusal::Gone("the service stops".to_owned())));
        }
    }
}

#[cfg(test)]
mod tests;
