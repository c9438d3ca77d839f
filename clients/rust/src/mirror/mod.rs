//! A client's copy of the market, as a state machine: frames in, events out, and the commands that resume it on the next
//! connection.
//!
//! Pure: no socket, no clock, no task. Invariants: the next connection resumes after each topic's last seq; every record
//! and gap is checked by law 4; without a connection no topic is live.
//!
//! Topics are found in one place, [`Mirror::topic_mut`], by their symbols and the names of their subscriptions.

mod ask;
mod events;
#[cfg(test)]
mod named_tests;
mod take;
#[cfg(test)]
mod tests;

pub use events::Events;

use std::{borrow::Cow, collections::HashMap, time::Duration};

use compact_str::CompactString;

use crate::{
    binary::Decoder,
    command::Subscription,
    message::{Answer, Limits, SymbolResult},
    pattern::Pattern,
    server_time::ServerTime,
    topic::{STALE_US, Topic},
    words::{Outcome, Pace},
};

/// The state of every subscribed symbol.
///
/// ```
/// use tickcast_client::{Event, Field, Mirror, Subscription};
///
/// let mut mirror = Mirror::new(Subscription::latest(["BTCUSDT"]));
/// let commands = mirror.connect();
/// assert_eq!(commands, [r#"{"op":"subscribe","id":1,"symbols":["BTCUSDT"],"mode":"latest"}"#]);
///
/// let frame = r#"[{"type":"snapshot","symbol":"BTCUSDT","seq":53,"ts":1,"rx":2,"bid":87232}]"#;
/// let mut events = mirror.receive(frame, 0);
/// while let Some(event) = events.next_event()? {
///     let Event::Record(change) = event else { panic!() };
///     assert_eq!(change.topic.record.text(Field::Bid), Some("87232"));
///     assert_eq!(change.breach, None);
/// }
/// # Ok::<(), tickcast_client::MessageError>(())
/// ```
#[derive(Default, Debug)]
pub struct Mirror {
    wanted: Vec<Subscription>,
    topics: Vec<Topic>,
    places: HashMap<CompactString, usize>,
    /// Subscribe commands that are not answered yet, by their ids.
    asked: HashMap<u64, Asked>,
    last_id: u64,
    epoch: Option<CompactString>,
    heartbeat: Option<Duration>,
    limits: Limits,
    pace: Option<Pace>,
    /// The server's delay for reconnecting, if it sent one.
    retry: Option<Duration>,
    server_time: ServerTime,
    totals: Totals,
    /// Commands that follow from what was received.
    due: Vec<String>,
    /// Of the present connection.
    decoder: Decoder,
}

/// The part of a subscribe command that is needed to read its answer.
#[derive(Clone, Default, Debug)]
struct Asked {
    resumes: bool,
    begins_anywhere: bool,
    /// Topics that a glob of it matches and whose seqs found no room in it.
    left_out: Vec<usize>,
}

/// The code of what a token does not allow.
const NOT_ENTITLED: &str = "not_entitled";

/// Over all topics, since the beginning.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Totals {
    pub bytes: u64,
    pub updates: u64,
    pub snapshots: u64,
    /// Ticks that were merged into updates, beyond one each.
    pub merged: u64,
    pub gaps: u64,
    /// Ticks that gaps announced as lost.
    pub lost: u64,
    /// Ticks that are missing though no gap was announced.
    pub missing: u64,
}

// === impl Mirror ===

impl Mirror {
    /// Has a topic for each subscribed name. Topics of a glob are added when their symbols appear.
    pub fn new(subscription: Subscription) -> Self {
        let mut mirror = Mirror::default();
        mirror.want(subscription);
        mirror
    }

    /// For connections that ask for the time at which each frame is sent: see [`Event::Sent`](crate::Event::Sent).
    pub fn with_tx(mut self) -> Self {
        self.decoder = self.decoder.with_tx();
        self
    }

