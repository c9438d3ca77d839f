//! The market as a client holds it, as a state machine: frames in, events out, and the commands that resume it on the next
//! connection.
//!
//! Pure: no socket, no clock, no task. Invariants: each topic's last seq is what the next connection resumes from, so that
//! nothing is asked for twice; every record and gap is judged by law 4; without a connection nothing looks live.
//!
//! Topics are found by their symbols in one place, [`Mirror::topic_mut`]: names of subscriptions, should the protocol give
//! them, become a part of that key and of nothing else.

mod ask;
mod events;
#[cfg(test)]
mod tests;

pub use events::Events;

use std::{collections::HashMap, time::Duration};

use compact_str::CompactString;
use wildmatch::WildMatch;

use crate::{
    command::Subscription,
    event::{Change, Event, Loss},
    json::MessageError,
    message::{Answer, Gap, Id, Limits, Message, Status, SymbolResult, Tick, Welcome},
    seq::{Breach, Cursor},
    server_time::ServerTime,
    topic::{STALE_US, Standing, Topic},
    words::{GapReason, Outcome, Pace},
};

/// What is known of every symbol that was asked for.
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
    /// When the server has said when to come back.
    retry: Option<Duration>,
    server_time: ServerTime,
    totals: Totals,
}

/// What a subscribe command said that its answer is read by.
#[derive(Clone, Default, Debug)]
struct Asked {
    resumes: bool,
    begins_anywhere: bool,
    /// Topics that a glob of it matches and whose seqs found no room in it.
    left_out: Vec<usize>,
}

/// Over all topics, since the beginning.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Totals {
    pub bytes: u64,
    pub updates: u64,
    pub snapshots: u64,
    /// Ticks that updates stood for beyond one each.
    pub merged: u64,
    pub gaps: u64,
    /// Ticks that gaps announced as lost.
    pub lost: u64,
    /// Ticks that are missing though no gap was announced.
    pub missing: u64,
}

// === impl Mirror ===

impl Mirror {
    /// A topic for each name that is asked for; those of a glob follow when their symbols show.
    pub fn new(subscription: Subscription) -> Self {
        let mut mirror = Mirror::default();
        mirror.want(subscription);
        mirror
    }

