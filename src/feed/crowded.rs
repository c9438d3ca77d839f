//! Feeds that need more connections together than their venue allows: told before the first connection is made.
//!
//! Pure. It is a warning and no fault: of accounts it knows nothing, and each may have connections of its own.

use std::{collections::HashMap, fmt};

use super::{
    source::{Source, SourceKind},
    upstream::UpstreamConfig,
};

/// Feeds of one server that need more connections than it allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Crowd {
    pub venue: &'static str,
    /// Their names.
    pub feeds: Vec<String>,
    pub needed: usize,
    pub allowed: usize,
}

/// Each server of which more connections are wanted than it allows.
pub fn crowds(feeds: &[Source]) -> Vec<Crowd> {
    let mut found: Vec<Crowd> = Vec::new();
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
            let allowed = config.dialer.facts().connections_max;
            found.push(Crowd { venue: config.venue, feeds: Vec::new(), needed: 0, allowed });
            found.len() - 1
        });
        found[at].feeds.push(feed.name().to_owned());
        found[at].needed += needed(config);
    }
    found.retain(|crowd| crowd.needed > crowd.allowed);
    found
}

/// How many connections the named symbols need; those behind a `*` are not known yet.
fn needed(config: &UpstreamConfig) -> usize {
    let mut streams: HashMap<&'static str, usize> = HashMap::new();
    for &kind in config.dialer.kinds() {
        *streams.entry(config.dialer.channel(kind)).or_default() += config.symbols.len();
    }
    let streams_max = config.dialer.facts().streams_max.max(1);
    streams.values().map(|streams| streams.div_ceil(streams_max)).sum()
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Crowd { venue, feeds, needed, allowed } = self;
        let names = feeds.join(", ");
        let what = if feeds.len() > 1 { "feeds" } else { "feed" };
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
        crowds(&feeds).iter().map(ToString::to_string).collect()
    }

    fn coins(letter: char, count: usize) -> String {
        (0..count).map(|number| format!("{letter}{number}")).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn feeds_of_one_server_count_together_and_others_do_not() {
        let many = coins('C', 5_001);
        let one = format!("hyperliquid?symbols={many}");
        assert_eq!(
            told(&["sim", "binance?symbols=A", "binance?symbols=B", "hyperliquid?symbols=BTC"]),
            [""; 0]
        );
        let crowd = told(&[&one]);
        assert!(
            crowd.len() == 1 && crowd[0].contains("allows 10") && crowd[0].contains("11 are needed"),
            "{crowd:?}"
        );
        let half = coins('C', 2_501);
        let other = coins('D', 2_501);
        let (half, other) =
            (format!("hyperliquid?symbols={half}"), format!("hyperliquid?symbols={other}&name=second"));
        let crowd = told(&[&half, &other]);
        assert!(
            crowd.len() == 1 && crowd[0].contains("12 are needed (feeds hyperliquid, second)"),
            "{crowd:?}"
        );
        assert_eq!(told(&[&half, &format!("{other}&url=ws://127.0.0.1:1")]), [""; 0], "another server");
        assert_eq!(
            told(&["ws://127.0.0.1:1", "ws://127.0.0.1:1?prefix=X:&name=x"]),
            [""; 0],
            "our own allow many"
        );
    }
}
