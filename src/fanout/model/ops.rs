//! The operations on the fan-out, as values that proptest can shrink. Clients and symbols are small numbers.

use std::{fmt, time::Duration};

use proptest::prelude::*;

use super::ticks::fields;
use crate::{
    fanout::{Change, Mode, Name, Spec, View},
    tick::{CustomSet, Field, FieldSet, Fields, Numbers, WantedFields},
    topic::Detail,
};

/// Symbols of the market; the odd ones are one feed's, the even ones another's.
pub const SYMBOLS: [&str; 5] = ["A *X", "A *Y", "B *X", "B *Y", "币"];
/// Names of subscriptions; most have none.
pub const NAMES: [Option<&str>; 3] = [None, Some("Zeile 1"), Some("*")];
pub const GLOBS: [&str; 5] = ["*", "A*", "* \\*Y", "B \\*X", "*X"];
pub const SESSIONS_MAX: usize = 4;
/// Fewer than the symbols.
pub const SUBSCRIPTIONS_MAX: usize = 3;
pub const GLOBS_MAX: usize = 3;
pub const STALE: Duration = Duration::from_millis(300);

/// A whole run, and the sizes of its world.
#[derive(Clone)]
pub struct Run {
    pub ops: Vec<Op>,
    pub ring_ticks: usize,
    pub recent_ticks: usize,
    pub history_ticks: usize,
    pub tape_events_at_once: usize,
}

/// A feed's input.
#[derive(Clone)]
pub struct Given(pub Fields);

/// Which of a client's subscriptions: the number of its symbol, and of its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot {
    pub which: usize,
    pub name: usize,
}

#[derive(Clone, Debug)]
pub enum Op {
    /// A feed's ticks reach the market; the batch waits for the shard.
    Ingest(Vec<(usize, Given)>, Detail),
    /// The shard applies that many of the queued batches, after a resync if some were lost.
    Apply(usize),
    /// The queued batches are lost.
    Lose,
    /// Time passes, and the shard has its turn.
    Advance(u64),
    /// Time passes until the shard asks for its turn.
    Wake,
    /// Time passes between two commands of one turn.
    Pass(u64),
    Open,
    Close(usize),
    Subscribe(usize, usize, Spec, Option<Claim>),
    /// As a shard does it: the glob is kept, and the symbols that it matches now are subscribed to.
    Glob(usize, usize, Spec),
    Set(usize, Slot, Change),
    SetGlob(usize, usize, usize, Change),
    Unsubscribe(usize, Slot),
    RemoveGlob(usize, usize, usize),
    /// A ready session's socket takes a frame with room for this many messages.
    Fill(usize, usize),
    /// Every session subscribes, as dashboards of one kind do.
    SubscribeAll(usize, Spec),
    /// The sockets of all ready sessions take a frame, one after the other.
    FillAll(usize),
    /// A frame that was filled is accepted whole.
    Accept(usize),
    /// A frame is never accepted: its session ends.
    Abandon(usize),
    FindStale,
    FeedEnds(usize),
    MakeReady(usize),
    Shrink(usize),
    FlushIntervals(usize),
    /// All of a session's subscriptions end, and it stays.
    Clear(usize),
}

/// The claim of a resuming client.
#[derive(Clone, Copy, Debug)]
pub enum Claim {
    /// This many ticks behind the market.
    Behind(u64),
    /// Ahead of the market: no seq of this epoch.
    Ahead(u64),
    /// With a seq of another epoch.
    OtherEpoch(u64),
}

/// Which operations are frequent in a run.
#[derive(Clone, Copy, Debug)]
pub enum Mix {
    Everything,
    /// Much mode `every`, small frames: the ring moves past cursors.
    Slow,
    /// Intervals, and passing time.
    Intervals,
    /// Batches are late or lost.
    Lossy,
    /// Clients that subscribe and change options all the time.
    Commands,
    /// Clients that resume.
    Returns,
    /// Clients with the same subscriptions that keep up.
    SameFrames,
    /// Much mode `trades`, with intervals.
    Trades,
}

/// Short enough to be read when a run fails.
impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run { ring_ticks, recent_ticks, history_ticks, tape_events_at_once, .. } = self;
        write!(
            f,
            "ring {ring_ticks}, recent {recent_ticks}, runs {history_ticks} and {tape_events_at_once}"
        )?;
        self.ops.iter().enumerate().try_for_each(|(step, op)| write!(f, "\n  {step}: {op:?}"))
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        self.0.write_json(WantedFields::ALL, &mut text);
        self.0.write_json_nulls(WantedFields::ALL, &mut text);
        if let Some(report) = self.0.report() {
            report.write_json::<false>(&mut text);
        }
        f.write_str(&String::from_utf8_lossy(&text).replace(['"', ','], " "))
    }
}

