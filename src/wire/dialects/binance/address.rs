//! What the path and the query of an upgrade ask for.
//!
//! `/ws`, `/ws/a/b`, `/ws/0`, `/ws/stream`, `/stream`, `/stream?streams=a/b`, each under `/binance` too. A tail that is no
//! stream is none, and no fault: clients append numbers and words of their own.

use crate::wire::dialects::rest::percent_decoded;

/// A request for a session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Address {
    /// Messages name their stream.
    pub combined: bool,
    /// Times are microseconds.
    pub micros: bool,
    /// The names of streams, as they came.
    pub streams: Vec<String>,
}

const PREFIX: &str = "/binance";

impl Address {
    /// `None` for paths that are not Binance's.
    pub fn of(path: &str, query: &str) -> Option<Address> {
        let path = path.strip_prefix(PREFIX).unwrap_or(path);
        let (combined, tail) = match (path.strip_prefix("/ws"), path.strip_prefix("/stream")) {
            (Some(tail), _) => (false, tail),
            (_, Some(tail)) => (true, tail),
            _ => return None,
        };
        if !tail.is_empty() && !tail.starts_with('/') {
            return None;
        }
        let mut address = Address { combined, ..Address::default() };
        // `@` and `!` may be escaped.
        address.add(&percent_decoded(tail));
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "streams" => address.add(&value),
                "timeUnit" => address.micros = value.eq_ignore_ascii_case("microsecond"),
                _ => {}
            }
        }
        Some(address)
    }

    /// Adds names of streams with slashes between. A query with its own question mark behind a path of streams ends them:
    /// some clients append `?timeUnit=…` twice.
    fn add(&mut self, names: &str) {
        let names = names.split(['/', ',']).filter(|name| name.contains('@') || name.starts_with('!'));
        self.streams.extend(names.map(str::to_owned));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, query: &str, expected: Option<(bool, bool, &[&str])>) {
        let expected = expected.map(|(combined, micros, streams)| Address {
            combined,
            micros,
            streams: streams.iter().map(|&name| name.to_owned()).collect(),
        });
        assert_eq!(Address::of(path, query), expected, "{path}?{query}");
        if !path.starts_with(PREFIX) {
            assert_eq!(Address::of(&format!("{PREFIX}{path}"), query), expected, "{PREFIX}{path}?{query}");
        }
    }

    #[test]
    fn every_path_that_clients_open_is_taken() {
        check("/ws", "", Some((false, false, &[])));
        check("/ws/", "", Some((false, false, &[])));
        check("/ws/btcusdt@trade", "", Some((false, false, &["btcusdt@trade"])));
        check("/ws/btcusdt%40trade", "", Some((false, false, &["btcusdt@trade"])));
        check(
            "/ws/btcusdt@trade/ethusdt@bookTicker",
            "",
            Some((false, false, &["btcusdt@trade", "ethusdt@bookTicker"])),
        );
        check("/ws/!bookTicker", "", Some((false, false, &["!bookTicker"])));
        check("/ws/0", "", Some((false, false, &[])));
        check("/ws/17", "", Some((false, false, &[])));
        check("/ws/stream", "", Some((false, false, &[])));
        check("/stream", "", Some((true, false, &[])));
        check(
            "/stream",
            "streams=a@trade/b@bookTicker/!miniTicker@arr",
            Some((true, false, &["a@trade", "b@bookTicker", "!miniTicker@arr"])),
        );
        check("/stream", "timeUnit=MICROSECOND&streams=a%40trade", Some((true, true, &["a@trade"])));
        check("/ws/a@trade", "timeUnit=microsecond", Some((false, true, &["a@trade"])));
        check("/ws", "timeUnit=MILLISECOND", Some((false, false, &[])));
        check("/ws/what/ever", "streams=", Some((false, false, &[])));
    }

    #[test]
    fn other_paths_are_left_to_others() {
        for path in
            ["/", "/v1/stream", "/wss", "/streams", "/binance", "/binance/", "/Binance/ws", "/api/v3/ping"]
        {
            check(path, "", None);
        }
    }
}
