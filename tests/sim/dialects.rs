//! Sessions that speak an exchange's protocol: its pings, its deadlines, and its laws over bad links. After each step the
//! node's own laws are checked as for every session; here is what their clients may count on.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use tickcast::{
    access::Authority,
    limits::{DEFAULT, Limits},
    session::stats::LimitHit,
    tick::Nanos,
};

use super::{
    law::{Breach, Law},
    network::LinkPlan,
    plan::pick,
    protocols::{PROTOCOLS, Protocol, Wanted},
    stage::{AuditUser, Heard, NEAR, Stage},
    websocket,
    world::BEGIN,
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[test]
fn pings_come_every_twenty_seconds_and_who_does_not_answer_is_closed_after_sixty() {
    let mut stage = Stage::new(DEFAULT);
    let (answers, silent) = (stage.venue(&NEAR, "/ws"), stage.venue(&NEAR, "/ws"));
    stage.answers_no_ping(silent);
    let first = stage.pinged(silent);
    assert!((20_000..=20_250).contains(&first), "{first}");
    let second = stage.pinged(silent);
    assert!((40_000..=40_500).contains(&second), "{second}");
    let (closed, code) = stage.closed(silent);
    assert!((first + 60_000..=first + 60_250).contains(&closed), "{closed}");
    assert_eq!(code, 1008);
    assert!((20_000..=20_250).contains(&stage.pinged(answers)));
    stage.run_to(DAY_MS - 1_000);
    let heard = stage.heard(answers);
    assert!(heard.iter().all(|(_, heard)| matches!(heard, Heard::Ping)), "pings alone, all day");
    assert!(heard.len() > 4_000, "{}", heard.len());
    let (closed, code) = stage.closed(answers);
    assert!((DAY_MS..=DAY_MS + 250).contains(&closed), "{closed}");
    assert_eq!(code, 1000);
}

/// A client of a run.
struct Visitor {
    who: AuditUser,
    protocol: &'static Protocol,
    wants: Vec<Wanted>,
    /// When it has sent pings.
    pinged: Vec<Nanos>,
}

/// What was fed: the trades have numbers from 1, and the bids rise.
#[derive(Default)]
struct Fed {
    trades: u64,
    bid: u64,
    /// The bid behind each trade.
    bid_at_trade: u64,
}

struct Run {
    stage: Stage,
    random: Pcg64Mcg,
    visitors: Vec<Visitor>,
    fed: Fed,
}

/// What a run came to, so that the law is about something.
#[derive(Clone, Copy, Default, Debug)]
struct Checked {
    trades: usize,
    quotes: usize,
    merged: usize,
    lost: usize,
    pongs: usize,
}

const SYMBOL: &str = "BTCUSDT";
/// A frame of data, and what is joined to it. Data may be under way to a client's socket when its ping comes.
const FRAME_BYTES: usize = 32 * 1024;

impl Run {
    fn new(seed: u64) -> Run {
        let limits = Limits { ring_ticks: 64, ..DEFAULT };
        let stage = Stage::with_authority(limits, Arc::new(Authority::open()), 0, seed, None);
        let random = Pcg64Mcg::seed_from_u64(seed);
        Run { stage, random, visitors: Vec::new(), fed: Fed::default() }
    }

    /// One client more, over a link that is often too slow.
    fn visit(&mut self, protocol: &'static Protocol) {
        let random = &mut self.random;
        let link = LinkPlan {
            delay_us: pick(random, &[0, 1_000, 40_000]),
            bytes_a_ms: pick(random, &[2, 5, 20, 100, 2_000]),
            send_buffer: pick(random, &[2_048, 8_192, 65_536]),
            window: pick(random, &[2_048, 8_192, 65_536]),
            proxy: 0,
            partial_percent: pick(random, &[0, 30, 60]),
        };
        let wants =
            pick(random, &[&[Wanted::Trades][..], &[Wanted::Quotes], &[Wanted::Trades, Wanted::Quotes]]);
        let who = self.stage.venue_with(&link, protocol.path, protocol.headers);
        for text in protocol
            .key
            .map(str::to_owned)
            .into_iter()
            .chain(wants.iter().map(|wanted| (protocol.asks)(&[SYMBOL], *wanted)))
        {
            self.stage.say(who, &text);
        }
        self.visitors.push(Visitor { who, protocol, wants: wants.to_vec(), pinged: Vec::new() });
    }

    fn feed(&mut self, ticks: usize) {
        let Fed { trades, bid, bid_at_trade } = &mut self.fed;
        let mut lines = Vec::new();
        for _ in 0..ticks {
            if self.random.random_range(0..3) == 0 {
                *trades += 1;
                *bid_at_trade = *bid;
                lines.push(trade(*trades));
            } else {
                *bid += 1;
                lines.push(quote(*bid));
            }
        }
        self.stage.feed(&lines);
    }

    /// Something that a client does.
    fn act(&mut self) {
        let at = self.random.random_range(0..self.visitors.len());
        let visitor = &mut self.visitors[at];
        match self.random.random_range(0..6) {
            0 => self.stage.reads(visitor.who, false),
            1..=3 => self.stage.reads(visitor.who, true),
            _ => {
                visitor.pinged.push(self.stage.clock.now());
                self.stage.send(visitor.who, &websocket::frame(websocket::PING, true, b"ping"));
            }
        }
    }

    fn play(&mut self) {
        // A pair is looked for among the symbols that there are.
        self.feed(20);
        self.stage.run_for(1);
        for protocol in &PROTOCOLS {
            self.visit(protocol);
        }
        for round in 0..40 {
            let ticks = pick(&mut self.random, &[1, 20, 60, 200]);
            self.feed(ticks);
            self.act();
            let pause = self.random.random_range(0..120);
            self.stage.run_for(pause);
            if round == 20 {
                // Those who come later begin where they come.
                let late = self.random.random_range(0..PROTOCOLS.len());
                self.visit(&PROTOCOLS[late]);
            }
        }
        for at in 0..self.visitors.len() {
            self.stage.reads(self.visitors[at].who, true);
        }
        // The newest quote is known to those too who are told of it with trades.
        self.fed.bid += 1;
        self.fed.trades += 1;
        self.fed.bid_at_trade = self.fed.bid;
        self.stage.feed(&[quote(self.fed.bid), trade(self.fed.trades)]);
        self.stage.run_for(120_000);
    }

    /// # Errors
    /// With what is wrong.
    fn check(&mut self, checked: &mut Checked) -> Result<(), String> {
        let mut lost = 0;
        for at in 0..self.visitors.len() {
            let heard = self.stage.heard(self.visitors[at].who);
            let visitor = &self.visitors[at];
            let told = Told::of(visitor.protocol, &heard);
            let title = visitor.protocol.title;
            told.check(visitor, &self.fed).map_err(|what| format!("{title}: {what}"))?;
            let was_slow = told.end.is_some();
            lost += usize::from(was_slow);
            checked.trades += told.trades.len();
            checked.quotes += told.bids.len();
            checked.merged +=
                usize::from(!told.bids.is_empty() && (told.bids.len() as u64) < self.fed.bid / 2);
            checked.pongs += self.check_pongs(at).map_err(|what| format!("{title}: {what}"))?;
        }
        checked.lost += lost;
        let reports = self.stage.node.reports();
        let counted: u64 =
            reports.iter().map(|report| report.stats.limits[LimitHit::DialectLoss as usize]).sum();
        if counted != lost as u64 {
            return Err(format!(
                "{lost} sessions have ended for what they missed, and {counted} are counted"
            ));
        }
        let pending: u64 = reports.iter().map(|report| report.accounts.pending).sum();
        if pending != 0 {
            return Err(format!("{pending} ticks are pending, and everybody reads"));
        }
        Ok(())
    }

    /// A pong is behind no data but what was written when its ping came. Returns how many pongs there are.
    fn check_pongs(&self, at: usize) -> Result<usize, String> {
        let visitor = &self.visitors[at];
        let writes = self.stage.writes(visitor.who);
        let delay = self.stage.delay_of(visitor.who);
        let mut bytes = Vec::new();
        let mut times = Vec::new();
        for (time, written) in writes {
            times.extend(std::iter::repeat_n(time, written.len()));
            bytes.extend(written);
        }
        let mut at = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |end| end + 4);
        let mut pings = visitor.pinged.iter();
        let mut pongs = 0;
        while let Some(frame) = websocket::read(&bytes[at..], 0) {
            if frame.opcode == websocket::PONG {
                let came = pings.next().ok_or("a pong without its ping")?.plus(delay);
                let written_then = times.partition_point(|time| *time <= came);
                let behind = at.saturating_sub(written_then);
                if behind > FRAME_BYTES {
                    return Err(format!("a pong is behind {behind} bytes that were written after its ping"));
                }
                pongs += 1;
            }
            at += frame.bytes;
        }
        Ok(pongs)
    }
}

