//! How often each server may be connected to: one count for all feeds of the process, since the venue counts them together.
//!
//! A count is kept until the process ends, so that a feed which is configured anew does not begin with a fresh one.
//! Invariant: feeds of the same venue and the same server have the same count.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::feed::upstream::{backoff::SharedRate, config::UpstreamConfig};

/// By venue, and by host and port. There are as many as were ever configured.
static ATTEMPTS: Mutex<BTreeMap<(&str, String), SharedRate>> = Mutex::new(BTreeMap::new());

/// The attempts at the server of this feed.
pub fn attempts(config: &UpstreamConfig) -> SharedRate {
    let server = match &config.url {
        Some(url) => url.authority(),
        None => config.dialer.root().to_owned(),
    };
    let mut known = ATTEMPTS.lock().unwrap_or_else(PoisonError::into_inner);
    let rate = known.entry((config.venue, server));
    rate.or_insert_with(|| SharedRate::new(config.dialer.facts().attempts)).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::source::{Source, SourceKind};

    fn of(text: &str) -> SharedRate {
        match &Source::parse(text).expect(text).kind {
            SourceKind::Upstream(config) => attempts(config),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn feeds_of_one_server_share_a_count_and_others_do_not() {
        let one = of("bybit?symbols=BTCUSDT");
        assert!(one.is_same(&of("bybit?symbols=ETHUSDT&category=linear")));
        let there = "url=wss://stream.bybit.com:443";
        assert!(!one.is_same(&of(&format!("okx?symbols=BTC-USDT&{there}"))), "another venue");
        assert!(!one.is_same(&of("bybit?symbols=BTCUSDT&url=ws://127.0.0.1:1")), "another server");
        let here = "ws://127.0.0.1:1";
        assert!(
            of(&format!("bybit?symbols=A&url={here}")).is_same(&of(&format!("bybit?symbols=B&url={here}")))
        );
    }
}
