//! Checks the messages of one connection against the laws, one by one.
//!
//! Beside the judge of the integration suite, which knows one session's messages alone, this one knows what the feed has
//! said: it compares every record with the one that the feed left at that seq.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::AddAssign,
};

use serde_json::{Value, value::RawValue};
use tickcast::tick::Nanos;

use super::{
    corrected::Said,
    judge::{
        Encoding, Message, Store,
        message::{keyed, unkeyed},
    },
    law::Law,
    plan::Ms,
    tape::Tape,
};

/// A command that has been sent and not answered.
#[derive(Clone, Debug)]
pub struct Asked {
    pub id: Value,
    pub what: What,
    /// How far the way up and the way down had come: a ping with nothing before it.
    pub alone: Option<u64>,
}

#[derive(Clone, Debug)]
pub enum What {
    Subscribe(Wanted),
    Unsubscribe,
    SetMode(&'static str),
    SetFields(&'static [&'static str]),
    SetInterval(Ms),
    SetTexts(bool),
    List,
    Ping,
    Auth,
    Faulty,
}

/// How a symbol is subscribed to.
#[derive(Clone, PartialEq, Debug)]
pub struct Wanted {
    pub mode: &'static str,
    pub interval_ms: Ms,
    pub fields: &'static [&'static str],
    pub snapshot: bool,
    pub name: Option<&'static str>,
    /// Its decimals are text.
    pub texts: bool,
    /// Where it goes on.
    pub resumes: bool,
}

/// The state of one subscription.
#[derive(Clone, Debug)]
struct Watch {
    wanted: Wanted,
    encoding: Encoding,
    /// Its record has every field: it began with a whole one, or with the first tick.
    is_whole: bool,
    /// It was changed: the next message may have the whole record, and stand for several ticks in mode `every` too.
    may_be_whole: bool,
    /// It has been sent something new in time.
    is_level: bool,
    subscribed_at: Nanos,
    state: String,
}

/// What a connection may rely on.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The longest time that a new message may be in flight; `None` where there is no bound.
    pub age_nanos: Option<u64>,
    pub is_lossless: bool,
}

#[derive(Default)]
pub struct Witness {
    pub store: Store,
    encoding: Encoding,
    pub asked: VecDeque<Asked>,
    /// By symbols, [keyed] with the names of subscriptions; so are cursors.
    watches: BTreeMap<String, Watch>,
    pub epoch: Option<String>,
    /// The client has broken the protocol: answers until the close are not checked.
    pub is_hostile: bool,
    pub told_drain: bool,
    pub told_end: bool,
    pub counts: Counts,
    /// The time of the last heartbeat, in microseconds of the market.
    heartbeat_ts: i64,
    /// Symbols that were shown in mode `once`.
    once: BTreeSet<String>,
    /// Where frames of data began that came since the last question that stood alone.
    pub data_begins: Vec<u64>,
}

/// What came, in numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    pub updates: u64,
    pub merged: u64,
    pub snapshots: u64,
    pub gapped: u64,
    /// Changes of a symbol's fields: the whole record that follows may be an update, and stand for no tick that was due.
    pub changes: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Counts) {
        self.updates += more.updates;
        self.merged += more.merged;
        self.snapshots += more.snapshots;
        self.gapped += more.gapped;
        self.changes += more.changes;
    }
}

/// Who wants none of these is not shown what a trade says of itself.
const LAST_TRADE: [&str; 4] = ["last", "last_size", "side", "trade_id"];
/// What the message of a trade has in mode `trades`, whether it has changed or not.
const QUOTE: [&str; 4] = ["bid", "bid_size", "ask", "ask_size"];

impl Watch {
    fn wants(&self, name: &str) -> bool {
        self.wanted.fields.is_empty() || self.wanted.fields.contains(&name)
    }

    /// Whether decimals come as text. In binary they are what they are.
    fn has_texts(&self) -> bool {
        self.wanted.texts && self.encoding != Encoding::Binary
    }

