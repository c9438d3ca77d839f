//! Plays a recording: ticks as they were, at the pace at which they were received, and as somebody who holds it says.
//!
//! A record is due as long after the first as its time is after the first one's. Records keep the file's order: one whose
//! time went back is due at once. [`Tape`](tape::Tape) knows the records and their places, [`Player`] what is due,
//! [`Control`] what was asked; this is the shell around them, on the feed's thread.
//!
//! Invariants: a tick is what the file says, its event time included (but for the totals of a symbol's first trade behind
//! a new beginning); the same file and the same commands give the same ticks in the same order, whatever the speed.

mod control;
mod options;
mod player;
mod records;
mod tape;
mod timeline;

use std::{sync::Arc, time::Duration};

pub use control::{Command, Control, PaceError, Phase, Refusal, Reply, State};
pub use options::{Config, End, Recording, Start};
pub use player::{Due, Hold, Player};
pub use records::{Selection, TIME_EXPECTED, parse_time};
use tape::Tape;
pub use timeline::ROUND_GAP;

use super::{Activity, Feed, FeedError, Refused, Sink, pace::Speed};
use crate::{
    shutdown::Stop,
    tick::{Nanos, Tick},
};

/// A recording, opened.
pub struct Replay {
    tape: Tape,
    player: Player,
    control: Arc<Control>,
    /// Taken from the tape, and not handed in yet.
    batch: Vec<Tick>,
    /// How late each of them is, when it is paced.
    late: Vec<Duration>,
    refused: Vec<Refused>,
    /// The recording's time of the last record that was taken.
    time: Option<Nanos>,
    /// Who asked for the steps that are being made.
    stepping: Option<Reply>,
    ended: bool,
    shown: Option<Activity>,
}

/// What comes behind a batch.
enum Then {
    /// More is due, or may be.
    Look,
    /// The next record is due at this play time.
    At(Duration),
    /// Nothing, before somebody says so.
    Rest,
    Over,
    Broken(FeedError),
}

/// The most ticks that go into one batch.
const BATCH_TICKS_MAX: usize = 1_024;
/// Sleeping for less than this costs more than it is worth; ticks may be this late.
const WAIT_MIN: Duration = Duration::from_micros(100);
/// A wait ends at least this often, which keeps it far from any overflow.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

// === impl Replay ===

impl Replay {
    /// Opens the recording and reads its first line. `feed` is the feed's name, for the log.
    ///
    /// # Errors
    /// When the file cannot be read, or is no recording.
    pub fn open(feed: &str, config: &Config, line_bytes_max: usize) -> Result<Self, FeedError> {
        let tape = Tape::open(feed, config, line_bytes_max)?;
        let state = State { file: tape.name().to_owned(), speed: config.speed, round: 1, ..State::default() };
        let replay = Replay {
            tape,
            player: Player::new(config.speed, config.start.hold(), Nanos(0)),
            control: Control::new(state),
            batch: Vec::with_capacity(BATCH_TICKS_MAX),
            late: Vec::new(),
            refused: Vec::new(),
            time: None,
            stepping: None,
            ended: false,
            shown: None,
        };
        replay.show();
        Ok(replay)
    }

