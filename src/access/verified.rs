//! Tokens that were verified lately: a reconnect storm costs no signature twice.
//!
//! Two halves of a bounded size: what is found in the old half moves to the new one, and when the new one is full, the
//! old one is dropped. So what is used stays, and each look-up costs the same.
//!
//! Invariants: it is found by a cryptographic hash of the whole token, signature included, so another token is never
//! taken for it; it keeps no token; it holds only what was verified by the keys and the policy of now, since each change
//! of these clears it.

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::digest;

use super::rights::Rights;

#[derive(Debug, Default)]
pub(super) struct VerifiedTokens {
    new: HashMap<TokenHash, Arc<Rights>>,
    old: HashMap<TokenHash, Arc<Rights>>,
    /// Rises when it is cleared: what was verified before must not come in behind.
    pub era: u64,
}

/// SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct TokenHash([u8; 32]);

/// Entries of one half.
const HALF: usize = 16_384;

// === impl VerifiedTokens ===

impl VerifiedTokens {
    pub fn get(&mut self, hash: TokenHash) -> Option<Arc<Rights>> {
        if let Some(rights) = self.new.get(&hash) {
            return Some(Arc::clone(rights));
        }
        let rights = self.old.remove(&hash)?;
        self.insert(hash, Arc::clone(&rights));
        Some(rights)
    }

    /// `era` is that of the keys that verified it.
    pub fn keep(&mut self, hash: TokenHash, rights: Arc<Rights>, era: u64) {
        if era == self.era {
            self.insert(hash, rights);
        }
    }

    pub fn clear(&mut self) {
        self.new.clear();
        self.old.clear();
        self.era += 1;
    }

    fn insert(&mut self, hash: TokenHash, rights: Arc<Rights>) {
        if self.new.len() >= HALF {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(hash, rights);
    }
}

// === impl TokenHash ===

impl TokenHash {
    pub fn of(secret: &str) -> Self {
        let hash = digest::digest(&digest::SHA256, secret.as_bytes());
        TokenHash(hash.as_ref().try_into().unwrap_or_default())
    }

    /// A part of it, as a mark.
    pub fn mark(self) -> u64 {
        self.0.iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_number_is_bounded() {
        let mut tokens = VerifiedTokens::default();
        let used = TokenHash::of("used");
        tokens.keep(used, Arc::default(), 0);
        for number in 0..5 * HALF {
            tokens.keep(TokenHash::of(&number.to_string()), Arc::default(), 0);
            if number % 1_000 == 0 {
                assert!(tokens.get(used).is_some(), "{number}");
            }
        }
        assert!(tokens.new.len() + tokens.old.len() <= 2 * HALF);
        assert!(tokens.get(TokenHash::of("0")).is_none());
    }

    #[test]
    fn what_old_keys_verified_does_not_come_in_behind_a_change() {
        let mut tokens = VerifiedTokens::default();
        let (hash, era) = (TokenHash::of("token"), tokens.era);
        tokens.keep(hash, Arc::default(), era);
        tokens.clear();
        assert!(tokens.get(hash).is_none());
        tokens.keep(hash, Arc::default(), era);
        assert!(tokens.get(hash).is_none());
        tokens.keep(hash, Arc::default(), tokens.era);
        assert!(tokens.get(hash).is_some());
    }
}
