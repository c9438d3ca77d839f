//! [`TradingStatus`]: that a symbol does not trade, and that it does again, as the channel `statuses` tells it.

use crate::{
    tick::{Nanos, Symbol},
    wire::dialects::{alpaca::point::TAPE, iso},
};

/// A status of a symbol.
pub struct TradingStatus<'a> {
    symbol: &'a Symbol,
    /// Code and words of the status, and of its reason, as tape C has them.
    status: [&'static str; 2],
    reason: [&'static str; 2],
    at: Nanos,
}

impl<'a> TradingStatus<'a> {
    /// Its price has left the bands of limit up-limit down.
    pub const fn paused(symbol: &'a Symbol, at: Nanos) -> Self {
        let words = "Volatility Trading Pause";
        TradingStatus { symbol, status: ["P", words], reason: ["LUDP", words], at }
    }

    pub const fn resumed(symbol: &'a Symbol, at: Nanos) -> Self {
        TradingStatus { symbol, status: ["T", "Trading Resumption"], reason: ["", ""], at }
    }

    pub fn symbol(&self) -> &str {
        self.symbol.as_str()
    }

    /// As an array of one.
    pub fn to_json(&self) -> String {
        let ([sc, sm], [rc, rm]) = (self.status, self.reason);
        let mut time = Vec::new();
        iso::write_shortest(self.at, &mut time);
        let time = String::from_utf8(time).unwrap_or_default();
        format!(
            r#"[{{"T":"s","S":"{}","sc":"{sc}","sm":"{sm}","rc":"{rc}","rm":"{rm}","t":"{time}","z":"{TAPE}"}}]"#,
            self.symbol
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_as_the_venue_has_it() {
        let symbol = Symbol::new("AAPL").unwrap();
        assert_eq!(
            TradingStatus::paused(&symbol, Nanos(1_614_009_104_208_000_000)).to_json(),
            r#"[{"T":"s","S":"AAPL","sc":"P","sm":"Volatility Trading Pause","rc":"LUDP","rm":"Volatility Trading Pause","t":"2021-02-22T15:51:44.208Z","z":"C"}]"#
        );
        assert!(
            TradingStatus::resumed(&symbol, Nanos(0))
                .to_json()
                .contains(r#""sc":"T","sm":"Trading Resumption""#)
        );
    }
}
