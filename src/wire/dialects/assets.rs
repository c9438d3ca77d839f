//! What a symbol is a price of, and in what: `BTCUSDT` is `BTC` in `USDT`. The market knows no more than the symbol.

/// What prices are quoted in, where nothing stands between: the longest that a symbol ends with.
const QUOTED_IN: [&str; 32] = [
    "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "PYUSD", "USDE", "USD1", "BIDR", "BVND", "IDRT", "USD",
    "EUR", "GBP", "TRY", "BRL", "JPY", "AUD", "RUB", "UAH", "NGN", "PLN", "RON", "ZAR", "ARS", "MXN", "CZK",
    "DAI", "BTC", "ETH", "BNB",
];

/// The two parts of a symbol, in capitals. One of a single part is a price in dollars.
pub fn split(symbol: &str) -> (String, String) {
    let symbol = symbol.to_ascii_uppercase();
    if let Some((base, quote)) = symbol.split_once(['-', '/', '_', ':'])
        && !base.is_empty()
        && !quote.is_empty()
    {
        return (base.to_owned(), quote.to_owned());
    }
    let quote = QUOTED_IN.iter().filter(|quote| symbol.len() > quote.len() && symbol.ends_with(**quote));
    match quote.max_by_key(|quote| quote.len()) {
        Some(quote) => (symbol[..symbol.len() - quote.len()].to_owned(), (*quote).to_owned()),
        None => (symbol, "USD".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_split_where_its_quote_begins() {
        for (symbol, base, quote) in [
            ("BTCUSDT", "BTC", "USDT"),
            ("ethbtc", "ETH", "BTC"),
            ("BTC-USD", "BTC", "USD"),
            ("XBT/EUR", "XBT", "EUR"),
            ("BTCFDUSD", "BTC", "FDUSD"),
            ("AAPL", "AAPL", "USD"),
            ("USDT", "USDT", "USD"),
            ("1INCHUSDC", "1INCH", "USDC"),
            ("-", "-", "USD"),
        ] {
            assert_eq!(split(symbol), (base.to_owned(), quote.to_owned()), "{symbol}");
        }
    }
}
