//! [`Chance`]: random numbers that depend on what is decided, and on nothing that was decided before.
//!
//! A generator that moves on with each call would give a message another number when one before it was merged away. So the
//! number of a decision is a hash of its seed, its connection, its fault, its stream and its message.
//!
//! Invariant: the same parts in the same order give the same number, on every machine.

/// A hash that is being made. Copies go their own ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chance(u64);

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Chance(mixed(seed.wrapping_add(STEP)))
    }

    #[must_use]
    pub const fn with(self, part: u64) -> Self {
        Chance(mixed(self.0.wrapping_add(STEP) ^ mixed(part.wrapping_add(STEP))))
    }

    #[must_use]
    pub fn with_text(self, text: &str) -> Self {
        // FNV-1a, then mixed as every part.
        let folded = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        self.with(folded)
    }

    /// Whether something happens that happens with this probability.
    pub fn happens(self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// The hash itself.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// From 0, and below 1.
    fn unit(self) -> f64 {
        // As many bits as the number has digits.
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The finalizer of splitmix64.
const fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_their_order_decide() {
        let seven = Chance::new(7);
        assert_eq!(seven.with(1).with_text("a"), Chance::new(7).with(1).with_text("a"));
        assert_ne!(seven.with(1).with(2), seven.with(2).with(1));
        assert_ne!(seven.with_text("a"), seven.with_text("b"));
        assert_ne!(seven.with(0), Chance::new(8).with(0));
    }

    #[test]
    fn what_happens_happens_as_often_as_it_should() {
        for probability in [0.0, 0.02, 0.5, 1.0] {
            let times = (0..20_000).filter(|&n| Chance::new(3).with(n).happens(probability)).count();
            let expected = probability * 20_000.0;
            assert!((times as f64 - expected).abs() <= 300.0, "{probability}: {times}");
        }
    }
}
