//! Law 11 in the fan-out: whatever the order of subscribing, listing, renewing rights and sending, no message has a
//! symbol or field outside the session's current rights.

use std::{cell::Cell, time::Duration};

use proptest::prelude::*;

use super::world::ModelStore;
#[cfg(debug_assertions)]
use crate::planted::{Fault, plant};
use crate::{
    access::{Rights, SharedRights, SymbolPatterns},
    fanout::{
        Change, Emit, Fanout, GapReason, Glob, Mode, Place, Restricted, ResumePoint, SessionKey, Spec,
        SubscribeRequest, TopicRef, Units, View,
    },
    tick::{CustomFields, Decimal, Field, Fields, Nanos, Symbol, Tick, WantedFields},
    topic::{Detail, FeedId, Market, Record, Stamped},
};

const SYMBOLS: [&str; 6] = ["A0", "A1", "B0", "B1", "C0", "C1"];
const PATTERNS: [&str; 6] = ["*", "A*", "*1", "B0", "C*", "B*"];
const FIELDS: [&[&str]; 3] = [&["bid"], &["bid", "ask"], &["last", "last_size", "side", "trade_id"]];
const SESSIONS: usize = 2;
const STEP: Duration = Duration::from_millis(10);

#[derive(Clone, Debug)]
enum Op {
    Subscribe {
        session: usize,
        symbol: usize,
        spec: Spec,
        last: Option<u64>,
    },
    Glob {
        session: usize,
        pattern: usize,
        spec: Spec,
    },
    Set {
        session: usize,
        symbol: usize,
        wanted: WantedFields,
        interval: Duration,
    },
    /// New rights, applied in slices of this many units.
    Renew {
        session: usize,
        rights: SharedRights,
        units: u32,
    },
    Ticks(Vec<(usize, bool)>),
    Fill(usize),
}

/// The content of a frame's messages.
#[derive(Default)]
struct Shown(Vec<(Symbol, View)>);

impl Shown {
    fn note(&mut self, topic: &TopicRef<'_>, view: &View) {
        self.0.push((topic.symbol.clone(), view.clone()));
    }
}

impl Emit for Shown {
    fn encoding(&self) -> u8 {
        0
    }

    fn has_room(&self) -> bool {
        self.0.len() < 3
    }

    fn keep(&mut self, _: usize) {}

    fn repeat(&mut self, _: usize) -> bool {
        false
    }

    fn snapshot(&mut self, topic: &TopicRef<'_>, view: &View) {
        self.note(topic, view);
    }

    fn past_trades(&mut self, _: &TopicRef<'_>, _: &[Stamped], _: &View) {}

    fn merged(&mut self, topic: &TopicRef<'_>, _: u64, _: WantedFields, view: &View) {
        self.note(topic, view);
    }

    fn last_tick(&mut self, topic: &TopicRef<'_>, view: &View) {
        self.note(topic, view);
    }

    fn tick(&mut self, topic: &TopicRef<'_>, _: &Stamped, _: u64, view: &View) {
        self.note(topic, view);
    }

    fn run(&mut self, topic: &TopicRef<'_>, ticks: &[Stamped], view: &View) -> usize {
        self.note(topic, view);
        ticks.len().min(2)
    }

    fn tape_event(&mut self, topic: &TopicRef<'_>, _: &Record, _: u64, _: WantedFields, view: &View) {
        self.note(topic, view);
    }

    fn gap(&mut self, topic: &TopicRef<'_>, _: u64, _: u64, _: GapReason, view: &View) {
        self.note(topic, view);
    }
}

struct World {
    fanout: Fanout,
    store: ModelStore,
    sessions: Vec<(SessionKey, SharedRights)>,
    now: Nanos,
    shown: usize,
}

impl World {
    fn new() -> Self {
        let mut fanout = Fanout::new(Nanos(0), Duration::from_secs(60), 16);
        let nothing = Rights::nothing();
        let sessions: Vec<_> = (0..SESSIONS).map(|_| (fanout.open(), nothing.clone())).collect();
        for (key, rights) in &sessions {
            fanout.entitle(*key, rights, &CustomFields::default());
        }
        let market = Market::new(vec!["feed".into()], SYMBOLS.len(), 16);
        let store = ModelStore { market, reads: Cell::new(0) };
        World { fanout, store, sessions, now: Nanos(0), shown: 0 }
    }

