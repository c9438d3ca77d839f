//! What a request asks for: the query of `/replay-normalized` and `/ws-replay-normalized`.
//!
//! As tardis-machine reads it: `options` is an object or an array of them, in JSON. Names that tardis-machine has and that
//! mean nothing here (`apiKey`, `autoCleanup`), and names that nobody has, are passed over, as it does. Two things are
//! added: `session` joins connections, which tardis-machine has for raw replays alone, and `speed`.

use serde::Deserialize;

use super::data_types::DataTypes;
use crate::{
    feed::{ReplaySpeed, recording::parse_time},
    tick::Nanos,
};

/// A request.
#[derive(Clone, PartialEq, Debug)]
pub struct ReplayRequest {
    pub streams: Vec<StreamRequest>,
    /// Requests with the same are one replay.
    pub session: Option<String>,
    pub speed: ReplaySpeed,
}

/// One object of `options`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamRequest {
    pub exchange: String,
    /// In any case; empty for all.
    pub symbols: Vec<String>,
    /// The first local time that is included, and the first that is not.
    pub from: Nanos,
    pub to: Nanos,
    pub data_types: DataTypes,
    pub with_disconnects: bool,
}

/// Objects in one request.
pub const STREAMS_MAX: usize = 16;
/// Symbols in one request. More of them would not fit into the head of a request.
const SYMBOLS_MAX: usize = 10_000;
const SESSION_BYTES_MAX: usize = 128;
const EXCHANGE_BYTES_MAX: usize = 64;

/// One object as it stands in the query.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object with exchange, symbols, from, to and dataTypes")]
struct RawOptions {
    exchange: Option<String>,
    symbols: Option<Vec<String>>,
    from: Option<String>,
    to: Option<String>,
    data_types: Option<Vec<String>>,
    with_disconnect_messages: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<serde_json::Value>),
    One(serde_json::Value),
}

impl ReplayRequest {
    /// Reads a query.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn parse(query: &str) -> Result<Self, String> {
        let (mut options, mut session, mut speed) = (None, None, ReplaySpeed::Max);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "options" => options = Some(value),
                "session" if value.len() > SESSION_BYTES_MAX => {
                    return Err(format!(
                        "Invalid \"session\" argument: it has more than {SESSION_BYTES_MAX} bytes."
                    ));
                }
                "session" if !value.is_empty() => session = Some(value.into_owned()),
                "speed" => {
                    speed = value.parse().map_err(|()| {
                        format!(
                            "Invalid \"speed\" argument: {value}. Please provide {}.",
                            ReplaySpeed::EXPECTED
                        )
                    })?;
                }
                _ => {}
            }
        }
        let options = options.ok_or_else(|| {
            "Missing \"options\" argument. Please provide a JSON object, or an array of them, with exchange, symbols, \
             from, to and dataTypes."
                .to_owned()
        })?;
        Ok(ReplayRequest { streams: parse_options(&options)?, session, speed })
    }
}

fn parse_options(text: &str) -> Result<Vec<StreamRequest>, String> {
    let not_json = |error: serde_json::Error| format!("Invalid \"options\" argument: {error}.");
    let all = match serde_json::from_str(text).map_err(not_json)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    };
    if all.is_empty() || all.len() > STREAMS_MAX {
        let count = all.len();
        return Err(format!(
            "Invalid \"options\" argument: {count} objects. Please provide 1 to {STREAMS_MAX}."
        ));
    }
    let several = all.len() > 1;
    let mut streams = Vec::with_capacity(all.len());
    for (at, raw) in all.into_iter().enumerate() {
        let stream = serde_json::from_value(raw).map_err(not_json).and_then(StreamRequest::of);
        streams.push(stream.map_err(|why| if several { format!("{why} (options[{at}])") } else { why })?);
    }
    let symbols: usize = streams.iter().map(|stream| stream.symbols.len()).sum();
    if symbols > SYMBOLS_MAX {
        return Err(format!(
            "Invalid \"symbols\" argument: {symbols} symbols. Please provide {SYMBOLS_MAX} at most."
        ));
    }
    Ok(streams)
}