pub fn word(name: usize) -> Option<Name> {
    NAMES[name].and_then(Name::new)
}

impl Slot {
    /// The subscription to a symbol with this spec.
    pub fn of(which: usize, spec: &Spec) -> Slot {
        let name = spec.view.name.as_ref().map(Name::as_str);
        Slot { which, name: NAMES.iter().position(|known| *known == name).expect("a known name") }
    }

    pub fn word(self) -> Option<Name> {
        word(self.name)
    }
}

pub fn runs(mix: Mix, most: usize) -> impl Strategy<Value = Run> {
    let ops = prop::collection::vec(op(mix), 1..most);
    (ops, 2usize..8, 2usize..10, 1usize..4, 1usize..4).prop_map(
        |(ops, ring_ticks, recent_ticks, history_ticks, tape_events_at_once)| Run {
            ops,
            ring_ticks,
            recent_ticks,
            history_ticks,
            tape_events_at_once,
        },
    )
}

fn op(mix: Mix) -> impl Strategy<Value = Op> {
    let many = |weights: [u32; 8]| match mix {
        Mix::Everything => weights[0],
        Mix::Slow => weights[1],
        Mix::Intervals => weights[2],
        Mix::Lossy => weights[3],
        Mix::Commands => weights[4],
        Mix::Returns => weights[5],
        Mix::SameFrames => weights[6],
        Mix::Trades => weights[7],
    };
    let client = client();
    let which = which();
    let corrections = if matches!(mix, Mix::Trades | Mix::Commands) { 4 } else { 2 };
    let ticks = prop::collection::vec((which.clone(), fields(corrections).prop_map(Given)), 1..8);
    // Occasionally ingest does not know yet that the shard wants single ticks.
    let detail = prop_oneof![
        9 => Just(Detail::TicksAndTrades),
        2 => Just(Detail::Trades),
        1 => Just(Detail::Ticks),
        1 => Just(Detail::Records),
    ];
    let ingest = (ticks, detail).prop_map(|(ticks, detail)| Op::Ingest(ticks, detail));
    let command = commands(mix);
    prop_oneof![
        many([20, 24, 20, 24, 12, 24, 24, 24]) => ingest,
        many([14, 18, 14, 10, 8, 16, 20, 18]) => prop_oneof![6 => Just(usize::MAX), 1 => 1usize..3].prop_map(Op::Apply),
        many([1, 1, 1, 5, 1, 1, 1, 1]) => Just(Op::Lose),
        many([6, 2, 16, 6, 6, 2, 3, 8]) => nanos().prop_map(Op::Advance),
        many([2, 1, 14, 1, 1, 1, 2, 6]) => Just(Op::Wake),
        many([1, 1, 3, 1, 1, 1, 1, 1]) => nanos().prop_map(Op::Pass),
        many([3, 2, 3, 3, 4, 3, 5, 3]) => Just(Op::Open),
        1 => client.clone().prop_map(Op::Close),
        1 => client.clone().prop_map(Op::MakeReady),
        1 => client.clone().prop_map(Op::Shrink),
        many([16, 10, 10, 12, 40, 20, 4, 8]) => command,
        many([22, 26, 24, 20, 16, 16, 6, 20]) => (client.clone(), room()).prop_map(|(client, room)| Op::Fill(client, room)),
        many([1, 1, 1, 1, 1, 1, 8, 4]) => (which, spec(mix)).prop_map(|(which, spec)| Op::SubscribeAll(which, spec)),
        many([2, 2, 2, 2, 2, 2, 20, 10]) => room().prop_map(Op::FillAll),
        12 => (0usize..4).prop_map(Op::Accept),
        1 => (0usize..4).prop_map(Op::Abandon),
        many([2, 1, 3, 1, 1, 1, 1, 2]) => Just(Op::FindStale),
        1 => prop_oneof![5 => Just(2), 1 => 0usize..2].prop_map(Op::FeedEnds),
        many([1, 1, 6, 1, 1, 1, 1, 1]) => client.prop_map(Op::FlushIntervals),
    ]
}

