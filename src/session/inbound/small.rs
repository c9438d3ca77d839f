//! Parses proofs of reading without a decoder: whole pong frames, and `ack` in its usual spelling.
//!
//! A client that keeps up sends little else. Any other input is left to the decoder.

/// A frame that proves what the client has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Small {
    /// With the payload as a number, if it has the length of a position, as in our pings.
    Pong(Option<u64>),
    Ack(u64),
}

/// `ack` in its usual spelling.
pub struct Ack;

/// Maximum payload of a control frame.
const PONG_BYTES_MAX: usize = 125;
const HEAD_BYTES: usize = 6;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// The usual start of `ack`, and its maximum length.
const ACK_START: &[u8] = br#"{"op":"ack","seen":"#;
const ACK_BYTES_MAX: usize = ACK_START.len() + DIGITS_MAX + 1;
/// This many digits fit into 64 bits.
const DIGITS_MAX: usize = 19;

impl Small {
    /// The frame at the start of these bytes, and its length.
    pub fn read(bytes: &[u8]) -> Option<(Small, usize)> {
        const PONG: u8 = FINAL | 0xA;
        const TEXT: u8 = FINAL | 0x1;
        let (&[first, second, ref mask @ ..], rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let length = usize::from(second & !MASKED);
        if second & MASKED == 0 || length > PONG_BYTES_MAX {
            return None;
        }
        let masked = rest.get(..length)?;
        let small = match first {
            PONG => Small::Pong(position(masked, *mask)),
            TEXT if length <= ACK_BYTES_MAX => {
                let mut payload = [0; ACK_BYTES_MAX];
                for (index, byte) in masked.iter().enumerate() {
                    payload[index] = byte ^ mask[index % mask.len()];
                }
                Small::Ack(Ack::parse(&payload[..length])?)
            }
            _ => return None,
        };
        Some((small, HEAD_BYTES + length))
    }
}

fn position(masked: &[u8], mask: [u8; 4]) -> Option<u64> {
    let mask = u64::from(u32::from_be_bytes(mask));
    let masked = <[u8; 8]>::try_from(masked).ok()?;
    Some(u64::from_be_bytes(masked) ^ (mask << 32 | mask))
}

impl Ack {
    /// The number of frames that it says were read; `None` for any other text.
    pub fn parse(text: &[u8]) -> Option<u64> {
        let digits = text.strip_prefix(ACK_START)?.strip_suffix(b"}")?;
        let is_number = digits.iter().all(u8::is_ascii_digit)
            && (1..=DIGITS_MAX).contains(&digits.len())
            && (digits.len() == 1 || digits[0] != b'0');
        is_number.then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::frame::{
        FrameHeader,
        coding::{Control, Data, OpCode},
    };

    use super::*;

    fn frame(opcode: OpCode, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
        let header =
            FrameHeader { is_final: true, rsv1: false, rsv2: false, rsv3: false, opcode, mask: Some(mask) };
        let mut bytes = Vec::new();
        header.format(payload.len() as u64, &mut bytes).unwrap();
        bytes.extend(payload.iter().enumerate().map(|(index, byte)| byte ^ mask[index % 4]));
        bytes
    }

    proptest! {
        #[test]
        fn a_pong_is_read_whole_and_nothing_behind_it(
            payload in prop_oneof![prop::collection::vec(any::<u8>(), 0..=125), prop::collection::vec(any::<u8>(), 8)],
            mask in any::<[u8; 4]>(),
            cut in 0usize..131,
        ) {
            let mut bytes = frame(OpCode::Control(Control::Pong), &payload, mask);
            let whole = bytes.len();
            prop_assert!(Small::read(&bytes[..cut.min(whole - 1)]).is_none());
            bytes.extend([1, 2, 3]);
            let position = <[u8; 8]>::try_from(&payload[..]).ok().map(u64::from_be_bytes);
            prop_assert_eq!(Small::read(&bytes), Some((Small::Pong(position), whole)));
        }

        #[test]
        fn an_ack_is_read(seen in any::<u64>().prop_map(|seen| seen / 2), mask in any::<[u8; 4]>()) {
            let text = format!(r#"{{"op":"ack","seen":{seen}}}"#);
            let bytes = frame(OpCode::Data(Data::Text), text.as_bytes(), mask);
            let Some((Small::Ack(read), length)) = Small::read(&bytes) else { panic!("no ack") };
            prop_assert_eq!((read, length), (seen, bytes.len()));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Small::read(&bytes);
        }
    }

    #[test]
    fn what_is_spelled_otherwise_is_left_to_the_decoder() {
        for text in [
            r#"{"op":"ack","seen":01}"#,
            r#"{"op":"ack","seen":}"#,
            r#"{"op":"ack","seen":1.0}"#,
            r#"{"op":"ping"}"#,
        ] {
            assert!(
                Small::read(&frame(OpCode::Data(Data::Text), text.as_bytes(), [1; 4])).is_none(),
                "{text}"
            );
        }
        assert!(Small::read(&frame(OpCode::Control(Control::Ping), b"", [1; 4])).is_none());
        let mut bytes = frame(OpCode::Control(Control::Pong), b"", [1; 4]);
        bytes[1] &= !MASKED;
        assert!(Small::read(&bytes).is_none(), "a client masks its frames");
    }
}
