//! What is written is read back; columns of many types become the text of a table; damage is an error.

use std::io::Read;

use ::parquet::{
    data_type::{
        BoolType, ByteArrayType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type, Int64Type,
    },
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use proptest::prelude::*;

use super::*;
use crate::{
    feed::{
        formats::{Hints, Unit},
        recording::{self, Block, RecordReader, RecordingInput, Selection},
        testing::report_some,
    },
    tick::{
        CustomFields, CustomValue, Decimal, Field, Fields, Nanos, Side, Symbol, Tick, Volume,
        custom::{CustomField, CustomKind, CustomMerge, CustomName},
        testing::{ANY_SYMBOL, any_decimal, any_size, any_trade_id, any_volume},
    },
};

fn text(file: &[u8], unit: Option<Unit>) -> std::io::Result<String> {
    let mut out = String::new();
    Text::open(Bytes::Memory(file.to_vec().into()), unit)?.read_to_string(&mut out)?;
    Ok(out)
}

fn read(file: Vec<u8>, hints: Hints) -> Block {
    let input = RecordingInput::Bytes { name: "x.parquet".to_owned(), bytes: file.into() };
    let selection = Selection { hints, ..Selection::default() };
    let mut recording = recording::open(&[input], &selection, 4_096).unwrap();
    let mut block = Block::default();
    while recording.next_block(&mut block).unwrap() {}
    block
}

fn write(ticks: &[(Tick, Nanos)]) -> Vec<u8> {
    let mut writer = ParquetWriter::new(Vec::new(), CustomFields::none()).unwrap();
    for (tick, rx) in ticks {
        writer.write(tick, *rx).unwrap();
    }
    writer.finish().unwrap()
}

/// A table as another program may make it, in two groups of rows.
fn foreign() -> Vec<u8> {
    let schema = "message m {
        optional binary name (string); required int64 seen (timestamp(nanos, true)); required int64 at (timestamp(millis, true));
        required double price; required float size; required int64 exact (decimal(18, 4)); required int32 cents (decimal(9, 2));
        required fixed_len_byte_array(3) odd (decimal(6, 3)); required boolean maker; repeated int32 list; required binary raw;
    }";
    let mut file = SerializedFileWriter::new(
        Vec::new(),
        parse_message_type(schema).unwrap().into(),
        WriterProperties::builder().set_compression(::parquet::basic::Compression::SNAPPY).build().into(),
    )
    .unwrap();
    for round in 0..2i64 {
        let mut group = file.next_row_group().unwrap();
        macro_rules! column {
            ($kind:ty, $values:expr, $levels:expr) => {{
                let mut column = group.next_column().unwrap().unwrap();
                column.typed::<$kind>().write_batch(&$values, $levels, None).unwrap();
                column.close().unwrap();
            }};
        }
        column!(ByteArrayType, ["A,\"B\"\nC".into()], Some(&[1, 0]));
        column!(Int64Type, [1_583_020_803_145_678_901 + round, 1_583_020_803_145_678_901], None);
        column!(Int64Type, [1_583_020_803_145, -1_500], None);
        column!(DoubleType, [0.1 + 0.2, 1e-7], None);
        column!(FloatType, [0.1, f32::NAN], None);
        column!(Int64Type, [-12_345, 5], None);
        column!(Int32Type, [199, 0], None);
        column!(FixedLenByteArrayType, [vec![0xff, 0xff, 0xff].into(), vec![0, 0x03, 0xe8].into()], None);
        column!(BoolType, [true, false], None);
        let mut list = group.next_column().unwrap().unwrap();
        list.typed::<Int32Type>().write_batch(&[], Some(&[0, 0]), Some(&[0, 0])).unwrap();
        list.close().unwrap();
        column!(ByteArrayType, ["x".into(), "".into()], None);
        group.close().unwrap();
    }
    file.into_inner().unwrap()
}

