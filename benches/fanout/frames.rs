//! WebSocket frames of a server, walked as their bytes come in: nothing is copied, and what is inside is not parsed.
//!
//! Exact across any division of the stream into reads; `check` at the end holds that.

/// A stretch of one frame's payload.
pub struct Part<'a> {
    pub opcode: u8,
    /// By permessage-deflate.
    pub deflated: bool,
    pub bytes: &'a [u8],
    pub first: bool,
    pub last: bool,
}

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// Where in the stream of frames a connection is.
#[derive(Default)]
pub struct Walker {
    head: [u8; HEAD_BYTES_MAX],
    head_bytes: usize,
    opcode: u8,
    deflated: bool,
    payload_left: u64,
    /// Whether a head is whole and its payload is not.
    inside: bool,
    begun: bool,
}

const DEFLATED: u8 = 0x40;
const HEAD_BYTES_MAX: usize = 10;
const LENGTH_IN_2_BYTES: u8 = 126;
const LENGTH_IN_8_BYTES: u8 = 127;

impl Walker {
    /// Hands out each stretch of payload. `Err` when a frame is masked, which those of a server never are.
    pub fn walk(&mut self, mut bytes: &[u8], mut each: impl FnMut(&Part<'_>)) -> Result<(), &'static str> {
        loop {
            if !self.inside {
                bytes = self.take_head(bytes)?;
                if !self.inside {
                    return Ok(());
                }
            }
            let taken = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
            if taken == 0 && self.payload_left > 0 {
                return Ok(());
            }
            let (part, rest) = bytes.split_at(taken);
            self.payload_left -= taken as u64;
            let last = self.payload_left == 0;
            let (opcode, deflated) = (self.opcode, self.deflated);
            each(&Part { opcode, deflated, bytes: part, first: !self.begun, last });
            self.begun = true;
            self.inside = !last;
            bytes = rest;
        }
    }

    fn take_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], &'static str> {
        let whole = head_bytes(bytes);
        if self.head_bytes == 0 && bytes.len() >= whole {
            self.open(&bytes[..whole])?;
            return Ok(&bytes[whole..]);
        }
        // The head came in pieces: rare, so one byte at a time will do.
        for (at, byte) in bytes.iter().enumerate() {
            self.head[self.head_bytes] = *byte;
            self.head_bytes += 1;
            if self.head_bytes == head_bytes(&self.head[..self.head_bytes]) {
                let head = self.head;
                self.open(&head[..self.head_bytes])?;
                self.head_bytes = 0;
                return Ok(&bytes[at + 1..]);
            }
        }
        Ok(&[])
    }

    fn open(&mut self, head: &[u8]) -> Result<(), &'static str> {
        if head[1] & 0x80 != 0 {
            return Err("a frame from the server is masked");
        }
        self.opcode = head[0] & 0x0f;
        self.deflated = head[0] & DEFLATED != 0;
        self.payload_left = match head.len() {
            2 => u64::from(head[1]),
            _ => head[2..].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        self.inside = true;
        self.begun = false;
        Ok(())
    }
}

/// The length of the header that begins here, if its bytes are there.
fn head_bytes(begun: &[u8]) -> usize {
    match begun.get(1).map(|byte| byte & 0x7f) {
        Some(LENGTH_IN_2_BYTES) => 4,
        Some(LENGTH_IN_8_BYTES) => HEAD_BYTES_MAX,
        _ => 2,
    }
}

/// A frame of a client: masked, by a mask of zeros, which leaves the payload as it is.
pub fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u16::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | length as u8),
        Ok(length) => {
            frame.push(0x80 | LENGTH_IN_2_BYTES);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | LENGTH_IN_8_BYTES);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// A frame of a server.
pub fn plain(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = masked(opcode, payload);
    let head = head_bytes(&frame);
    frame.drain(head..head + 4);
    frame[1] &= 0x7f;
    frame
}

/// That frames are found whole wherever the stream is divided.
pub fn check() {
    let payloads = [0, 1, 125, 126, 300, 70_000].map(|length| vec![b'{'; length]);
    let stream: Vec<u8> = payloads.iter().flat_map(|payload| plain(TEXT, payload)).collect();
    for step in [1, 2, 3, 7, 128, 4096, stream.len()] {
        let (mut walker, mut found, mut length) = (Walker::default(), Vec::new(), 0);
        for bytes in stream.chunks(step) {
            let walked = walker.walk(bytes, |part| {
                length = if part.first { 0 } else { length } + part.bytes.len();
                assert!(part.opcode == TEXT && part.bytes.iter().all(|byte| *byte == b'{'));
                if part.last {
                    found.push(length);
                }
            });
            assert_eq!(walked, Ok(()));
        }
        assert_eq!(found, payloads.each_ref().map(Vec::len), "in steps of {step}");
    }
    assert!(Walker::default().walk(&masked(TEXT, b"x"), |_| ()).is_err(), "a masked frame is a fault");
}
