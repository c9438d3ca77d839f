//! How two patterns relate: whether one symbol may match both, and whether one matches all that the other does.
//!
//! Invariant: neither answer costs more than a match of one against the other's text.

use super::Glob;

impl Glob {
    /// Whether some text matches both. It may be longer than a symbol.
    pub fn overlaps(&self, other: &Glob) -> bool {
        match (self.ends(), other.ends()) {
            (None, _) => other.covers(self),
            (_, None) => self.covers(other),
            // Where both have a star, what stands between the outer ones can follow one another.
            (Some(ours), Some(theirs)) => {
                let (a, b) = (self.pattern.as_bytes(), other.pattern.as_bytes());
                let (heads, tails) = (ours.0.min(theirs.0), ours.1.min(theirs.1));
                a[..heads] == b[..heads] && a[a.len() - tails..] == b[b.len() - tails..]
            }
        }
    }

    /// Whether every text that matches the other one matches this one: as far as its stars are taken as they stand. It is
    /// never said of a pattern that does not, and may not be said of one that does.
    pub fn covers(&self, other: &Glob) -> bool {
        self.matches_by(other.pattern.as_bytes(), &mut |a, b| a == b)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tick::Symbol;

    proptest! {
        /// Beside every text of up to five letters.
        #[test]
        fn overlaps_and_covers_are_what_matches_say(a in "[AB*]{1,4}", b in "[AB*]{1,4}") {
            let (a, b) = (Glob::new(&a).unwrap(), Glob::new(&b).unwrap());
            let mut both = false;
            for length in 1..=8_u32 {
                for bits in 0..1_u32 << length {
                    let text: String =
                        (0..length).map(|at| if bits >> at & 1 == 0 { 'A' } else { 'B' }).collect();
                    let symbol = Symbol::new(&text).unwrap();
                    let (by_a, by_b) = (a.matches(&symbol), b.matches(&symbol));
                    both |= by_a && by_b;
                    prop_assert!(!a.covers(&b) || by_a || !by_b, "{text}");
                }
            }
            prop_assert_eq!(a.overlaps(&b), both);
            prop_assert_eq!(b.overlaps(&a), both);
        }
    }

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        let check = |wide: &str, narrow: &str, covers| {
            assert_eq!(
                Glob::new(wide).unwrap().covers(&Glob::new(narrow).unwrap()),
                covers,
                "{wide} {narrow}"
            );
        };
        check("*", "XHKG.*", true);
        check("X*", "XHKG.*", true);
        check("XHKG.*", "X*", false);
        check("X*.B", "XA*.B", true);
        check("A\\*", "A*", false);
    }
}
