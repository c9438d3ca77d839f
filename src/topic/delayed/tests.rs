//! The laws of the delayed market: never early, nothing kept back, exact as of the tick that is shown; whatever the delays and
//! the grid are, and however many batches were lost.

mod told;

use std::{cell::RefCell, collections::BTreeMap};

use proptest::prelude::*;

use super::*;
use crate::{
    access::{Product, SymbolPatterns},
    feed::RefusedTick,
    tick::{Decimal, Field, Fields, Side, Tick, TradeId, Volume},
    topic::{Detail, FeedId, Market},
};

struct Of(RefCell<Market>);

impl CurrentMarket for Of {
    fn new_topics(&self, from: TopicId, max: usize) -> Vec<NewTopic> {
        self.0.borrow().new_topics(from, max)
    }

    fn image(&self, topic: TopicId) -> Image {
        self.0.borrow().image(topic)
    }

    fn id_of(&self, symbol: &Symbol) -> Option<TopicId> {
        self.0.borrow().find(symbol)
    }
}

/// What may happen.
#[derive(Clone, Debug)]
enum Act {
    /// Ticks of one batch: of which symbol, and what they say. They are dated so much before now.
    Ticks(Vec<(u8, Fields)>, i64),
    Passes(i64),
    Turn,
    /// So many batches are lost.
    Lose,
    Close,
    /// Other delays from now on.
    Change([u64; 3]),
}

const SYMBOLS: [&str; 6] = ["A.0", "A.1", "B.0", "B.1", "C.0", "C.1"];
const BEGIN: i64 = 1_700_000_000_000_000_000;
const MS: i64 = 1_000_000;

fn decimals() -> impl Strategy<Value = Decimal> {
    let text = prop_oneof!["[1-9][0-9]{0,5}", "[1-9]\\.[0-9]{1,9}", "-[1-9]", "0\\.00000000[1-9]{1,4}"];
    text.prop_map(|text| Decimal::parse(&text).expect("a decimal"))
}

fn fields() -> impl Strategy<Value = Fields> {
    let quote = prop::collection::vec((0..4_usize, decimals()), 1..4).prop_map(|values| {
        let mut fields = Fields::default();
        for (at, value) in values {
            fields.set_decimal([Field::Bid, Field::Ask, Field::BidSize, Field::AskSize][at], value);
        }
        fields
    });
    let trade =
        (decimals(), 1..1_000_000_i64, 0..3_u8, any::<bool>()).prop_map(|(last, size, side, named)| {
            let mut fields = Fields::default();
            fields.set_decimal(Field::Last, last);
            fields.set_decimal(Field::LastSize, Decimal::from_units(size));
            if side > 0 {
                fields.set_side(if side == 1 { Side::Buy } else { Side::Sell });
            }
            if named {
                fields.set_trade_id(TradeId::of_number(size.unsigned_abs() * 1_000_003));
            }
            fields
        });
    let withdrawal = (0..Field::ALL.len()).prop_map(|at| {
        let mut fields = Fields::default();
        fields.withdraw(Field::ALL[at]);
        fields
    });
    let given = "[1-9][0-9]{0,20}(\\.[0-9]{1,9})?".prop_map(|text| {
        let mut fields = Fields::default();
        fields.set_volume(Volume::parse(&text).expect("a volume"));
        fields
    });
    prop_oneof![5 => quote, 4 => trade, 1 => withdrawal, 1 => given]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let ticks = prop::collection::vec((0..SYMBOLS.len() as u8, fields()), 1..6);
    let act = prop_oneof![
        6 => (ticks, 0..3 * MS).prop_map(|(ticks, late)| Act::Ticks(ticks, late)),
        4 => (0..40 * MS).prop_map(Act::Passes),
        1 => (0..2_000 * MS).prop_map(Act::Passes),
        5 => Just(Act::Turn),
        1 => Just(Act::Lose),
        1 => Just(Act::Close),
        2 => [0..300_u64, 0..300_u64, 0..2_000_u64].prop_map(Act::Change),
    ];
    prop::collection::vec(act, 1..80)
}

