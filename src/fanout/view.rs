//! What a subscription shows of its topic, and under which name. It says nothing about when: mode and interval are the
//! subscription's own.

use std::fmt;

use compact_str::{CompactString, format_compact};

use crate::{
    tick::{Fields, Numbers, TradeReport, WantedFields, check_characters, check_symbol},
    topic::{Record, Stamped},
};

/// What the messages of a subscription show. Subscriptions with the same view of a topic are sent the same bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct View {
    pub wanted: WantedFields,
    /// Stands in every message of the subscription.
    pub name: Option<Name>,
    pub numbers: Numbers,
    /// Whether it is told what is said of single trades: those that affect little, cancels, corrections. They show all
    /// that there is to a trade, whatever fields are wanted.
    pub reports: bool,
    /// As which of a dialect's messages it is written.
    pub form: Form,
    /// Of how many of the newest trades a subscription is told first, in place of the record, where the ring has some.
    pub past_trades: u16,
}

/// As which message of its session's dialect a subscription is written; [`Form::NATIVE`] in every other session. What a
/// number means is the dialect's own affair (`wire/dialects/`), whose views have some fields, and never all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Form(u8);

/// By which a client tells its subscriptions to one symbol apart (`as`): 1 to 32 bytes of UTF-8 with the characters
/// that a symbol may have, so that none of them needs an escape in JSON.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(CompactString);

/// The longest name of a subscription, in bytes.
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

    /// Whether a tick sets or withdraws one of its fields, or reports of a trade what it shows. With every field each
    /// tick does, also a cancel that leaves all as it is.
    #[inline]
    pub fn wants(&self, tick: &Stamped) -> bool {
        !tick.fields.all_named().intersect(self.wanted).is_empty()
            || self.report_of(&tick.fields).is_some()
            || self.has_every_field()
    }

    /// As [`Self::wants`], of the last tick of a record.
    #[inline]
    pub fn wants_last(&self, record: &Record) -> bool {
        !record.all_changed().intersect(self.wanted).is_empty()
            || self.report_of(&record.fields).is_some()
            || self.has_every_field()
    }

    /// What a tick, or a record's last tick, says of a trade, when it shows that.
    #[inline]
    pub fn report_of<'a>(&self, fields: &'a Fields) -> Option<&'a TradeReport> {
        fields
            .report()
            .map(|report| &**report)
            .filter(|report| self.reports && report.concerns(self.wanted.fixed))
    }

    /// Whether it wants every tick.
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
    /// Set in forms whose dialect has no word for a gap.
    const LOSSLESS: u8 = 0x80;
    /// Set in forms of which a session is sent all symbols in one message.
    const GATHERED: u8 = 0x40;

    /// A form that is conflated when its client is slow. Its number is 1 to 63.
    ///
    /// # Panics
    /// With any other number: forms are constants.
    pub const fn conflated(number: u8) -> Form {
        assert!(number > 0 && number < Form::GATHERED, "0 is native, and two bits are taken");
        Form(number)
    }

    /// One that is conflated, and whose messages of all symbols go out together at whole multiples of the interval, as
    /// one. Its number is 1 to 15.
    ///
    /// # Panics
    /// As [`Self::conflated`].
    pub const fn gathered(number: u8) -> Form {
        assert!(number < 16, "a pace has four bits for it");
        Form(Form::conflated(number).0 | Form::GATHERED)
    }

    /// A form of which a client must miss nothing: a gap ends the session.
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
    /// What a name may be, for people.
    pub const EXPECTED: &str = "a word of 1 to 32 bytes, with the characters that a symbol may have";

    /// `None` when the text is not a name.
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= NAME_BYTES_MAX && check_characters(text).is_ok();
        fits.then(|| Name(text.into()))
    }

    /// Of two parts, of which a client sees neither: it may be as long as a symbol, and a word before it. `None` when
    /// it has other characters than a symbol.
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
