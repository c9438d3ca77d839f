//! A session's side: its key, and the lists of what it has subscribed to, which are told whole after each change.

use std::time::Duration;

use compact_str::CompactString;

use super::{
    answer::{self, AlpacaError},
    channels::{self, ALWAYS_LISTED, CHANNELS, EVERY},
    halt::TradingStatus,
    request::{AlpacaRequest, ChannelSymbols},
};
use crate::{
    access::BearerToken,
    msgpack,
    scenario::Announcement,
    tick::Nanos,
    wire::{
        CloseReason,
        dialects::{
            dialect::{Carried, Dialect, Moment, Rules, WishRefusal, Wishes},
            stream::Whose,
        },
        encodings::Encoding,
    },
};

/// Whose symbols a session reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AlpacaMarket {
    /// A symbol is written as the market has it, and need not be there yet.
    Stocks,
    /// A pair is `BTC/USD`, whatever separates its parts in the market.
    Crypto,
}

/// A session of Alpaca's.
pub struct AlpacaDialect {
    market: AlpacaMarket,
    is_packed: bool,
    access: KeyState,
    opened: Nanos,
    /// By the index of the channel.
    lists: [ChannelList; CHANNELS.len()],
    pending: AlpacaPending,
}

/// Whether its client has shown a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyState {
    Awaited,
    /// A token in its address, which counts whatever key it sends.
    InAddress,
    Authenticated,
}

#[derive(Clone, Default)]
struct ChannelList {
    symbols: Vec<AlpacaListed>,
    /// It stands in every list from then on.
    is_named: bool,
}

#[derive(Clone)]
struct AlpacaListed {
    text: CompactString,
    /// Not when there is no such symbol: it stays mute, until it is asked for again.
    is_known: bool,
}

/// What the wishes under way are for, in their order.
#[derive(Default)]
enum AlpacaPending {
    #[default]
    Nothing,
    Key,
    /// Channel and symbol of each wish that begins something; `None` for one that ends something.
    Change(Vec<Option<(usize, CompactString)>>),
}

/// A client that has not sent its key for so long is closed.
const AUTH_WITHIN: Duration = Duration::from_secs(10);
/// Its clients ping.
const RULES: Rules = Rules { ping: None, pong: Duration::MAX, age_max: None, takes_keys: true };
const PACKED: &str = "application/msgpack";

impl AlpacaDialect {
    pub fn new(market: AlpacaMarket, has_token: bool) -> Self {
        AlpacaDialect {
            market,
            is_packed: false,
            access: if has_token { KeyState::InAddress } else { KeyState::Awaited },
            opened: Nanos(0),
            lists: Default::default(),
            pending: AlpacaPending::Nothing,
        }
    }

    fn say(&self, json: String, wishes: &mut Wishes) {
        if self.is_packed { wishes.send(answer::packed_of(&json)) } else { wishes.send(json) }
    }

    fn refuse(&self, error: AlpacaError, wishes: &mut Wishes) {
        self.say(error.to_json(), wishes);
    }

    fn take(&mut self, text: &str, wishes: &mut Wishes) {
        match AlpacaRequest::read(text) {
            None => self.refuse(AlpacaError::InvalidSyntax, wishes),
            Some(AlpacaRequest::Auth { key }) => match self.access {
                KeyState::Authenticated => self.refuse(AlpacaError::AlreadyAuthenticated, wishes),
                KeyState::InAddress => self.authenticated(wishes),
                KeyState::Awaited => {
                    self.pending = AlpacaPending::Key;
                    wishes.authenticate(BearerToken::new(&key));
                }
            },
            Some(_) if self.access != KeyState::Authenticated => {
                self.refuse(AlpacaError::NotAuthenticated, wishes);
            }
            Some(AlpacaRequest::Subscribe(channels)) => self.begin(channels, wishes),
            Some(AlpacaRequest::Unsubscribe(channels)) => self.end(channels, wishes),
        }
    }

    fn authenticated(&mut self, wishes: &mut Wishes) {
        self.access = KeyState::Authenticated;
        self.say(answer::success("authenticated"), wishes);
    }

