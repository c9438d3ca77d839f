//! A token as it came, before it is verified.
//!
//! Invariant: it is shown nowhere; its `Debug` does not have it.

use std::fmt;

/// A token as a client sent it.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(Box<str>);

impl BearerToken {
    pub fn new(text: &str) -> Self {
        BearerToken(text.into())
    }

    /// For who verifies it, and nobody else.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_not_shown() {
        assert_eq!(format!("{:?}", BearerToken::new("secret")), "BearerToken(…)");
    }
}
