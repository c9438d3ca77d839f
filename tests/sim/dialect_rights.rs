//! Law 11 for clients of exchanges: what is written to them is of symbols that their token allows, delayed data is never
//! early, and nothing of the market is written once the token has ended. Checked on the bytes that the node has written.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{EncodingKey, Header};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use tickcast::{
    access::{
        Authority, Policy, Product, Products, SymbolPatterns,
        keys::{Key, KeyRing},
    },
    limits::{DEFAULT, Limits},
    tick::Nanos,
    topic::DelayedMarket,
};

use super::{
    network::LinkPlan,
    plan::{chance, pick},
    protocols::{PROTOCOLS, Protocol, Wanted},
    stage::{AuditUser, Stage, ms},
    websocket,
};

const SECRET: &[u8] = b"a secret of thirty-two bytes, or more";
/// May be read, may be read delayed, may not be read.
const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];
const DELAY_MS: u64 = 200;
/// The numbers of each symbol's trades, and its bids, begin here.
const RANGE: u64 = 1_000_000;
const REVOKED_WITHIN: Duration = Duration::from_millis(250);

struct Visitor {
    who: AuditUser,
    protocol: &'static Protocol,
    /// From when on nothing may be written.
    ends: Option<Nanos>,
}

struct Run {
    stage: Stage,
    random: Pcg64Mcg,
    authority: Arc<Authority>,
    visitors: Vec<Visitor>,
    /// Of each symbol, when each of its trades and bids was fed. Both have one numbering.
    fed: [Vec<Nanos>; 3],
}

