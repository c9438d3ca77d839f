//! The connections to a venue, by events and times that a test gives: breaking, rotating, silence; no socket, no sleep.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    feed::upstream::{
        allowance::Allowance,
        rhythm::SilenceFloor,
        venue::{
            Conversation, Dialer, Facts, Note, Number, Rate, Reaction, Stream, StreamGroup, StreamKind,
            VenueTick,
        },
    },
    tick::{CustomFields, Decimal, Field, Fields, Nanos, State, Tick},
};

/// A venue with facts and nothing to say.
struct PlainDialer(Facts);

/// The machine, and what it said.
struct Stage {
    upstream: Upstream,
    out: UpstreamOut,
    now: Nanos,
}

mod halts;
mod together;
mod told;

const FLOOR: SilenceFloor = SilenceFloor(Duration::from_secs(10));

impl Dialer for PlainDialer {
    fn facts(&self) -> Facts {
        self.0
    }

    fn root(&self) -> &'static str {
        "ws://venue"
    }

    fn path(&self, _group: &StreamGroup) -> String {
        String::new()
    }

    fn connect(&self, _group: &StreamGroup, _fields: &Arc<CustomFields>) -> Box<dyn Conversation> {
        unreachable!("the driver connects")
    }
}

fn facts() -> Facts {
    Facts {
        streams_max: 4,
        connections_max: usize::MAX,
        streams_together: usize::MAX,
        sends: Rate::new(5, Duration::from_secs(1)),
        attempts: Rate::new(1_000, Duration::from_secs(1)),
        message_bytes_max: 1 << 20,
        ping: None,
        silence: Duration::from_secs(20),
        age_max: Some(Duration::from_secs(86_400)),
    }
}

impl Stage {
    fn new(facts: Facts, symbols: &[&str]) -> Self {
        Stage::beside(&Allowance::new(&facts), facts, symbols)
    }

    /// A feed of a server that has others.
    fn beside(allowance: &Allowance, facts: Facts, symbols: &[&str]) -> Self {
        let upstream = Upstream::new(Arc::new(PlainDialer(facts)), "", FLOOR, allowance.clone(), 7);
        let now = Nanos(1_700_000_000_000_000_000);
        let mut stage = Stage { upstream, out: UpstreamOut::default(), now };
        stage.upstream.change_symbols(now, symbols, &[], &mut stage.out);
        stage.turn();
        stage
    }

    fn turn(&mut self) {
        self.upstream.turn(self.now, &mut self.out);
    }

    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now.plus(Duration::from_secs(1));
            self.turn();
        }
    }

    /// The links that are to be made since the last call, with their streams.
    fn dialled(&mut self) -> Vec<(LinkId, Vec<Stream>)> {
        let actions = std::mem::take(&mut self.out.actions);
        let dials = actions.iter().filter_map(|action| match action {
            LinkAction::Dial { link, group } => Some((*link, group.streams.clone())),
            _ => None,
        });
        let dials = dials.collect();
        self.out.actions =
            actions.into_iter().filter(|action| !matches!(action, LinkAction::Dial { .. })).collect();
        dials
    }

    fn open(&mut self, link: LinkId) {
        self.upstream.opened(link, self.now, &mut self.out);
    }

    /// Opens all that is to be made.
    fn open_all(&mut self) -> Vec<LinkId> {
        let dialled = self.dialled();
        for (link, _) in &dialled {
            self.open(*link);
        }
        dialled.into_iter().map(|(link, _)| link).collect()
    }

    fn tick(&mut self, link: LinkId, symbol: &str, kind: StreamKind, number: u64) {
        let mut fields = Fields::default();
        fields.set_decimal(Field::Last, Decimal::parse(&number.to_string()).unwrap());
        // A second each, so that numbers and times rise together.
        let ts = Some(Nanos(number as i64 * 1_000_000_000));
        let tick = Tick { symbol: symbol.parse().unwrap(), ts, fields };
        let number = match kind {
            StreamKind::Trades => Number::Counted(number),
            StreamKind::Quotes => Number::Rising(number),
        };
        let mut reaction = Reaction::default();
        reaction.ticks.push(VenueTick { tick, kind, number });
        self.upstream.reacted(link, self.now, &mut reaction, &mut self.out);
    }

    fn note(&mut self, link: LinkId, note: Note) {
        let mut reaction = Reaction::default();
        reaction.note(note);
        self.upstream.reacted(link, self.now, &mut reaction, &mut self.out);
    }

    fn breaks(&mut self, link: LinkId) {
        self.upstream.closed(link, self.now, &LinkEnd::Broken("it broke".to_owned()), &mut self.out);
    }

    /// The numbers of the ticks that were delivered.
    fn delivered(&self) -> Vec<i64> {
        self.out.ticks.iter().map(|tick| tick.ts.unwrap().0 / 1_000_000_000).collect()
    }

    fn states(&mut self) -> Vec<(String, State)> {
        self.out.states.drain(..).map(|state| (state.symbol.as_str().to_owned(), state.state)).collect()
    }
}

const TRADES: StreamKind = StreamKind::Trades;
const QUOTES: StreamKind = StreamKind::Quotes;

