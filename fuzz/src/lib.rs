//! What every fuzz target does: decodes bytes whole and cut, and compares.
//!
//! A decoder must not panic, must not depend on how its input was cut, and must account for what it was given in bounded
//! messages.

use tickcast::feed::formats::{Format, Hints, DecoderOutput};

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
