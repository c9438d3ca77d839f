//! [`TlsLayer`]: one connection's record layer as a state machine over rustls: plaintext out becomes ciphertext,
//! ciphertext in becomes data. It makes no socket: ciphertext goes to a [`Wire`].
//!
//! Ciphertext that the wire does not accept is kept, at most one flight of [`FLIGHT_BYTES`], and its plaintext is
//! reported as sent only when all of it is out. So backpressure works as with a full socket: nothing is chosen and
//! encrypted before there is room for it.
//!
//! Invariants: after `WouldBlock` the caller sends the same bytes again, possibly with more after them. Bytes are
//! encrypted once, in order. An idle connection holds no buffer.

mod outbound;

use std::{cell::RefCell, io};

use rustls::{
    Error, InvalidMessage,
    server::UnbufferedServerConnection,
    unbuffered::{ConnectionState, UnbufferedStatus},
};

use super::{
    hello::OPENING_BYTES_MAX,
    records::{RECORD_BYTES_MAX, Wire, append, record_bytes},
};

pub struct TlsLayer {
    tls: UnbufferedServerConnection,
    /// Received bytes that form no whole record, or no whole handshake message.
    input: Vec<u8>,
    /// How many bytes at the start of `input` are whole records that rustls has seen, and must see again with the rest
    /// of their message.
    seen: usize,
    /// Decrypted data, and how much of it has been read.
    data: Vec<u8>,
    data_at: usize,
    /// Ciphertext that the wire has not accepted, from `output_at` on.
    output: Vec<u8>,
    output_at: usize,
    /// Plaintext bytes encrypted in `output` and not yet reported as sent.
    promised: usize,
    /// Records of the handshake; later, records without data.
    dataless: u32,
    /// The unpaid cost of records with little data: data and reads pay it off.
    debt: u32,
    /// The peer has closed its side.
    is_peer_closed: bool,
    /// Our side is closed.
    is_ended: bool,
    /// The peer violated the protocol; rustls is not called any more.
    is_broken: bool,
}

/// Maximum bytes encrypted per write: a full record.
pub const FLIGHT_BYTES: usize = 16 * 1024;
/// Room for a flight, its overhead, and an answer to a key update.
const SCRATCH_BYTES: usize = 20 * 1024;
/// Limit of an incomplete message with its records, such as a client's certificates. Each read copies these bytes.
const UNFINISHED_BYTES_MAX: usize = 32 * 1024;
/// Limit of handshake records: enough for a `ClientHello` of [`OPENING_BYTES_MAX`] in one-byte records.
const HANDSHAKE_RECORDS_MAX: u32 = 4 * 1024;
const _: () = assert!(
    OPENING_BYTES_MAX / 6 < HANDSHAKE_RECORDS_MAX as usize && OPENING_BYTES_MAX < UNFINISHED_BYTES_MAX
);
/// Limit of records without data over a connection's life. Clients change keys once in many gigabytes, if ever, and
/// each change costs the server a derivation and an answer.
const DATALESS_MAX: u32 = 256;

/// The cost of a record in bytes of data, paid by the data in it; a read, for which the peer had to send a packet, pays
/// for a few. So small messages pass at any rate, but a megabyte in one-byte records does not: it would cost a shard a
/// hundred times as much as in whole records.
const RECORD_COST_BYTES: u32 = 64;
const READ_PAYS_BYTES: u32 = 4 * RECORD_COST_BYTES;
const DEBT_BYTES_MAX: u32 = 4 * 1024 * RECORD_COST_BYTES;

struct CipherScratch {
    /// Ciphertext being sent or received.
    cipher: Vec<u8>,
    /// Two buffers joined into one.
    joined: Vec<u8>,
}

thread_local! {
    /// Shared by all connections of a thread, which hold none of their own.
    static SCRATCH: RefCell<CipherScratch> =
        const { RefCell::new(CipherScratch { cipher: Vec::new(), joined: Vec::new() }) };
}

impl TlsLayer {
    /// `hello` was received already. The handshake continues with [`Self::take_in`].
    pub fn new(tls: UnbufferedServerConnection, hello: Vec<u8>) -> Self {
        TlsLayer {
            tls,
            input: hello,
            seen: 0,
            data: Vec::new(),
            data_at: 0,
            output: Vec::new(),
            output_at: 0,
            promised: 0,
            dataless: 0,
            debt: 0,
            is_peer_closed: false,
            is_ended: false,
            is_broken: false,
        }
    }

    pub fn tls(&self) -> &UnbufferedServerConnection {
        &self.tls
    }

    /// Whether [`Self::receive`] has data without reading the wire.
    pub fn has_data(&self) -> bool {
        self.data_at < self.data.len() || self.is_peer_closed
    }

    /// Whether the peer has closed its side.
    pub fn has_ended(&self) -> bool {
        self.is_peer_closed
    }

    /// Ciphertext that waits for the wire.
    pub fn waiting_bytes(&self) -> usize {
        self.output.len() - self.output_at
    }

