//! Symbols of markets that write them with blanks, stars or in other scripts.

use super::{Format, decode, decode_as, lines, sample};

/// Each sample with another instrument in place of one of its own: the same records, of the symbol as it is.
#[test]
fn symbols_of_any_market_are_taken_from_every_format() {
    for (name, old, given, symbol) in [
        ("own.ndjson", "BTC-USD", "\\u5e01\\u5b89 *", "币安 *"),
        ("own.ndjson", "BTC-USD", "AAPL  250221C00250000", "AAPL  250221C00250000"),
        ("plain.csv", "BTC-USD", "BRN FMJ0024!", "BRN FMJ0024!"),
        ("tardis-trades.csv", "XBTUSD", "币安人生USDT", "币安人生USDT"),
        ("databento-trades.csv", "AAPL", "ESM4 P5230", "ESM4 P5230"),
        ("polygon-trades.csv", "AAPL", "SAN-I*", "SAN-I*"),
        ("capture.txt", "\"s\":\"BNBBTC", "\"s\":\"\\u5e01\\u5b89\\u4eba\\u751fUSDT", "币安人生USDT"),
        ("streams.txt", "\"s\":\"BNBBTC", "\"s\":\"\\u5e01\\u5b89\\u4eba\\u751fUSDT", "币安人生USDT"),
        ("streams.txt", "LTC-USD-SWAP", "A \\ud83d\\ude00", "A 😀"),
        ("S100913-v50.txt", "IBM     ", "SAN-I*  ", "SAN-I*"),
    ] {
        let bytes = sample(name);
        let plain = decode(name, &bytes, &[usize::MAX]);
        let mut other = Vec::new();
        let mut rest = &bytes[..];
        while let Some(at) = memchr::memmem::find(rest, old.as_bytes()) {
            other.extend_from_slice(&rest[..at]);
            other.extend_from_slice(given.as_bytes());
            rest = &rest[at + old.len()..];
        }
        other.extend_from_slice(rest);
        let found = decode(name, &other, &[usize::MAX]);
        let own = old.trim_end().rsplit('"').next().unwrap_or_default();
        let renamed = |line: String| {
            line.replace(&format!("\"symbol\":\"{own}\""), &format!("\"symbol\":\"{symbol}\""))
        };
        let expected: Vec<String> = lines(&plain).into_iter().map(renamed).collect();
        assert!(expected.iter().any(|line| line.contains(symbol)), "{name} has no {own}");
        assert_eq!(lines(&found), expected, "{name} with {given}");
    }
    let trades = sample("BTCUSDT-trades-2024-01-01.csv");
    let out = decode("币安人生USDT-trades-2024-01-01.csv", &trades, &[usize::MAX]);
    assert!(lines(&out)[0].starts_with(r#"{"symbol":"币安人生USDT","#), "{:?}", lines(&out));
    let noted = "{\"tickcast\":\"gap\",\"rx\":5,\"symbol\":\"\\u5e01 *\",\"from\":2,\"to\":4}\n{\"symbol\":\"A\",\"bid\":1}\n";
    let out = decode_as(
        Format::detect("own.ndjson", &sample("own.ndjson")).unwrap(),
        "own.ndjson",
        noted.as_bytes(),
        &[99],
    );
    assert_eq!(
        out.gaps.iter().map(|gap| (gap.symbol.as_str(), gap.ticks)).collect::<Vec<_>>(),
        [("币 *", 3)]
    );
}