    /// Whether it shows what a tick says of a trade.
    fn shows(&self, said: &Said) -> bool {
        let is_shown = said.trade.is_some() && LAST_TRADE.iter().any(|name| self.wants(name));
        said.correction.is_some() || is_shown
    }

    /// Whether this tick is a message of its own: a cancel or correction, and in mode `trades` a trade that shows
    /// something wanted.
    fn is_own(&self, symbol: &str, seq: u64, tape: &Tape) -> bool {
        let Some(said) = tape.said(symbol, seq) else { return false };
        let is_trade = self.wanted.mode == "trades" && said.is_trade;
        let shows_trade =
            || self.shows(said) || tape.changed(symbol, seq - 1, seq).iter().any(|name| self.wants(name));
        said.correction.is_some() || (is_trade && shows_trade())
    }

    /// What an update says of a trade is what its newest tick said.
    fn check_said(&self, message: &Message, tape: &Tape) -> Found {
        let said = tape.said(&message.str("symbol"), message.seq("seq"));
        let said = said.filter(|said| message.is("update") && self.shows(said)).cloned().unwrap_or_default();
        let told = ["cancel", "correct"].into_iter().filter(|word| message.has(word));
        let told = told.map(|word| (word, message.str(word))).collect::<Vec<_>>();
        let (trade, texts) = message.raw("trade").map(trade_of).unzip();
        let is_right = told == said.correction.clone().into_iter().collect::<Vec<_>>() && trade == said.trade;
        if is_right && texts.is_none_or(|texts| texts == self.has_texts()) {
            return Ok(());
        }
        breach(Law::Told, format!("{said:?} was said, not {message:?}"))
    }
}

/// The values of a trade, and whether its decimals are text.
fn trade_of(raw: &str) -> (BTreeMap<String, String>, bool) {
    let values: BTreeMap<String, Box<RawValue>> = serde_json::from_str(raw).expect("`trade` is an object");
    let is_text = |name: &str| values.get(name).is_some_and(|raw| raw.get().starts_with('"'));
    let texts = is_text("last");
    assert_eq!(texts, is_text("last_size"), "some decimals are text, and some are not: {raw}");
    let plain = |(name, raw): (String, Box<RawValue>)| {
        let is_decimal = name == "last" || name == "last_size";
        let text = if is_decimal { raw.get().trim_matches('"') } else { raw.get() }.to_owned();
        (name, text)
    };
    (values.into_iter().map(plain).collect(), texts)
}

pub type Found = Result<(), (Law, String)>;

fn breach<T>(law: Law, what: impl Into<String>) -> Result<T, (Law, String)> {
    Err((law, what.into()))
}

impl Witness {
    pub fn of(encoding: Encoding) -> Witness {
        Witness { encoding, ..Witness::default() }
    }

    /// What the session is subscribed to, with the state of each.
    pub fn cursors(&self) -> BTreeMap<String, u64> {
        let watched = self.watches.keys();
        watched.filter_map(|key| Some((key.clone(), self.store.cursor(key)?))).collect()
    }

    pub fn wanted(&self) -> impl Iterator<Item = (&str, &Wanted)> {
        self.watches.iter().map(|(key, watch)| (key.as_str(), &watch.wanted))
    }

