//! The recording within the program: it plays when no other source is given.
//!
//! Three minutes of three symbols of Binance spot, 50,000 ticks in the order of receipt. Origin, licence and how the
//! file is made: `src/feed/bundled/README.md`.

/// Names the bundled recording where a file's name is expected.
pub const NAME: &str = "bundled";

/// The file, as [`super::recording::RecordingInput::Bundled`] reads it.
pub(super) static BYTES: &[u8] = include_bytes!("bundled/binance-spot-2025-03-25.ndjson.zst");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::{
        feed::recording::{self, Block, RecordReader, RecordedTick, RecordingInput, Selection},
        limits,
        tick::{Decimal, Field, FieldSet, Nanos, Side},
    };

    fn everything() -> (recording::Recording, Vec<RecordedTick>) {
        let selection = Selection::default();
        let mut reader =
            recording::open(&[RecordingInput::Bundled], &selection, limits::DEFAULT.line_bytes).unwrap();
        let mut all = Block::default();
        while reader.next_block(&mut all).unwrap() {}
        assert!(all.warnings.is_empty() && all.tally.total() == 0);
        (reader, all.records)
    }

    #[test]
    fn it_holds_the_market_that_its_readme_tells_of() {
        let (_, all) = everything();
        assert_eq!(all.len(), 50_000);
        let quote = Field::Bid.bit().with(Field::BidSize).with(Field::Ask).with(Field::AskSize);
        let trade = FieldSet::TRADE.with(Field::Side);
        let ticks = || all.iter().map(|record| &record.tick);
        let count = |mask| ticks().filter(|tick| tick.fields.mask == mask).count();
        assert_eq!((count(quote), count(trade)), (38_968, 11_032));
        let symbols: BTreeSet<_> = ticks().map(|tick| tick.symbol.as_str()).collect();
        assert_eq!(symbols.into_iter().collect::<Vec<_>>(), ["BTCUSDT", "ETHUSDT", "SOLUSDT"]);
        assert!(ticks().all(|tick| tick.ts.is_some()));
        let count = |side| ticks().filter(|tick| tick.fields.side == side).count();
        assert_eq!((count(Side::Buy), count(Side::Sell)), (6_473, 4_559));
    }

    #[test]
    fn it_is_in_the_order_of_receipt() {
        let (_, all) = everything();
        let times: Vec<Nanos> = all.iter().map(|record| record.rx).collect();
        assert!(times.is_sorted());
        let micros = |time: Option<&Nanos>| time.map(|time| time.micros());
        assert_eq!(micros(times.first()), Some(1_742_944_020_773_684));
        assert_eq!(times[49_999].since(times[0]) / 1_000_000, 184_490);
    }

    #[test]
    fn its_decimals_are_the_source_s() {
        let (_, all) = everything();
        let first = &all[0].tick;
        assert_eq!(first.fields.get_decimal(Field::Bid), Some(Decimal::from_units(2_059_100_000_000)));
        assert_eq!(first.fields.get_decimal(Field::AskSize), Some(Decimal::from_units(3_014_600_000)));
        // The sum of a column, computed from the source.
        let sum = |field| -> i128 {
            all.iter()
                .filter_map(|record| record.tick.fields.get_decimal(field))
                .map(|value| value.units().map_or(0, i128::from))
                .sum()
        };
        assert_eq!(sum(Field::Last), 594_669_210_890_000_000);
        assert_eq!(sum(Field::LastSize), 3_876_320_670_000);
        assert_eq!(sum(Field::Bid), 1_564_442_490_190_000_000);
    }

    #[test]
    fn it_names_its_origin_and_licence() {
        let (reader, _) = everything();
        let header = reader.header(0).unwrap();
        assert!(header.origin.as_ref().is_some_and(|origin| origin.contains("barter 0.14.0")));
        let licence = header.licence.clone();
        assert_eq!(licence.as_deref(), Some("MIT, Copyright (c) 2021 Barter Contributors"));
    }
}
