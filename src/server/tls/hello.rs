//! Classifies the first bytes of a connection: a whole `ClientHello`, part of one, plain HTTP, or anything else. Pure.

/// The start of a connection, as far as received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// Undecided: more bytes are needed.
    Incomplete,
    /// A whole `ClientHello`: the handshake can start.
    Hello,
    /// A request in plain HTTP, complete or up to the limit.
    Http,
    /// Neither.
    Other,
}

/// Maximum size of a `ClientHello`. Browsers send at most two kilobytes.
pub const OPENING_BYTES_MAX: usize = 16 * 1024;
/// How much of a plain HTTP request is read; its target is at the start.
const HTTP_BYTES_MAX: usize = 4 * 1024;

/// Types of records and messages (RFC 8446, sections 5.1 and 4).
const RECORD_BEGIN: [u8; 2] = [22, 3];
const CLIENT_HELLO: u8 = 1;
/// The header of a record, and the head of a message.
const HEADER_BYTES: usize = 5;
const HEAD_BYTES: usize = 4;

impl Opening {
    pub fn of(bytes: &[u8]) -> Self {
        match bytes.first() {
            None => Opening::Incomplete,
            Some(&first) if first == RECORD_BEGIN[0] => Self::of_records(bytes),
            Some(byte) if byte.is_ascii_uppercase() => Self::of_request(bytes),
            Some(_) => Opening::Other,
        }
    }

    /// The message may be cut into several records.
    fn of_records(mut bytes: &[u8]) -> Self {
        let (mut head, mut arrived) = (Vec::with_capacity(HEAD_BYTES), 0);
        while let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() {
            let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
            // Empty records would make no progress.
            if header[..2] != RECORD_BEGIN || length == 0 {
                return Opening::Other;
            }
            let body = &rest[..length.min(rest.len())];
            head.extend(body.iter().take(HEAD_BYTES - head.len()));
            arrived += body.len();
            if head.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
                return Opening::Other;
            }
            if let [_, a, b, c] = head[..] {
                let length = u32::from_be_bytes([0, a, b, c]) as usize;
                if length > OPENING_BYTES_MAX {
                    return Opening::Other;
                }
                if arrived >= HEAD_BYTES + length {
                    return Opening::Hello;
                }
            }
            bytes = &rest[body.len()..];
        }
        let is_possible = bytes.iter().zip(RECORD_BEGIN).all(|(byte, wanted)| *byte == wanted);
        if is_possible { Opening::Incomplete } else { Opening::Other }
    }

    fn of_request(bytes: &[u8]) -> Self {
        let is_text = |byte: &u8| byte.is_ascii_graphic() || b" \t\r\n".contains(byte);
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if !line.iter().all(is_text) {
            return Opening::Other;
        }
        let is_whole = memchr::memmem::find(bytes, b"\r\n\r\n").is_some() || bytes.len() >= HTTP_BYTES_MAX;
        if is_whole { Opening::Http } else { Opening::Incomplete }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `ClientHello` of `length` bytes, in records of `record` bytes.
    fn hello(length: usize, record: usize) -> Vec<u8> {
        let mut message = vec![CLIENT_HELLO, 0, (length >> 8) as u8, length as u8];
        message.resize(HEAD_BYTES + length, 7);
        let records = message.chunks(record).flat_map(|part| {
            let length = u16::try_from(part.len()).unwrap().to_be_bytes();
            [&[22, 3, 1], &length[..], part].concat()
        });
        records.collect()
    }

    #[test]
    fn a_hello_is_whole_with_its_last_byte_however_it_is_cut() {
        for record in [1, 2, 3, 4, 5, 100, 600] {
            let whole = hello(500, record);
            for cut in 0..whole.len() {
                assert_eq!(Opening::of(&whole[..cut]), Opening::Incomplete, "{record} {cut}");
            }
            assert_eq!(Opening::of(&whole), Opening::Hello);
            // Early data may follow at once.
            assert_eq!(Opening::of(&[&whole[..], &[20, 3, 3, 0, 1, 1, 23, 3, 3]].concat()), Opening::Hello);
        }
    }

    #[test]
    fn what_cannot_become_a_hello_is_other() {
        for bytes in [
            &b"\x16\x02"[..],
            b"\x15\x03\x01\x00\x02",
            b"\x16\x03\x01\x00\x00",
            b"\x16\x03\x01\x00\x04\x02",
            b"\x16\x03\x01\x00\x04\x01\xff\xff\xff",
            b"\x16\x03\x01\x00\x01\x01\x17",
            b"\x80\x2e\x01\x03\x01",
            b"\x00",
            b"get / HTTP/1.1\r\n\r\n",
            b"GET \x00\xff\r\n\r\n",
        ] {
            assert_eq!(Opening::of(bytes), Opening::Other, "{bytes:?}");
        }
        assert_eq!(Opening::of(&hello(OPENING_BYTES_MAX + 1, 16_000)), Opening::Other);
    }

    #[test]
    fn plain_http_is_known_by_its_head() {
        let head = b"GET /v1/stream HTTP/1.1\r\nHost: a\r\n\r\n";
        for cut in 1..head.len() {
            assert_eq!(Opening::of(&head[..cut]), Opening::Incomplete);
        }
        assert_eq!(Opening::of(head), Opening::Http);
        assert_eq!(Opening::of(&[b'A'; HTTP_BYTES_MAX]), Opening::Http);
    }
}
