//! Binary frames, walked: tickcast's, by docs/PROTOCOL.md alone, and those of the Bun server beside it. Values are
//! skipped, not decoded: what is counted must not depend on the decoder that is measured elsewhere.
//!
//! A walk never reads beyond its frame; a frame that does not follow the layout is a fault.

use std::collections::HashMap;

/// One message of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen<'a> {
    /// The symbol's, on this connection.
    pub number: u64,
    /// Its text, where the message has it.
    pub symbol: Option<&'a [u8]>,
    pub what: What,
}

/// The times are in microseconds since the connection's origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Stands for so many ticks up to this one.
    Update {
        seq: u64,
        n: u64,
        ts_us: i64,
    },
    Snapshot {
        seq: u64,
        ts_us: i64,
    },
    Gap {
        from: u64,
        to: u64,
    },
}

pub type Fault = &'static str;

const LONG: u8 = 0x80;
const HAS_INTRODUCTION: u8 = 0x10;
const HAS_NAME: u8 = 0x20;
const HAS_COUNT: u8 = 0x40;
const HAS_WITHDRAWN: u8 = 1;
const HAS_REPORT: u8 = 2;
const HAS_SCALE: u8 = 4;
/// Prices and sizes, by the numbers of their fields: those of bid, ask and the last trade, volume, open, high and low.
const DECIMALS: u128 = 0b1_1100_1011_1111;
const SIDE: u32 = 6;
const TRADES: u32 = 8;
const TRADE_ID: u32 = 9;
/// A scale: each decimal is in its general form, or, of a symbol, there is none.
const NO_SCALE: u8 = 0xff;
const PLACES_OF_TEXT: u8 = 31;
const MASK_GROUPS_MAX: u32 = 12;

/// Hands out the messages of one of tickcast's frames.
pub fn walk<'a>(frame: &'a [u8], each: impl FnMut(Seen<'a>)) -> Result<(), Fault> {
    Walk { bytes: Bytes(frame), rx_us: 0, late_us: 0, each }.run()
}

struct Walk<'a, E> {
    bytes: Bytes<'a>,
    /// The frame's running values: when the last tick was received, and how long after its own time.
    rx_us: i64,
    late_us: i64,
    each: E,
}

impl<'a, E: FnMut(Seen<'a>)> Walk<'a, E> {
    fn run(&mut self) -> Result<(), Fault> {
        while !self.bytes.0.is_empty() {
            let head = self.bytes.byte()?;
            if head & LONG == 0 {
                let (number, seq) = (self.bytes.varint()?, self.bytes.varint()?);
                let n = if head & HAS_COUNT != 0 { self.bytes.varint()? } else { 1 };
                let ts_us = self.times()?;
                self.values((head & !HAS_COUNT).into(), false)?;
                (self.each)(Seen { number, symbol: None, what: What::Update { seq, n, ts_us } });
                continue;
            }
            self.long(head)?;
        }
        Ok(())
    }

    fn long(&mut self, head: u8) -> Result<(), Fault> {
        let kind = head & 0x0f;
        if kind > 3 {
            return self.bytes.text().map(drop);
        }
        let number = self.bytes.varint()?;
        let symbol = if head & HAS_INTRODUCTION != 0 { Some(self.introduction()?) } else { None };
        if head & HAS_NAME != 0 {
            self.bytes.text()?;
        }
        let first = self.bytes.varint()?;
        let what = match kind {
            0 => {
                let n = if head & HAS_COUNT != 0 { self.bytes.varint()? } else { 1 };
                What::Update { seq: first, n, ts_us: self.times_and_body()? }
            }
            1 => What::Snapshot { seq: first, ts_us: self.times_and_body()? },
            2 => {
                for at in 0..self.bytes.varint()? {
                    let seq = first.checked_add(at).ok_or("a run beyond all seqs")?;
                    let ts_us = self.times_and_body()?;
                    (self.each)(Seen { number, symbol, what: What::Update { seq, n: 1, ts_us } });
                }
                return Ok(());
            }
            _ => {
                let to = self.bytes.varint()?;
                self.bytes.byte()?;
                What::Gap { from: first, to }
            }
        };
        (self.each)(Seen { number, symbol, what });
        Ok(())
    }

    /// The symbol's text; its reference is for who decodes prices.
    fn introduction(&mut self) -> Result<&'a [u8], Fault> {
        let symbol = self.bytes.text()?;
        if self.bytes.byte()? != NO_SCALE {
            self.bytes.varint()?;
            self.bytes.varint()?;
        }
        Ok(symbol)
    }

    fn times_and_body(&mut self) -> Result<i64, Fault> {
        let ts_us = self.times()?;
        let first = self.bytes.byte()?;
        if first & LONG == 0 {
            self.values(first.into(), false)?;
            return Ok(ts_us);
        }
        if first & !(LONG | HAS_WITHDRAWN | HAS_REPORT | HAS_SCALE) != 0 {
            return Err("flags that are not known");
        }
        let mask = self.bytes.mask()?;
        if first & HAS_WITHDRAWN != 0 {
            self.bytes.mask()?;
        }
        if first & HAS_REPORT != 0 {
            self.bytes.text()?;
        }
        let is_wide = first & HAS_SCALE != 0 && self.bytes.byte()? == NO_SCALE;
        self.values(mask, is_wide)?;
        Ok(ts_us)
    }

    /// The event time of the message.
    fn times(&mut self) -> Result<i64, Fault> {
        let coded = self.bytes.varint()?;
        if coded & 1 != 0 {
            self.rx_us = self.rx_us.wrapping_add(zigzag(self.bytes.varint()?));
        }
        self.late_us = self.late_us.wrapping_add(zigzag(coded >> 1));
        Ok(self.rx_us.wrapping_sub(self.late_us))
    }

    fn values(&mut self, mut mask: u128, is_wide: bool) -> Result<(), Fault> {
        while mask != 0 {
            let field = mask.trailing_zeros();
            mask &= mask - 1;
            match field {
                SIDE => drop(self.bytes.byte()?),
                TRADE_ID => drop(self.bytes.text()?),
                TRADES => drop(self.bytes.varint()?),
                _ if DECIMALS & (1 << field) == 0 => return Err("a field that is not one of the fixed ones"),
                _ if is_wide => self.bytes.wide()?,
                _ => drop(self.bytes.varint()?),
            }
        }
        Ok(())
    }
}

