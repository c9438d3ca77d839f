//! Gathered forms: the messages of all symbols go out together at whole multiples of the interval, however slow the
//! client is.

use std::{cell::Cell, time::Duration};

use proptest::prelude::*;

use super::{scenarios::quote, world::ModelStore};
use crate::{
    fanout::{Emit, Fanout, Form, GapReason, Mode, Name, Spec, SubscribeRequest, TopicRef, Units, View},
    tick::{Field, FieldSet, Nanos, Symbol, Tick, WantedFields},
    topic::{Detail, FeedId, Market, Record, Stamped},
};

/// The relevant part of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Message {
    form: Form,
    /// The time for which it is gathered.
    at: Nanos,
    symbol: Symbol,
    seq: u64,
}

/// A frame with room for a few messages.
struct Frame<'a> {
    room: usize,
    at: Nanos,
    messages: &'a mut Vec<Message>,
}

impl Frame<'_> {
    fn take(&mut self, topic: &TopicRef<'_>, view: &View) {
        self.room -= 1;
        let (symbol, seq) = (topic.symbol.clone(), topic.record.seq);
        self.messages.push(Message { form: view.form, at: self.at, symbol, seq });
    }
}

impl Emit for Frame<'_> {
    fn encoding(&self) -> u8 {
        0
    }

    fn has_room(&self) -> bool {
        self.room > 0
    }

    fn keep(&mut self, _: usize) {}

    fn repeat(&mut self, _: usize) -> bool {
        false
    }

    fn gathers(&self) -> bool {
        true
    }

    fn gather(&mut self, at: Nanos) {
        self.at = at;
    }

    fn snapshot(&mut self, topic: &TopicRef<'_>, view: &View) {
        self.take(topic, view);
    }

    fn past_trades(&mut self, _: &TopicRef<'_>, _: &[Stamped], _: &View) {
        unreachable!("nobody asks for them");
    }

    fn merged(&mut self, topic: &TopicRef<'_>, _: u64, _: WantedFields, view: &View) {
        self.take(topic, view);
    }

    fn last_tick(&mut self, topic: &TopicRef<'_>, view: &View) {
        self.take(topic, view);
    }

    fn tick(&mut self, _: &TopicRef<'_>, _: &Stamped, _: u64, _: &View) {
        unreachable!("nothing is sent one by one");
    }

    fn run(&mut self, _: &TopicRef<'_>, _: &[Stamped], _: &View) -> usize {
        unreachable!("nothing is sent one by one");
    }

    fn tape_event(&mut self, topic: &TopicRef<'_>, _: &Record, _: u64, _: WantedFields, view: &View) {
        self.take(topic, view);
    }

    fn gap(&mut self, _: &TopicRef<'_>, _: u64, _: u64, _: GapReason, _: &View) {
        unreachable!("conflated");
    }
}

const SYMBOLS: usize = 5;
const SECOND: i64 = 1_000_000_000;
const MILLI: i64 = 1_000_000;

fn symbol(index: usize) -> Symbol {
    Symbol::new(["A", "B", "C", "D", "E"][index]).expect("a valid symbol")
}

fn spec(name: &str, form: Form) -> Spec {
    let wanted = FieldSet::QUOTE.with(Field::Last).into();
    let view = View { wanted, name: Name::new(name), form, ..View::WHOLE };
    Spec { mode: Mode::Latest, interval: Duration::from_secs(1), view, snapshot: true }
}

proptest! {
    #[test]
    fn each_second_is_one_run_of_messages_for_each_form_and_the_newest_arrives(
        steps in prop::collection::vec((1i64..400, 0..SYMBOLS, any::<bool>(), 0usize..4), 1..120),
        ends_early in any::<bool>(),
    ) {
        let mut store = ModelStore { market: Market::new(vec!["feed".into()], SYMBOLS, 4), reads: Cell::new(0) };
        let mut fanout = Fanout::new(Nanos(0), Duration::from_secs(60), 64);
        let session = fanout.open();
        let forms = [Form::gathered(7), Form::gathered(8), Form::conflated(3)];
        let (mut messages, mut now, mut asked, mut heads) = (Vec::new(), Nanos(10 * SECOND), 0, [0; SYMBOLS]);
        for (bid, (millis, which, ticks, room)) in (1i64..).zip(steps) {
            now.0 += millis * MILLI;
            if asked < SYMBOLS {
                for (name, form) in ["mini", "ticker", "own"].into_iter().zip(forms) {
                    let request = SubscribeRequest { symbol: &symbol(asked), spec: &spec(name, form), resume: None };
                    prop_assert!(fanout.subscribe(session, &request, now, &store).is_ok());
                }
                asked += 1;
            }
            if ticks {
                let tick = Tick { symbol: symbol(which), ts: None, fields: quote(bid).0 };
                let batch = store.market.ingest(FeedId(0), &mut vec![tick], now, &mut Vec::new(), Detail::Ticks);
                fanout.list_some(&batch.new_topics, &mut Units::unlimited());
                heads[which] += 1;
                fanout.apply(&batch, now, &store);
            }
            fanout.advance(now);
            let mut frame = Frame { room, at: Nanos(0), messages: &mut messages };
            let before = frame.messages.len();
            let tally = fanout.fill(session, now, &store, &mut frame);
            fanout.accepted(&tally);
            for message in messages[before..].iter().filter(|message| message.form.is_gathered()) {
                prop_assert_eq!(message.at.0 % SECOND, 0);
                prop_assert!(message.at <= now && message.at.0 > 0, "{:?} at {:?}", message, now);
            }
        }
        if ends_early {
            fanout.flush_intervals(session);
        } else {
            now.0 += 2 * SECOND;
            fanout.advance(now);
        }
        let tally = fanout.fill(session, now, &store, &mut Frame { room: 1_000, at: Nanos(0), messages: &mut messages });
        fanout.accepted(&tally);
        prop_assert!(fanout.is_drained(session));
        for form in forms {
            for (index, &head) in heads.iter().enumerate() {
                let of = |message: &&Message| message.form == form && message.symbol == symbol(index);
                let newest = messages.iter().rev().find(of).map_or(0, |message| message.seq);
                prop_assert_eq!(newest, if index < asked { head } else { 0 }, "{:?} of {:?}", form, index);
            }
        }
        // Without what has its own interval, runs of one form and time are each there once, with each symbol once.
        messages.retain(|message| message.form.is_gathered());
        let runs: Vec<&[Message]> =
            messages.chunk_by(|one, next| (one.form, one.at) == (next.form, next.at)).collect();
        for (index, run) in runs.iter().enumerate() {
            let key = (run[0].form, run[0].at);
            prop_assert!(runs[index + 1..].iter().all(|other| (other[0].form, other[0].at) != key), "{:?}", messages);
            for (at, message) in run.iter().enumerate() {
                prop_assert!(run[at + 1..].iter().all(|other| other.symbol != message.symbol), "{:?}", run);
            }
        }
    }
}
