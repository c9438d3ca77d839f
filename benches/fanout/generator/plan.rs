//! What a client is to be: what it asks for, how it reads, and how closely it looks.

use super::tally::Dialect;
use crate::tls;

/// What a client is to be.
#[derive(Clone)]
pub struct Plan {
    /// The upgrade, or what else is asked, as it goes out.
    pub request: Vec<u8>,
    pub stream: Stream,
    /// What is sent once the upgrade is done.
    pub hello: Vec<u8>,
    pub dialect: Dialect,
    pub ready: Ready,
    pub reading: Reading,
    /// Which tally it counts into.
    pub group: usize,
    pub detail: Detail,
    /// 0: as the system sets it.
    pub receive_buffer_bytes: usize,
    /// `None`: it speaks in the clear.
    pub tls: Option<tls::Clients>,
}

/// What comes behind the head of the response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    WebSocket,
    Events,
}

/// When a client counts as connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ready {
    /// The upgrade is done, or the head of the response is there.
    Answered,
    /// A frame that begins with this.
    Frame(&'static [u8]),
    Messages(u64),
    /// So many answers to commands, whose dialect has them counted.
    Answers(u64),
}

/// How a client reads once it is connected.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reading {
    All,
    /// Does not read until an order to do so.
    Nothing,
    /// So many bytes a second.
    Paced(f64),
}

/// How closely a client looks at what it reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    Count,
    /// Ages of all its messages.
    Ages,
    /// Ages, and the newest tick of each symbol.
    Heads,
}