/// How much a run has checked.
#[derive(Clone, Copy, Default, Debug)]
struct Checked {
    real_time: usize,
    delayed: usize,
    ended: usize,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let authority = Arc::new(Authority::new(Policy { is_open: false, ..Policy::default() }));
        let key = Key::secret(SECRET).expect("a secret");
        authority.set_keys(KeyRing::new(vec![key], false).expect("a key"));
        let limits = Limits { auth: ms(3_000), ..DEFAULT };
        let symbols = SymbolPatterns::new(["ETH*"]).expect("a pattern");
        let product = Product::new("ETH*", symbols, ms(DELAY_MS));
        let products = Products::new(vec![product], ms(60_000));
        let grid = ms(pick(&mut random, &[1, 10, 50]));
        let delayed = DelayedMarket::new(Arc::new(products), grid, Box::new(|| {}));
        let call_nanos = pick(&mut random, &[0, 20_000]);
        let stage = Stage::with_authority(limits, Arc::clone(&authority), call_nanos, seed, Some(delayed));
        Run { stage, random, authority, visitors: Vec::new(), fed: [Vec::new(), Vec::new(), Vec::new()] }
    }

    fn visit(&mut self, protocol: &'static Protocol) {
        let number = self.visitors.len();
        let now_s = self.stage.clock.now().0 / 1_000_000_000;
        let expires_s = now_s + pick(&mut self.random, &[2, 3, 3_600]);
        let claims = json!({"sub": "user", "jti": format!("token{number}"), "exp": expires_s,
            "tickcast": {"read": ["BTC*"], "delayed": ["ETH*"]}});
        let secret = EncodingKey::from_secret(SECRET).expect("a key");
        let token = jsonwebtoken::encode(&Header::default(), &claims, &secret).expect("a token");
        let link = LinkPlan {
            delay_us: pick(&mut self.random, &[0, 20_000]),
            bytes_a_ms: pick(&mut self.random, &[20, 200, 50_000]),
            send_buffer: pick(&mut self.random, &[4_096, 65_536]),
            window: 65_536,
            proxy: 0,
            partial_percent: pick(&mut self.random, &[0, 40]),
        };
        // Massive's clients have no other place for a token than its key.
        let key = protocol.key.map(|key| key.replace("a-key", &token));
        let has_own_place = key.as_ref().is_some_and(|key| key.contains(&token));
        let path =
            if has_own_place { protocol.path.to_owned() } else { format!("{}?token={token}", protocol.path) };
        let who = self.stage.venue_with(&link, &path, protocol.headers);
        let asks = [Wanted::Trades, Wanted::Quotes].map(|wanted| (protocol.asks)(&SYMBOLS, wanted));
        for text in key.into_iter().chain(asks) {
            self.stage.say(who, &text);
        }
        let ends = (expires_s < now_s + 60).then_some(Nanos(expires_s * 1_000_000_000));
        self.visitors.push(Visitor { who, protocol, ends });
    }

    fn feed(&mut self) {
        let now = self.stage.clock.now();
        let mut lines = Vec::new();
        for _ in 0..self.random.random_range(1..12) {
            let at = self.random.random_range(0..SYMBOLS.len());
            self.fed[at].push(now);
            let (symbol, number) = (SYMBOLS[at], at as u64 * RANGE + self.fed[at].len() as u64);
            lines.push(match self.random.random_range(0..3) {
                0 => {
                    format!(r#"{{"symbol":"{symbol}","last":{number},"last_size":1,"trade_id":"{number}"}}"#)
                }
                _ => format!(
                    r#"{{"symbol":"{symbol}","bid":{number},"bid_size":1,"ask":{number},"ask_size":1}}"#
                ),
            });
        }
        self.stage.feed(&lines);
    }

    fn play(&mut self) {
        // Each symbol is there before anybody asks for it.
        for (at, symbol) in SYMBOLS.iter().enumerate() {
            self.fed[at].push(self.stage.clock.now());
            let number = at as u64 * RANGE + 1;
            self.stage.feed(&[format!(
                r#"{{"symbol":"{symbol}","last":{number},"last_size":1,"trade_id":"{number}","bid":{number},"ask":{number}}}"#
            )]);
        }
        self.stage.run_for(50);
        for protocol in &PROTOCOLS {
            self.visit(protocol);
        }
        for _ in 0..60 {
            self.feed();
            if chance(&mut self.random, 5) {
                let at = self.random.random_range(0..self.visitors.len());
                let now = self.stage.clock.now();
                self.authority.revoke_token(&format!("token{at}"), None, now);
                let ends = now.plus(REVOKED_WITHIN);
                let before = self.visitors[at].ends;
                self.visitors[at].ends = Some(before.map_or(ends, |before| before.min(ends)));
            }
            let pause = pick(&mut self.random, &[0, 5, 60, 150]);
            self.stage.run_for(pause);
        }
        self.stage.run_for(30_000);
    }

    /// # Errors
    /// With what was written and should not have been.
    fn check(&self, checked: &mut Checked) -> Result<(), String> {
        for visitor in &self.visitors {
            let title = visitor.protocol.title;
            self.check_writes(visitor, checked).map_err(|what| format!("{title}: {what}"))?;
        }
        Ok(())
    }

    fn check_writes(&self, visitor: &Visitor, checked: &mut Checked) -> Result<(), String> {
        let (mut bytes, mut times) = (Vec::new(), Vec::new());
        for (time, written) in self.stage.writes(visitor.who) {
            times.extend(std::iter::repeat_n(time, written.len()));
            bytes.extend(written);
        }
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let mut at = head.map_or(bytes.len(), |end| end + 4);
        let mut newest = [0u64; 3];
        let mut is_closed = false;
        while let Some(frame) = websocket::read(&bytes[at..], 0) {
            let (begun, done) = (times[at], times[at + frame.bytes - 1]);
            at += frame.bytes;
            is_closed |= frame.opcode == websocket::CLOSE;
            let Some(message) = message_of(&frame) else { continue };
            let trades = (visitor.protocol.trades)(&message);
            let bids = (visitor.protocol.bids)(&message).into_iter().map(|bid| bid as u64);
            for number in trades.into_iter().chain(bids).filter(|number| *number > 0) {
                let (of, which) = ((number / RANGE) as usize, (number % RANGE) as usize);
                if visitor.ends.is_some_and(|ends| done >= ends) {
                    return Err(format!("{number} is written after the end of its token"));
                }
                newest[of] = newest[of].max(number);
                match of {
                    0 => checked.real_time += 1,
                    1 => {
                        let due = self.fed[of][which - 1].plus(ms(DELAY_MS));
                        if begun < due {
                            return Err(format!(
                                "{number} is shown {} us too early",
                                due.since(begun) / 1_000
                            ));
                        }
                        checked.delayed += 1;
                    }
                    _ => return Err(format!("{number} is of a symbol that may not be read")),
                }
            }
        }
        if visitor.ends.is_some() {
            checked.ended += usize::from(is_closed);
        } else if newest[..2] != [0, 1].map(|of| of * RANGE + self.fed[of as usize].len() as u64)
            && !visitor.protocol.quotes_follow_trades
        {
            return Err(format!("the newest that it has is {newest:?}"));
        }
        Ok(())
    }
}

fn message_of(frame: &websocket::Frame) -> Option<Value> {
    match frame.opcode {
        websocket::TEXT => serde_json::from_slice(&frame.payload).ok(),
        websocket::BINARY => {
            let mut json = Vec::new();
            tickcast::msgpack::to_json(&frame.payload, &mut json).expect("MessagePack");
            serde_json::from_slice(&json).ok()
        }
        _ => None,
    }
}

#[test]
fn clients_of_exchanges_are_sent_what_their_token_allows_and_delayed_data_when_it_is_due() {
    let mut checked = Checked::default();
    for seed in 0..super::number("SIM_SEEDS").unwrap_or(40) {
        let mut run = Run::new(seed);
        run.play();
        run.check(&mut checked).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
    println!("{checked:?}");
    assert!(checked.real_time > 5_000 && checked.delayed > 1_000 && checked.ended > 50, "{checked:?}");
}
