//! Feeds that need more connections or streams together than their venue allows: reported before the first
//! connection is made.
//!
//! Pure. It is a warning, not an error: each feed may have an account of its own, which is not known here.

use std::{collections::HashMap, fmt};

use super::{
    source::{Source, SourceKind},
    upstream::UpstreamConfig,
};

/// Feeds that together need more connections or streams of one server than it allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VenueOverload {
    pub venue: &'static str,
    /// Their names.
    pub feeds: Vec<String>,
    pub connections: Demand,
    pub streams: Demand,
}

/// How many are needed, and how many are allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Demand {
    pub needed: usize,
    pub allowed: usize,
}

/// The servers whose limits the feeds would exceed.
pub fn overloads(feeds: &[Source]) -> Vec<VenueOverload> {
    let mut found: Vec<VenueOverload> = Vec::new();
    // By venue and server; a feed that counts alone has a key of its own.
    let mut known: HashMap<(&'static str, String), usize> = HashMap::new();
    for (number, feed) in feeds.iter().enumerate() {
        let SourceKind::Upstream(config) = &feed.kind else { continue };
        let server = match (config.dialer.counts_together(), &config.url) {
            (false, _) => number.to_string(),
            (true, Some(url)) => url.to_string(),
            (true, None) => config.dialer.root().to_owned(),
        };
        let at = *known.entry((config.venue, server)).or_insert_with(|| {
            let facts = config.dialer.facts();
            let of = |allowed| Demand { needed: 0, allowed };
            let (connections, streams) = (of(facts.connections_max), of(facts.streams_together));
            found.push(VenueOverload { venue: config.venue, feeds: Vec::new(), connections, streams });
            found.len() - 1
        });
        let overload = &mut found[at];
        overload.feeds.push(feed.name().to_owned());
        overload.connections.needed += connections(config);
        overload.streams.needed += config.dialer.kinds().len() * config.symbols.len();
    }
    found.retain(|overload| overload.connections.is_short() || overload.streams.is_short());
    found
}

/// How many connections the named symbols need; those behind a `*` are not known yet.
fn connections(config: &UpstreamConfig) -> usize {
    let mut streams: HashMap<&'static str, usize> = HashMap::new();
    for &kind in config.dialer.kinds() {
        *streams.entry(config.dialer.channel(kind)).or_default() += config.symbols.len();
    }
    let streams_max = config.dialer.facts().streams_max.max(1);
    streams.values().map(|streams| streams.div_ceil(streams_max)).sum()
}

// === impl Demand ===

impl Demand {
    fn is_short(self) -> bool {
        self.needed > self.allowed
    }
}

impl fmt::Display for VenueOverload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let VenueOverload { venue, feeds, connections, streams } = self;
        let names = feeds.join(", ");
        let what = if feeds.len() > 1 { "feeds" } else { "feed" };
        if streams.is_short() {
            let Demand { needed, allowed } = streams;
            return write!(
                f,
                "{venue} allows {allowed} streams of an address, and {needed} are needed ({what} {names}): name fewer \
                 symbols, or use another address"
            );
        }
        let Demand { needed, allowed } = connections;
        write!(
            f,
            "{venue} allows {allowed} connections of an account, and {needed} are needed ({what} {names}): put the \
             symbols into one feed, name fewer, or use another account"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(feeds: &[&str]) -> Vec<String> {
        let feeds: Vec<Source> = feeds.iter().map(|text| Source::parse(text).expect(text)).collect();
        overloads(&feeds).iter().map(ToString::to_string).collect()
    }

    fn coins(letter: char, count: usize) -> String {
        (0..count).map(|number| format!("{letter}{number}")).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn feeds_of_one_server_count_together_and_others_do_not() {
        assert_eq!(
            told(&["sim", "binance?symbols=A", "binance?symbols=B", "hyperliquid?symbols=BTC"]),
            [""; 0]
        );
        let many = coins('C', 501);
        let warnings = told(&[&format!("hyperliquid?symbols={many}")]);
        let expected = "hyperliquid allows 1000 streams of an address, and 1002 are needed (feed hyperliquid): name \
                        fewer symbols, or use another address";
        assert_eq!(warnings, [expected]);
        let half = format!("hyperliquid?symbols={}", coins('C', 251));
        let other = format!("hyperliquid?symbols={}&name=second", coins('D', 250));
        let warnings = told(&[&half, &other]);
        assert!(
            warnings.len() == 1 && warnings[0].contains("1002 are needed (feeds hyperliquid, second)"),
            "{warnings:?}"
        );
        assert_eq!(told(&[&half, &format!("{other}&url=ws://127.0.0.1:1")]), [""; 0], "another server");
        assert_eq!(
            told(&["ws://127.0.0.1:1", "ws://127.0.0.1:1?prefix=X:&name=x"]),
            [""; 0],
            "our own allow many"
        );
    }
}
