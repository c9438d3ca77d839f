//! Lines that follow from each other: each has the next number, and a hash of itself and of the hash before it.
//!
//! A line is `{"n":7,"ts":1795416101413382,"event":"ended",…,"hash":"…"}`. What is hashed is the 32 bytes of the hash before,
//! and then the line up to `,"hash"`. So anybody can verify a file with a few lines of any language.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::event::Event;

/// A SHA-256.
pub type Hash = [u8; 32];

/// Where a chain stands: the number and the hash of its last line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chain {
    pub n: u64,
    pub hash: Hash,
}

/// A line without its hash.
#[derive(Serialize, Deserialize, PartialEq, Eq, Clone, Debug)]
pub struct LineBody {
    pub n: u64,
    /// In microseconds since 1970, by the machine's clock.
    pub ts: i64,
    #[serde(flatten)]
    pub event: Event,
}

/// A line as it was read: what it says, and the hash that it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed<'a> {
    pub body: &'a str,
    pub hash: Hash,
}

const HASH_NAME: &str = ",\"hash\":\"";
/// Of the end of a line: the name, 64 digits, a quote and the brace.
const SEAL_BYTES: usize = HASH_NAME.len() + 64 + 2;

impl Chain {
    /// The next line, with its line end; the chain moves on to it.
    pub fn seal(&mut self, ts: i64, event: &Event) -> String {
        self.n += 1;
        let body = LineBody { n: self.n, ts, event: event.clone() };
        // Names are text, and nothing else can fail in memory.
        let mut line = serde_json::to_string(&body).unwrap_or_default();
        line.pop();
        self.hash = self.following(&line);
        line.push_str(HASH_NAME);
        line.push_str(&hex(&self.hash));
        line.push_str("\"}\n");
        line
    }

    /// The hash of the line that follows with this body, which has no closing brace.
    pub fn following(&self, body: &str) -> Hash {
        Sha256::new().chain_update(self.hash).chain_update(body).finalize().into()
    }
}

impl<'a> Sealed<'a> {
    /// Of a line without its line end; `None` for one that has no hash.
    pub fn of(line: &'a str) -> Option<Self> {
        let at = line.len().checked_sub(SEAL_BYTES).filter(|&at| line.is_char_boundary(at))?;
        let (body, seal) = line.split_at(at);
        let digits = seal.strip_prefix(HASH_NAME)?.strip_suffix("\"}")?;
        Some(Sealed { body, hash: unhex(digits)? })
    }

    /// What it says.
    ///
    /// # Errors
    /// When it is not a record.
    pub fn read(&self) -> serde_json::Result<LineBody> {
        serde_json::from_str(&format!("{}}}", self.body))
    }
}

pub fn hex(hash: &Hash) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub fn unhex(digits: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    if digits.len() != 2 * hash.len()
        || !digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    {
        return None;
    }
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    Some(hash)
}