#[test]
fn columns_of_every_plain_type_have_a_text() {
    let names = "name,seen,at,price,size,exact,cents,odd,maker,raw\n";
    let row = |seen: &str| {
        format!(
            "\"A,\"\"B\"\" C\",{seen},1583020803145000,0.3,0.1,-1.2345,1.99,-0.001,true,x\n\
             ,1583020803145678901,-1500000,0.0000001,NaN,0.0005,0,1,false,\n"
        )
    };
    let expected = format!("{names}{}{}", row("1583020803145678901"), row("1583020803145678902"));
    assert_eq!(text(&foreign(), None).unwrap(), expected);
    let millis = text(&foreign(), Some(Unit::Millis)).unwrap();
    assert!(millis.contains(",1583020803145.678901,1583020803145,"), "{millis}");
    assert!(millis.contains(",-1500,"), "{millis}");
    let iso = text(&foreign(), Some(Unit::Iso)).unwrap();
    assert!(iso.contains(",2020-03-01T00:00:03.145678901Z,2020-03-01T00:00:03.145000000Z,"), "{iso}");
}

#[test]
fn columns_are_named_as_in_any_table() {
    for unit in [None, Some(Unit::Millis), Some(Unit::Iso)] {
        let hints = Hints {
            columns: Some("rx:seen,last:price,last_size:cents,buyer_maker:maker".parse().unwrap()),
            unit,
            symbol: Some(Symbol::new("XYZ").unwrap()),
            ..Hints::default()
        };
        let block = read(foreign(), hints);
        assert_eq!((block.records.len(), block.tally.total()), (4, 0));
        let first = &block.records[0];
        assert_eq!(first.rx, Nanos(1_583_020_803_145_678_901), "{unit:?}");
        assert_eq!(first.tick.fields.get_decimal(Field::Last), Some(Decimal::from_units(300_000_000)));
        assert_eq!(first.tick.fields.side, Side::Sell);
    }
}