/// What a reader is shown, and what the market was at each seq.
struct Watched {
    market: Of,
    delayed: DelayedMarket,
    detail: Detail,
    now: Nanos,
    history: BTreeMap<(TopicId, u64), Record>,
    shown: BTreeMap<TopicId, Record>,
    /// The last seq of each topic that was hidden again: those before it are merged into it.
    hidden: BTreeMap<TopicId, u64>,
    grid: Duration,
    turned: Nanos,
}

fn products(delays: [u64; 3]) -> Products {
    let product = |at: usize, symbols: &str| {
        let patterns = SymbolPatterns::new([symbols]).expect("a pattern");
        Product::new(symbols, patterns, Duration::from_millis(delays[at]))
    };
    Products::new(vec![product(0, "A.*"), product(1, "B.*")], Duration::from_millis(delays[2]))
}

impl Watched {
    fn new(delays: [u64; 3], grid_ms: u64, detail: Detail) -> Self {
        let grid = Duration::from_millis(grid_ms);
        Watched {
            market: Of(RefCell::new(Market::new(vec!["f".to_owned()], 100, 8))),
            delayed: DelayedMarket::new(Arc::new(products(delays)), grid, Box::new(|| {})),
            detail,
            now: Nanos(BEGIN),
            history: BTreeMap::new(),
            shown: BTreeMap::new(),
            hidden: BTreeMap::new(),
            grid,
            turned: Nanos(BEGIN),
        }
    }

    fn delay(&self, topic: TopicId, rules: &DelayRules) -> Duration {
        let market = self.market.0.borrow();
        rules.products.of(market.symbol(topic).expect("a topic")).delay
    }

    fn ticks(&mut self, ticks: &[(u8, Fields)], rx: Nanos) -> Batch {
        let tick = |(symbol, fields): &(u8, Fields)| Tick {
            symbol: Symbol::new(SYMBOLS[usize::from(*symbol)]).expect("a symbol"),
            ts: Some(Nanos(rx.0 - 77)),
            fields: fields.clone(),
        };
        // One at a time, to know each record; then as one batch.
        let mut whole = Batch { detail: self.detail, ..Batch::default() };
        let mut touched: BTreeMap<u32, Record> = BTreeMap::new();
        for one in ticks.iter().map(tick) {
            let mut refused: Vec<RefusedTick> = Vec::new();
            let batch =
                self.market.0.borrow_mut().ingest(FeedId(0), &mut vec![one], rx, &mut refused, self.detail);
            whole.taken += batch.taken;
            whole.new_topics.extend(batch.new_topics);
            whole.ticks.extend(batch.ticks);
            for at in batch.touched {
                self.history.insert((at.topic, at.record.seq), at.record.clone());
                touched.insert(at.topic.0, at.record);
            }
        }
        whole.touched =
            touched.into_iter().map(|(id, record)| Touched { topic: TopicId(id), record }).collect();
        whole
    }

    fn turn(&mut self) -> Result<(), TestCaseError> {
        let mut out = Vec::new();
        let due = self.delayed.turn(self.now, &self.market, |batch| out.push(batch));
        self.turned = self.now;
        prop_assert!(due.is_none_or(|due| due > self.now), "what is due is given out");
        self.take(out, &self.delayed.rules())?;
        self.images_are_shown()
    }

    /// Takes what was given out by these rules.
    fn take(&mut self, out: Vec<Batch>, rules: &DelayRules) -> Result<(), TestCaseError> {
        prop_assert!(out.iter().all(|batch| batch.rule == rules.number));
        for Touched { topic, record } in out.into_iter().flat_map(|batch: Batch| batch.touched) {
            let before = self.shown.get(&topic).map_or(0, |record| record.seq);
            prop_assert!(record.seq > before, "seqs rise");
            prop_assert!(record.rx.plus(self.delay(topic, rules)) <= self.now, "shown too early");
            let was = self.history.get(&(topic, record.seq)).expect("a tick of the market");
            let of = |record: &Record| {
                let mut fields = record.fields.clone();
                fields.set_report(None);
                (record.order, record.ts, record.rx, record.reference, fields)
            };
            prop_assert_eq!(of(&record), of(was), "the record as of its tick");
            // What has changed since what was shown before is named.
            let changed = record.changed_since(before).fields;
            let since = was.changed_since(before).fields;
            prop_assert_eq!(changed.intersect(since), since);
            self.shown.insert(topic, record);
        }
        Ok(())
    }

