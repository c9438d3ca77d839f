//! What each server allows: one count for all feeds of the process, since the venue counts them together.
//!
//! A count is kept until the process ends, so that a feed which is configured anew does not begin with a fresh one.
//! Invariant: feeds of the same venue and the same server have the same count.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::feed::upstream::{allowance::Allowance, config::UpstreamConfig};

/// By venue, and by host and port. There are as many as were ever configured.
static ALLOWANCES: Mutex<BTreeMap<(&str, String), Allowance>> = Mutex::new(BTreeMap::new());

/// What the server of this feed allows.
pub fn of(config: &UpstreamConfig) -> Allowance {
    let server = match &config.url {
        Some(url) => url.authority(),
        None => config.dialer.root().to_owned(),
    };
    let mut known = ALLOWANCES.lock().unwrap_or_else(PoisonError::into_inner);
    let allowance = known.entry((config.venue, server));
    allowance.or_insert_with(|| Allowance::new(&config.dialer.facts())).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::source::{Source, SourceKind};

    fn of(text: &str) -> Allowance {
        match &Source::parse(text).expect(text).kind {
            SourceKind::Upstream(config) => super::of(config),
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