#[test]
fn streams_are_cut_by_what_a_connection_takes_and_dialled_at_the_venues_rate() {
    let few = Facts { attempts: Rate::new(2, Duration::from_secs(60)), ..facts() };
    let mut stage = Stage::new(few, &["A", "B", "C", "D", "E"]);
    let first: Vec<usize> = stage.dialled().iter().map(|(_, streams)| streams.len()).collect();
    assert_eq!(first, [4, 4]);
    assert_eq!(stage.upstream.due(stage.now), stage.now.plus(Duration::from_secs(1)));
    stage.pass(59);
    assert_eq!(stage.dialled(), []);
    stage.pass(1);
    assert_eq!(stage.dialled().len(), 1);
}

#[test]
fn what_is_down_is_stale_at_once_and_live_with_its_next_tick() {
    let mut stage = Stage::new(facts(), &["A", "B"]);
    let link = stage.open_all()[0];
    stage.tick(link, "A", QUOTES, 1);
    stage.tick(link, "A", TRADES, 1);
    assert_eq!(stage.states(), [("A".to_owned(), State::Live)]);
    stage.breaks(link);
    assert_eq!(stage.states(), [("A".to_owned(), State::Stale), ("B".to_owned(), State::Stale)]);
    stage.pass(1);
    let again = stage.open_all()[0];
    // A trade does not make a quote fresh.
    stage.tick(again, "A", TRADES, 2);
    assert_eq!(stage.states(), []);
    stage.tick(again, "A", QUOTES, 2);
    assert_eq!(stage.states(), [("A".to_owned(), State::Live)]);
    // What the old link still has is nobody's.
    stage.tick(link, "A", QUOTES, 3);
    assert_eq!(stage.delivered(), [1, 1, 2, 2]);
    assert_eq!(stage.upstream.counts().reconnects, 1);
}

#[test]
fn a_venue_that_is_dark_for_ten_hours_alerts_once() {
    let symbols: Vec<String> = (0..200).map(|number| format!("S{number}")).collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let mut stage = Stage::new(facts(), &symbols);
    let links = stage.open_all();
    for link in links {
        stage.breaks(link);
    }
    let mut attempts = 0;
    for _ in 0..36_000 / 5 {
        stage.pass(5);
        let dialled = stage.dialled();
        attempts += dialled.len();
        for (link, _) in dialled {
            stage.breaks(link);
        }
    }
    let alerts = stage.out.told.iter().filter(|told| matches!(told, LogLine::Alert(_))).count();
    assert_eq!(alerts, 1);
    // A hundred connections, each about every half a minute.
    assert!((60_000..240_000).contains(&attempts), "{attempts}");
    assert_eq!(stage.states().len(), 200);
}

#[test]
fn a_connection_is_replaced_before_the_venue_closes_it() {
    let mut stage = Stage::new(facts(), &["A"]);
    let old = stage.open_all()[0];
    stage.tick(old, "A", QUOTES, 1);
    stage.tick(old, "A", TRADES, 1);
    let mut number = 1;
    let new = loop {
        stage.pass(30);
        number += 1;
        stage.tick(old, "A", QUOTES, number);
        stage.tick(old, "A", TRADES, number);
        if let Some((new, _)) = stage.dialled().pop() {
            break new;
        }
        assert!(number < 2_880, "it is not replaced within a day");
    };
    assert!(number > 2_000, "{number}");
    stage.open(new);
    // The new one is ahead of the old one, which has to catch up.
    stage.tick(new, "A", TRADES, number + 2);
    stage.tick(old, "A", TRADES, number + 1);
    assert!(!stage.out.actions.contains(&LinkAction::Close { link: old }));
    stage.tick(old, "A", TRADES, number + 2);
    stage.tick(old, "A", TRADES, number + 3);
    stage.tick(new, "A", TRADES, number + 3);
    // Quotes came over neither: the end of the overlap decides.
    stage.pass(11);
    assert!(stage.out.actions.contains(&LinkAction::Close { link: old }));
    stage.tick(new, "A", QUOTES, number + 1);
    let trades: Vec<i64> = stage.delivered();
    let last = number as i64;
    assert_eq!(trades[trades.len() - 4..], [last + 1, last + 2, last + 3, last + 1]);
    assert_eq!(stage.upstream.counts().sequences.missing, 0);
    assert!(stage.states().iter().all(|(_, state)| *state == State::Live));
}

#[test]
fn a_replacement_that_is_mute_replaces_nothing() {
    let mut stage = Stage::new(facts(), &["A"]);
    let old = stage.open_all()[0];
    stage.tick(old, "A", QUOTES, 1);
    stage.note(old, Note::Leaving { why: "soon".to_owned() });
    stage.turn();
    let new = stage.open_all()[0];
    stage.tick(old, "A", QUOTES, 2);
    stage.pass(11);
    assert!(stage.out.actions.contains(&LinkAction::Close { link: new }));
    assert!(!stage.out.actions.contains(&LinkAction::Close { link: old }));
    stage.tick(old, "A", QUOTES, 3);
    assert_eq!(stage.delivered(), [1, 2, 3]);
    // And it is tried again.
    stage.pass(2);
    assert_eq!(stage.dialled().len(), 1);
}

