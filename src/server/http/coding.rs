//! [`AnswerCoding`]: compression of answers with gzip or zstd, by the request's `Accept-Encoding` (RFC 9110, 12.5.3).
//!
//! Pure but for the compressors. Error answers, and answers shorter than `limits.deflate_bytes`, stay plain. Invariant:
//! a compressed answer has all headers of the plain one but its length, and `Vary` names what decides.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::GzEncoder;
use hyper::{
    HeaderMap,
    header::{self, HeaderValue},
};
use zstd::stream::write::Encoder as ZstdEncoder;

/// The coding of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerCoding {
    Identity,
    Gzip,
    Zstd,
}

/// A compressor of one answer, whose output is taken piece by piece.
pub enum AnswerEncoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
}

/// The fastest level: more would take time from the shard's sessions.
const GZIP_LEVEL: u32 = 1;
const ZSTD_LEVEL: i32 = 1;
/// For what is compressed once and served for the life of the process.
const GZIP_LEVEL_KEPT: u32 = 9;
const ZSTD_LEVEL_KEPT: i32 = 15;

// === impl AnswerCoding ===

impl AnswerCoding {
    /// The client's preferred coding; among equals zstd, then gzip, then none.
    pub fn of(request: &HeaderMap) -> Self {
        let weights = Weights::of(request);
        let (gzip, zstd) = (weights.of_coding(b"gzip"), weights.of_coding(b"zstd"));
        let (coding, weight) =
            if zstd >= gzip { (AnswerCoding::Zstd, zstd) } else { (AnswerCoding::Gzip, gzip) };
        // An unnamed identity ranks below any named coding.
        let identity = weights.named(b"identity").unwrap_or(0);
        if weight == 0 || identity > weight { AnswerCoding::Identity } else { coding }
    }

    /// The value of `Content-Encoding`.
    pub fn name(self) -> Option<&'static str> {
        match self {
            AnswerCoding::Identity => None,
            AnswerCoding::Gzip => Some("gzip"),
            AnswerCoding::Zstd => Some("zstd"),
        }
    }

    /// The compressor of an answer; `None` for none.
    pub fn encoder(self) -> Option<AnswerEncoder> {
        self.encoder_at(GZIP_LEVEL, ZSTD_LEVEL)
    }

    fn encoder_at(self, gzip: u32, zstd: i32) -> Option<AnswerEncoder> {
        match self {
            AnswerCoding::Identity => None,
            AnswerCoding::Gzip => {
                Some(AnswerEncoder::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(gzip))))
            }
            AnswerCoding::Zstd => ZstdEncoder::new(Vec::new(), zstd).ok().map(AnswerEncoder::Zstd),
        }
    }

    /// Compresses a whole answer; `None` if it gets no shorter.
    pub fn whole(self, plain: &[u8]) -> Option<Bytes> {
        compressed(self.encoder()?, plain)
    }

    /// As [`Self::whole`], for minimum size. CPU-intensive.
    pub fn kept(self, plain: &[u8]) -> Option<Bytes> {
        compressed(self.encoder_at(GZIP_LEVEL_KEPT, ZSTD_LEVEL_KEPT)?, plain)
    }

    /// Sets the headers of an answer with this coding.
    pub fn declare(self, headers: &mut HeaderMap) {
        if let Some(name) = self.name() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
    }
}

/// Whether an event stream may use gzip, the only coding that allows shared parts.
pub fn takes_gzip(request: &HeaderMap) -> bool {
    let weights = Weights::of(request);
    let gzip = weights.of_coding(b"gzip");
    gzip > 0 && gzip >= weights.named(b"identity").unwrap_or(0)
}

/// Tells caches that the answer depends on the accepted codings.
pub fn vary(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
}

fn compressed(mut encoder: AnswerEncoder, plain: &[u8]) -> Option<Bytes> {
    encoder.write(plain).ok()?;
    let compressed = encoder.finish().ok()?;
    (compressed.len() < plain.len()).then(|| compressed.into())
}

// === impl AnswerEncoder ===

impl AnswerEncoder {
    /// Compresses one more piece.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            AnswerEncoder::Gzip(encoder) => encoder.write_all(piece),
            AnswerEncoder::Zstd(encoder) => encoder.write_all(piece),
        }
    }

    /// Takes the output so far; the rest follows with later pieces.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            AnswerEncoder::Gzip(encoder) => encoder.get_mut(),
            AnswerEncoder::Zstd(encoder) => encoder.get_mut(),
        })
    }

    /// The rest of the output, after what was taken.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            AnswerEncoder::Gzip(encoder) => encoder.finish(),
            AnswerEncoder::Zstd(encoder) => encoder.finish(),
        }
    }
}