impl StreamRequest {
    fn of(raw: RawOptions) -> Result<Self, String> {
        let exchange = raw.exchange.unwrap_or_default();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if exchange.is_empty() || exchange.len() > EXCHANGE_BYTES_MAX || !exchange.bytes().all(is_name) {
            return Err(format!(
                "Invalid \"exchange\" argument: {exchange}. Please provide a name such as binance."
            ));
        }
        let from = moment("from", raw.from)?;
        let to = moment("to", raw.to)?;
        if to < from {
            return Err("Invalid \"to\" and \"from\" arguments combination. Please provide \"to\" date that is later than \
                        \"from\" date."
                .to_owned());
        }
        let names = raw.data_types.unwrap_or_default();
        let data_types = DataTypes::parse(names.iter().map(String::as_str))?;
        let symbols = raw.symbols.unwrap_or_default();
        if symbols.iter().any(String::is_empty) {
            return Err("Invalid \"symbols\" argument: one is empty. Leave symbols out for all.".to_owned());
        }
        let with_disconnects = raw.with_disconnect_messages.unwrap_or(false);
        Ok(StreamRequest { exchange, symbols, from, to, data_types, with_disconnects })
    }
}

/// A date or time in UTC, as JavaScript reads it in such requests: also with a blank, without seconds, without `Z`, and a date
/// without its day or its zeros.
fn moment(name: &str, text: Option<String>) -> Result<Nanos, String> {
    let text = text.unwrap_or_default();
    parse_moment(text.trim()).ok_or_else(|| {
        format!(
            "Invalid \"{name}\" argument: {text}. Please provide valid date string, such as 2025-03-25 or \
             2025-03-25T23:07:00Z."
        )
    })
}

fn parse_moment(text: &str) -> Option<Nanos> {
    const DAY_NANOS: i64 = 86_400_000_000_000;
    if text.len() > YEAR_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return parse_time(text);
    }
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00")).unwrap_or(text);
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let date = whole_date(date)?;
    let time = if time.bytes().filter(|byte| *byte == b':').count() == 1 {
        format!("{time}:00")
    } else {
        time.to_owned()
    };
    // The end of a day.
    match time.strip_prefix("24:00:00") {
        Some(rest) if rest.bytes().all(|byte| b".0".contains(&byte)) => {
            let begin = parse_time(&format!("{date}T00:00:00Z"))?;
            Some(Nanos(begin.0 + DAY_NANOS))
        }
        _ => parse_time(&format!("{date}T{time}Z")),
    }
}

const YEAR_DIGITS: usize = 4;

