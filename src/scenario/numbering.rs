//! [`SymbolNumbers`]: how far the numbers that a client is shown stand from those of the market, by symbol.
//!
//! Invariant: within one stretch all numbers of a symbol are moved alike, so that what was in order stays so.

/// The numbers of a message: its trade's by the venue, and the record's.
pub type MessageNumbers = [u64; 2];

/// Of one symbol, or of one stream beside those of its symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SymbolNumbers([i128; 2]);

impl SymbolNumbers {
    /// From this message on they count from `to`.
    pub fn restart(&mut self, at: MessageNumbers, to: u64) {
        self.0 = at.map(|number| i128::from(to) - i128::from(number));
    }

    /// From now on they are further ahead.
    pub fn jump(&mut self, by: u64) {
        self.0 = self.0.map(|shift| shift + i128::from(by));
    }

    /// As the client is shown them.
    pub fn shown(&self, numbers: MessageNumbers) -> MessageNumbers {
        let moved =
            |number: u64, shift: i128| u64::try_from((i128::from(number) + shift).max(0)).unwrap_or(u64::MAX);
        [moved(numbers[0], self.0[0]), moved(numbers[1], self.0[1])]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_again_and_go_on() {
        let mut numbers = SymbolNumbers::default();
        assert_eq!(numbers.shown([5, 90]), [5, 90]);
        numbers.jump(100);
        assert_eq!(numbers.shown([5, 90]), [105, 190]);
        numbers.restart([7, 92], 1);
        assert_eq!((numbers.shown([7, 92]), numbers.shown([9, 93])), ([1, 1], [3, 2]));
        assert_eq!(numbers.shown([0, 0]), [0, 0]);
    }
}