    fn play(&mut self, sink: &mut dyn Sink, stop: &Stop) -> Result<(), FeedError> {
        self.player = Player::new(self.player.speed(), self.player.hold(), sink.now());
        while !stop.is_set() {
            while let Some((command, reply)) = self.control.next() {
                self.obey(command, reply, sink)?;
            }
            let now = sink.now();
            if matches!(self.player.hold(), Hold::Clients(wanted) if sink.clients() >= wanted) {
                self.player.resume(now);
            }
            let then = self.gather(now, sink);
            self.hand_in(now, sink);
            self.answer_step();
            self.tell(sink);
            match then {
                Then::Look => {}
                Then::At(at) => {
                    if let Due::In(left) = self.player.due(at, sink.now()) {
                        self.control.bell().wait(left.clamp(WAIT_MIN, WAIT_MAX));
                    }
                }
                // Nobody is there who could ask for more.
                Then::Over if Arc::strong_count(&self.control) == 1 => return Ok(()),
                Then::Rest | Then::Over => {
                    self.control.bell().wait(WAIT_MAX);
                }
                Then::Broken(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes what is due from the tape.
    fn gather(&mut self, now: Nanos, sink: &mut dyn Sink) -> Then {
        while self.batch.len() < BATCH_TICKS_MAX {
            let at = match self.tape.peek(sink) {
                Ok(Some(place)) => place.at,
                Ok(None) => {
                    self.ended = true;
                    self.player.forget_steps();
                    return Then::Over;
                }
                Err(error) => return Then::Broken(error),
            };
            let late = match self.player.due(at, now) {
                Due::Now { late } => late,
                Due::In(_) => return Then::At(at),
                Due::Held => return Then::Rest,
            };
            let paced = self.player.steps() == 0 && self.player.speed() != Speed::Max;
            self.player.played(at, now);
            if let Some((recorded, tick)) = self.tape.take() {
                self.batch.push(tick);
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
        sink.submit(&mut self.batch, &mut self.refused);
        // What it took to get here is part of the delay.
        let taken = Duration::from_nanos(sink.now().since(now));
        self.late.iter_mut().for_each(|late| *late += taken);
        self.control.note_lateness(&mut self.late);
        self.control.show(|state| state.records += records);
        self.tape.complaints().refused(now, &mut self.refused);
    }

    /// Carries a command out and answers it; steps are answered when they have been made.
    fn obey(&mut self, command: Command, reply: Reply, sink: &mut dyn Sink) -> Result<(), FeedError> {
        let now = sink.now();
        // Whoever asked for steps learns how far they came.
        self.player.forget_steps();
        self.answer_step();
        let done = match command {
            Command::Pause => {
                self.player.pause(now);
                Ok(())
            }
            Command::Resume => {
                self.player.resume(now);
                Ok(())
            }
            Command::Speed(speed) => {
                self.player.set_speed(speed, now);
                self.control.forget_lateness();
                Ok(())
            }
            Command::Step(count) => {
                self.player.step(count, now);
                self.stepping = Some(reply);
                return Ok(());
            }
            Command::Seek(to) => {
                self.ended = false;
                self.tape.seek(to, self.player.position(now), None, sink)
            }
            Command::Restart => {
                self.ended = false;
                self.tape.restart(self.player.position(now), None)
            }
        };
        self.show();
        reply(match &done {
            Ok(()) => Ok(self.control.state()),
            Err(error) => Err(Refusal::Failed(error.to_string())),
        });
        done
    }

    fn answer_step(&mut self) {
        if self.player.steps() == 0
            && let Some(reply) = self.stepping.take()
        {
            self.show();
            reply(Ok(self.control.state()));
        }
    }

    /// Lets others know how it stands.
    fn tell(&mut self, sink: &mut dyn Sink) {
        let activity = match self.player.hold() {
            _ if self.ended => Activity::Ended,
            Hold::No => Activity::Playing,
            Hold::Paused | Hold::Clients(_) => Activity::Held,
        };
        self.show();
        if self.shown.replace(activity) != Some(activity) {
            sink.activity(activity);
        }
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
            state.speed = player.speed();
            (state.position, state.round, state.time) = (tape.position(), tape.round(), self.time);
        });
    }
}

impl Feed for Replay {
    fn run(mut self: Box<Self>, sink: &mut dyn Sink, stop: &Stop) -> Result<(), FeedError> {
        sink.listen(self.control.bell());
        stop.rings(self.control.bell());
        let result = self.play(sink, stop);
        if let Err(error) = &result {
            self.control.show(|state| state.phase = Phase::Failed);
            self.control.leave(&error.to_string());
        }
        result
    }

    fn replay(&self) -> Option<Arc<Control>> {
        Some(Arc::clone(&self.control))
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.control.leave("the service stops");
        if let Some(reply) = self.stepping.take() {
            reply(Err(Refusal::Gone("the service stops".to_owned())));
        }
    }
}

#[cfg(test)]
mod tests;
