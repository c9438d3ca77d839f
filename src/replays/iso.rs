//! Times as tardis-machine writes them: ISO-8601 in UTC with milliseconds, or microseconds where a source has them.
//!
//! What is finer than a microsecond is cut off, as it is there.

use std::time::{Duration, UNIX_EPOCH};

use crate::tick::Nanos;

/// Writes times. Most of consecutive ones are of one second, whose text is kept.
pub struct IsoWriter {
    second: i64,
    /// `2025-03-25T23:07:00`
    text: [u8; SECOND_BYTES],
}

/// How many places a time gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimePlaces {
    /// Three, or six when they say more.
    AsNeeded,
    Six,
}

const SECOND_BYTES: usize = "2025-03-25T23:07:00".len();
const MICROS: i64 = 1_000_000;

impl IsoWriter {
    pub fn new() -> Self {
        IsoWriter { second: 0, text: *b"1970-01-01T00:00:00" }
    }

    pub fn write(&mut self, time: Nanos, places: TimePlaces, out: &mut Vec<u8>) {
        // Such sources do not go back before 1970.
        let micros = time.micros().max(0);
        let (second, rest) = (micros / MICROS, micros % MICROS);
        if second != self.second {
            self.set_second(second);
        }
        out.extend_from_slice(&self.text);
        out.push(b'.');
        if places == TimePlaces::AsNeeded && rest % 1_000 == 0 {
            write_digits::<3>(rest / 1_000, out);
        } else {
            write_digits::<6>(rest, out);
        }
        out.push(b'Z');
    }

    fn set_second(&mut self, second: i64) {
        let since = Duration::from_secs(second.unsigned_abs());
        let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string();
        if let Some(text) = text.as_bytes().get(..SECOND_BYTES) {
            self.text.copy_from_slice(text);
            self.second = second;
        }
    }
}

fn write_digits<const DIGITS: usize>(mut number: i64, out: &mut Vec<u8>) {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_source() {
        let mut writer = IsoWriter::new();
        let mut check = |nanos: i64, places, expected: &str| {
            let mut out = Vec::new();
            writer.write(Nanos(nanos), places, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check(1_742_944_020_773_684_000, TimePlaces::AsNeeded, "2025-03-25T23:07:00.773684Z");
        check(1_742_944_020_773_000_000, TimePlaces::AsNeeded, "2025-03-25T23:07:00.773Z");
        check(1_742_944_020_773_000_999, TimePlaces::AsNeeded, "2025-03-25T23:07:00.773Z");
        check(1_742_944_020_000_000_000, TimePlaces::Six, "2025-03-25T23:07:00.000000Z");
        check(1_742_944_021_000_001_000, TimePlaces::Six, "2025-03-25T23:07:01.000001Z");
        check(0, TimePlaces::AsNeeded, "1970-01-01T00:00:00.000Z");
        check(-5, TimePlaces::AsNeeded, "1970-01-01T00:00:00.000Z");
    }
}