/// The weights of codings in a request, in thousandths.
struct Weights<'a>(Vec<(&'a [u8], u16)>);

impl<'a> Weights<'a> {
    fn of(request: &'a HeaderMap) -> Self {
        let values = request.get_all(header::ACCEPT_ENCODING).iter();
        let parts = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        Weights(parts.filter_map(weighted).collect())
    }

    fn named(&self, name: &[u8]) -> Option<u16> {
        let same = |own: &[u8]| {
            own.eq_ignore_ascii_case(name) || (name == b"gzip" && own.eq_ignore_ascii_case(b"x-gzip"))
        };
        self.0.iter().find(|(own, _)| same(own)).map(|(_, weight)| *weight)
    }

    /// A coding that is not named has the weight of `*`, if given.
    fn of_coding(&self, name: &[u8]) -> u16 {
        self.named(name).or_else(|| self.named(b"*")).unwrap_or(0)
    }
}

/// A name and its weight, 1 without `q`. An unreadable weight is 0, because its meaning is unknown.
fn weighted(part: &[u8]) -> Option<(&[u8], u16)> {
    let mut pieces = part.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = pieces.next().filter(|name| !name.is_empty())?;
    let mut weight = 1000;
    for parameter in pieces {
        if let Some(value) = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q=")) {
            weight = thousandths(value).unwrap_or(0);
        }
    }
    Some((name, weight))
}

/// From 0 to 1 with up to three decimal places.
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, places) = text.split_first()?;
    let places = match places {
        [] => places,
        [b'.', places @ ..] if places.len() <= 3 => places,
        _ => return None,
    };
    let mut weight = match whole {
        b'0' => 0,
        b'1' => 1000,
        _ => return None,
    };
    let mut unit = 100;
    for digit in places {
        weight += unit * u16::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        unit /= 10;
    }
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn check(accepted: &[&str], expected: AnswerCoding) {
        let mut headers = HeaderMap::new();
        for value in accepted {
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(AnswerCoding::of(&headers), expected, "{accepted:?}");
    }

    #[test]
    fn the_client_is_given_what_it_likes_best() {
        use AnswerCoding::{Gzip, Identity, Zstd};
        check(&[], Identity);
        check(&[""], Identity);
        check(&["identity"], Identity);
        check(&["br, deflate"], Identity);
        check(&["gzip"], Gzip);
        check(&["GZip"], Gzip);
        check(&["x-gzip"], Gzip);
        check(&["gzip, deflate, br"], Gzip);
        check(&["gzip, deflate, br, zstd"], Zstd);
        check(&["gzip", "zstd"], Zstd);
        check(&["zstd;q=0.5, gzip"], Gzip);
        check(&["zstd ; q=0.5 , gzip; q=0.4"], Zstd);
        check(&["gzip;q=0"], Identity);
        check(&["gzip;q=0, zstd;q=0.000"], Identity);
        check(&["gzip;q=0.5, identity"], Identity);
        check(&["gzip;q=0.5, identity;q=0.2"], Gzip);
        check(&["identity;q=0, gzip;q=0.001"], Gzip);
        check(&["*"], Zstd);
        check(&["*;q=0.3, zstd;q=0"], Gzip);
        check(&["*;q=0"], Identity);
        check(&["gzip;q=2"], Identity);
        check(&["gzip;q=1.001"], Identity);
        check(&["gzip;q=x, ,;, zstd;q="], Identity);
    }

    proptest! {
        #[test]
        fn an_answer_is_the_same_however_it_is_compressed_and_cut(
            pieces in prop::collection::vec(prop::collection::vec(prop_oneof![any::<u8>(), Just(b'x')], 0..5_000), 0..8),
        ) {
            let plain = pieces.concat();
            for coding in [AnswerCoding::Gzip, AnswerCoding::Zstd] {
                let mut encoder = coding.encoder().unwrap();
                let mut sent = Vec::new();
                for piece in &pieces {
                    encoder.write(piece).unwrap();
                    sent.extend(encoder.take());
                }
                sent.extend(encoder.finish().unwrap());
                let mut read = Vec::new();
                let mut reader: Box<dyn Read> = match coding {
                    AnswerCoding::Gzip => Box::new(flate2::read::GzDecoder::new(&*sent)),
                    _ => Box::new(zstd::stream::read::Decoder::new(&*sent).unwrap()),
                };
                reader.read_to_end(&mut read).unwrap();
                prop_assert_eq!(&read, &plain);
            }
        }

        #[test]
        fn any_header_is_read(value in "[ -~]{0,60}") {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(&value).unwrap());
            AnswerCoding::of(&headers);
        }
    }
}
