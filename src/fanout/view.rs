//! [`View`]: what a subscription shows of its topic, and under which name. Not when: mode and interval belong to the
//! subscription.

use std::fmt;

use compact_str::{CompactString, format_compact};

use crate::{
    tick::{Fields, Numbers, TradeReport, WantedFields, check_characters, check_symbol},
    topic::{Record, Stamped},
};

/// The content of a subscription's messages. Subscriptions with equal views of a topic are sent the same bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct View {
    pub wanted: WantedFields,
    /// The name in every message of the subscription.
    pub name: Option<Name>,
    pub numbers: Numbers,
    /// Whether trade reports are sent: conditions, cancels, corrections. A report shows all values of its trade,
    /// whatever fields are wanted.
    pub reports: bool,
    /// The message type of a dialect.
    pub form: Form,
    /// How many of the newest trades are sent first in place of the record, if the ring has some.
    pub past_trades: u16,
}

/// The message type of a subscription in its session's dialect; [`Form::NATIVE`] in other sessions. The dialect defines
/// the numbers (`wire/dialects/`); its views have chosen fields, never all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Form(u8);

/// A client's name for a subscription (`as`), to tell several on one symbol apart: 1 to 32 bytes of UTF-8 in the
/// characters of symbols, so that it needs no escape in JSON.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(CompactString);

/// The maximum length of a name, in bytes.
pub const NAME_BYTES_MAX: usize = 32;

// === impl View ===

impl View {
    /// Every field, without a name, with decimals as JSON numbers.
    pub const WHOLE: View = View {
        wanted: WantedFields::ALL,
        name: None,
        numbers: Numbers::Number,
        reports: true,
        form: Form::NATIVE,
        past_trades: 0,
    };

    /// Whether a tick sets or withdraws one of the view's fields, or has a report that the view shows. With every
    /// field, all ticks do, even a cancel that changes nothing.
    #[inline]
    pub fn wants(&self, tick: &Stamped) -> bool {
        !tick.fields.all_named().intersect(self.wanted).is_empty()
            || self.report_of(&tick.fields).is_some()
            || self.has_every_field()
    }

    /// As [`Self::wants`], for a record's last tick.
    #[inline]
    pub fn wants_last(&self, record: &Record) -> bool {
        !record.all_changed().intersect(self.wanted).is_empty()
            || self.report_of(&record.fields).is_some()
            || self.has_every_field()
    }

    /// The trade report of a tick, or of a record's last tick, if the view shows reports.
    #[inline]
    pub fn report_of<'a>(&self, fields: &'a Fields) -> Option<&'a TradeReport> {
        fields
            .report()
            .map(|report| &**report)
            .filter(|report| self.reports && report.concerns(self.wanted.fixed))
    }

    /// Whether every tick matters to the view.
    #[inline]
    pub fn has_every_field(&self) -> bool {
        self.wanted == WantedFields::ALL
    }
}

impl Default for View {
    fn default() -> Self {
        View::WHOLE
    }
}

// === impl Form ===

impl Form {
    pub const NATIVE: Form = Form(0);
    /// Flag of forms whose dialect cannot express a gap.
    const LOSSLESS: u8 = 0x80;
    /// Flag of forms that put all symbols of a session into one message.
    const GATHERED: u8 = 0x40;

    /// A form that is conflated for slow clients. `number`: 1 to 63.
    ///
    /// # Panics
    /// With any other number; forms are constants, so this fails at compile time.
    pub const fn conflated(number: u8) -> Form {
        assert!(number > 0 && number < Form::GATHERED, "0 is native, and two bits are taken");
        Form(number)
    }

    /// A conflated form whose messages of all symbols go out as one, at whole multiples of the interval. `number`: 1 to
    /// 15.
    ///
    /// # Panics
    /// As [`Self::conflated`].
    pub const fn gathered(number: u8) -> Form {
        assert!(number < 16, "a pace has four bits for it");
        Form(Form::conflated(number).0 | Form::GATHERED)
    }

    /// A form of which a client must miss nothing: instead of a gap, the session ends.
    ///
    /// # Panics
    /// As [`Self::conflated`].
    pub const fn lossless(number: u8) -> Form {
        Form(Form::conflated(number).0 | Form::LOSSLESS)
    }

    pub const fn number(self) -> usize {
        (self.0 & !(Form::LOSSLESS | Form::GATHERED)) as usize
    }

    pub const fn is_native(self) -> bool {
        self.0 == 0
    }

    pub const fn is_gathered(self) -> bool {
        self.0 & Form::GATHERED != 0
    }

    pub const fn is_lossless(self) -> bool {
        self.0 & Form::LOSSLESS != 0
    }
}

// === impl Name ===

impl Name {
    /// The rule for names, for error messages.
    pub const EXPECTED: &str = "a word of 1 to 32 bytes, with the characters that a symbol may have";

    /// `None` when the text is not a valid name.
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= NAME_BYTES_MAX && check_characters(text).is_ok();
        fits.then(|| Name(text.into()))
    }

    /// A name of two parts that clients never see: up to a symbol's length, after a word. `None` when it has other
    /// characters than symbols have.
    pub fn of_parts(word: &'static str, between: char, symbol: &str) -> Option<Self> {
        let text = format_compact!("{word}{between}{symbol}");
        (check_symbol(symbol).is_ok() && check_characters(&text).is_ok()).then_some(Name(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_short_word_of_a_symbols_characters() {
        for text in ["a", "tape", "Zeile 1", "*", "é", &"x".repeat(32), "価格"] {
            assert_eq!(Name::new(text).as_ref().map(Name::as_str), Some(text));
        }
        for text in
            ["", " a", "a ", "a,b", "a\"b", "a\\b", "a\nb", "a\u{7f}", &"x".repeat(33), &"é".repeat(17)]
        {
            assert_eq!(Name::new(text), None, "{text:?}");
        }
    }
}
