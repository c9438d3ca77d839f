//! Request bodies: received whole, within a size limit and a deadline, and decompressed.
//!
//! Invariant: neither the body nor its decompressed text ever exceeds the limit in memory.

use std::{io::Read, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Request, StatusCode,
    body::{Body, Incoming},
    header::{self, HeaderValue},
};

use crate::{server::failure::Failure, text::without_bom};

/// A body as it was received.
pub struct Received {
    bytes: Bytes,
    coding: Coding,
    bytes_max: usize,
}

/// How a body is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Coding {
    None,
    Gzip,
    Zstd,
}

/// The supported codings, for the answer that refuses others.
const CODINGS: &str = "gzip, zstd";
/// Maximum zstd window, as a power of 2: 8 MiB, which every decoder supports.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Receives a body of at most `bytes_max`; longer ones are refused with `too_large`.
///
/// # Errors
/// When it is too long, too late, or compressed in a way that is not supported.
pub async fn receive(
    request: Request<Incoming>,
    bytes_max: usize,
    time: Duration,
) -> Result<Received, Failure> {
    let coding = Coding::of(request.headers())?;
    // A client that announces a longer body is spared sending it, and gets no `100 Continue`.
    if request.body().size_hint().lower() > bytes_max as u64 {
        return Err(too_large(bytes_max));
    }
    let body = Limited::new(request.into_body(), bytes_max).collect();
    let body = tokio::time::timeout(time, body)
        .await
        .map_err(|_| Failure::timeout(format!("the body did not come within {} ms", time.as_millis())))?;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return too_large(bytes_max);
        }
        Failure::bad_request("bad_body", format!("the body could not be read: {error}"))
    })?;
    Ok(Received { bytes: body.to_bytes(), coding, bytes_max })
}

fn too_large(bytes_max: usize) -> Failure {
    let message = format!("the body is larger than {bytes_max} bytes: send several");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
}

// === impl Received ===

impl Received {
    /// The decompressed body, without a leading byte order mark. CPU-intensive.
    ///
    /// # Errors
    /// When it is corrupt, or longer than the limit.
    pub fn text(self) -> Result<Vec<u8>, Failure> {
        let broken =
            |error| Failure::bad_request("bad_body", format!("the body cannot be decompressed: {error}"));
        let mut text = match self.coding {
            Coding::None => Vec::from(self.bytes),
            Coding::Gzip => {
                let reader = flate2::bufread::MultiGzDecoder::new(&*self.bytes);
                bounded(reader, self.bytes_max).map_err(broken)?
            }
            Coding::Zstd => {
                let mut reader = zstd::stream::read::Decoder::with_buffer(&*self.bytes).map_err(broken)?;
                reader.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
                bounded(reader, self.bytes_max).map_err(broken)?
            }
        };
        if text.len() > self.bytes_max {
            return Err(too_large(self.bytes_max));
        }
        let mark = text.len() - without_bom(&text).len();
        text.drain(..mark);
        Ok(text)
    }
}

/// Reads to the end, or to one byte beyond the limit.
fn bounded(reader: impl Read, bytes_max: usize) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    reader.take(bytes_max as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

// === impl Coding ===

impl Coding {
    fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let values = headers.get_all(header::CONTENT_ENCODING).iter();
        let mut found = Coding::None;
        for name in values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
            let name = name.trim_ascii().to_ascii_lowercase();
            let coding = match &*name {
                b"" | b"identity" => continue,
                b"gzip" | b"x-gzip" => Coding::Gzip,
                b"zstd" => Coding::Zstd,
                _ => return Err(unsupported()),
            };
            if found != Coding::None {
                return Err(unsupported());
            }
            found = coding;
        }
        Ok(found)
    }
}

fn unsupported() -> Failure {
    let message = format!("a body may be compressed once, by one of {CODINGS}, as Content-Encoding says");
    let failure = Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", message);
    failure.with(header::ACCEPT_ENCODING, HeaderValue::from_static(CODINGS))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(text).unwrap();
        writer.finish().unwrap()
    }

    fn text_of(bytes: Vec<u8>, coding: Coding, bytes_max: usize) -> Result<Vec<u8>, String> {
        let received = Received { bytes: bytes.into(), coding, bytes_max };
        received.text().map_err(|failure| failure.text())
    }

    #[test]
    fn bodies_are_as_before_they_were_compressed() {
        let text = b"\xef\xbb\xbf{}\n{}".to_vec();
        for (bytes, coding) in [
            (text.clone(), Coding::None),
            (gzip(&text), Coding::Gzip),
            ([gzip(&text[..5]), gzip(&text[5..])].concat(), Coding::Gzip),
            (zstd::encode_all(&*text, 3).unwrap(), Coding::Zstd),
        ] {
            assert_eq!(text_of(bytes, coding, 100).unwrap(), b"{}\n{}", "{coding:?}");
        }
        for coding in [Coding::Gzip, Coding::Zstd] {
            assert!(text_of(text.clone(), coding, 100).unwrap_err().contains("bad_body"));
        }
        let cut = gzip(&text);
        assert!(text_of(cut[..cut.len() - 9].to_vec(), Coding::Gzip, 100).unwrap_err().contains("bad_body"));
    }

    #[test]
    fn what_is_small_only_while_it_is_compressed_is_refused_at_the_limit() {
        let bomb = vec![b'\n'; 4 * 1024 * 1024];
        for (bytes, coding) in
            [(gzip(&bomb), Coding::Gzip), (zstd::encode_all(&*bomb, 3).unwrap(), Coding::Zstd)]
        {
            assert!(bytes.len() < 64 * 1024);
            assert!(text_of(bytes, coding, 64 * 1024).unwrap_err().contains("body_too_large"), "{coding:?}");
        }
    }

    #[test]
    fn one_known_coding_is_read() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
            }
            Coding::of(&headers).ok()
        };
        assert_eq!(of(&[]), Some(Coding::None));
        assert_eq!(of(&["identity"]), Some(Coding::None));
        assert_eq!(of(&["GZip, identity"]), Some(Coding::Gzip));
        assert_eq!(of(&["x-gzip"]), Some(Coding::Gzip));
        assert_eq!(of(&["zstd"]), Some(Coding::Zstd));
        for values in [&["br"][..], &["deflate"], &["gzip, zstd"], &["gzip", "gzip"]] {
            assert_eq!(of(values), None, "{values:?}");
        }
    }
}
