//! How a replay carries out commands, on the feed's thread, between two batches.
//!
//! Invariant: a command is carried out after those given before it; steps are answered when they were made, or cut
//! short by another command.

use super::{
    Replay,
    control::{Refusal, ReplayCommand, Reply},
};
use crate::feed::{FeedError, ReplaySpeed, Sink, with_sources};

impl Replay {
    /// Carries out commands, in order. After steps at least one batch is played first, so that a command that waits
    /// behind them finds them made.
    pub(super) fn obey_all(&mut self, sink: &mut dyn Sink) -> Result<(), FeedError> {
        loop {
            let leaving = self.leaving.take();
            let Some((command, reply)) = leaving.or_else(|| self.control.next(self.player.steps())) else {
                break;
            };
            if matches!(command, ReplayCommand::Seek(_) | ReplayCommand::Restart) {
                self.end_steps();
                sink.watch_readers(true);
                if !sink.is_taken() {
                    self.leaving = Some((command, reply));
                    break;
                }
            }
            self.obey(command, reply, sink)?;
            if self.player.steps() > 0 {
                break;
            }
        }
        sink.watch_readers(self.waits_for_readers());
        Ok(())
    }

    /// Whether it waits for its readers. A client that steps wants to see each step.
    pub(super) fn waits_for_readers(&self) -> bool {
        self.leaving.is_some() || self.player.steps() > 0 || self.player.speed() == ReplaySpeed::Max
    }

    /// Carries a command out and answers it; steps are answered when they were made.
    fn obey(&mut self, command: ReplayCommand, reply: Reply, sink: &mut dyn Sink) -> Result<(), FeedError> {
        let now = sink.now();
        self.end_steps();
        let done = match command {
            ReplayCommand::Sync => Ok(()),
            ReplayCommand::Pause => {
                self.player.pause(now);
                Ok(())
            }
            ReplayCommand::Resume => {
                self.player.resume(now);
                Ok(())
            }
            ReplayCommand::Speed(speed) => {
                self.player.set_speed(speed, now);
                self.control.forget_lateness();
                Ok(())
            }
            ReplayCommand::Step(count) => {
                self.player.step(count, now);
                self.drive(now, sink);
                self.stepping = Some(reply);
                return Ok(());
            }
            ReplayCommand::Seek(to) => {
                (self.ended, self.time) = (false, None);
                let sought = self.tape.seek(to, self.player.position(now), self.market_time(now), sink);
                // The answer says so when there is no record at this time or after it.
                sought.and_then(|()| self.tape.peek(sink)).map(|next| self.ended = next.is_none())
            }
            ReplayCommand::Restart => {
                (self.ended, self.time) = (false, None);
                self.tape.restart(self.player.position(now), self.market_time(now))
            }
        };
        self.drive(now, sink);
        self.tell(sink);
        reply(match &done {
            Ok(()) => Ok(self.control.state()),
            Err(error) => Err(Refusal::Failed(with_sources(error))),
        });
        done
    }

    /// Sends the number of steps that were made to the client that requested them.
    fn end_steps(&mut self) {
        self.player.forget_steps();
        self.answer_step();
    }

    pub(super) fn answer_step(&mut self) {
        if self.player.steps() == 0
            && let Some(reply) = self.stepping.take()
        {
            self.show();
            reply(Ok(self.control.state()));
        }
    }
}