    /// Subscribes to what it does not have.
    fn begin(&mut self, channels: ChannelSymbols, wishes: &mut Wishes) {
        let mut asked = Vec::new();
        for (channel, symbols) in channels {
            self.lists[channel].is_named = true;
            let mut new: Vec<CompactString> = Vec::new();
            for symbol in symbols {
                if !self.lists[channel].knows(&symbol) && !new.iter().any(|one| *one == symbol) {
                    new.push(symbol.into());
                }
            }
            // What stands for all is the last: wishes of one kind that follow one another are carried out together.
            new.sort_by_key(|symbol| symbol == EVERY);
            let has_every = self.lists[channel].has_every() || new.iter().any(|symbol| symbol == EVERY);
            // Those that have subscriptions of their own until now.
            let pairs = self.pairs(channel);
            for symbol in new {
                match channels::served(channel, self.market == AlpacaMarket::Crypto) {
                    // A pair beside it has no subscription of its own.
                    Some(_) if has_every && self.is_spelled(&symbol) => self.lists[channel].add(symbol, true),
                    Some(kind) => {
                        wishes.subscribe(kind, self.whose(&symbol));
                        let is_every = symbol == EVERY;
                        asked.push(Some((channel, symbol)));
                        for pair in pairs.iter().filter(|_| is_every) {
                            wishes.unsubscribe(kind, self.whose(pair));
                            asked.push(None);
                        }
                    }
                    None => self.lists[channel].add(symbol, true),
                }
            }
        }
        self.ask(asked, wishes);
    }

    fn end(&mut self, channels: ChannelSymbols, wishes: &mut Wishes) {
        let mut asked = Vec::new();
        for (channel, symbols) in channels {
            let ended = self.lists[channel].take(&symbols);
            let Some(kind) = channels::served(channel, self.market == AlpacaMarket::Crypto) else { continue };
            let has_every = self.lists[channel].has_every();
            for symbol in ended.iter().filter(|_| !has_every) {
                wishes.unsubscribe(kind, self.whose(symbol));
                asked.push(None);
            }
            // The end of every symbol's was that of those too which were asked for by name.
            if ended.iter().any(|symbol| symbol == EVERY) {
                for listed in &self.lists[channel].symbols {
                    wishes.subscribe(kind, self.whose(&listed.text));
                    asked.push(None);
                }
            }
        }
        self.ask(asked, wishes);
    }

    fn ask(&mut self, asked: Vec<Option<(usize, CompactString)>>, wishes: &mut Wishes) {
        if asked.is_empty() {
            self.say(self.list(), wishes);
        } else {
            self.pending = AlpacaPending::Change(asked);
        }
    }

    fn is_spelled(&self, symbol: &str) -> bool {
        self.market == AlpacaMarket::Crypto && symbol != EVERY
    }

    /// The pairs of a channel that are listed.
    fn pairs(&self, channel: usize) -> Vec<CompactString> {
        let listed = self.lists[channel].symbols.iter().map(|listed| &listed.text);
        listed.filter(|text| self.is_spelled(text)).cloned().collect()
    }

    fn whose(&self, symbol: &CompactString) -> Whose {
        match &**symbol {
            EVERY => Whose::All,
            _ if self.is_spelled(symbol) => Whose::Spelled(symbol.clone()),
            _ => Whose::Symbol(symbol.clone()),
        }
    }

    /// All that it has subscribed to.
    fn list(&self) -> String {
        let lists = CHANNELS.iter().zip(&self.lists).enumerate();
        let listed = lists.filter(|(at, (_, list))| *at < ALWAYS_LISTED || list.is_named);
        answer::subscription(listed.map(|(_, (name, list))| {
            (*name, list.symbols.iter().map(|listed| &*listed.text).collect::<Vec<&str>>())
        }))
    }

    /// Lists what was taken, and tells what was not.
    fn changed(
        &mut self,
        asked: Vec<Option<(usize, CompactString)>>,
        results: &[Carried],
        wishes: &mut Wishes,
    ) {
        let mut errors: Vec<AlpacaError> = Vec::new();
        let mut is_changed = false;
        for (asked, result) in asked.into_iter().zip(results) {
            let error = match (&asked, result) {
                (Some(_), Carried::Refused(WishRefusal::TooMany)) => Some(AlpacaError::SymbolLimit),
                (Some(_), Carried::Refused(WishRefusal::NotEntitled)) => {
                    Some(AlpacaError::InsufficientSubscription)
                }
                (Some(_), Carried::Refused(WishRefusal::BadSymbol)) => Some(AlpacaError::InvalidSyntax),
                // What ends, or goes on, does so as far as it was there.
                _ => None,
            };
            if let (Some((channel, symbol)), Some(_)) = (&asked, &error)
                && symbol == EVERY
                && self.market == AlpacaMarket::Crypto
            {
                // The pairs beside it have no subscriptions of their own any more.
                self.lists[*channel].symbols.clear();
                is_changed = true;
            }
            match error {
                Some(error) if !errors.contains(&error) => errors.push(error),
                Some(_) => {}
                None => {
                    is_changed = true;
                    if let Some((channel, symbol)) = asked {
                        self.lists[channel].add(symbol, !matches!(result, Carried::Refused(_)));
                    }
                }
            }
        }
        for error in &errors {
            self.refuse(*error, wishes);
        }
        if is_changed || errors.is_empty() {
            self.say(self.list(), wishes);
        }
    }
}