    /// Processes what was received so far.
    ///
    /// # Errors
    /// When the peer violates the protocol. The output then holds an alert.
    pub fn take_in(&mut self) -> Result<(), Error> {
        let mut input = std::mem::take(&mut self.input);
        let used = self.process(&mut input)?;
        // Between records no buffer is held.
        self.input = input[used..].to_vec();
        Ok(())
    }

    /// Reads data.
    ///
    /// # Errors
    /// As the wire, and `InvalidData` when the peer violates the protocol.
    pub fn receive(&mut self, wire: &impl Wire, buffer: &mut [u8]) -> io::Result<usize> {
        // Terminates: each round consumes data, part of a record from the wire, or one of the limited records without
        // data.
        loop {
            if self.data_at < self.data.len() {
                return Ok(self.read_data(buffer));
            }
            if self.is_peer_closed {
                return Ok(0);
            }
            if self.is_broken {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.read_wire(wire)?;
        }
    }

    fn read_data(&mut self, buffer: &mut [u8]) -> usize {
        let data = &self.data[self.data_at..];
        let bytes = data.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&data[..bytes]);
        self.data_at += bytes;
        if self.data_at == self.data.len() {
            (self.data, self.data_at) = (Vec::new(), 0);
        }
        bytes
    }

    /// Reads from the wire once, and processes the complete records.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub fn read_wire(&mut self, wire: &impl Wire) -> io::Result<()> {
        SCRATCH.with_borrow_mut(|scratch| {
            let (cipher, kept) = (&mut scratch.cipher, self.input.len());
            let room = SCRATCH_BYTES.max(kept + RECORD_BYTES_MAX);
            if cipher.len() < room {
                cipher.resize(room, 0);
            }
            cipher[..kept].copy_from_slice(&self.input);
            let arrived = wire.receive(&mut cipher[kept..])?;
            if arrived == 0 {
                // Without a close notice, as many clients do. Their messages are self-delimiting.
                self.is_peer_closed = true;
                return Ok(());
            }
            self.input = Vec::new();
            self.debt = self.debt.saturating_sub(READ_PAYS_BYTES);
            let filled = &mut cipher[..kept + arrived];
            match self.process(filled) {
                Ok(used) => {
                    self.input = filled[used..].to_vec();
                    Ok(())
                }
                Err(error) => {
                    self.is_broken = true;
                    // Send the alert if there is room: the connection ends.
                    let _ = self.flush(wire);
                    Err(io::Error::new(io::ErrorKind::InvalidData, error))
                }
            }
        })
    }

    /// Processes the whole records in `bytes` one by one; returns how many bytes are consumed.
    fn process(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        let (mut used, mut given) = (0, self.seen);
        while let Some(record) = record_bytes(&bytes[given..])? {
            given += record;
            used += self.process_records(&mut bytes[used..given])?;
            if given - used > UNFINISHED_BYTES_MAX {
                return Err(Error::InvalidMessage(InvalidMessage::MessageTooLarge));
            }
        }
        self.seen = given - used;
        Ok(used)
    }

    fn process_records(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        let had = self.data.len();
        let was_handshaking = self.tls.is_handshaking();
        let mut used = 0;
        loop {
            let UnbufferedStatus { mut discard, state } = self.tls.process_tls_records(&mut bytes[used..]);
            let state = match state {
                Ok(state) => state,
                Err(error) => {
                    self.take_alert(&mut bytes[used + discard..]);
                    return Err(error);
                }
            };
            let goes_on = match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        self.data.extend_from_slice(record.payload);
                    }
                    true
                }
                ConnectionState::EncodeTlsData(encoded) => {
                    append(&mut self.output, encoded);
                    true
                }
                ConnectionState::TransmitTlsData(transmitted) => {
                    // It is in the output, which is sent in order.
                    transmitted.done();
                    true
                }
                ConnectionState::PeerClosed => {
                    self.is_peer_closed = true;
                    true
                }
                _ => false,
            };
            used += discard;
            if !goes_on {
                break;
            }
        }
        if self.data.len() == had && !self.is_peer_closed {
            self.dataless += 1;
            let most = if was_handshaking { HANDSHAKE_RECORDS_MAX } else { DATALESS_MAX };
            if self.dataless > most {
                return Err(Error::General("too many records without data".to_owned()));
            }
        }
        if was_handshaking && !self.tls.is_handshaking() {
            self.dataless = 0;
        } else if !was_handshaking {
            let paid = u32::try_from(self.data.len() - had).unwrap_or(u32::MAX);
            self.debt = (self.debt + RECORD_COST_BYTES).saturating_sub(paid);
            if self.debt > DEBT_BYTES_MAX {
                return Err(Error::General("too many records of little data".to_owned()));
            }
        }
        Ok(used)
    }

    /// After an error: fetches the alert that rustls has ready. `bytes` is the unconsumed input, which rustls still
    /// refers to.
    fn take_alert(&mut self, bytes: &mut [u8]) {
        self.is_broken = true;
        // No call beyond that: it would process the faulty record again.
        while self.tls.wants_write()
            && let Ok(ConnectionState::EncodeTlsData(encoded)) = self.tls.process_tls_records(bytes).state
        {
            append(&mut self.output, encoded);
        }
    }
}

#[cfg(test)]
mod tests;