    /// One message. `answered_from`: how much had been sent towards the client when the server read the command that
    /// stands first.
    pub fn hears(
        &mut self,
        message: &Message,
        now: Nanos,
        tape: &Tape,
        terms: &Terms,
        answered_from: Option<u64>,
    ) -> Found {
        if self.epoch.is_none() && !message.is("welcome") {
            return breach(Law::Answers, format!("the first message is not a welcome: {message:?}"));
        }
        match message.kind().as_str() {
            "error" if self.is_hostile => {
                // A command that was too many is answered without its id.
                let is_answer = |asked: &Asked| {
                    matches!(asked.what, What::Faulty)
                        || asked.id == message.value("id")
                        || message.error_code() == "rate_limited"
                };
                if self.asked.front().is_some_and(is_answer) {
                    self.asked.pop_front();
                }
            }
            "welcome" if message.value("epoch") == super::node::EPOCH => {
                self.epoch = Some(message.str("epoch"));
            }
            "welcome" => return breach(Law::Numbering, format!("another epoch: {message:?}")),
            "subscribed" | "unsubscribed" | "set" | "list" | "pong" => {
                self.answered(message, now, answered_from)?;
            }
            "error" => self.told_error(message)?,
            "status" if message.has("symbol") => {
                if let Some(watch) = self.watches.get_mut(&message.key()) {
                    watch.state = message.str("state");
                }
            }
            "drain" => self.told_drain = true,
            "end" => {
                self.told_end = true;
                return self.is_newest(tape);
            }
            "heartbeat" => return self.heartbeat(message, now),
            "status" => {}
            _ => return self.shown(message, now, tape, terms),
        }
        Ok(())
    }

    /// Its times are the market's, which never goes back.
    fn heartbeat(&mut self, message: &Message, now: Nanos) -> Found {
        let (ts, asof) = (message.int("ts"), message.int("asof"));
        let is_right = asof <= ts && self.heartbeat_ts <= ts && ts <= now.micros();
        self.heartbeat_ts = ts;
        if is_right { Ok(()) } else { breach(Law::Heartbeat, format!("at {}: {message:?}", now.micros())) }
    }

    fn answered(&mut self, message: &Message, now: Nanos, answered_from: Option<u64>) -> Found {
        let Some(asked) = self.asked.pop_front() else {
            return breach(Law::Answers, format!("an answer that nobody asked for: {message:?}"));
        };
        if message.value("id") != asked.id {
            return breach(Law::Answers, format!("{:?} is answered out of turn by {message:?}", asked.id));
        }
        let kind = match &asked.what {
            What::Subscribe(_) => "subscribed",
            What::Unsubscribe => "unsubscribed",
            What::SetMode(_) | What::SetFields(_) | What::SetInterval(_) | What::SetTexts(_) => "set",
            What::List => "list",
            What::Ping => "pong",
            What::Auth | What::Faulty => "error",
        };
        if !message.is(kind) {
            return breach(Law::Answers, format!("{:?} is answered by {message:?}", asked.what));
        }
        if asked.alone.is_some()
            && let Some(from) = answered_from
        {
            let overtaken = self.data_begins.iter().filter(|&&begin| begin > from).count();
            if overtaken > 1 {
                return breach(
                    Law::ControlFirst,
                    format!("{overtaken} frames of data came before {message:?}"),
                );
            }
        }
        self.data_begins.clear();
        if let What::Subscribe(wanted) = &asked.what {
            for (key, status) in message.results() {
                if unkeyed(&key).1 != wanted.name {
                    return breach(Law::Answers, format!("{:?} is answered by {message:?}", wanted.name));
                }
                if status.starts_with("error") || key.contains('*') {
                    continue;
                }
                self.subscribed(&key, &status, wanted, now);
            }
        }
        if !message.is("list") && !message.is("pong") {
            self.changed(message, &asked.what);
            self.store.apply(message);
        }
        if message.is("list") {
            return self.listed(message);
        }
        Ok(())
    }

    fn subscribed(&mut self, key: &str, status: &str, wanted: &Wanted, now: Nanos) {
        self.store.want(&[key.to_owned()]);
        if wanted.mode == "once" {
            self.watches.remove(key);
            self.once.insert(key.to_owned());
            return;
        }
        let watch = Watch {
            wanted: wanted.clone(),
            encoding: self.encoding,
            is_whole: status == "pending" || status == "gap" || (wanted.snapshot && status != "resumed"),
            may_be_whole: false,
            is_level: false,
            subscribed_at: now,
            state: if status == "pending" { "pending" } else { "live" }.to_owned(),
        };
        self.watches.insert(key.to_owned(), watch);
    }

