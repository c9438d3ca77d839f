//! Messages that span WebSocket frames, by fragmentation (RFC 6455, 5.4): an array may be longer than any buffer. Only
//! control frames may come between the fragments.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::times::{CLOSING_BYTES_MAX, OpenArray, Unfinished};
use crate::wire::websocket;

/// The opcode of a frame that starts or continues a message.
pub const fn opcode_of(opcode: OpCode, is_rest: bool) -> OpCode {
    if is_rest { OpCode::Data(Data::Continue) } else { opcode }
}

impl Unfinished {
    /// Appends the final fragment, without a further element.
    #[cold]
    pub fn finish(&self, out: &mut Vec<u8>) {
        let closing = &self.closing[..usize::from(self.closing_bytes)];
        websocket::write_frame(OpCode::Data(Data::Continue), closing, out);
    }
}

impl OpenArray {
    /// Ends the WebSocket frame at the end of `out`, but not its message, which continues in another. `opcode`: that of
    /// the first fragment.
    pub fn break_off(&self, opcode: OpCode, out: &mut Vec<u8>) -> Unfinished {
        let elements = self.end - self.closing_bytes;
        let mut closing = [0; CLOSING_BYTES_MAX];
        closing[..self.closing_bytes].copy_from_slice(&out[elements..self.end]);
        out.truncate(elements);
        websocket::seal_part(opcode_of(opcode, self.is_rest), self.payload, out);
        let closing_bytes = self.closing_bytes as u8;
        Unfinished { form: self.form, gathered: self.gathered, closing, closing_bytes }
    }
}
