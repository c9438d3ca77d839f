//! [`PositionKey`]: encrypts the order in an event's `id` with a per-process secret and a block cipher.
//!
//! The order counts the ticks of the whole market. A client that may read one symbol, or only delayed data, must not
//! learn from it how busy the others are, nor from two equal `id`s that nothing happened; so no two are equal.
//!
//! One AES-128 block holds the order and a unique number. Without the secret it cannot be told from random, and a text
//! written elsewhere (also by an earlier process with the same epoch) fails the check of its mark.
//!
//! Not a signature: a position grants no rights.

use std::hash::{BuildHasher, RandomState};

use aes::{
    Aes128, Block,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use sha2::{Digest, Sha256};

/// The lowest bits of the second half are 0, which marks our own texts.
const MARK_BITS: u32 = 16;
const SHARD_BITS: u32 = 8;
/// Length of an encrypted order in hexadecimal digits.
const SEALED_DIGITS: usize = 32;

pub struct PositionKey(Aes128);

/// A unique number of an `id`: the shard, and a count within it.
#[derive(Clone, Copy)]
pub struct PositionNumber {
    pub shard: usize,
    pub written: u64,
}

impl PositionKey {
    /// A random secret, from the entropy of the standard library's hashers.
    pub fn random() -> Self {
        let mut hash = Sha256::new();
        let state = RandomState::new();
        for part in 0..4_u64 {
            hash.update(state.hash_one(part).to_le_bytes());
        }
        PositionKey::from_hash(&hash.finalize().into())
    }

    /// From a seed, for reproducible runs.
    pub fn of(seed: u64) -> Self {
        PositionKey::from_hash(&Sha256::digest(seed.to_le_bytes()).into())
    }

    /// Half of the hash has the size of a key.
    fn from_hash(hash: &[u8; 32]) -> Self {
        let key: [u8; 16] = std::array::from_fn(|index| hash[index]);
        PositionKey(Aes128::new(&key.into()))
    }

    /// Encrypts an order into text.
    pub(super) fn seal(&self, order: u64, number: PositionNumber) -> String {
        let shard = number.shard as u64 & ((1 << SHARD_BITS) - 1);
        let unique = ((number.written << SHARD_BITS) | shard) << MARK_BITS;
        let mut block = Block::from((u128::from(order) << 64 | u128::from(unique)).to_be_bytes());
        self.0.encrypt_block(&mut block);
        format!("{:032x}", u128::from_be_bytes(block.into()))
    }

    /// Decrypts an order; `None` if the text was not written with this secret.
    pub(super) fn open(&self, text: &str) -> Option<u64> {
        if text.len() != SEALED_DIGITS || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut block = Block::from(u128::from_str_radix(text, 16).ok()?.to_be_bytes());
        self.0.decrypt_block(&mut block);
        let opened = u128::from_be_bytes(block.into());
        (opened.trailing_zeros() >= MARK_BITS).then_some((opened >> 64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sealed_is_opened_with_the_same_secret_alone(
            order: u64, shard in 0_usize..256, written in 0_u64..1 << 40, seed: u64, digit in 0_usize..SEALED_DIGITS,
        ) {
            let key = PositionKey::of(seed);
            let text = key.seal(order, PositionNumber { shard, written });
            prop_assert_eq!(key.open(&text), Some(order));
            prop_assert_ne!(PositionKey::of(!seed).open(&text), Some(order));
            prop_assert_ne!(PositionKey::random().open(&text), Some(order));
            let mut other = text.into_bytes();
            other[digit] = if other[digit] == b'0' { b'1' } else { b'0' };
            prop_assert_ne!(key.open(&String::from_utf8(other).unwrap()), Some(order));
        }

        #[test]
        fn any_text_is_read(text in "\\PC{0,40}") {
            let _ = PositionKey::of(1).open(&text);
        }
    }

    /// Whether of successive orders or the same one, texts look unrelated: on average half of the bits differ.
    #[test]
    fn nothing_of_the_order_is_seen() {
        let key = PositionKey::random();
        let texts: Vec<_> = (0..2_000_u64)
            .map(|count| {
                key.seal(count / 2, PositionNumber { shard: (count % 2) as usize, written: count / 2 })
            })
            .collect();
        assert_eq!(texts.iter().collect::<HashSet<_>>().len(), texts.len());
        let bits = |text: &String| u128::from_str_radix(text, 16).unwrap();
        let differ: u32 = texts.windows(2).map(|pair| (bits(&pair[0]) ^ bits(&pair[1])).count_ones()).sum();
        let mean = f64::from(differ) / (texts.len() - 1) as f64;
        assert!((62.0..66.0).contains(&mean), "{mean} of 128 bits differ");
    }

    #[test]
    fn what_was_not_written_here_is_no_position() {
        let key = PositionKey::of(7);
        for text in ["", "4711", "+0000000000000000000000000000001", &"g".repeat(32), &"é".repeat(16)] {
            assert_eq!(key.open(text), None, "{text}");
        }
        let opened = (0..100_000_u128).filter(|text| key.open(&format!("{text:032x}")).is_some()).count();
        assert!(opened < 20, "{opened} of 100,000 texts look like ours: 2 are expected");
    }
}