fn zigzag(coded: u64) -> i64 {
    (coded >> 1).cast_signed() ^ -((coded & 1).cast_signed())
}

struct Bytes<'a>(&'a [u8]);

const ENDS: Fault = "a frame ends within a message";

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> Result<u8, Fault> {
        let (first, rest) = self.0.split_first().ok_or(ENDS)?;
        self.0 = rest;
        Ok(*first)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let (taken, rest) =
            usize::try_from(length).ok().and_then(|length| self.0.split_at_checked(length)).ok_or(ENDS)?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number that is too long")
    }

    fn text(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.varint()?;
        self.take(length)
    }

    fn mask(&mut self) -> Result<u128, Fault> {
        let mut mask = 0;
        for group in 0..MASK_GROUPS_MAX {
            let byte = self.byte()?;
            mask |= u128::from(byte & 0x7f) << (7 * group);
            if byte & 0x80 == 0 {
                return Ok(mask);
            }
        }
        Err("a mask that is too long")
    }

    /// A decimal in its general form.
    fn wide(&mut self) -> Result<(), Fault> {
        let code = self.byte()?;
        if code & 0x1f == PLACES_OF_TEXT { self.text() } else { self.take(u64::from(code >> 5) + 1) }
            .map(drop)
    }
}

/// The Bun server's frames: a message each, of a fixed layout (`peers/bun.js`).
pub fn fixed(frame: &[u8]) -> Result<(u16, u64), Fault> {
    let layout = || {
        let number = u16::from_le_bytes(frame.get(..2)?.try_into().ok()?);
        let ts_us = f64::from_le_bytes(frame.get(2..10)?.try_into().ok()?);
        (frame.len() == FIXED_BYTES).then_some((number, ts_us as u64))
    };
    layout().ok_or("a frame of another length")
}

/// A number of a symbol, a time, and four values.
const FIXED_BYTES: usize = 2 + 8 + 4 * 8;

