//! What a [`Mirror`] has to say: the commands that subscribe, resume and leave.

use std::collections::BTreeMap;

use super::{Asked, Mirror, NOT_ENTITLED, key};
use crate::{
    command::{Command, Resume, Subscription, batches, fitting},
    message::Id,
    pattern::Pattern,
    topic::{Standing, Topic},
    words::Mode,
};

// === impl Mirror ===

impl Mirror {
    /// There is a connection: the commands that subscribe to everything, and resume from what is held.
    pub fn connect(&mut self) -> Vec<String> {
        self.asked.clear();
        self.due.clear();
        self.decoder.reset();
        (self.pace, self.retry) = (None, None);
        let wanted = std::mem::take(&mut self.wanted);
        let commands = wanted.iter().flat_map(|subscription| self.ask(subscription, true)).collect();
        self.wanted = wanted;
        commands
    }

    /// Asks for more, on this connection and on those that follow. To ask for a symbol again begins it anew.
    pub fn subscribe(&mut self, subscription: Subscription) -> Vec<String> {
        let commands = self.ask(&subscription, false);
        self.want(subscription);
        commands
    }

    /// Asks for these names and globs no longer, as far as their subscription has no name.
    pub fn unsubscribe(&mut self, symbols: &[String]) -> Vec<String> {
        self.unsubscribe_of(symbols, None)
    }

    /// Asks no longer for these names and globs of the subscription with this name.
    pub fn unsubscribe_of(&mut self, symbols: &[String], name: Option<&str>) -> Vec<String> {
        let of = |subscription: &&mut Subscription| subscription.name.as_deref() == name;
        for subscription in self.wanted.iter_mut().filter(of) {
            subscription.symbols.retain(|symbol| !symbols.contains(symbol));
        }
        self.wanted.retain(|subscription| !subscription.symbols.is_empty());
        let command = |batch: Vec<&str>| {
            let symbols: Vec<String> = batch.into_iter().map(str::to_owned).collect();
            self.last_id += 1;
            Command::Unsubscribe { id: Some(Id::Number(self.last_id)), symbols: &symbols, name }.to_json()
        };
        batches(symbols.iter().map(String::as_str)).into_iter().map(command).collect()
    }

    /// The command that asks for the server's time, unless enough of them are on their way.
    pub fn ping(&mut self, now_nanos: i64) -> Option<String> {
        let id = self.server_time.ping(now_nanos)?;
        Some(Command::Ping { id: Some(Id::Number(id)) }.to_json())
    }

    /// The connection is gone: what is held is what was, and says so.
    pub fn disconnect(&mut self) {
        self.pace = None;
        self.asked.clear();
        self.server_time.disconnect();
        for topic in &mut self.topics {
            if topic.standing != Standing::Left {
                topic.standing = Standing::Offline;
            }
        }
    }

    /// A new token counts: what the last one did not allow is asked for again. Not globs, for what they have would begin
    /// anew.
    pub(super) fn ask_refused(&mut self) {
        let is_refused = |symbol: &String, name: Option<&str>| {
            !Pattern::is_pattern(symbol)
                && self.topic_of(&Pattern::named(symbol), name).is_some_and(
                    |topic| matches!(&topic.standing, Standing::Refused(code) if code == NOT_ENTITLED),
                )
        };
        let again = self.wanted.iter().filter_map(|wanted| {
            let refused = |symbol: &&String| is_refused(symbol, wanted.name.as_deref());
            let symbols: Vec<String> = wanted.symbols.iter().filter(refused).cloned().collect();
            (!symbols.is_empty()).then(|| Subscription { symbols, ..wanted.clone() })
        });
        for subscription in again.collect::<Vec<_>>() {
            let commands = self.ask(&subscription, false);
            self.due.extend(commands);
        }
    }

    pub(super) fn want(&mut self, subscription: Subscription) {
        for name in subscription.symbols.iter().filter(|symbol| !Pattern::is_pattern(symbol)) {
            let topic = self.topic_mut(&Pattern::named(name), subscription.name.as_deref());
            topic.is_named = true;
            if topic.seq() == 0 {
                topic.restart();
            }
        }
        self.wanted.push(subscription);
    }

    fn ask(&mut self, subscription: &Subscription, resumes: bool) -> Vec<String> {
        let epoch = self.epoch.clone().filter(|_| resumes && subscription.mode != Mode::Once);
        let mut commands = Vec::new();
        for symbols in batches(subscription.symbols.iter().map(String::as_str)) {
            let mut asked =
                Asked { begins_anywhere: subscription.snapshot == Some(false), ..Asked::default() };
            self.last_id += 1;
            let last = match &epoch {
                Some(_) => self.resumed_by(&symbols, subscription.name.as_deref(), &mut asked),
                None => BTreeMap::new(),
            };
            let resume = epoch.as_deref().filter(|_| asked.resumes).map(|epoch| Resume { epoch, last });
            commands.push(subscription.command(Id::Number(self.last_id), symbols, resume).to_json());
            self.asked.insert(self.last_id, asked);
        }
        commands
    }

    /// The last seqs of what these names and globs stand for.
    fn resumed_by(&self, symbols: &[&str], name: Option<&str>, asked: &mut Asked) -> BTreeMap<&str, u64> {
        let is_pattern = |symbol: &&&str| Pattern::is_pattern(symbol);
        let patterns: Vec<Pattern> =
            symbols.iter().filter(is_pattern).map(|pattern| Pattern::new(pattern)).collect();
        let held = |symbol: &&str| self.places.get(&*key(&Pattern::named(symbol), name)).copied();
        let named = symbols.iter().filter(|symbol| !is_pattern(symbol)).filter_map(held);
        let is_matched = |topic: &Topic| {
            topic.name.as_deref() == name && patterns.iter().any(|pattern| pattern.matches(&topic.symbol))
        };
        let matched = (0..self.topics.len()).filter(|&place| is_matched(&self.topics[place]));
        let has_seq = |place: &usize| self.topics[*place].seq() > 0;
        let places: Vec<usize> = if patterns.is_empty() {
            named.filter(has_seq).collect()
        } else {
            named.chain(matched).filter(has_seq).collect()
        };
        let seq = |&place: &usize| (self.topics[place].symbol.as_str(), self.topics[place].seq());
        let last = fitting(symbols, places.iter().map(seq));
        asked.resumes = !last.is_empty();
        asked.left_out = places
            .into_iter()
            .filter(|&place| !last.contains_key(self.topics[place].symbol.as_str()))
            .collect();
        last
    }
}