/// Decimals of as many digits as a printed double has are exact, for their column says that they are none.
#[test]
fn decimals_of_other_files_are_exact_to_the_18th_digit() {
    let schema = "message m { required int64 at (timestamp(millis, true));
        required fixed_len_byte_array(16) price (decimal(38, 18)); }";
    let exact = [
        "0.1234567890123456",
        "-0.12345678901234567",
        "0.123456789012345678",
        "1234.5678901234567",
        "46116860414",
        "0.0000016425",
        "0.000000000000000001",
    ];
    let values = exact.map(|text| {
        let bytes = Decimal::parse(text).unwrap().smallest_units().to_be_bytes();
        ::parquet::data_type::FixedLenByteArray::from(bytes.to_vec())
    });
    let schema = parse_message_type(schema).unwrap();
    let mut file =
        SerializedFileWriter::new(Vec::new(), schema.into(), WriterProperties::default().into()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[1_583_020_803_145; 7], None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<FixedLenByteArrayType>().write_batch(&values, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    let hints = Hints {
        columns: Some("ts:at,last:price".parse().unwrap()),
        unit: None,
        symbol: Some(Symbol::new("A").unwrap()),
        ..Hints::default()
    };
    let block = read(file.into_inner().unwrap(), hints);
    assert!(block.rejects.is_empty(), "{:?}", block.rejects);
    let prices = block.records.iter().map(|record| record.tick.fields.get_decimal(Field::Last).unwrap());
    assert_eq!(prices.map(|price| price.to_string()).collect::<Vec<_>>(), exact);
}

#[test]
fn a_volume_without_room_is_an_error() {
    let mut fields = Fields::default();
    fields.set_volume(Volume::parse("99999999999999999999.999999999999999999").unwrap());
    let mut tick = Tick { symbol: Symbol::new("A").unwrap(), ts: None, fields };
    let mut writer = ParquetWriter::new(Vec::new(), CustomFields::none()).unwrap();
    writer.write(&tick, Nanos(1_000)).unwrap();
    tick.fields.set_volume(Volume::parse("100000000000000000000").unwrap());
    let error = writer.write(&tick, Nanos(2_000)).unwrap_err().to_string();
    assert!(error.starts_with("a volume of 10^20 or more"), "{error}");
}

#[test]
fn what_is_no_parquet_is_an_error() {
    let whole = foreign();
    for broken in [&whole[..4], &whole[..whole.len() - 1], &whole[..whole.len() / 2]] {
        assert!(text(broken, None).is_err());
    }
    let nested = "message m { required group g { required int32 a; } }";
    let schema = parse_message_type(nested).unwrap();
    let mut file =
        SerializedFileWriter::new(Vec::new(), schema.into(), WriterProperties::default().into()).unwrap();
    file.next_row_group().unwrap().next_column().unwrap().unwrap().close().unwrap();
    let error = text(&[], None).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}

/// A number as page headers encode it.
fn varint(number: u32) -> Vec<u8> {
    let mut left = u64::from(number) << 1;
    let mut out = Vec::new();
    while left > 0x7f {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
    out
}

/// The file with another length in the header of its first page, and its old size.
fn claiming(uncompressed: u32) -> Vec<u8> {
    let mut file = foreign();
    // Its type, then its length without and with compression; below 64 each is a byte.
    let at = MAGIC.len();
    let (kind, compressed) = (file[at + 1], u32::from(file[at + 5]) >> 1);
    assert_eq!([file[at], file[at + 2], file[at + 4]], [0x15; 3], "a field of 32 bits each");
    let claim = varint(uncompressed);
    let rest = compressed - (claim.len() as u32 - 1);
    let header = [&[0x15, kind, 0x15][..], &claim, &[0x15], &varint(rest)].concat();
    let behind = at + 6;
    file.splice(at..behind, header);
    // The header's growth is taken from its page: all else keeps its position.
    let page = behind + claim.len();
    file.drain(page..page + claim.len() - 1);
    assert_eq!(file.len(), foreign().len());
    file
}

#[test]
fn a_page_that_claims_too_much_is_refused_before_room_is_made() {
    for claim in [i32::MAX as u32, (pages::PAGE_BYTES_MAX + 1) as u32] {
        let error = text(&claiming(claim), None).unwrap_err().to_string();
        assert!(error.contains(&format!("a page claims {claim} bytes")), "{error}");
    }
    // A valid length is passed to the library, which finds that it is wrong.
    let error = text(&claiming(pages::PAGE_BYTES_MAX as u32), None).unwrap_err().to_string();
    assert!(!error.contains("claims"), "{error}");
}

#[test]
fn more_rows_than_a_group_come_back() {
    let ticks: Vec<_> = (0..60_001i64)
        .map(|at| {
            let mut fields = Fields::default();
            fields.set_decimal(Field::Bid, Decimal::from_units(at * 1_000_000_000));
            (Tick { symbol: Symbol::new("A").unwrap(), ts: None, fields }, Nanos(at * 1_000_000))
        })
        .collect();
    let file = write(&ticks);
    assert_eq!(file, write(&ticks), "the same ticks give the same bytes");
    let block = read(file, Hints::default());
    assert_eq!(block.records.len(), ticks.len());
    assert_eq!(block.records[60_000].rx, Nanos(60_000_000_000));
}

fn any_tick() -> impl Strategy<Value = (Tick, Nanos)> {
    let micros = || (100_000_000_000_000i64..4_000_000_000_000_000).prop_map(|micros| Nanos(micros * 1_000));
    let volume =
        any_volume().prop_map(|volume| if volume.to_string().len() > 20 { Volume::ZERO } else { volume });
    let values =
        (proptest::array::uniform9(any_decimal()), any_size(), volume, any::<u64>(), 0u8..3, any_trade_id());
    (
        ANY_SYMBOL,
        proptest::option::of(micros()),
        micros(),
        (1..=crate::tick::FieldSet::ALL.0, any::<u16>()),
        values,
    )
        .prop_map(|(symbol, ts, rx, (bits, withdrawn), (decimals, size, volume, trades, side, id))| {
            let mut fields = Fields::default();
            for field in crate::tick::FieldSet(bits).iter() {
                match field {
                    Field::Side => fields.set_side([Side::Buy, Side::Sell, Side::Unknown][usize::from(side)]),
                    Field::Volume => fields.set_volume(volume),
                    Field::Trades => fields.set_trades(trades),
                    Field::TradeId => fields.set_trade_id(id),
                    Field::BidSize | Field::AskSize | Field::LastSize => {
                        fields.set_decimal(field, size);
                    }
                    _ => fields.set_decimal(field, decimals[field as usize]),
                }
            }
            // Half of the ticks withdraw some fields.
            let withdrawn = crate::tick::FieldSet(if withdrawn & 1 == 0 { withdrawn } else { 0 });
            fields.withdraw_all(withdrawn);
            report_some(&mut fields, trades, id);
            (Tick { symbol: Symbol::new(&symbol).unwrap(), ts, fields }, rx)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_tick_comes_back(mut ticks in proptest::collection::vec(any_tick(), 1..30)) {
        ticks.sort_by_key(|(_, rx)| *rx);
        let block = read(write(&ticks), Hints::default());
        prop_assert!(block.rejects.is_empty(), "{:?}", block.rejects);
        let back: Vec<_> = block.records.into_iter().map(|record| (record.tick, record.rx)).collect();
        prop_assert_eq!(back, ticks);
    }

    #[test]
    fn damage_is_an_error_or_other_text(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = foreign();
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let _ = text(&file, None);
    }
}

#[test]
fn configured_fields_have_columns() {
    let field = |(name, kind, merge)| {
        let name = CustomName::parse(name).unwrap();
        CustomField { name, kind, merge, symbols: Vec::new() }
    };
    let table = CustomFields::new(
        [
            ("mark", CustomKind::Decimal, CustomMerge::Last),
            ("paid", CustomKind::Decimal, CustomMerge::Sum),
            ("oi", CustomKind::Integer, CustomMerge::Last),
            ("phase", CustomKind::Text, CustomMerge::Last),
        ]
        .map(field)
        .into(),
    );
    let tick = |values: &[(&str, Option<&str>)]| {
        let mut fields = Fields::default();
        for (name, value) in values {
            let id = table.find(name).unwrap();
            match value {
                Some(value) => {
                    fields.set_custom(&table, id, CustomValue::parse(table.get(id), value).unwrap());
                }
                None => fields.withdraw_custom(&table, id),
            }
        }
        (Tick { symbol: Symbol::new("A").unwrap(), ts: None, fields }, Nanos(1_700_000_000_000_000_000))
    };
    let ticks = [
        tick(&[("mark", Some("-0.000000000000000001")), ("phase", Some("a, \"b\""))]),
        tick(&[("oi", Some("-9223372036854775808")), ("paid", Some("99999999999999999999.5"))]),
        tick(&[("mark", None), ("phase", None), ("oi", Some("1"))]),
    ];
    let mut writer = ParquetWriter::new(Vec::new(), table.clone()).unwrap();
    for (tick, rx) in &ticks {
        writer.write(tick, *rx).unwrap();
    }
    let full = tick(&[("paid", Some("100000000000000000000"))]);
    assert!(writer.write(&full.0, full.1).unwrap_err().to_string().contains("a sum of 10^20 or more"));
    let block = read(writer.finish().unwrap(), Hints { fields: table.clone(), ..Hints::default() });
    assert!(block.rejects.is_empty(), "{:?}", block.rejects);
    let read: Vec<_> = block.records.into_iter().map(|record| record.tick.fields).collect();
    assert_eq!(read, ticks.map(|(tick, _)| tick.fields));
}