/// `2025`, `2025-03`, `2025-3-5` or `2025/03/05` with all of its digits.
fn whole_date(text: &str) -> Option<String> {
    let mut parts = text.split(['-', '/']);
    let year = parts.next().filter(|year| year.len() == YEAR_DIGITS)?;
    let [month, day] = [(); 2].map(|()| parts.next().unwrap_or("01"));
    let is_whole = parts.next().is_none() && !month.is_empty() && !day.is_empty();
    is_whole.then(|| format!("{year}-{month:0>2}-{day:0>2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &str, rest: &str) -> Result<ReplayRequest, String> {
        let options: String = form_urlencoded::byte_serialize(options.as_bytes()).collect();
        ReplayRequest::parse(&format!("options={options}{rest}"))
    }

    fn micros(text: &str) -> Option<i64> {
        parse_moment(text).map(Nanos::micros)
    }

    #[test]
    fn options_are_an_object_or_an_array() {
        let one = r#"{"exchange":"binance","symbols":["btcusdt"],"from":"2025-03-25","to":"2025-03-26","dataTypes":["trade","book_ticker"],"withDisconnectMessages":true,"apiKey":"x"}"#;
        let asked = parse(one, "").unwrap();
        assert_eq!(asked, parse(&format!("[{one}]"), "&token=t&unknown=1").unwrap());
        let [stream] = &asked.streams[..] else { panic!("one stream: {asked:?}") };
        assert_eq!((&*stream.exchange, &stream.symbols[..]), ("binance", &["btcusdt".to_owned()][..]));
        assert!(stream.with_disconnects && stream.data_types.trade && stream.data_types.book_ticker);
        assert_eq!(stream.to.since(stream.from), 86_400_000_000_000);
        assert_eq!((asked.session, asked.speed), (None, ReplaySpeed::Max));
        let asked = parse(one, "&session=s&speed=10").unwrap();
        assert_eq!((asked.session.as_deref(), asked.speed), (Some("s"), ReplaySpeed::Times(10.0)));
    }

    #[test]
    fn dates_are_read_as_javascript_reads_them_in_utc() {
        let noon = micros("2025-03-25T12:00:00Z");
        assert_eq!(noon, Some(1_742_904_000_000_000));
        for text in [
            "2025-03-25T12:00:00",
            "2025-03-25 12:00",
            "2025-03-25 12:00Z",
            "2025-03-25T12:00",
            "2025-03-25T12:00:00.000Z",
            "2025-03-25T12:00:00.000000000",
            "2025-03-25T12:00:00+00:00",
            "1742904000000",
        ] {
            assert_eq!(micros(text), noon, "{text}");
        }
        let midnight = Some(1_742_860_800_000_000);
        for text in [
            "2025-03-25",
            "2025-3-25",
            "2025/03/25",
            "2025-03-25Z",
            "2025-03-24T24:00:00.0Z",
            "2025-3-24 24:00",
        ] {
            assert_eq!(micros(text), midnight, "{text}");
        }
        assert_eq!(micros("2025-03"), micros("2025-03-01T00:00:00Z"));
        assert_eq!(micros("2025"), micros("2025-01-01T00:00:00Z"));
        assert_eq!(micros("2025-3-5"), micros("2025-03-05T00:00:00Z"));
        for text in [
            "",
            "yesterday",
            "25-03-2025",
            "2025-13-01",
            "2025-",
            "2025-03-25-01",
            "2025-03-25T12",
            "2025-03-25T24:01",
            "2025-03-25T24:00:01",
            "2025-03-25T12:00:00+01:00",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }

    #[test]
    fn a_fault_is_named() {
        let whole = r#"{"exchange":"binance","from":"2025-03-25","to":"2025-03-26","dataTypes":["trade"]}"#;
        assert!(parse(whole, "").unwrap().streams[0].symbols.is_empty());
        let check = |options: &str, rest: &str, expected: &str| {
            let why = parse(options, rest).unwrap_err();
            assert!(why.contains(expected), "{options} {rest}: {why}");
        };
        check("{", "", "Invalid \"options\" argument");
        check("7", "", "Invalid \"options\" argument");
        check("[]", "", "0 objects");
        check("{}", "", "Invalid \"exchange\" argument");
        check(&whole.replace("binance", "../binance"), "", "Invalid \"exchange\" argument: ../binance");
        check(&whole.replace("2025-03-25", "soon"), "", "Invalid \"from\" argument: soon");
        check(&whole.replace("2025-03-26", "soon"), "", "Invalid \"to\" argument: soon");
        check(&whole.replace("2025-03-26", "2025-03-24"), "", "\"to\" and \"from\" arguments combination");
        check(&whole.replace("trade", "book_change"), "", "book_change");
        check(&whole.replace("\"trade\"", ""), "", "Invalid \"dataTypes\" argument");
        check(&whole.replace("[\"trade\"]", "\"trade\""), "", "invalid type");
        check(&format!("[{whole},{{}}]"), "", "(options[1])");
        check(whole, "&speed=fast", "Invalid \"speed\" argument: fast");
        check(whole, &format!("&session={}", "s".repeat(129)), "Invalid \"session\" argument");
        assert!(ReplayRequest::parse("").unwrap_err().contains("Missing \"options\" argument"));
    }
}
