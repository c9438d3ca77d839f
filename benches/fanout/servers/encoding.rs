//! How data is written: as JSON, binary, or JSON that is compressed.

use super::Peer;
use crate::generator::Dialect;

/// Of tickcast, and of Bun.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Encoding {
    Json,
    /// Of tickcast `tickcast.v1.binary`, of Bun one buffer of a fixed layout a tick.
    Binary,
    /// JSON with permessage-deflate; Bun's compressor is shared by all sockets.
    Deflate,
    /// Bun alone: each socket has a compressor, and a window, of its own.
    DeflateDedicated,
}

impl Encoding {
    /// Those that a peer has.
    pub fn of(peer: Peer) -> &'static [Encoding] {
        const ALL: [Encoding; 4] =
            [Encoding::Json, Encoding::Binary, Encoding::Deflate, Encoding::DeflateDedicated];
        match peer {
            Peer::Bun => &ALL,
            Peer::Tickcast => &ALL[..3],
            _ => &ALL[..1],
        }
    }

    /// What it adds to a server's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Encoding::Json => "",
            Encoding::Binary => " binary",
            Encoding::Deflate => " deflate",
            Encoding::DeflateDedicated => " deflate, dedicated",
        }
    }

    /// As the script of the Bun server takes it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Encoding::Json => "json",
            Encoding::Binary => "binary",
            Encoding::Deflate => "shared",
            Encoding::DeflateDedicated => "dedicated",
        }
    }

    /// What a client offers for it.
    pub(super) fn header(self) -> &'static str {
        match self {
            Encoding::Json => "",
            Encoding::Binary => "Sec-WebSocket-Protocol: tickcast.v1.binary\r\n",
            // As browsers offer it.
            Encoding::Deflate | Encoding::DeflateDedicated => {
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
            }
        }
    }

    pub(super) fn tickcasts(self) -> Dialect {
        if self == Encoding::Binary { Dialect::TickcastBinary } else { Dialect::Tickcast }
    }

    pub(super) fn others(self) -> Dialect {
        if self == Encoding::Binary { Dialect::Fixed } else { Dialect::Lines }
    }
}