impl ChannelList {
    fn knows(&self, symbol: &str) -> bool {
        self.symbols.iter().any(|listed| listed.text == symbol && listed.is_known)
    }

    fn has_every(&self) -> bool {
        self.symbols.iter().any(|listed| listed.text == EVERY)
    }

    fn add(&mut self, text: CompactString, is_known: bool) {
        match self.symbols.iter_mut().find(|listed| listed.text == text) {
            Some(listed) => listed.is_known = is_known,
            None => self.symbols.push(AlpacaListed { text, is_known }),
        }
    }

    /// Takes those away that are listed.
    fn take(&mut self, symbols: &[String]) -> Vec<CompactString> {
        let is_ended = |listed: &mut AlpacaListed| symbols.iter().any(|symbol| listed.text == *symbol);
        self.symbols.extract_if(.., is_ended).map(|listed| listed.text).collect()
    }
}

impl Dialect for AlpacaDialect {
    fn encoding(&self) -> Encoding {
        if self.is_packed { Encoding::ALPACA_PACKED } else { Encoding::ALPACA }
    }

    fn rules(&self) -> Rules {
        RULES
    }

    fn asked(&mut self, header: &dyn Fn(&str) -> Option<String>) {
        let kind = header("content-type").unwrap_or_default();
        self.is_packed = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(PACKED));
        if header("authorization").is_some_and(|text| text.to_ascii_lowercase().starts_with("bearer")) {
            self.access = KeyState::InAddress;
        }
        if header("apca-api-key-id").is_some() && header("apca-api-secret-key").is_some() {
            self.access = KeyState::Authenticated;
        }
    }

    fn opened(&mut self, at: Moment, wishes: &mut Wishes) {
        self.opened = at.machine;
        self.say(answer::success("connected"), wishes);
        // One whose header has a wrong key is not opened.
        if self.access == KeyState::Authenticated {
            self.authenticated(wishes);
        }
    }

    fn text(&mut self, text: &str, _: Moment, wishes: &mut Wishes) {
        self.take(text, wishes);
    }

    /// JSON in a binary message is JSON: a map of `MessagePack` begins with a byte that no UTF-8 begins with.
    fn binary(&mut self, message: &[u8], _: Moment, wishes: &mut Wishes) {
        if let Ok(text) = str::from_utf8(message) {
            return self.take(text, wishes);
        }
        let mut text = Vec::new();
        let read = msgpack::to_json(message, &mut text).ok().and_then(|()| String::from_utf8(text).ok());
        match read {
            Some(text) => self.take(&text, wishes),
            None => self.refuse(AlpacaError::InvalidSyntax, wishes),
        }
    }

    fn carried_out(&mut self, results: &[Carried], _: Moment, wishes: &mut Wishes) {
        match std::mem::take(&mut self.pending) {
            AlpacaPending::Nothing => {}
            AlpacaPending::Key => match results.first() {
                Some(Carried::Authenticated | Carried::Refused(WishRefusal::NoAuthentication)) => {
                    self.authenticated(wishes);
                }
                // Another key makes no room, and cannot be looked at either: its message is that of the close.
                Some(Carried::Refused(WishRefusal::Key(
                    reason @ (CloseReason::TooManyOfUser | CloseReason::NoKeys),
                ))) => wishes.close(*reason),
                _ => self.refuse(AlpacaError::AuthFailed, wishes),
            },
            AlpacaPending::Change(asked) => self.changed(asked, results, wishes),
        }
    }

    /// Halts are told to who has subscribed to statuses, as volatility pauses.
    fn announce(&mut self, what: &Announcement, at: Moment, wishes: &mut Wishes) {
        let status = match what {
            Announcement::Halted(symbol) => TradingStatus::paused(symbol, at.market),
            Announcement::Resumed(symbol) => TradingStatus::resumed(symbol, at.market),
            Announcement::TooMany => return self.refuse(AlpacaError::SymbolLimit, wishes),
            Announcement::Shutdown | Announcement::State(_) => return,
        };
        let wants = |listed: &AlpacaListed| listed.text == EVERY || listed.text == status.symbol();
        if self.market == AlpacaMarket::Stocks && self.lists[channels::STATUSES].symbols.iter().any(wants) {
            self.say(status.to_json(), wishes);
        }
    }

    fn sweep(&mut self, at: Moment, _: u64, wishes: &mut Wishes) {
        if self.access != KeyState::Authenticated && at.machine >= self.opened.plus(AUTH_WITHIN) {
            self.refuse(AlpacaError::AuthTimeout, wishes);
            wishes.close_saying(CloseReason::BadToken, AlpacaError::AuthTimeout.words());
        }
    }
}
