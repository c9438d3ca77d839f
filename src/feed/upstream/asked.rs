//! Which streams of a connection were asked for, and which of them the venue has acknowledged.
//!
//! Invariant: a stream is told of as subscribed once for each time that it was asked for, and as refused at most once.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::venue::{Note, Reaction, Stream, StreamKind};

/// The streams of one connection.
#[derive(Default)]
pub struct Asked {
    streams: BTreeMap<Stream, Answer>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Awaited,
    Given,
}

// === impl Asked ===

impl Asked {
    /// Of these, what is new.
    pub fn ask(&mut self, streams: &[Stream]) -> Vec<Stream> {
        let new =
            streams.iter().filter(|stream| !self.streams.contains_key(stream)).cloned().collect::<Vec<_>>();
        self.streams.extend(new.iter().map(|stream| (stream.clone(), Answer::Awaited)));
        new
    }

    /// Of these, what was asked for, and is no more.
    pub fn forget(&mut self, streams: &[Stream]) -> Vec<Stream> {
        streams.iter().filter(|stream| self.streams.remove(stream).is_some()).cloned().collect()
    }

    pub fn acknowledge(&mut self, stream: &Stream, out: &mut Reaction) {
        if let Some(answer @ Answer::Awaited) = self.streams.get_mut(stream) {
            *answer = Answer::Given;
            out.note(Note::Subscribed(stream.clone()));
        }
    }

    pub fn refuse(&mut self, stream: &Stream, why: &str, out: &mut Reaction) {
        if self.streams.remove(stream).is_some() {
            out.note(Note::Refused { stream: stream.clone(), why: shown(why) });
        }
    }

    /// The streams without an answer whose symbol these words name.
    pub fn named_in(&self, words: &str) -> Vec<Stream> {
        let awaited = self.awaited();
        awaited.into_iter().filter(|stream| is_named(&stream.symbol, words)).collect()
    }

    /// The streams without an answer.
    pub fn awaited(&self) -> Vec<Stream> {
        let awaited = self.streams.iter().filter(|(_, answer)| **answer == Answer::Awaited);
        awaited.map(|(stream, _)| stream.clone()).collect()
    }

    /// The symbols of the streams of one kind.
    pub fn symbols(&self, kind: StreamKind) -> impl Iterator<Item = &CompactString> {
        self.streams.keys().filter(move |stream| stream.kind == kind).map(|stream| &stream.symbol)
    }

    /// Whether any stream of the symbol is asked for.
    pub fn has(&self, symbol: &str) -> bool {
        let has = |kind| self.streams.contains_key(&Stream::new(symbol, kind));
        has(StreamKind::Trades) || has(StreamKind::Quotes)
    }

    /// Every symbol, once.
    pub fn all_symbols(&self) -> Vec<CompactString> {
        let mut symbols: Vec<_> = self.streams.keys().map(|stream| stream.symbol.clone()).collect();
        symbols.dedup();
        symbols
    }
}

/// A venue's words in a note: one line of a bounded length.
pub fn shown(words: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 200;
    words.chars().take(SHOWN_CHARS_MAX).map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// Whether words name a symbol, and not a longer one that begins or ends with it.
fn is_named(symbol: &str, words: &str) -> bool {
    let is_part = |char: char| char.is_alphanumeric() || matches!(char, '-' | '/' | '_');
    words.match_indices(symbol).any(|(at, _)| {
        let after = words[at + symbol.len()..].chars().next();
        !words[..at].chars().next_back().is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_once() {
        let (mut asked, mut out) = (Asked::default(), Reaction::default());
        let [a, b] = ["A", "B"].map(|symbol| [Stream::new(symbol, StreamKind::Trades)]);
        assert_eq!(asked.ask(&[a.clone(), b.clone()].concat()).len(), 2);
        assert_eq!(asked.ask(&a), []);
        asked.acknowledge(&a[0], &mut out);
        asked.acknowledge(&a[0], &mut out);
        assert_eq!((asked.awaited(), asked.named_in("A is known")), (b.to_vec(), vec![]));
        asked.refuse(&b[0], "no\nsuch", &mut out);
        asked.refuse(&b[0], "no", &mut out);
        let [refused] = b;
        assert_eq!(
            out.notes,
            [Note::Subscribed(a[0].clone()), Note::Refused { stream: refused, why: "no such".to_owned() }]
        );
        assert_eq!(asked.forget(&a), a);
        assert_eq!(asked.ask(&a), a);
    }

    #[test]
    fn words_name_whole_symbols() {
        for (symbol, words, named) in [
            ("BTC-USD", "Failed: BTC-USD.", true),
            ("BTC-USD", "BTC-USDT", false),
            ("BTC-USD", "XBTC-USD", false),
            ("BTCUSDT", "handler not found,topic:publicTrade.BTCUSDT", true),
            ("XBT/USD", "Currency pair not supported XBT/USD", true),
        ] {
            assert_eq!(is_named(symbol, words), named, "{symbol} in {words}");
        }
    }
}