    fn changed(&mut self, message: &Message, what: &What) {
        let results = if matches!(what, What::Subscribe(_)) { Vec::new() } else { message.results() };
        for (key, _) in results.iter().filter(|(_, status)| status == "ok") {
            let Some(watch) = self.watches.get_mut(key) else { continue };
            self.counts.changes += u64::from(matches!(what, What::SetFields(_) | What::SetTexts(_)));
            match what {
                What::Unsubscribe => {
                    self.watches.remove(key);
                }
                What::SetTexts(texts) => {
                    (watch.wanted.texts, watch.may_be_whole, watch.is_level) = (*texts, true, false);
                }
                What::SetMode(mode) => {
                    (watch.wanted.mode, watch.may_be_whole, watch.is_level) = (mode, true, false);
                }
                What::SetFields(fields) => {
                    (watch.wanted.fields, watch.may_be_whole, watch.is_level) = (fields, true, false);
                }
                What::SetInterval(interval_ms) => {
                    (watch.wanted.interval_ms, watch.is_level) = (*interval_ms, false);
                }
                _ => {}
            }
        }
    }

    fn told_error(&mut self, message: &Message) -> Found {
        let code = message.error_code();
        if !message.has("id") && code == "too_many_subscriptions" {
            return Ok(());
        }
        let Some(asked) = self.asked.pop_front() else {
            return breach(Law::Answers, format!("an error that nobody caused: {message:?}"));
        };
        self.data_begins.clear();
        if code == "rate_limited" {
            return Ok(());
        }
        if message.has("id") && message.value("id") != asked.id {
            return breach(Law::Answers, format!("{:?} is answered out of turn by {message:?}", asked.id));
        }
        if !matches!(asked.what, What::Faulty | What::Auth) && code != "too_many_symbols" {
            return breach(Law::Answers, format!("{:?} had no fault, and was told {message:?}", asked.what));
        }
        Ok(())
    }

    fn listed(&self, message: &Message) -> Found {
        let Value::Array(entries) = message.value("subscriptions") else {
            return breach(Law::Answers, "a list without subscriptions");
        };
        let key = |entry: &Value| Some(keyed(entry["symbol"].as_str()?, entry["as"].as_str()));
        let listed: BTreeSet<String> = entries.iter().filter_map(key).collect();
        let watched: BTreeSet<String> = self.watches.keys().cloned().collect();
        // A symbol in mode `once` that has no tick yet is one, until it has.
        let missing: Vec<_> = watched.difference(&listed).collect();
        let more: Vec<_> = listed.difference(&watched).filter(|key| !self.once.contains(*key)).collect();
        if !missing.is_empty() || !more.is_empty() {
            return breach(Law::Answers, format!("the list lacks {missing:?} and has {more:?} too many"));
        }
        Ok(())
    }