fn commands(mix: Mix) -> impl Strategy<Value = Op> {
    let client = client();
    let pattern = 0..GLOBS.len();
    let patterns = if matches!(mix, Mix::Commands) { 14 } else { 5 };
    let claim = prop::option::weighted(if matches!(mix, Mix::Returns) { 0.8 } else { 0.3 }, claim());
    prop_oneof![
        12 => (client.clone(), which(), spec(mix), claim)
            .prop_map(|(client, which, spec, claim)| Op::Subscribe(client, which, spec, claim)),
        patterns => (client.clone(), pattern.clone(), spec(mix)).prop_map(|(client, which, spec)| Op::Glob(client, which, spec)),
        6 => (client.clone(), slot(), change(mix)).prop_map(|(client, which, change)| Op::Set(client, which, change)),
        1 => (client.clone(), pattern.clone(), name(), change(mix))
            .prop_map(|(client, which, name, change)| Op::SetGlob(client, which, name, change)),
        3 => (client.clone(), slot()).prop_map(|(client, slot)| Op::Unsubscribe(client, slot)),
        1 => (client.clone(), pattern, name())
            .prop_map(|(client, which, name)| Op::RemoveGlob(client, which, name)),
        2 => client.prop_map(Op::Clear),
    ]
}

/// The sessions present from the start are busier.
fn client() -> impl Strategy<Value = usize> + Clone {
    prop_oneof![3 => 0usize..2, 1 => 0..SESSIONS_MAX]
}

/// One symbol is busier than the others.
fn which() -> impl Strategy<Value = usize> + Clone {
    prop_oneof![2 => Just(1), 3 => 0..SYMBOLS.len()]
}

fn name() -> impl Strategy<Value = usize> + Clone {
    prop_oneof![6 => Just(0), 1 => 1..NAMES.len()]
}

fn slot() -> impl Strategy<Value = Slot> {
    (which(), name()).prop_map(|(which, name)| Slot { which, name })
}

fn claim() -> impl Strategy<Value = Claim> {
    prop_oneof![
        6 => (0u64..10).prop_map(Claim::Behind),
        1 => (1u64..4).prop_map(Claim::Ahead),
        1 => (0u64..9).prop_map(Claim::OtherEpoch),
    ]
}

fn spec(mix: Mix) -> impl Strategy<Value = Spec> {
    let reports = prop::bool::weighted(0.9);
    let view = (wanted(), name(), numbers(), reports).prop_map(|(wanted, name, numbers, reports)| View {
        wanted,
        name: word(name),
        numbers,
        reports,
        ..View::WHOLE
    });
    (mode(mix), interval(mix), view, prop::bool::weighted(0.8))
        .prop_map(|(mode, interval, view, snapshot)| Spec { mode, interval, view, snapshot })
}

fn change(mix: Mix) -> impl Strategy<Value = Change> {
    use prop::option::weighted;
    let shown = (weighted(0.4, wanted()), weighted(0.2, numbers()));
    (weighted(0.5, mode(mix)), weighted(0.4, interval(mix)), shown).prop_map(
        |(mode, interval, (wanted, numbers))| Change { mode, interval, wanted, numbers, reports: None },
    )
}

fn mode(mix: Mix) -> impl Strategy<Value = Mode> {
    let (every, trades) = match mix {
        Mix::Slow | Mix::Returns => (20, 10),
        Mix::Trades => (2, 30),
        _ => (6, 4),
    };
    prop_oneof![
        6 => Just(Mode::Latest),
        every => Just(Mode::Every),
        trades => Just(Mode::Trades),
        1 => Just(Mode::Once),
    ]
}

fn interval(mix: Mix) -> impl Strategy<Value = Duration> {
    let none = match mix {
        Mix::Intervals => 1,
        Mix::Trades => 3,
        Mix::Slow | Mix::Returns => 40,
        _ => 8,
    };
    let some = prop_oneof![Just(1u64), Just(7), Just(20), Just(100), Just(2_000)];
    prop_oneof![none => Just(0), 2 => some].prop_map(Duration::from_millis)
}

fn wanted() -> impl Strategy<Value = WantedFields> {
    let some = |fields: &[Field]| fields.iter().fold(FieldSet::NONE, |set, &field| set.with(field)).into();
    prop_oneof![
        6 => Just(WantedFields::ALL),
        2 => Just(some(&[Field::Bid])),
        1 => Just(some(&[Field::Last, Field::LastSize])),
        1 => Just(some(&[Field::Bid, Field::Ask])),
        1 => Just(some(&[Field::High, Field::Low, Field::Volume, Field::Trades])),
        1 => Just(some(&[Field::Side, Field::Open])),
        1 => Just(some(&[Field::TradeId])),
        2 => (0u64..4, any::<bool>()).prop_map(|(custom, bid)| WantedFields {
            fixed: if bid || custom == 0 { Field::Bid.bit() } else { FieldSet::NONE },
            custom: CustomSet(custom),
        }),
    ]
}

fn numbers() -> impl Strategy<Value = Numbers> {
    prop_oneof![5 => Just(Numbers::Number), 1 => Just(Numbers::Text)]
}

fn nanos() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..2_000_000, 0u64..60_000_000, 0u64..600_000_000, 0u64..4_000_000_000]
}

fn room() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 1usize..4, 1 => 4usize..9, 2 => Just(1_000)]
}