    /// What is shown is what was given out last.
    fn images_are_shown(&self) -> Result<(), TestCaseError> {
        for (topic, record) in &self.shown {
            prop_assert_eq!(&self.delayed.image(*topic).record, record);
        }
        Ok(())
    }

    /// Other delays: what is shown and is too new by them is hidden until it is due again.
    fn change(&mut self, delays: [u64; 3]) -> Result<(), TestCaseError> {
        let (before, mut out) = (self.delayed.rules(), Vec::new());
        self.delayed.change(Arc::new(products(delays)), self.now, &self.market, |batch| out.push(batch));
        let after = self.delayed.rules();
        prop_assert!(after.number == before.number + 1 && self.delayed.has_changed(before.number));
        // What is due by then is given out by the old ones, and may be hidden at once.
        let hidden = |watched: &Self, topic: TopicId, record: &Record| {
            let (old, new) = (watched.delay(topic, &before), watched.delay(topic, &after));
            new > old && record.rx.plus(new) > watched.now
        };
        self.take(out, &before)?;
        for (topic, record) in self.shown.clone() {
            let image = self.delayed.image(topic).record;
            if hidden(self, topic, &record) {
                prop_assert_eq!(image.seq, 0, "it is newer than may be shown");
                self.shown.remove(&topic);
                self.hidden.insert(topic, record.seq);
            } else {
                prop_assert_eq!(image, record, "it may go on being shown");
            }
        }
        Ok(())
    }

    /// Whatever was received long enough ago is shown.
    fn nothing_is_kept_back(&self) -> Result<(), TestCaseError> {
        let rules = &self.delayed.rules();
        for ((topic, seq), record) in &self.history {
            let late = record
                .rx
                .plus(self.delay(*topic, rules))
                .plus(self.grid)
                .plus(Duration::from_nanos(3 * MS as u64));
            let is_merged = self.hidden.get(topic).is_some_and(|hidden| seq < hidden);
            if late <= self.turned && !is_merged {
                let shown = self.shown.get(topic).map_or(0, |record| record.seq);
                prop_assert!(shown >= *seq, "{seq} of {topic:?} is kept back: {shown}");
            }
        }
        Ok(())
    }
}

proptest! {
    /// Random ticks, delays, grids, losses: what is shown is exact, in time, and never early.
    #[test]
    fn never_early_exact_and_nothing_kept_back(
        acts in acts(),
        delays in [0..200_u64, 0..200_u64, 0..1_000_u64],
        grid_ms in 1..100_u64,
        with_ticks in any::<bool>(),
        loses in any::<bool>(),
    ) {
        let detail = if with_ticks { Detail::Ticks } else { Detail::Records };
        let mut watched = Watched::new(delays, grid_ms, detail);
        let (mut losing, mut has_closed) = (false, false);
        for act in acts {
            match act {
                Act::Ticks(ticks, late) => {
                    let rx = Nanos(watched.now.0 - late);
                    let batch = watched.ticks(&ticks, rx);
                    if std::mem::take(&mut losing) {
                        // As if the queue had overflowed with it.
                        let lost = Arc::new(Batch::default());
                        let _ = watched.delayed.queue.push(&lost, QUEUE_TICKS + 1);
                    } else {
                        watched.delayed.push(&Arc::new(batch));
                    }
                }
                Act::Passes(nanos) => watched.now.0 += nanos,
                Act::Turn => {
                    watched.turn()?;
                    // What was lost is merged into a later record, and what follows the end of a feed comes with that.
                    if !loses && !has_closed {
                        watched.nothing_is_kept_back()?;
                    }
                }
                Act::Lose => losing = loses,
                Act::Change(delays) => watched.change(delays)?,
                Act::Close => {
                    has_closed = true;
                    let batch = watched.market.0.borrow_mut().close(FeedId(0));
                    watched.delayed.push(&Arc::new(batch));
                }
            }
        }
        watched.now.0 += 5_000 * MS;
        // Where the last batch was lost, the next loss tells it.
        let _ = watched.delayed.queue.push(&Arc::new(Batch::default()), QUEUE_TICKS + 1);
        watched.turn()?;
        watched.now.0 += 5_000 * MS;
        watched.turn()?;
        watched.nothing_is_kept_back()?;
        let topics = watched.market.0.borrow().len();
        for topic in (0..topics).map(|at| TopicId(at as u32)) {
            let (shown, is) = (watched.delayed.image(topic), watched.market.image(topic));
            prop_assert_eq!(shown.record.seq, is.record.seq);
            prop_assert!(shown.closed || !is.closed);
        }
        let report = watched.delayed.report();
        prop_assert!(report.waiting.iter().all(|line| line.records == 0));
    }
}