    /// A snapshot, an update, a gap.
    fn shown(&mut self, message: &Message, now: Nanos, tape: &Tape, terms: &Terms) -> Found {
        let (symbol, key) = (message.str("symbol"), message.key());
        self.store.apply(message);
        match message.kind().as_str() {
            "gap" => {
                self.counts.gapped += message.seq("to") - message.seq("from") + 1;
                let Some(watch) = self.watches.get_mut(&key) else { return Ok(()) };
                watch.is_whole = true;
                let told = tape.correction_within(&symbol, message.seq("from") - 1, message.seq("to"));
                let (is_slow, is_latest) = (message.str("reason") == "slow", watch.wanted.mode == "latest");
                if is_slow && is_latest && told.is_none() {
                    return breach(Law::Told, format!("a gap that hides no correction: {message:?}"));
                }
                // A feed waits for those that read every tick or trade.
                if is_slow && !is_latest && !watch.may_be_whole && terms.is_lossless {
                    return breach(Law::Lossless, format!("{message:?} although the feed waits"));
                }
                return Ok(());
            }
            "snapshot" => self.counts.snapshots += 1,
            "update" => {
                self.counts.updates += 1;
                self.counts.merged += message.n() - 1;
            }
            other => return breach(Law::Answers, format!("a message of type {other}: {message:?}")),
        }
        let (seq, n) = (message.seq("seq"), if message.is("update") { message.n() } else { 0 });
        let Some(truth) = tape.record(&symbol, seq) else {
            return breach(Law::Truth, format!("the feed has not got to {message:?}"));
        };
        let (ts, rx) = (message.int("ts"), message.int("rx"));
        if let Some(times) = tape.times(&symbol, seq)
            && (ts, rx) != (times.ts.micros(), times.rx.micros())
        {
            return breach(Law::Truth, format!("its times are {times:?}: {message:?}"));
        }
        let is_once = self.once.contains(&key);
        let Some(watch) = self.watches.get_mut(&key) else {
            return if is_once {
                Ok(())
            } else {
                breach(Law::Isolation, format!("not subscribed: {message:?}"))
            };
        };
        if message.has_texts().is_some_and(|texts| texts != watch.has_texts()) {
            return breach(Law::Truth, format!("decimals as text: {}, not {message:?}", watch.has_texts()));
        }
        let is_wanted = |name: &str| watch.wanted.fields.is_empty() || watch.wanted.fields.contains(&name);
        for (name, text) in message.record() {
            if !is_wanted(&name) || truth.get(name.as_str()) != Some(&text) {
                return breach(
                    Law::Truth,
                    format!("{name} is {:?}, in {message:?}", truth.get(name.as_str())),
                );
            }
        }
        watch.check_said(message, tape)?;
        if message.is("update") {
            Self::check_changes(watch, message, tape)?;
            Self::check_told(watch, message, tape)?;
        }
        let may_be_whole = watch.may_be_whole;
        // Cancels and corrections come before the whole record, not in mode `trades`.
        watch.may_be_whole &= message.has("cancel") || message.has("correct");
        let held = &self.store.get(&key).record;
        if let Some((name, text)) =
            held.iter().find(|(name, _)| is_wanted(name) && !truth.contains_key(name.as_str()))
        {
            return breach(Law::Truth, format!("{name} is withdrawn and {text} is held, behind {message:?}"));
        }
        watch.is_whole |= message.is("snapshot");
        if watch.is_whole {
            for (name, text) in truth.iter().filter(|(name, _)| is_wanted(name)) {
                if held.get(*name) != Some(text) {
                    return breach(
                        Law::Truth,
                        format!("{name} is {text} and {:?} is held, behind {message:?}", held.get(*name)),
                    );
                }
            }
        }
        let is_single = watch.wanted.mode == "every" && watch.wanted.fields.is_empty();
        if is_single && n > 1 && !may_be_whole {
            return breach(Law::Seqs, format!("{n} ticks in one, in mode every: {message:?}"));
        }
        Self::check_age(watch, message, now, terms)
    }

    /// An update names the fields that its ticks have changed and no others, unless it is the whole record after a change.
    fn check_changes(watch: &Watch, message: &Message, tape: &Tape) -> Found {
        let (symbol, seq) = (message.str("symbol"), message.seq("seq"));
        let (record, withdrawn) = (message.record(), message.withdrawn());
        let named: BTreeSet<&str> = record.keys().map(String::as_str).chain(withdrawn).collect();
        let is_wanted = |name: &&str| watch.wanted.fields.is_empty() || watch.wanted.fields.contains(name);
        let of_ticks = |cursor| -> BTreeSet<&str> {
            tape.changed(&symbol, cursor, seq).into_iter().filter(is_wanted).collect()
        };
        let mut changed = of_ticks(seq - message.n());
        if watch.wanted.mode == "trades" && watch.is_own(&symbol, seq, tape) {
            changed.extend(QUOTE.into_iter().filter(is_wanted).filter(|name| record.contains_key(*name)));
            // A reader that is behind what the server keeps is told no more of the quote than the ring and the record
            // prove. The record does while no later tick has named the field.
            let since = tape.changed(&symbol, seq, tape.head(&symbol));
            let lacking = QUOTE.iter().find(|name| {
                is_wanted(name)
                    && !record.contains_key(**name)
                    && !since.contains(*name)
                    && tape.record(&symbol, seq).is_some_and(|truth| truth.contains_key(*name))
            });
            if let Some(name) = lacking.filter(|_| !watch.may_be_whole) {
                return breach(Law::Changes, format!("a trade without its {name}: {message:?}"));
            }
        }
        if named == changed || (watch.may_be_whole && named == of_ticks(0)) {
            return Ok(());
        }
        breach(Law::Changes, format!("{named:?} is named, {changed:?} has changed: {message:?}"))
    }

