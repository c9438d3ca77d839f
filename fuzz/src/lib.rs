//! What every fuzz target does: decodes bytes whole and cut, and compares.
//!
//! A decoder must not panic, must not depend on how its input was cut, and must account for what it was given in bounded
//! messages. A conversation with a venue must not panic, and what it sends and says must be bounded.

use std::sync::Arc;

use tickcast::{
    feed::{
        formats::{DecoderOutput, Format, Hints},
        source::{Source, SourceKind},
        upstream::venue::{Dialer, Note, Reaction, Stream, StreamGroup},
    },
    scenario::{course::occurrence, read::parse},
    tick::{CustomFields, Nanos},
};

/// Short, so that a fuzzer finds the limit.
const LINE_BYTES_MAX: usize = 512;
const MESSAGE_CHARS_MAX: usize = 300;

/// Decodes `data` as the format of this name; its first byte says how it is cut. `file` is the file's name.
pub fn check(format: &str, file: &str, data: &[u8]) {
    let format = Format::ALL.into_iter().find(|known| known.name() == format).expect("a format of this name");
    let Some((&cut, bytes)) = data.split_first() else { return };
    // Telling the format must stand any bytes too.
    let _ = Format::detect(file, bytes);
    let whole = decode(format, file, bytes, bytes.len().max(1));
    let pieces = decode(format, file, bytes, usize::from(cut % 61) + 1);
    assert_eq!(whole.ticks, pieces.ticks);
    assert_eq!((whole.passed, whole.tally), (pieces.passed, pieces.tally));
    assert_eq!(whole.rejects, pieces.rejects);
    for reject in &whole.rejects {
        assert!(reject.message.chars().count() <= MESSAGE_CHARS_MAX, "{}", reject.message);
    }
}

fn decode(format: Format, file: &str, bytes: &[u8], chunk: usize) -> DecoderOutput {
    let mut decoder = format.decoder(file, &Hints::default(), LINE_BYTES_MAX).expect("a name that tells enough");
    let mut out = DecoderOutput::default();
    for chunk in bytes.chunks(chunk) {
        decoder.feed(&mut chunk.to_vec(), &mut out);
    }
    decoder.finish(&mut out);
    out
}

/// The venues' feeds, each with a symbol of its own.
const FEEDS: [(&str, &str); 10] = [
    ("binance?symbols=BTCUSDT", "BTCUSDT"),
    ("binance-usdm?symbols=BTCUSDT", "BTCUSDT"),
    ("bybit?symbols=BTCUSDT", "BTCUSDT"),
    ("coinbase?symbols=BTC-USD", "BTC-USD"),
    ("hyperliquid?symbols=SOL", "SOL"),
    ("kraken?symbols=BTC/USD", "BTC/USD"),
    ("okx?symbols=BTC-USDT", "BTC-USDT"),
    ("alpaca?symbols=AAPL&key_file=KEY&secret_file=KEY", "AAPL"),
    ("massive?symbols=MSFT&key_file=KEY", "MSFT"),
    ("tickcast?symbols=BTCUSDT&url=ws://127.0.0.1:1", "BTCUSDT"),
];
const MESSAGES_MAX: usize = 64;

/// Says `data` to the conversation that its first byte chooses, a message a line: binary when it begins with a zero.
pub fn converse(data: &[u8]) {
    let Some((&which, bytes)) = data.split_first() else { return };
    let (feed, symbol) = FEEDS[usize::from(which) % FEEDS.len()];
    let dialer = dialer(feed);
    let streams = dialer.kinds().iter().map(|kind| Stream::new(symbol, *kind)).collect();
    let group = StreamGroup { channel: dialer.channel(dialer.kinds()[0]), streams };
    let mut conversation = dialer.connect(&group, &CustomFields::none());
    let mut out = Reaction::default();
    conversation.opened(Nanos(0), &mut out);
    for (at, line) in bytes.split(|byte| *byte == b'\n').take(MESSAGES_MAX).enumerate() {
        out.clear();
        let now = Nanos(at as i64 * 1_000_000_000);
        match line.split_first() {
            Some((0, message)) => conversation.binary(now, &mut message.to_vec(), &mut out),
            _ => conversation.text(now, &mut line.to_vec(), &mut out),
        }
        if conversation.due().is_some_and(|due| due <= now) {
            conversation.wake(now, &mut out);
        }
        // A message is at most so many trades, and asks for what there is to be asked for again.
        assert!(out.ticks.len() <= line.len() && out.sends.len() <= 8 && out.notes.len() <= line.len() + 8);
        for note in &out.notes {
            if let Note::Reject { why, .. } | Note::Refused { why, .. } | Note::Gap { why } = note {
                assert!(why.chars().count() <= 2 * MESSAGE_CHARS_MAX, "{why}");
            }
        }
    }
}

/// Reads `data`, behind its first byte, as the file of a scenario, and asks when its faults happen.
pub fn scenario(data: &[u8]) {
    let Some(Ok(text)) = data.split_first().map(|(_, text)| str::from_utf8(text)) else { return };
    let scenario = match parse("scenario.toml", text) {
        Ok(scenario) => scenario,
        Err(fault) => return assert!(!fault.to_string().is_empty()),
    };
    for fault in &scenario.faults {
        for (begin, at) in [(0, 1), (1_786_309_500_000_000_000, 1_786_309_560_000_000_000), (0, i64::MAX)] {
            let _ = occurrence(fault, Nanos(begin), Nanos(at));
        }
    }
}

fn dialer(feed: &str) -> Arc<dyn Dialer> {
    let key = std::env::temp_dir().join(format!("tickcast-fuzz-key-{}", std::process::id()));
    if !key.exists() {
        std::fs::write(&key, "key").expect("a file");
    }
    let feed = feed.replace("KEY", &key.display().to_string());
    let source = Source::parse(&feed).expect("a feed");
    let SourceKind::Upstream(config) = source.kind else { panic!("{feed} is a venue") };
    config.dialer
}