#[test]
fn a_planted_fault_is_found() {
    crate::planted::plant(Some(Fault::ShowsEarly));
    let mut watched = Watched::new([100, 100, 100], 10, Detail::Records);
    let mut quote = Fields::default();
    quote.set_decimal(Field::Bid, Decimal::from_units(5));
    let batch = watched.ticks(&[(0, quote)], watched.now);
    watched.delayed.push(&Arc::new(batch));
    watched.now.0 += 97 * MS;
    let outcome = watched.turn();
    crate::planted::plant(None);
    let Err(TestCaseError::Fail(why)) = outcome else { panic!("it was not found") };
    assert!(why.message().starts_with("shown too early"), "{why}");
}

/// Bytes of each record that waits, where each of 50 symbols has a tick of these fields in each second of 15 minutes.
fn bytes_a_record(says: impl Fn(i64, i64) -> Fields) -> usize {
    let watched = Watched::new([900_000; 3], 1_000, Detail::Records);
    for second in 0..900_i64 {
        let ticks = (0..50_i64).map(|symbol| Tick {
            symbol: Symbol::new(&format!("A.{symbol}")).expect("a symbol"),
            ts: Some(Nanos(BEGIN + second * 1_000 * MS - 350_000)),
            fields: says(symbol, second),
        });
        let rx = Nanos(BEGIN + second * 1_000 * MS + 1);
        let mut market = watched.market.0.borrow_mut();
        let batch = market.ingest(FeedId(0), &mut ticks.collect(), rx, &mut Vec::new(), Detail::Records);
        drop(market);
        watched.delayed.push(&Arc::new(batch));
        watched.delayed.turn(rx, &watched.market, |_| panic!("nothing is due"));
    }
    let [line] = watched.delayed.report().waiting[..] else { panic!("there is one delay") };
    assert_eq!(line.records, 900 * 50);
    line.bytes / line.records
}

/// Prices that move by cents, and sizes by hundreds.
fn moving(symbol: i64, second: i64) -> (i64, i64) {
    let step = (second * 7_919 + symbol * 31) % 40;
    (50_000_000_000 + step * 10_000_000, (1 + step % 17) * 100_000_000_000)
}

#[test]
fn what_waits_takes_few_bytes() {
    let quote = |symbol, second| {
        let (price, size) = moving(symbol, second);
        let mut fields = Fields::default();
        for (field, value) in [
            (Field::Bid, price),
            (Field::Ask, price + 10_000_000),
            (Field::BidSize, size),
            (Field::AskSize, size / 2),
        ] {
            fields.set_decimal(field, Decimal::from_units(value));
        }
        fields
    };
    let both = |symbol, second| {
        let (price, size) = moving(symbol, second);
        let mut fields = quote(symbol, second);
        fields.set_decimal(Field::Last, Decimal::from_units(price));
        fields.set_decimal(Field::LastSize, Decimal::from_units(size));
        fields.set_side(Side::Buy);
        fields
    };
    let (quotes, with_trades) = (bytes_a_record(quote), bytes_a_record(both));
    println!("{quotes} bytes a record of quotes, {with_trades} of quotes and trades");
    let whole = |bytes: usize| bytes * 900 * 10_000 / 1_000_000;
    println!("15 minutes of 10,000 symbols: {} to {} MB", whole(quotes), whole(with_trades));
    assert!(quotes <= 44 && with_trades <= 64, "{quotes} and {with_trades} bytes");
}