    /// Nothing is merged away that is a message of its own.
    fn check_told(watch: &Watch, message: &Message, tape: &Tape) -> Found {
        let (symbol, seq) = (message.str("symbol"), message.seq("seq"));
        let is_own = |seq: &u64| watch.is_own(&symbol, *seq, tape);
        let hidden = if watch.may_be_whole {
            // Trades may be merged into the whole record, and in mode `trades` corrections.
            let correction = tape.correction_within(&symbol, seq - message.n(), seq - 1);
            correction.filter(|_| watch.wanted.mode != "trades")
        } else {
            (seq + 1 - message.n()..seq).find(is_own)
        };
        hidden.map_or(Ok(()), |hidden| breach(Law::Told, format!("tick {hidden} is merged into {message:?}")))
    }

    fn check_age(watch: &mut Watch, message: &Message, now: Nanos, terms: &Terms) -> Found {
        let Some(age_nanos) = terms.age_nanos.filter(|_| message.is("update")) else { return Ok(()) };
        let bound = age_nanos + watch.wanted.interval_ms * 1_000_000 * 9 / 8 + 1_000_000;
        let age = now.since(Nanos(message.int("rx") * 1_000));
        if age <= bound {
            watch.is_level = true;
        } else if watch.is_level {
            return breach(Law::Age, format!("{} ms old: {message:?}", age / 1_000_000));
        }
        Ok(())
    }

    /// Everything that was asked for has been answered, and what is held is the newest.
    pub fn at_rest(&self, now: Nanos, tape: &Tape, stale_nanos: u64) -> Found {
        if let Some(asked) = self.asked.front() {
            return breach(Law::Answers, format!("{asked:?} was never answered"));
        }
        self.is_newest(tape)?;
        for (key, watch) in &self.watches {
            let (symbol, _) = unkeyed(key);
            let quiet_since = tape.last_at(symbol).max(watch.subscribed_at);
            let is_old = tape.head(symbol) > 0 && now.since(quiet_since) > stale_nanos + 2_000_000_000;
            if is_old && watch.state == "live" {
                return breach(Law::Stale, format!("{key} looks live and is not"));
            }
        }
        Ok(())
    }

    /// What is held is the newest.
    fn is_newest(&self, tape: &Tape) -> Found {
        for (key, watch) in &self.watches {
            let (symbol, _) = unkeyed(key);
            let head = tape.head(symbol);
            let cursor = self.store.cursor(key);
            let is_silent = cursor.is_none() && (!watch.wanted.snapshot || head == 0);
            // Ticks without a field that is wanted are not sent for their own sake.
            let shows = |seq: Option<u64>| {
                let Some(record) = seq.and_then(|seq| tape.record(symbol, seq)) else { return Vec::new() };
                let is_wanted = |name: &str| watch.wanted.fields.contains(&name);
                record.iter().filter(|(name, _)| is_wanted(name)).collect::<Vec<_>>()
            };
            let told = cursor.and_then(|cursor| tape.correction_within(symbol, cursor, head));
            if let Some(seq) = told {
                return breach(Law::Told, format!("{key} stands at {cursor:?}: tick {seq} was not told"));
            }
            let is_alike = !watch.wanted.fields.is_empty() && shows(cursor) == shows(Some(head));
            if cursor != Some(head) && !is_silent && !is_alike && head > 0 {
                return breach(Law::LatestWins, format!("{key} stands at {cursor:?}, the topic at {head}"));
            }
        }
        Ok(())
    }
}