    /// All topics, in the order in which they were asked for or first seen.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    pub fn topic(&self, symbol: &str) -> Option<&Topic> {
        self.places.get(symbol).map(|&place| &self.topics[place])
    }

    /// What the topics' seqs mean something in: the epoch of the last welcome.
    pub fn epoch(&self) -> Option<&str> {
        self.epoch.as_deref()
    }

    /// How often something comes from a server that has nothing to say.
    pub fn heartbeat(&self) -> Option<Duration> {
        self.heartbeat
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How the server says that this session keeps up; `None` while it has not.
    pub fn pace(&self) -> Option<&Pace> {
        self.pace.as_ref()
    }

    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The server's time when this machine's is `now_nanos`, as far as pings have told.
    pub fn server_nanos(&self, now_nanos: i64) -> i64 {
        self.server_time.at(now_nanos)
    }

    /// When the server has said to come back, if it has since this was asked last.
    pub fn take_retry(&mut self) -> Option<Duration> {
        self.retry.take()
    }

    /// Takes in a message.
    ///
    /// # Errors
    /// When its fields cannot be read.
    fn take<'a>(&'a mut self, message: Message<'a>, now_nanos: i64) -> Result<Event<'a>, MessageError> {
        Ok(match message {
            Message::Update(tick) => return self.record(tick, false).map(Event::Record),
            Message::Snapshot(tick) => return self.record(tick, true).map(Event::Record),
            Message::Gap(gap) => Event::Gap(self.gap(gap)),
            Message::Status(status) => self.status(status),
            Message::Welcome(welcome) => {
                self.welcome(&welcome);
                Event::Welcome(welcome)
            }
            Message::Subscribed(answer) => {
                self.subscribed(&answer);
                Event::Subscribed(answer)
            }
            Message::Unsubscribed(answer) => {
                self.each_ok(&answer, |topic| {
                    topic.standing = Standing::Left;
                    topic.cursor = Cursor::PENDING;
                });
                Event::Unsubscribed(answer)
            }
            Message::Set(answer) => {
                self.each_ok(&answer, |topic| topic.cursor.renew());
                Event::Set(answer)
            }
            Message::Pong(pong) => {
                if let Some(Id::Number(id)) = pong.id {
                    self.server_time.pong(id, now_nanos, pong.ts_us.saturating_mul(1_000));
                }
                Event::Pong(pong)
            }
            Message::Drain(drain) => {
                self.retry = Some(Duration::from_millis(drain.retry_ms));
                Event::Drain
            }
            Message::Heartbeat(heartbeat) => Event::Heartbeat(heartbeat),
            Message::List(list) => Event::List(list),
            Message::Error(fault) => Event::Error(fault),
            Message::End => Event::End,
            Message::Other { .. } => Event::Other,
        })
    }

    fn welcome(&mut self, welcome: &Welcome<'_>) {
        self.heartbeat = Some(Duration::from_millis(welcome.heartbeat_ms));
        self.limits = welcome.limits;
        self.pace = None;
        let stale_us = self.stale_us();
        let is_other_epoch = self.epoch.as_deref().is_some_and(|epoch| epoch != welcome.epoch);
        self.epoch = Some((&*welcome.epoch).into());
        for topic in &mut self.topics {
            topic.stale_us = stale_us;
            if is_other_epoch {
                topic.restart();
            }
        }
    }

    fn record<'a>(&'a mut self, tick: Tick<'a>, is_snapshot: bool) -> Result<Change<'a>, MessageError> {
        let place = self.place(&tick.symbol);
        let topic = &mut self.topics[place];
        let had = topic.record.seq;
        let kept;
        if is_snapshot {
            topic.record.replace(&tick)?;
            kept = topic.cursor.snapshot(tick.seq);
            self.totals.snapshots += 1;
        } else {
            topic.record.merge(&tick)?;
            kept = topic.cursor.update(tick.seq, tick.n);
            let merged = tick.n.saturating_sub(1);
            topic.merged += merged;
            self.totals.updates += 1;
            self.totals.merged += merged;
        }
        topic.shown();
        let breach = topic.judged(kept);
        self.totals.missing += breach.as_ref().map_or(0, Breach::missing);
        Ok(Change { topic: &self.topics[place], tick, is_snapshot, had, breach })
    }

    fn gap<'a>(&'a mut self, gap: Gap<'a>) -> Loss<'a> {
        let place = self.place(&gap.symbol);
        let topic = &mut self.topics[place];
        if gap.reason == GapReason::Epoch {
            // What was held says nothing here.
            topic.restart();
        }
        let kept = topic.cursor.gap(gap.from, gap.to);
        let breach = topic.judged(kept);
        topic.gaps += 1;
        topic.lost = topic.lost.saturating_add(gap.ticks());
        self.totals.gaps += 1;
        self.totals.lost = self.totals.lost.saturating_add(gap.ticks());
        self.totals.missing += breach.as_ref().map_or(0, Breach::missing);
        Loss { topic: &self.topics[place], gap, breach }
    }

    fn status(&mut self, Status { symbol, state, pace }: Status<'_>) -> Event<'_> {
        if let (Some(symbol), Some(state)) = (symbol, state) {
            let topic = self.topic_mut(&symbol);
            topic.standing = (&state).into();
            return Event::State(topic);
        }
        match pace {
            Some(pace) => Event::Pace(self.pace.insert(pace)),
            None => Event::Other,
        }
    }

    fn subscribed(&mut self, answer: &Answer<'_>) {
        let asked = match &answer.id {
            Some(Id::Number(id)) => self.asked.remove(id).unwrap_or_default(),
            _ => Asked::default(),
        };
        for &place in &asked.left_out {
            self.topics[place].cursor = Cursor::PENDING;
        }
        for result in &answer.results {
            if is_glob(&result.symbol) {
                if !asked.resumes {
                    self.each_of(&result.symbol, |topic| topic.cursor.renew());
                }
            } else {
                self.topic_mut(&result.symbol).answered(result, asked.begins_anywhere);
            }
        }
    }

    /// Each topic that a result with the status `ok` speaks of.
    fn each_ok(&mut self, answer: &Answer<'_>, mut with: impl FnMut(&mut Topic)) {
        for result in answer.results.iter().filter(|result| result.status == Outcome::Ok) {
            self.each_of(&result.symbol, &mut with);
        }
    }

    fn each_of(&mut self, symbol: &str, mut with: impl FnMut(&mut Topic)) {
        if is_glob(symbol) {
            let glob = WildMatch::new(symbol);
            self.topics.iter_mut().filter(|topic| glob.matches(&topic.symbol)).for_each(with);
        } else if let Some(&place) = self.places.get(symbol) {
            with(&mut self.topics[place]);
        }
    }

    fn stale_us(&self) -> i64 {
        let stale_us = |ms: u64| i64::try_from(ms.saturating_mul(1_000)).unwrap_or(i64::MAX);
        self.limits.stale_ms.filter(|&ms| ms > 0).map_or(STALE_US, stale_us)
    }

    fn topic_mut(&mut self, symbol: &str) -> &mut Topic {
        let place = self.place(symbol);
        &mut self.topics[place]
    }

    fn place(&mut self, symbol: &str) -> usize {
        if let Some(&place) = self.places.get(symbol) {
            return place;
        }
        let stale_us = self.stale_us();
        self.topics.push(Topic { stale_us, ..Topic::new(symbol) });
        self.places.insert(symbol.into(), self.topics.len() - 1);
        self.topics.len() - 1
    }
}

// === impl Topic ===

impl Topic {
    /// Its subscription was answered.
    fn answered(&mut self, result: &SymbolResult<'_>, begins_anywhere: bool) {
        let anew = if begins_anywhere { Cursor::ANYWHERE } else { Cursor::NEW };
        match &result.status {
            Outcome::Error => {
                self.cursor.refused();
                self.standing = Standing::Refused((&*result.code).into());
            }
            Outcome::Pending => {
                self.cursor = if begins_anywhere { anew } else { Cursor::PENDING };
                let is_known = result.known != Some(false);
                self.standing = if is_known { Standing::Pending } else { Standing::Unknown };
            }
            Outcome::Ok => {
                self.cursor = anew;
                self.standing = Standing::Live;
            }
            Outcome::Resumed | Outcome::Gap | Outcome::Other(_) => self.standing = Standing::Live,
        }
    }
}

fn is_glob(symbol: &str) -> bool {
    symbol.contains('*')
}
