//! How a session's messages are written: agreed by the subprotocol of the handshake.
//!
//! Another one is a variant here, a module beside [`json`](crate::json) and [`binary`](crate::binary), a kind of
//! [`Payload`](crate::connection::Payload), and a decoder in the mirror's events. Messages, mirror and events stay as they
//! are.

/// An encoding of messages.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum Encoding {
    /// Binary frames of data, and text frames for all else.
    #[default]
    Binary,
    /// Text frames, each a JSON array of messages.
    Json,
}

// === impl Encoding ===

impl Encoding {
    pub const ALL: [Encoding; 2] = [Encoding::Binary, Encoding::Json];

    /// The subprotocol that stands for it.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Encoding::Binary => "tickcast.v1.binary",
            Encoding::Json => "tickcast.v1.json",
        }
    }

    /// The subprotocols that a client offers which prefers it. Every server has JSON.
    pub const fn offer(self) -> &'static str {
        match self {
            Encoding::Binary => "tickcast.v1.binary, tickcast.v1.json",
            Encoding::Json => "tickcast.v1.json",
        }
    }

    /// The encoding that a server has agreed to; `None` is what no client has offered.
    pub fn agreed(self, subprotocol: Option<&[u8]>) -> Option<Encoding> {
        // A server that names none speaks JSON.
        let Some(name) = subprotocol else { return Some(Encoding::Json) };
        let is_it = |encoding: &Encoding| name.eq_ignore_ascii_case(encoding.subprotocol().as_bytes());
        let found = Encoding::ALL.into_iter().find(is_it)?;
        (found == Encoding::Json || self == Encoding::Binary).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_offered_can_be_agreed() {
        let check = |offered: Encoding, answer: Option<&str>, expected: Option<Encoding>| {
            assert_eq!(offered.agreed(answer.map(str::as_bytes)), expected, "{offered:?} {answer:?}");
            for encoding in Encoding::ALL {
                let is_offered = offered.offer().split(", ").any(|name| name == encoding.subprotocol());
                assert_eq!(is_offered, offered.agreed(Some(encoding.subprotocol().as_bytes())).is_some());
            }
        };
        check(Encoding::Binary, Some("tickcast.v1.binary"), Some(Encoding::Binary));
        check(Encoding::Binary, Some("tickcast.v1.json"), Some(Encoding::Json));
        check(Encoding::Binary, None, Some(Encoding::Json));
        check(Encoding::Json, Some("TickCast.v1.JSON"), Some(Encoding::Json));
        check(Encoding::Json, Some("tickcast.v1.binary"), None);
        check(Encoding::Binary, Some("tickcast.v2"), None);
    }
}