#[test]
fn mute_streams_move_and_the_healthy_stay() {
    let mut stage = Stage::new(Facts { streams_max: 100, ..facts() }, &["A", "B", "C"]);
    let link = stage.open_all()[0];
    for number in 1..=12 {
        stage.tick(link, "A", QUOTES, number);
        stage.tick(link, "A", TRADES, number);
        stage.pass(1);
    }
    let stale = stage.states();
    assert_eq!(
        stale,
        [("A".to_owned(), State::Live), ("B".to_owned(), State::Stale), ("C".to_owned(), State::Stale)]
    );
    let moved = stage.dialled();
    assert_eq!(moved.len(), 1);
    assert_eq!(moved[0].1, [Stream::new("B", QUOTES), Stream::new("C", QUOTES)]);
    stage.open(moved[0].0);
    stage.tick(moved[0].0, "B", QUOTES, 1);
    assert_eq!(stage.states(), [("B".to_owned(), State::Live)]);
    // C goes on being mute: it is tried again, later each time; A is left alone.
    let mut tries = Vec::new();
    for second in 0..600 {
        stage.tick(link, "A", QUOTES, 13 + second);
        stage.tick(link, "A", TRADES, 13 + second);
        stage.tick(moved[0].0, "B", QUOTES, 2 + second);
        stage.pass(1);
        for (link, streams) in stage.dialled() {
            assert!(streams.iter().all(|stream| stream.symbol != "A" && *stream != Stream::new("B", QUOTES)));
            if streams.contains(&Stream::new("C", QUOTES)) {
                tries.push(second);
            }
            stage.open(link);
        }
    }
    assert!((3..=6).contains(&tries.len()), "{tries:?}");
    assert!(!stage.out.actions.contains(&LinkAction::Close { link }));
}

#[test]
fn symbols_come_and_go_without_a_reconnect() {
    let mut stage = Stage::new(facts(), &["A"]);
    let link = stage.open_all()[0];
    let now = stage.now;
    stage.upstream.change_symbols(now, &["B"], &["A"], &mut stage.out);
    let changes: Vec<&LinkAction> = stage.out.actions.iter().collect();
    assert!(
        changes
            .iter()
            .all(|change| matches!(change, LinkAction::Change { link: changed, .. } if *changed == link)),
        "{changes:?}"
    );
    stage.tick(link, "B", QUOTES, 1);
    stage.tick(link, "A", QUOTES, 1);
    assert_eq!(stage.delivered(), [1]);
    assert_eq!(stage.states(), [("A".to_owned(), State::Closed), ("B".to_owned(), State::Live)]);
    assert_eq!(stage.upstream.counts().unasked, 1);
}

#[test]
fn streams_that_have_no_connection_wake_nobody_until_there_is_room() {
    let mut stage = Stage::new(Facts { connections_max: 1, ..facts() }, &["A", "B", "C"]);
    let links = stage.open_all();
    assert_eq!(links.len(), 1, "of the two that six streams need");
    assert!(stage.upstream.due(stage.now) > stage.now, "what cannot be done is not due");
    stage.breaks(links[0]);
    stage.pass(2);
    assert_eq!(stage.open_all().len(), 1, "as soon as there is room");
    assert!(stage.upstream.due(stage.now) > stage.now);
}

proptest! {
    /// Two links bring the same trades, each at its own pace and from its own begin; whichever is ahead, and whenever
    /// the old one ends: each trade once, in order.
    #[test]
    fn over_a_rotation_each_trade_comes_once_in_order(
        from in 2u64..20,
        steps in prop::collection::vec((any::<bool>(), 0u64..2), 40..120),
    ) {
        let mut stage = Stage::new(facts(), &["A"]);
        let old = stage.open_all()[0];
        stage.tick(old, "A", TRADES, 1);
        stage.note(old, Note::Leaving { why: "soon".to_owned() });
        stage.turn();
        let new = stage.open_all()[0];
        let (mut old_at, mut new_at) = (1, from - 1);
        for (is_old, seconds) in steps {
            if is_old || new_at > old_at + 10 {
                old_at += 1;
                if !stage.out.actions.contains(&LinkAction::Close { link: old }) {
                    stage.tick(old, "A", TRADES, old_at);
                }
            } else {
                new_at += 1;
                stage.tick(new, "A", TRADES, new_at);
            }
            // The old one is given the time to catch up.
            if old_at >= from {
                stage.pass(seconds);
            }
        }
        while old_at < from {
            old_at += 1;
            stage.tick(old, "A", TRADES, old_at);
        }
        stage.pass(12);
        let end = new_at.max(old_at) + 1;
        for number in new_at + 1..=end {
            stage.tick(new, "A", TRADES, number);
        }
        stage.pass(1);
        prop_assert_eq!(stage.delivered(), (1..=end as i64).collect::<Vec<_>>());
        prop_assert_eq!(stage.upstream.counts().sequences.missing, 0);
    }
}
