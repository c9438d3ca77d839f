//! What a feed from a venue tells an operator. A fault that repeats is told once in a while.

use crate::{
    feed::{RefusedTick, upstream::core::LogLine},
    throttle::Throttle,
    tick::Nanos,
};

/// The log of one feed.
pub struct UpstreamLog {
    feed: String,
    rejected: Throttle,
    refused: Throttle,
    gaps: Throttle,
}

impl UpstreamLog {
    pub fn new(feed: &str) -> Self {
        UpstreamLog {
            feed: feed.to_owned(),
            rejected: Throttle::default(),
            refused: Throttle::default(),
            gaps: Throttle::default(),
        }
    }

    pub fn told(&self, now: Nanos, told: LogLine) {
        let feed = &*self.feed;
        match told {
            LogLine::Info(line) => tracing::info!(feed, "{line}"),
            LogLine::Warn(line) => tracing::warn!(feed, "{line}"),
            LogLine::Gap(why) => {
                if let Some(more) = self.gaps.pass(now) {
                    tracing::warn!(feed, more, "a gap in what the venue sends: {why}");
                }
            }
            LogLine::Alert(line) => tracing::error!(feed, "{line}"),
        }
    }

    /// A message, or a part of one, that is not a tick.
    pub fn rejected(&self, now: Nanos, why: &str) {
        if let Some(more) = self.rejected.pass(now) {
            let why = crate::escape::escaped(why);
            tracing::warn!(feed = self.feed, more, "a message is not a tick: {why}");
        }
    }

    /// Ticks that the market did not take.
    pub fn refused(&self, now: Nanos, refused: &mut Vec<RefusedTick>) {
        for refused in refused.drain(..) {
            if let Some(more) = self.refused.pass(now) {
                tracing::warn!(feed = self.feed, more, "a tick was refused: {}", refused.message);
            }
        }
    }
}
