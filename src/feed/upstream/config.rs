//! The options that every venue has, and the venue's own, from the text of `--feed`.
//!
//! ```text
//! binance?symbols=BTCUSDT,ETHUSDT&url=ws://127.0.0.1:9000&prefix=BN:&name=spot
//! ```
//! Invariant: what was parsed can be connected to, unless the network or the venue prevents it; nothing is asked of the
//! venue before that.

use std::{fmt, sync::Arc, time::Duration};

use compact_str::CompactString;

use super::{
    rhythm::SilenceFloor,
    target::VenueTarget,
    trust::Trust,
    venue::{Dialer, Venue},
};
use crate::{
    feed::{SourceError, options::Options},
    tick::{SYMBOL_BYTES_MAX, Symbol},
};

/// A feed from a venue.
#[derive(Clone)]
pub struct UpstreamConfig {
    pub venue: &'static str,
    pub symbols: Vec<CompactString>,
    /// Before each symbol, as clients know it.
    pub prefix: String,
    /// In place of the venue's scheme, host and port.
    pub url: Option<VenueTarget>,
    /// Whose certificates are believed.
    pub trust: Trust,
    /// The shortest silence of a stream of quotes that counts.
    pub mute: SilenceFloor,
    /// How often the venue is asked again which symbols it has, where all of them are wanted.
    pub list_again: Duration,
    pub dialer: Arc<dyn Dialer>,
    /// The options as they were given: what makes one feed differ from another.
    query: String,
}

/// Of the option `mute`.
const MUTE: Duration = Duration::from_secs(15);
const MUTE_SECONDS: std::ops::RangeInclusive<f64> = 0.1..=86_400.0;
/// Of the option `list`.
const LIST: Duration = Duration::from_secs(3_600);
const LIST_SECONDS: std::ops::RangeInclusive<u64> = 1..=604_800;
const PREFIX_BYTES_MAX: usize = 16;

// === impl UpstreamConfig ===

impl UpstreamConfig {
    /// # Errors
    /// When an option is missing or wrong.
    pub fn from_options(
        venue: &'static dyn Venue,
        query: &str,
        options: &mut Options<'_>,
    ) -> Result<Self, SourceError> {
        let source_name = venue.name();
        let invalid = |option, why| SourceError::Invalid { source_name, option, why };
        let list = options.take("symbols", "symbols, separated by commas", |text| Some(text.to_owned()));
        let list = list.or_else(|| venue.default_symbols().map(str::to_owned)).unwrap_or_default();
        let mut symbols: Vec<CompactString> = Vec::new();
        for symbol in list.split(',').map(str::trim).filter(|symbol| !symbol.is_empty()) {
            Symbol::new(symbol).map_err(|fault| invalid("symbols", format!("{symbol:?}: {fault}")))?;
            if symbols.iter().any(|known| known == symbol) {
                return Err(invalid("symbols", format!("{symbol} is named twice")));
            }
            symbols.push(CompactString::new(symbol));
        }
        if symbols.is_empty() {
            let why = "at least one is needed, as the venue spells it, or * for all of them".to_owned();
            options.refuse("symbols", why);
        }
        let is_prefix =
            |text: &str| text.len() <= PREFIX_BYTES_MAX && (text.is_empty() || Symbol::new(text).is_ok());
        let prefix = options
            .take("prefix", "at most 16 bytes of a symbol", |text| is_prefix(text).then(|| text.to_owned()))
            .unwrap_or_default();
        let too_long = symbols.iter().find(|symbol| symbol.len() + prefix.len() > SYMBOL_BYTES_MAX);
        if let Some(symbol) = too_long {
            let why = format!("{prefix}{symbol} is longer than a symbol may be");
            return Err(invalid("prefix", why));
        }
        let url = options.take_parsed::<VenueTarget>("url");
        let trust = options.take_parsed::<Trust>("ca").unwrap_or_default();
        let mute = options.take("mute", "0.1 to 86400 seconds", |text| {
            let seconds: f64 = text.parse().ok()?;
            MUTE_SECONDS.contains(&seconds).then(|| Duration::from_secs_f64(seconds))
        });
        let list_again = options.take("list", "1 to 604800 seconds", |text| {
            let seconds: u64 = text.parse().ok()?;
            LIST_SECONDS.contains(&seconds).then(|| Duration::from_secs(seconds))
        });
        let dialer = venue.configure(options, &symbols)?;
        if symbols.iter().any(|symbol| symbol == "*") {
            if symbols.len() > 1 {
                return Err(invalid("symbols", "* is all of them, so it stands alone".to_owned()));
            }
            if dialer.listing().is_none() && !dialer.takes_all() {
                let why = "this venue lists no symbols: name those that are wanted".to_owned();
                return Err(invalid("symbols", why));
            }
        }
        if url.is_none() {
            dialer.root().parse::<VenueTarget>().map_err(|fault| invalid("url", fault.to_string()))?;
        }
        let list_again = list_again.unwrap_or(LIST);
        let (mute, query) = (SilenceFloor(mute.unwrap_or(MUTE)), query.to_owned());
        Ok(UpstreamConfig {
            venue: source_name,
            symbols,
            prefix,
            url,
            trust,
            mute,
            list_again,
            dialer,
            query,
        })
    }

    /// Whether another configuration of the same venue differs in `symbols` alone.
    pub fn is_same_but_symbols(&self, other: &UpstreamConfig) -> bool {
        let rest = |config: &UpstreamConfig| {
            let mut options: Vec<_> = form_urlencoded::parse(config.query.as_bytes())
                .filter(|(name, _)| name != "symbols")
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            options.sort();
            options
        };
        self.venue == other.venue && rest(self) == rest(other)
    }

    /// Whether the venue is asked which symbols there are.
    pub fn wants_listing(&self) -> bool {
        self.symbols.iter().any(|symbol| symbol == "*") && !self.dialer.takes_all()
    }

    /// The symbols as clients know them; none when they are not known before the venue was asked.
    pub fn named(&self) -> impl Iterator<Item = String> {
        let named = self.symbols.iter().filter(|symbol| !symbol.contains('*'));
        named.map(|symbol| format!("{}{symbol}", self.prefix))
    }
}

impl PartialEq for UpstreamConfig {
    fn eq(&self, other: &Self) -> bool {
        (self.venue, &self.query) == (other.venue, &other.query)
    }
}

impl fmt::Debug for UpstreamConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamConfig")
            .field("venue", &self.venue)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}
