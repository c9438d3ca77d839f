//! Zip files: each entry is a recording of its own.

use super::*;

/// A zip file of these entries, stored or deflated.
fn zip(entries: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in entries {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn entries_of_a_zip_file_are_recordings_of_their_own() {
    let trades = b"1,42283.58,0.0004,16.9,1704067200016,True,True\n";
    let bare = b"{\"symbol\":\"A\",\"bid\":1,\"rx\":1704067200000000}\nbroken\n";
    let entries = [("BTCUSDT-trades-2024-01-01.csv", &trades[..]), ("more/a.ndjson", &bare[..])];
    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        let mut recording = open(zip(&entries, method)).unwrap();
        let names: Vec<_> =
            recording.files().map(|(name, format)| (name.to_owned(), format.name())).collect();
        assert_eq!(
            names,
            [
                ("memory/BTCUSDT-trades-2024-01-01.csv".to_owned(), "binance-trades"),
                ("memory/more/a.ndjson".to_owned(), "tickcast")
            ]
        );
        let read = read_all(&mut recording).unwrap();
        let symbols: Vec<_> = read.records.iter().map(|record| record.tick.symbol.as_str()).collect();
        assert_eq!(symbols, ["A", "BTCUSDT"], "merged by time");
        assert_eq!(&*read.rejects[0].file, "memory/more/a.ndjson");
    }
    // A changed byte of a stored entry is found by its checksum, and a cut file by its missing list.
    let whole = zip(&entries, zip::CompressionMethod::Stored);
    let at = whole.windows(5).position(|bytes| bytes == b"42283").unwrap();
    let mut damaged = whole.clone();
    damaged[at] = b'5';
    let error = read_all(&mut open(damaged).unwrap()).err().unwrap();
    assert!(
        matches!(&error, FeedError::Read { source, .. } if source.to_string().contains("checksum")),
        "{error}"
    );
    assert!(matches!(open(whole[..whole.len() / 2].to_vec()), Err(FeedError::NotARecording { .. })));
}

/// More files than are open at once: records and rejects are the same as from few files.
#[test]
fn thousands_of_entries_are_merged_as_few_are() {
    let entry = |start: i64, step: i64, rows: i64, fault: &str| {
        let rows: Vec<String> = (0..rows).map(|row| format!("A{start},{},1\n", start + row * step)).collect();
        format!("symbol,ts,bid\n{}{fault}", rows.concat())
    };
    for (step, rows) in [(1, 3), (1_000, 3), (1_000, 9_000)] {
        let names: Vec<String> = (0..150).map(|number| format!("{number:04}.csv")).collect();
        // Every tenth has no tick, and every seventh a fault.
        let texts: Vec<String> = (0..150_i64)
            .map(|number| {
                let rows = if number % 10 == 9 {
                    0
                } else if number < 4 {
                    rows
                } else {
                    3
                };
                entry(number * 10, step, rows, if number % 7 == 0 { "A,x,1\n" } else { "" })
            })
            .collect();
        let entries: Vec<(&str, &[u8])> =
            names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
        let inputs = [memory(zip(&entries, zip::CompressionMethod::Deflated))];
        for symbols in ["*", "A980"] {
            let selection = Selection { symbols: parse_symbols(symbols).unwrap(), ..Selection::default() };
            let mut recording = super::super::open(&inputs, &selection, LINE_BYTES_MAX).unwrap();
            let read = read_all(&mut recording).unwrap();
            let mut expected: Vec<(i64, i64)> = (0..150_i64)
                .filter(|number| number % 10 != 9 && (symbols == "*" || *number == 98))
                .flat_map(|number| {
                    let rows = if number < 4 { rows } else { 3 };
                    (0..rows).map(move |row| (number * 10 + row * step, number))
                })
                .collect();
            expected.sort_unstable();
            let found: Vec<i64> = read.records.iter().map(|record| record.rx.micros()).collect();
            assert_eq!(found, expected.iter().map(|(time, _)| *time).collect::<Vec<_>>(), "{step} {symbols}");
            assert_eq!((read.tally.total(), read.passed), (22, 150), "{step} {symbols}");
            recording.rewind().unwrap();
            assert_eq!(read_all(&mut recording).unwrap().records, read.records);
        }
    }
}
