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