    fn act(&mut self, op: Op) {
        self.now = self.now.plus(STEP);
        match op {
            Op::Subscribe { session, symbol, spec, last } => {
                let (key, symbol) = (self.sessions[session].0, Symbol::new(SYMBOLS[symbol]).unwrap());
                // As commands do.
                let Some(allowed) = self.fanout.allowed(key, &spec) else { return };
                if self.fanout.may_read(key, &symbol) {
                    let resume = last.map(|last| ResumePoint { same_epoch: true, last });
                    let request = SubscribeRequest { symbol: &symbol, spec: &allowed, resume };
                    self.fanout.subscribe(key, &request, self.now, &self.store).unwrap();
                }
            }
            Op::Glob { session, pattern, spec } => {
                let key = self.sessions[session].0;
                if let Some(allowed) = self.fanout.allowed(key, &spec) {
                    self.fanout.add_glob(key, &Glob::new(PATTERNS[pattern]).unwrap(), &allowed, 8).unwrap();
                }
            }
            Op::Set { session, symbol, wanted, interval } => {
                let (key, symbol) = (self.sessions[session].0, Symbol::new(SYMBOLS[symbol]).unwrap());
                let change = Change { wanted: Some(wanted), interval: Some(interval), ..Change::default() };
                if let Some(change) = self.fanout.allowed_change(key, &change) {
                    self.fanout.set(key, &symbol, None, &change, self.now);
                }
            }
            Op::Renew { session, rights, units } => self.renew(session, rights, units),
            Op::Ticks(ticks) => self.tick(&ticks),
            Op::Fill(session) => self.fill(session),
        }
    }

    fn renew(&mut self, session: usize, rights: SharedRights, units: u32) {
        let key = self.sessions[session].0;
        self.fanout.entitle(key, &rights, &CustomFields::default());
        self.fanout.restrict_globs(key);
        let (mut from, mut changed) = (Place::default(), Restricted::default());
        let store = &self.store;
        while !self.fanout.restrict_some(
            key,
            &mut from,
            self.now,
            store,
            &mut changed,
            &mut Units::new(units),
        ) {}
        assert!(changed.moved.is_empty());
        assert!(
            changed
                .ended
                .iter()
                .all(|withdrawn| { !rights.may_read(&withdrawn.symbol) || rights.fields.is_some() })
        );
        self.sessions[session].1 = rights;
    }

    fn tick(&mut self, ticks: &[(usize, bool)]) {
        let tick = |&(symbol, is_trade): &(usize, bool)| {
            let mut fields = Fields::default();
            let named: &[Field] = if is_trade { &[Field::Last, Field::LastSize] } else { &[Field::Bid] };
            for &field in named {
                fields.set_decimal(field, Decimal::from_units(1));
            }
            Tick { symbol: Symbol::new(SYMBOLS[symbol]).unwrap(), ts: None, fields }
        };
        let mut ticks: Vec<Tick> = ticks.iter().map(tick).collect();
        let detail = Detail::TicksAndTrades;
        let batch = self.store.market.ingest(FeedId(0), &mut ticks, self.now, &mut Vec::new(), detail);
        self.fanout.apply(&batch, self.now, &self.store);
        self.fanout.advance(self.now);
    }

    fn fill(&mut self, session: usize) {
        let (key, rights) = self.sessions[session].clone();
        self.fanout.advance(self.now);
        let mut frame = Shown::default();
        let tally = self.fanout.fill(key, self.now, &self.store, &mut frame);
        self.fanout.accepted(&tally);
        let fields = rights.readable_fields(&CustomFields::default());
        self.shown += frame.0.len();
        for (symbol, view) in frame.0 {
            assert!(rights.may_read(&symbol), "{symbol} under {rights:?}");
            assert_eq!(view.wanted.intersect(fields), view.wanted, "{symbol} under {rights:?}");
            assert!(!view.reports || rights.may_read_reports(), "{symbol} under {rights:?}");
        }
    }

