//! Server-sent events, walked as their bytes come in: the chunks of HTTP, and in them the lines of `data`, each of
//! which is handed out as a frame's payload is.
//!
//! Exact across any division of the stream into reads and chunks; `check` at the end holds that. All servers here write
//! an event's data as one line that begins with `data: `.

use crate::frames::{Part, TEXT};

/// Where in its body a response is.
pub struct Events {
    chunk: Chunk,
    line: Line,
    head: [u8; DATA.len()],
}

enum Chunk {
    /// The body has none, and ends with the connection.
    None,
    /// The line that says how long the next one is, as far as it was read.
    Size(u64),
    Inside(u64),
    /// So many bytes of the end of its line.
    End(u8),
}

enum Line {
    /// So many bytes of what a line begins with.
    Head(usize),
    /// Of an event's data; whether some was handed out.
    Data(bool),
    Other,
}

const DATA: &[u8; 6] = b"data: ";

impl Events {
    /// By the head of the response.
    pub fn new(head: &[u8]) -> Events {
        let is_chunked =
            memchr::memmem::find(&head.to_ascii_lowercase(), b"transfer-encoding: chunked").is_some();
        let chunk = if is_chunked { Chunk::Size(0) } else { Chunk::None };
        Events { chunk, line: Line::Head(0), head: [0; DATA.len()] }
    }

    /// Hands out each stretch of data. `Err` when a chunk has no length.
    pub fn walk(&mut self, mut bytes: &[u8], mut each: impl FnMut(&Part<'_>)) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            match self.chunk {
                Chunk::None => {
                    self.lines(bytes, &mut each);
                    return Ok(());
                }
                Chunk::Size(size) => {
                    self.chunk = match bytes[0] {
                        b'\r' => Chunk::Size(size),
                        b'\n' if size == 0 => Chunk::End(0),
                        b'\n' => Chunk::Inside(size),
                        digit => {
                            let digit = char::from(digit).to_digit(16).ok_or("a chunk without a length")?;
                            Chunk::Size(size << 4 | u64::from(digit))
                        }
                    };
                    bytes = &bytes[1..];
                }
                Chunk::Inside(left) => {
                    let (part, rest) =
                        bytes.split_at(usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()));
                    self.lines(part, &mut each);
                    let left = left - part.len() as u64;
                    self.chunk = if left == 0 { Chunk::End(2) } else { Chunk::Inside(left) };
                    bytes = rest;
                }
                // Behind the last chunk there is an empty line, and then nothing.
                Chunk::End(0) => return Ok(()),
                Chunk::End(left) => {
                    self.chunk = if left == 1 { Chunk::Size(0) } else { Chunk::End(left - 1) };
                    bytes = &bytes[1..];
                }
            }
        }
        Ok(())
    }

    fn lines(&mut self, mut bytes: &[u8], each: &mut impl FnMut(&Part<'_>)) {
        while !bytes.is_empty() {
            if let Line::Head(length) = self.line {
                bytes = self.begin(length, bytes);
                continue;
            }
            let end = memchr::memchr(b'\n', bytes);
            let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            if let Line::Data(begun) = self.line {
                each(&Part {
                    opcode: TEXT,
                    deflated: false,
                    bytes: part,
                    first: !begun,
                    last: end.is_some(),
                });
                self.line = Line::Data(true);
            }
            if end.is_some() {
                self.line = Line::Head(0);
            }
            bytes = rest.get(1..).unwrap_or_default();
        }
    }

    /// Reads what a line begins with, of which so many bytes are known.
    fn begin<'a>(&mut self, length: usize, bytes: &'a [u8]) -> &'a [u8] {
        if bytes[0] == b'\n' {
            self.line = Line::Head(0);
            return &bytes[1..];
        }
        if length == 0 && bytes.starts_with(DATA) {
            self.line = Line::Data(false);
            return &bytes[DATA.len()..];
        }
        self.head[length] = bytes[0];
        let length = length + 1;
        self.line = match self.head[..length] == DATA[..length] {
            false => Line::Other,
            true if length == DATA.len() => Line::Data(false),
            true => Line::Head(length),
        };
        &bytes[1..]
    }
}

/// That data is found whole wherever the stream is divided, in chunks and out of them.
pub fn check() {
    let lines = ["[{}]", "", "{\"symbol\":\"S0000\"}", "data: no head"];
    let mut body = b": hello\n\nretry: 3000\n".to_vec();
    for (number, line) in lines.iter().enumerate() {
        body.extend_from_slice(format!("id: {number}\ndata: {line}\nd: other\n\n").as_bytes());
    }
    for step in [1, 2, 5, 7, body.len()] {
        let mut chunked = Vec::new();
        for chunk in body.chunks(step) {
            chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunked.extend_from_slice(chunk);
            chunked.extend_from_slice(b"\r\n");
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        for (head, stream) in [("", &body), ("Transfer-Encoding: chunked", &chunked)] {
            for read in [1, 2, 3, 64, stream.len()] {
                let (mut events, mut found) = (Events::new(head.as_bytes()), Vec::new());
                for bytes in stream.chunks(read) {
                    let walked = events.walk(bytes, |part| {
                        if part.first {
                            found.push(Vec::new());
                        }
                        found.last_mut().expect("a first part came first").extend_from_slice(part.bytes);
                    });
                    assert_eq!(walked, Ok(()));
                }
                assert_eq!(found, lines.map(|line| line.as_bytes().to_vec()), "{head}, {step}, {read}");
            }
        }
    }
    assert!(Events::new(b"transfer-encoding: chunked").walk(b"x", |_| ()).is_err(), "no length is a fault");
}