    /// All topics, in the order in which they were subscribed or first seen.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// The symbol of the subscription without a name.
    pub fn topic(&self, symbol: &str) -> Option<&Topic> {
        self.topic_of(symbol, None)
    }

    /// The symbol of the subscription with this name.
    pub fn topic_of(&self, symbol: &str, name: Option<&str>) -> Option<&Topic> {
        self.places.get(&*key(symbol, name)).map(|&place| &self.topics[place])
    }

    /// The epoch of the topics' seqs, from the last welcome.
    pub fn epoch(&self) -> Option<&str> {
        self.epoch.as_deref()
    }

    /// The heartbeat interval that the server announced.
    pub fn heartbeat(&self) -> Option<Duration> {
        self.heartbeat
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The pace that the server last reported for this session; `None` before.
    pub fn pace(&self) -> Option<&Pace> {
        self.pace.as_ref()
    }

    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The server's time when this machine's is `now_nanos`, in nanoseconds since 1970, as far as pings have measured it.
    pub fn server_nanos(&self, now_nanos: i64) -> i64 {
        self.server_time.at(now_nanos)
    }

    /// Takes the server's delay for reconnecting, if it sent one since the last call.
    pub fn take_retry(&mut self) -> Option<Duration> {
        self.retry.take()
    }

    /// The commands that are to be sent because of what was received since the last call: behind a new token, symbols that
    /// the old one did not allow are asked for again.
    pub fn take_commands(&mut self) -> Vec<String> {
        std::mem::take(&mut self.due)
    }

    /// Each topic of a result with the status `ok`.
    fn each_ok(&mut self, answer: &Answer<'_>, mut with: impl FnMut(&mut Topic)) {
        for result in answer.results.iter().filter(|result| result.status == Outcome::Ok) {
            self.each_of(result, &mut with);
        }
    }

    /// Whether it is the result of a glob. A symbol may contain `*` too.
    fn is_of_pattern(&self, result: &SymbolResult<'_>) -> bool {
        let is_named =
            || self.topic_of(&result.symbol, result.name.as_deref()).is_some_and(|topic| topic.is_named);
        result.matched.is_some() || (result.symbol.contains('*') && !is_named())
    }

    fn each_of(&mut self, result: &SymbolResult<'_>, mut with: impl FnMut(&mut Topic)) {
        if self.is_of_pattern(result) {
            let pattern = Pattern::new(&result.symbol);
            let of = |topic: &&mut Topic| {
                topic.name.as_deref() == result.name.as_deref() && pattern.matches(&topic.symbol)
            };
            self.topics.iter_mut().filter(of).for_each(with);
        } else if let Some(&place) = self.places.get(&*key(&result.symbol, result.name.as_deref())) {
            with(&mut self.topics[place]);
        }
    }

    fn stale_us(&self) -> i64 {
        let stale_us = |ms: u64| i64::try_from(ms.saturating_mul(1_000)).unwrap_or(i64::MAX);
        self.limits.stale_ms.filter(|&ms| ms > 0).map_or(STALE_US, stale_us)
    }

    fn topic_mut(&mut self, symbol: &str, name: Option<&str>) -> &mut Topic {
        let place = self.place(symbol, name);
        &mut self.topics[place]
    }

    fn place(&mut self, symbol: &str, name: Option<&str>) -> usize {
        let key = key(symbol, name);
        if let Some(&place) = self.places.get(&*key) {
            return place;
        }
        let stale_us = self.stale_us();
        let name = name.map(CompactString::from);
        let place = self.topics.len();
        self.places.insert((&*key).into(), place);
        self.topics.push(Topic { name, stale_us, ..Topic::new(symbol) });
        place
    }
}

/// A symbol, with the name of a subscription behind a comma, which no symbol has.
fn key<'a>(symbol: &'a str, name: Option<&str>) -> Cow<'a, str> {
    name.map_or(Cow::Borrowed(symbol), |name| Cow::Owned(format!("{symbol},{name}")))
}
