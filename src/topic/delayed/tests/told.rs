//! States that feeds tell by themselves are shown as late as ticks are.

use super::*;
use crate::feed::SymbolState;

fn told(state: State, reason: &str) -> ToldState {
    ToldState { state, reason: reason.into() }
}

impl Watched {
    /// The feed tells a state of the first symbol; the batch reaches the delayed market, or is lost on its way.
    fn tell(&mut self, told: &ToldState, is_lost: bool) {
        let ToldState { state, reason } = told.clone();
        let symbol = Symbol::new(SYMBOLS[0]).expect("a symbol");
        let batch =
            self.market.0.borrow_mut().tell(FeedId(0), &mut vec![SymbolState { symbol, state, reason }]);
        if is_lost {
            let _ = self.delayed.queue.push(&Arc::new(Batch::default()), QUEUE_TICKS + 1);
        } else {
            self.delayed.push(&Arc::new(batch));
        }
    }

    /// Passes some time; what is told then, by symbol.
    fn told_after(&mut self, ms: i64) -> Vec<(String, ToldState)> {
        self.now.0 += ms * MS;
        let mut out = Vec::new();
        self.delayed.turn(self.now, &self.market, |batch| out.push(batch));
        let told = out.into_iter().flat_map(|batch: Batch| batch.told);
        told.map(|(symbol, told)| (symbol.to_string(), told)).collect()
    }

    fn quote(&mut self) {
        let mut quote = Fields::default();
        quote.set_decimal(Field::Bid, Decimal::from_units(5));
        let batch = self.ticks(&[(0, quote)], self.now);
        self.delayed.push(&Arc::new(batch));
    }

    fn image_told(&self) -> Option<ToldState> {
        self.delayed.image(TopicId(0)).told
    }
}

#[test]
fn a_state_is_shown_when_it_is_due_and_never_before() {
    let mut watched = Watched::new([100; 3], 10, Detail::Records);
    let halted = told(State::Stale, "halted: news pending");
    watched.quote();
    watched.tell(&halted, false);
    assert_eq!(watched.told_after(0), []);
    assert_eq!(watched.told_after(99), [], "it is not due");
    assert_eq!(watched.image_told(), None);
    // The slot of the grid ends 10 ms later at most.
    assert_eq!(watched.told_after(12), [(SYMBOLS[0].to_owned(), halted.clone())]);
    assert_eq!(watched.image_told(), Some(halted.clone()));
    // Of several within a slot the last one counts.
    watched.tell(&told(State::Live, ""), false);
    watched.tell(&halted, false);
    watched.tell(&told(State::Live, ""), false);
    assert_eq!(watched.told_after(0), []);
    assert_eq!(watched.told_after(112), [(SYMBOLS[0].to_owned(), told(State::Live, ""))]);
    assert_eq!(watched.told_after(5_000), [], "once");
}

#[test]
fn a_state_of_a_symbol_without_a_tick_counts_when_it_has_one() {
    let mut watched = Watched::new([100; 3], 10, Detail::Records);
    let dark = told(State::Stale, "the venue is dark");
    watched.tell(&dark, false);
    assert_eq!(watched.told_after(0), []);
    assert_eq!(watched.told_after(112), [(SYMBOLS[0].to_owned(), dark.clone())]);
    watched.quote();
    watched.told_after(0);
    watched.told_after(112);
    assert_eq!(watched.image_told(), Some(dark));
}

#[test]
fn a_state_that_was_lost_on_its_way_is_read_from_the_market() {
    let mut watched = Watched::new([100; 3], 10, Detail::Records);
    watched.quote();
    watched.told_after(1);
    let halted = told(State::Stale, "halted");
    watched.tell(&halted, true);
    assert_eq!(watched.told_after(0), [], "it is not due");
    assert_eq!(watched.told_after(112), [(SYMBOLS[0].to_owned(), halted)]);
}

#[test]
fn a_longer_delay_hides_a_state_and_the_end_of_a_feed_until_they_are_due_again() {
    let mut watched = Watched::new([100; 3], 10, Detail::Records);
    let halted = told(State::Stale, "halted: news pending");
    watched.quote();
    watched.tell(&halted, false);
    let batch = watched.market.0.borrow_mut().close(FeedId(0));
    watched.delayed.push(&Arc::new(batch));
    assert_eq!(watched.told_after(0), []);
    assert_eq!(watched.told_after(112).len(), 1);
    assert!(watched.delayed.image(TopicId(0)).closed);
    watched.change([300; 3]).expect("its laws");
    let Image { record, closed, told } = watched.delayed.image(TopicId(0));
    assert_eq!((record.seq, closed, told), (0, false, None), "all of it is hidden");
    assert_eq!(watched.told_after(187), [], "it is not due");
    assert_eq!((watched.told_after(1), watched.delayed.image(TopicId(0)).record.seq), (Vec::new(), 1));
    // Nothing says when in the time that was shown a state was told: the slot that was shown last counts.
    assert_eq!(watched.told_after(10), [(SYMBOLS[0].to_owned(), halted)]);
    assert!(watched.delayed.image(TopicId(0)).closed);
}

#[test]
fn a_shorter_delay_shows_what_is_that_old_at_once() {
    let mut watched = Watched::new([1_000; 3], 10, Detail::Records);
    watched.quote();
    assert_eq!(watched.told_after(0), []);
    watched.now.0 += 300 * MS;
    watched.quote();
    watched.turn().expect("its laws");
    watched.now.0 += 150 * MS;
    watched.change([200; 3]).expect("its laws");
    watched.turn().expect("its laws");
    assert_eq!(watched.delayed.image(TopicId(0)).record.seq, 1, "450 ms old, and not 150");
    let report = watched.delayed.report().waiting;
    let [WaitingRecords { delay, records, .. }] = report[..] else { panic!("{report:?}") };
    assert_eq!((delay, records), (Duration::from_millis(200), 1));
}
