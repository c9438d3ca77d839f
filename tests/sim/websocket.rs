//! Frames of a WebSocket as a client writes and reads them, by the standard, apart from the service's own code.

/// A frame that came whole.
pub struct Frame {
    pub opcode: u8,
    /// Its message is compressed.
    pub is_deflated: bool,
    pub payload: Vec<u8>,
    /// With its header.
    pub bytes: usize,
}

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;

/// A frame of a client: masked, as the standard demands.
pub fn frame(opcode: u8, is_final: bool, payload: &[u8]) -> Vec<u8> {
    let mask = [0x5A, 0xA5, 0x0F, 0xF0];
    let mut bytes = header(opcode, is_final, payload.len(), 0x80);
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// One that breaks the standard: a client's frame without a mask.
pub fn unmasked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(opcode, true, payload.len(), 0);
    bytes.extend(payload);
    bytes
}

fn header(opcode: u8, is_final: bool, length: usize, masked: u8) -> Vec<u8> {
    let mut bytes = vec![opcode | if is_final { 0x80 } else { 0 }];
    match length {
        0..=125 => bytes.push(masked | length as u8),
        126..=65_535 => {
            bytes.push(masked | 0x7E);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(masked | 0x7F);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes
}

/// The first frame of a server's bytes; `None` when it has not come whole. `agreed`: the bits that an extension uses.
pub fn read(bytes: &[u8], agreed: u8) -> Option<Frame> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let is_deflated = first & 0x70 != 0;
    let is_message = matches!(first & 0x0F, TEXT | BINARY);
    assert!(!is_deflated || first & 0x70 == agreed && is_message, "a frame has bits that nobody agreed on");
    assert_eq!(first & 0x80, 0x80, "the server sends no fragments");
    assert_eq!(second & 0x80, 0, "the server masks nothing");
    let (length, head) = match second {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
        length => (usize::from(length), 2),
    };
    let payload = bytes.get(head..head + length)?.to_vec();
    Some(Frame { opcode: first & 0x0F, is_deflated, payload, bytes: head + length })
}