fn trade(number: u64) -> String {
    format!(r#"{{"symbol":"{SYMBOL}","last":{number},"last_size":1,"trade_id":"{number}","side":"sell"}}"#)
}

fn quote(bid: u64) -> String {
    format!(r#"{{"symbol":"{SYMBOL}","bid":{bid},"bid_size":1,"ask":{},"ask_size":2}}"#, bid + 1)
}

/// What one client was told.
struct Told {
    trades: Vec<u64>,
    bids: Vec<f64>,
    /// Its last message, and the code of its close; `None` when it is connected still.
    end: Option<(String, u16)>,
}

impl Told {
    fn of(protocol: &Protocol, heard: &[(u64, Heard)]) -> Told {
        let mut told = Told { trades: Vec::new(), bids: Vec::new(), end: None };
        let mut last = String::new();
        for (_, heard) in heard {
            match heard {
                Heard::Text(text) => {
                    let message: Value = serde_json::from_str(text).expect("JSON");
                    told.trades.extend((protocol.trades)(&message));
                    told.bids.extend((protocol.bids)(&message));
                    last = message.to_string();
                }
                Heard::Close(code) => told.end = Some((last.clone(), *code)),
                _ => {}
            }
        }
        told
    }

    fn check(&self, visitor: &Visitor, fed: &Fed) -> Result<(), String> {
        let Visitor { protocol, wants, .. } = visitor;
        let consecutive = self.trades.windows(2).all(|pair| pair[1] == pair[0] + 1);
        if !consecutive {
            return Err(format!("a trade is lost, doubled or out of order: {:?}", self.trades));
        }
        if self.bids.windows(2).any(|pair| pair[1] < pair[0]) {
            return Err(format!("a quote goes back: {:?}", self.bids));
        }
        let has_all = self.trades.last().copied().unwrap_or(0) == fed.trades;
        if let Some((last, code)) = &self.end {
            if !wants.contains(&Wanted::Trades) || has_all {
                return Err(format!("it is closed with {code}, and has missed nothing"));
            }
            if *code != protocol.slow_code || protocol.slow.is_some_and(|words| !last.contains(words)) {
                return Err(format!("it is closed with {code} behind {last}"));
            }
            return Ok(());
        }
        if wants.contains(&Wanted::Trades) && !has_all {
            return Err(format!("it has no trades from {:?} on", self.trades.last()));
        }
        let newest = if protocol.quotes_follow_trades { fed.bid_at_trade } else { fed.bid };
        if wants.contains(&Wanted::Quotes) && self.bids.last() != Some(&(newest as f64)) {
            return Err(format!("its last quote is {:?}, and {newest} is the newest", self.bids.last()));
        }
        Ok(())
    }
}

fn run(seed: u64, checked: &mut Checked) -> Result<(), String> {
    let mut run = Run::new(seed);
    run.play();
    run.check(checked)
}

/// How a run ends, for faults that are planted.
pub fn breach(seed: u64) -> Option<Breach> {
    run(seed, &mut Checked::default()).err().map(|what| Breach { law: Law::Trades, what, at: BEGIN })
}

#[test]
fn over_any_link_trades_are_whole_or_the_session_ends_as_its_venues_do_and_the_newest_quote_arrives() {
    let mut checked = Checked::default();
    for seed in 0..super::number("SIM_SEEDS").unwrap_or(60) {
        run(seed, &mut checked).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
    println!("{checked:?}");
    assert!(checked.trades > 10_000 && checked.quotes > 1_000 && checked.pongs > 100, "{checked:?}");
    assert!(checked.lost > 20 && checked.merged > 20, "{checked:?}");
}