    /// Checks that every session holds only what its rights allow.
    fn check(&self) {
        for (key, rights) in &self.sessions {
            let mut from = Place::default();
            while let Some((next, held)) = self.fanout.subscribed_from(*key, from) {
                from = next;
                assert!(rights.may_read(held.symbol), "{} under {rights:?}", held.symbol);
                let listed = self.fanout.listed(*key, held.symbol, held.name).unwrap();
                assert!(listed.interval >= rights.min_interval, "{listed:?} under {rights:?}");
            }
        }
        assert_eq!(self.fanout.accounts().residual(), 0);
    }
}

fn rights() -> impl Strategy<Value = SharedRights> {
    let read = prop::collection::vec(prop::sample::select(&PATTERNS[..]), 0..3);
    let fields = prop::option::weighted(0.4, prop::sample::select(&FIELDS[..]));
    (read, fields, prop::sample::select(vec![0, 0, 30])).prop_map(|(read, fields, interval)| {
        SharedRights::new(Rights {
            read: SymbolPatterns::new(read).unwrap(),
            fields: fields.map(|fields| fields.iter().map(|&field| field.into()).collect()),
            min_interval: Duration::from_millis(interval),
            ..Rights::default()
        })
    })
}

fn spec() -> impl Strategy<Value = Spec> {
    let mode = prop::sample::select(vec![Mode::Latest, Mode::Every, Mode::Trades, Mode::Once]);
    (mode, wanted(), prop::sample::select(vec![0, 0, 20]), any::<bool>()).prop_map(
        |(mode, wanted, interval, snapshot)| {
            let view = View { wanted, ..View::WHOLE };
            Spec { mode, interval: Duration::from_millis(interval), view, snapshot }
        },
    )
}

fn wanted() -> impl Strategy<Value = WantedFields> {
    let bid = WantedFields::from(Field::Bid.bit());
    prop::sample::select(vec![WantedFields::ALL, bid, Field::Ask.bit().with(Field::Last).into()])
}

fn op() -> impl Strategy<Value = Op> {
    let (session, symbol) = (0..SESSIONS, 0..SYMBOLS.len());
    prop_oneof![
        3 => (session.clone(), symbol.clone(), spec(), prop::option::weighted(0.3, 0u64..4))
            .prop_map(|(session, symbol, spec, last)| Op::Subscribe { session, symbol, spec, last }),
        2 => (session.clone(), 0..PATTERNS.len(), spec())
            .prop_map(|(session, pattern, spec)| Op::Glob { session, pattern, spec }),
        1 => (session.clone(), symbol.clone(), wanted(), prop::sample::select(vec![0u64, 50])).prop_map(
            |(session, symbol, wanted, ms)| Op::Set { session, symbol, wanted, interval: Duration::from_millis(ms) }
        ),
        2 => (session.clone(), rights(), 1u32..40)
            .prop_map(|(session, rights, units)| Op::Renew { session, rights, units }),
        4 => prop::collection::vec((symbol, any::<bool>()), 1..6).prop_map(Op::Ticks),
        4 => session.prop_map(Op::Fill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn no_message_is_of_what_the_rights_do_not_have(ops in prop::collection::vec(op(), 1..60)) {
        let mut world = World::new();
        for op in ops {
            world.act(op);
            world.check();
        }
        for session in (0..SESSIONS).cycle().take(40) {
            world.fill(session);
        }
    }
}

/// Rights to everything, then fewer, while ticks are pending and a symbol is being listed.
fn renewed_with_less() -> World {
    let mut world = World::new();
    let reads = |pattern| {
        let read = SymbolPatterns::new([pattern]).unwrap();
        SharedRights::new(Rights { read, ..Rights::default() })
    };
    world.act(Op::Renew { session: 0, rights: reads("*"), units: 100 });
    world.act(Op::Glob { session: 0, pattern: 0, spec: Spec { mode: Mode::Every, ..Spec::default() } });
    world.act(Op::Ticks(vec![(0, false), (2, true), (0, true), (2, false)]));
    world.act(Op::Renew { session: 0, rights: reads("A*"), units: 100 });
    world.act(Op::Ticks(vec![(0, false), (2, true), (3, false), (1, false)]));
    for _ in 0..8 {
        world.act(Op::Fill(0));
    }
    world.check();
    world
}

#[test]
fn a_renewal_with_less_sends_nothing_of_what_was_due() {
    let world = renewed_with_less();
    assert!(world.shown >= 2, "A0 and A1 are shown");
    let held = world.fanout.session_subscriptions(world.sessions[0].0);
    assert_eq!(held, 2, "B1 was listed later, and the glob does not match it any more");
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "B1 under")]
fn a_glob_that_forgets_rights_is_found() {
    plant(Some(Fault::GlobForgetsRights));
    renewed_with_less();
}