/// That each kind of message is seen as it was written, and that no prefix of a frame is read beyond its end.
pub fn check() {
    let update = |seq, n, ts_us| What::Update { seq, n, ts_us };
    // A short update of bid and ask: symbol 300, seq 5, n 3, 10 later than its time, received at 1000; two prices.
    let short = b"\x45\xac\x02\x05\x03\x29\xd0\x0f\xa9\x4e\x02".as_slice();
    // An update that introduces its symbol, with a name, n 4, 9 late, received at 998; a withdrawn mask, a report and a
    // scale; a side, a count and a trade's name.
    let long =
        b"\xf0\x07\x01A\x22\x04\x05\x01b\x09\x04\x03\x03\x87\xc0\x06\x01\x02\xaa\xbb\x22\x01\x08\x02id"
            .as_slice();
    // A snapshot of a bid and a volume, both wide: 3 bytes, and a text. Its symbol has no reference.
    let wide = b"\x91\x07\x01A\xff\x09\x00\x84\x81\x01\xff\x42\x01\x02\x03\x1f\x0212".as_slice();
    let run = b"\x82\x07\x0a\x02\x01\x02\x40\x02\x01\x02\x81\x40\x01\x02".as_slice();
    let gap = b"\x83\x07\x0c\x14\x00".as_slice();
    let unknown = b"\x8f\x03\x01\x02\x03".as_slice();
    let messages = [short, long, wide, run, gap, unknown];
    let frame = messages.concat();
    let mut found = Vec::new();
    assert_eq!(walk(&frame, |seen| found.push(seen)), Ok(()));
    let seen = |symbol: Option<&'static [u8]>, what| Seen { number: 7, symbol, what };
    let expected = [
        Seen { number: 300, symbol: None, what: update(5, 3, 990) },
        seen(Some(b"A"), update(9, 4, 989)),
        seen(Some(b"A"), What::Snapshot { seq: 9, ts_us: 989 }),
        seen(None, update(10, 1, 990)),
        seen(None, update(11, 1, 991)),
        seen(None, What::Gap { from: 12, to: 20 }),
    ];
    assert_eq!(found, expected);
    let mut whole = Vec::new();
    for message in messages {
        whole.push(whole.last().unwrap_or(&0) + message.len());
    }
    for length in 1..=frame.len() {
        let is_whole = whole.contains(&length);
        assert_eq!(walk(&frame[..length], |_| ()).is_ok(), is_whole, "the first {length} bytes");
    }
    assert!(walk(&[0x80, 1, 1, 0, 0x80, 0x80, 0x40, 0], |_| ()).is_err(), "field 13 is not known");
    assert!(walk(&[0x80, 1, 1, 0, 0x88, 0], |_| ()).is_err(), "a flag that is not known");
    assert!(
        walk(&[[1].as_slice(), &[0xff; 10], &[1]].concat(), |_| ()).is_err(),
        "a number that is too long"
    );
    let mut fixed_frame = vec![2, 1];
    fixed_frame.extend_from_slice(&1_750_000_000_000_000_f64.to_le_bytes());
    assert!(fixed(&fixed_frame).is_err());
    fixed_frame.resize(FIXED_BYTES, 0);
    assert_eq!(fixed(&fixed_frame), Ok((258, 1_750_000_000_000_000)));
}

/// That the walk agrees with the frames that docs/PROTOCOL.md has for every client: how many messages each has, of which
/// symbol, seq, n and time.
pub fn check_vectors() {
    // These have fields that the bench has not, faults, or the time of sending.
    const OTHERS: [&str; 4] = ["configured.json", "faults.json", "growth.json", "sent.json"];
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/vectors");
    let mut messages = 0;
    for entry in std::fs::read_dir(directory).expect("the vectors are there") {
        let path = entry.expect("the vectors are there").path();
        if OTHERS.iter().any(|other| path.ends_with(other)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a vector can be read");
        let vector: serde_json::Value = serde_json::from_str(&text).expect("a vector is JSON");
        messages += check_vector(&vector);
    }
    assert!(messages > 50, "{messages} messages");
}

fn check_vector(vector: &serde_json::Value) -> usize {
    let (mut symbols, mut messages) = (HashMap::new(), 0);
    for frame in vector["frames"].as_array().expect("frames") {
        let hex = frame["hex"].as_str().expect("text");
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let mut expected = frame["messages"].as_array().expect("messages").iter();
        let walked = walk(&bytes, |seen| {
            if let Some(symbol) = seen.symbol {
                symbols.insert(seen.number, String::from_utf8_lossy(symbol).into_owned());
            }
            let message = expected.next().expect("no more messages than there are");
            messages += 1;
            assert_eq!(
                message["symbol"].as_str(),
                symbols.get(&seen.number).map(String::as_str),
                "{message}"
            );
            let number = |key: &str| message[key].as_u64();
            let ts =
                |ts_us: i64| vector["origin"].as_u64().and_then(|origin| origin.checked_add_signed(ts_us));
            match seen.what {
                What::Update { seq, n, ts_us } => {
                    assert_eq!(message["type"], "update");
                    let has = (number("seq"), number("n").unwrap_or(1), number("ts"));
                    assert_eq!((Some(seq), n, ts(ts_us)), has, "{message}");
                }
                What::Snapshot { seq, ts_us } => {
                    assert_eq!(message["type"], "snapshot");
                    assert_eq!((Some(seq), ts(ts_us)), (number("seq"), number("ts")), "{message}");
                }
                What::Gap { from, to } => {
                    assert_eq!(message["type"], "gap");
                    assert_eq!((Some(from), Some(to)), (number("from"), number("to")), "{message}");
                }
            }
        });
        assert_eq!((walked, expected.count()), (Ok(()), 0), "{hex}");
    }
    messages
}
