//! The sending half of the record layer: plaintext into records, and these to the wire after pending ciphertext.

use std::io;

use rustls::unbuffered::{ConnectionState, EncryptError};

use super::{CipherScratch, FLIGHT_BYTES, SCRATCH, TlsLayer};
use crate::server::tls::records::{Wire, write_at};

/// Two buffers of up to this total go into one record, at the cost of a copy; larger ones get a record each.
const JOINED_BYTES_MAX: usize = 4 * 1024;

impl TlsLayer {
    /// Sends what the wire accepts of two buffers.
    ///
    /// # Errors
    /// `WouldBlock` when the wire is full; then call again with the same bytes. Any other when the connection is over.
    pub fn send(&mut self, wire: &impl Wire, first: &[u8], then: &[u8]) -> io::Result<usize> {
        if self.promised > 0 || self.waiting_bytes() > FLIGHT_BYTES {
            self.flush(wire)?;
        }
        if self.promised > 0 {
            let taken = self.promised.min(first.len() + then.len());
            self.promised -= taken;
            return Ok(taken);
        }
        if self.is_ended || self.is_broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        SCRATCH.with_borrow_mut(|CipherScratch { cipher, joined }| {
            // Leftovers of the handshake or a key change are sent in the same write.
            let left = &self.output[self.output_at..];
            let at = left.len();
            if cipher.len() < at {
                cipher.resize(at, 0);
            }
            cipher[..at].copy_from_slice(left);
            let (taken, end) = self.encrypt_flight(first, then, joined, cipher, at)?;
            (self.output, self.output_at) = (Vec::new(), 0);
            let sent = match wire.send(&cipher[..end]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                sent => sent?,
            };
            if sent == end {
                return Ok(taken);
            }
            self.output.extend_from_slice(&cipher[sent..end]);
            self.promised = taken;
            Err(io::ErrorKind::WouldBlock.into())
        })
    }

    /// Encrypts one flight into `out` at `at`; returns how many plaintext bytes it has, and where it ends.
    fn encrypt_flight(
        &mut self,
        first: &[u8],
        then: &[u8],
        joined: &mut Vec<u8>,
        out: &mut Vec<u8>,
        at: usize,
    ) -> io::Result<(usize, usize)> {
        let first = &first[..first.len().min(FLIGHT_BYTES)];
        let then = &then[..then.len().min(FLIGHT_BYTES - first.len())];
        let taken = first.len() + then.len();
        if !first.is_empty() && !then.is_empty() && taken <= JOINED_BYTES_MAX {
            joined.clear();
            joined.extend_from_slice(first);
            joined.extend_from_slice(then);
            return Ok((taken, self.encrypt(joined, out, at)?));
        }
        let mut end = at;
        for run in [first, then].into_iter().filter(|run| !run.is_empty()) {
            end = self.encrypt(run, out, end)?;
        }
        Ok((taken, end))
    }

    /// Encrypts one record into `out` at `at`; returns where it ends.
    fn encrypt(&mut self, bytes: &[u8], out: &mut Vec<u8>, at: usize) -> io::Result<usize> {
        let state = self.tls.process_tls_records(&mut []).state;
        let Ok(ConnectionState::WriteTraffic(mut traffic)) = state else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let end = write_at(out, at, |out| match traffic.encrypt(bytes, out) {
            Err(EncryptError::InsufficientSize(size)) => Err(Some(size)),
            // TLS 1.2 cannot change keys within a connection.
            Err(EncryptError::EncryptExhausted) => Err(None),
            Ok(bytes) => Ok(bytes),
        });
        end.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Passes pending ciphertext to the wire.
    ///
    /// # Errors
    /// `WouldBlock` while some remains; any other when the peer is gone.
    pub fn flush(&mut self, wire: &impl Wire) -> io::Result<()> {
        while self.waiting_bytes() > 0 {
            self.output_at += wire.send(&self.output[self.output_at..])?;
        }
        (self.output, self.output_at) = (Vec::new(), 0);
        Ok(())
    }

    /// Appends the close notice after everything sent.
    pub fn end(&mut self) {
        if std::mem::replace(&mut self.is_ended, true) || self.is_broken {
            return;
        }
        let state = self.tls.process_tls_records(&mut []).state;
        if let Ok(ConnectionState::WriteTraffic(mut traffic)) = state {
            let end = self.output.len();
            let end = write_at(&mut self.output, end, |out| {
                traffic.queue_close_notify(out).map_err(|error| match error {
                    EncryptError::InsufficientSize(size) => Some(size),
                    EncryptError::EncryptExhausted => None,
                })
            });
            self.output.truncate(end.unwrap_or(usize::MAX));
        }
    }
}
