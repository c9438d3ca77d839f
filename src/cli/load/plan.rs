//! Who the clients are before any of them connects: the class of each, and the symbols that it wants.
//!
//! Pure: the same seed, counts and symbols give the same plan, whatever the server does.

use std::collections::HashSet;

use rand::{
    SeedableRng,
    distr::Distribution,
    seq::index::{sample, sample_weighted},
};
use rand_distr::Zipf;
use rand_pcg::Pcg64Mcg;

use super::args::Choose;

/// How a client reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// As fast as it can.
    Normal,
    /// At a limited rate.
    Slow,
    /// Not at all, until the end.
    Stalled,
}

/// How often a symbol that a client has already may come up before the rest are drawn by another way.
const MISSES_PER_SYMBOL: usize = 16;

// === impl Class ===

impl Class {
    pub const ALL: [Class; 3] = [Class::Normal, Class::Slow, Class::Stalled];

    pub const fn name(self) -> &'static str {
        match self {
            Class::Normal => "normal",
            Class::Slow => "slow",
            Class::Stalled => "stalled",
        }
    }
}

/// The class of each client: exactly so many stalled and slow ones, spread evenly over the order of connecting.
/// When there are too few clients for both, the slow ones give way.
pub fn classes(clients: u32, stalled: u32, slow: u32) -> Vec<Class> {
    let stalled = stalled.min(clients);
    let slow = slow.min(clients - stalled);
    let mut others = 0;
    let mut class_of = |index: u32| {
        if is_chosen(index, stalled, clients) {
            return Class::Stalled;
        }
        others += 1;
        if is_chosen(others - 1, slow, clients - stalled) { Class::Slow } else { Class::Normal }
    };
    (0..clients).map(&mut class_of).collect()
}

/// Whether the place `index` of `all` is one of `chosen` that are spread evenly.
fn is_chosen(index: u32, chosen: u32, all: u32) -> bool {
    let before = |index: u64| index * u64::from(chosen) / u64::from(all);
    before(u64::from(index) + 1) > before(u64::from(index))
}

/// Draws, for one client after another, which of the server's symbols it wants.
pub struct Chooser {
    random: Pcg64Mcg,
    choose: Choose,
    symbols: usize,
    per_client: usize,
}

impl Chooser {
    /// Chooses `per_client` of `symbols`, or all when there are fewer.
    pub fn new(choose: Choose, seed: u64, symbols: usize, per_client: usize) -> Self {
        let random = Pcg64Mcg::seed_from_u64(seed);
        Chooser { random, choose, symbols, per_client: per_client.min(symbols) }
    }

    /// The next client's symbols: places in the server's list, each once, rising.
    pub fn next_client(&mut self) -> Vec<u32> {
        let mut chosen: Vec<usize> = match self.choose {
            Choose::Uniform => sample(&mut self.random, self.symbols, self.per_client).into_vec(),
            Choose::Zipf { exponent } => self.zipf(exponent),
        };
        chosen.sort_unstable();
        // None is left out: a list of more than four billion symbols would not have been read.
        chosen.into_iter().filter_map(|place| u32::try_from(place).ok()).collect()
    }

    /// Weighted, without repetition: draws again what is drawn twice. When a client wants so many that this would take
    /// for ever, the rest comes out of a draw over all that are left, which is exact too but looks at each of them.
    fn zipf(&mut self, exponent: f64) -> Vec<usize> {
        let Ok(zipf) = Zipf::new(self.symbols as f64, exponent) else {
            return sample(&mut self.random, self.symbols, self.per_client).into_vec();
        };
        let mut chosen = HashSet::with_capacity(self.per_client);
        let mut misses = MISSES_PER_SYMBOL * self.per_client;
        while chosen.len() < self.per_client && misses > 0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "ranks are whole, 1 to `symbols`"
            )]
            let place = zipf.sample(&mut self.random) as usize - 1;
            misses -= usize::from(!chosen.insert(place));
        }
        let wanted = self.per_client - chosen.len();
        let left: Vec<usize> = if wanted == 0 {
            Vec::new()
        } else {
            (0..self.symbols).filter(|place| !chosen.contains(place)).collect()
        };
        let weight = |index: usize| ((left[index] + 1) as f64).powf(-exponent);
        let mut places: Vec<usize> = chosen.into_iter().collect();
        match sample_weighted(&mut self.random, left.len(), weight, wanted) {
            Ok(rest) => places.extend(rest.iter().map(|index| left[index])),
            // Weights too small for a double: then any of them will do.
            Err(_) => places.extend(left.iter().take(wanted)),
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(classes: &[Class], class: Class) -> usize {
        classes.iter().filter(|&&found| found == class).count()
    }

    #[test]
    fn classes_are_spread_over_the_order_of_connecting() {
        let found: String = classes(10, 2, 4).iter().map(|class| &class.name()[..2]).collect();
        assert_eq!(found, "noslnoslstnoslnoslst");
    }

    #[test]
    fn zipf_wants_the_first_symbols_most() {
        let mut chooser = Chooser::new(Choose::Zipf { exponent: 1.0 }, 7, 500, 20);
        let mut wanted = vec![0u32; 500];
        for _ in 0..2_000 {
            for place in chooser.next_client() {
                wanted[place as usize] += 1;
            }
        }
        let part = |from: usize, to: usize| wanted[from..to].iter().sum::<u32>();
        // Of 40,000 choices: a uniform draw would give the first ten 800 and the last hundred 8,000.
        assert!(part(0, 10) > 10_000, "{}", part(0, 10));
        assert!(part(400, 500) < 3_000, "{}", part(400, 500));
        assert!(wanted[0] > wanted[20] && wanted[20] > wanted[400]);
    }

    #[test]
    fn a_steep_zipf_over_nearly_all_symbols_ends() {
        let mut chooser = Chooser::new(Choose::Zipf { exponent: 10.0 }, 1, 2_000, 1_999);
        assert_eq!(chooser.next_client().len(), 1_999);
    }

    proptest! {
        #[test]
        fn shares_are_exact(clients in 1u32..3_000, stalled in 0u32..3_000, slow in 0u32..3_000) {
            let found = classes(clients, stalled, slow);
            let stalled = stalled.min(clients);
            prop_assert_eq!(found.len(), clients as usize);
            prop_assert_eq!(count(&found, Class::Stalled), stalled as usize);
            prop_assert_eq!(count(&found, Class::Slow), slow.min(clients - stalled) as usize);
        }

        #[test]
        fn choices_are_distinct_and_repeat_with_their_seed(
            seed: u64, symbols in 1usize..300, per_client in 1usize..300, zipf: bool,
        ) {
            let choose = if zipf { Choose::Zipf { exponent: 1.1 } } else { Choose::Uniform };
            let mut first = Chooser::new(choose, seed, symbols, per_client);
            let mut second = Chooser::new(choose, seed, symbols, per_client);
            for _ in 0..3 {
                let chosen = first.next_client();
                prop_assert_eq!(chosen.len(), per_client.min(symbols));
                prop_assert!(chosen.is_sorted_by(|a, b| a < b));
                prop_assert!(chosen.iter().all(|&place| (place as usize) < symbols));
                prop_assert_eq!(chosen, second.next_client());
            }
        }
    }
}
