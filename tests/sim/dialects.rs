//! Sessions that speak an exchange's protocol: its pings, its deadlines, and its laws over bad links. After each step the
//! node's own laws are checked as for every session; here is what their clients may count on.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use tickcast::limits::{DEFAULT, Limits};

use super::{
    network::LinkPlan,
    stage::{Heard, NEAR, Stage, Who},
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn texts(heard: &[(u64, Heard)]) -> Vec<Value> {
    let texts = heard.iter().filter_map(|(_, heard)| match heard {
        Heard::Text(text) => Some(serde_json::from_str(text).expect("JSON")),
        _ => None,
    });
    texts.collect()
}

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

/// What one client was told, checked against what was fed: `trades` numbers from 1, and the quote at each seq.
struct Told {
    trades: u64,
    newest: Option<u64>,
    close: Option<u16>,
}

/// Trades are consecutive from the first, quotes are those of their seq or of the last before it, and no newer one comes first.
fn check(heard: &[(u64, Heard)], quotes: &[(u64, u64)]) -> Told {
    let mut told = Told { trades: 0, newest: None, close: None };
    for message in texts(heard) {
        if message["e"] == "trade" {
            told.trades += 1;
            assert_eq!(message["t"], told.trades, "a trade is lost, doubled or out of order");
        } else if let Some(seq) = message["u"].as_u64() {
            assert!(told.newest < Some(seq), "u rises: {message}");
            let at = quotes.partition_point(|(known, _)| *known <= seq);
            assert_eq!(message["b"], format!("{}.00000000", quotes[at - 1].1), "the quote as it stood");
            told.newest = Some(seq);
        }
    }
    told.close = heard.iter().find_map(|(_, heard)| match heard {
        Heard::Close(code) => Some(*code),
        _ => None,
    });
    told
}

/// A market of trades and quotes of one symbol, for clients over links of all kinds; some stop reading for a while.
fn play(seed: u64) {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut stage = Stage::new(Limits { ring_ticks: 64, ..DEFAULT });
    let mut clients: Vec<(Who, &str)> = Vec::new();
    for path in ["/ws/a@trade", "/ws/a@bookTicker", "/ws/a@trade/a@bookTicker", "/ws/A@trade/a@ticker"] {
        let link = LinkPlan {
            delay_us: random.random_range(0..50_000),
            bytes_a_ms: random.random_range(5..2_000),
            send_buffer: random.random_range(2_048..65_536),
            window: random.random_range(2_048..65_536),
            proxy: 0,
            partial_percent: random.random_range(0..60),
        };
        clients.push((stage.venue(&link, path), path));
    }
    let (mut seq, mut trades, mut quotes) = (0, 0, Vec::new());
    for _ in 0..40 {
        let mut lines = Vec::new();
        for _ in 0..random.random_range(1..60) {
            seq += 1;
            if random.random_range(0..3) == 0 {
                trades += 1;
                lines.push(format!(
                    r#"{{"symbol":"A","last":{seq},"last_size":1,"trade_id":"{trades}","side":"sell"}}"#
                ));
            } else {
                quotes.push((seq, seq * 10));
                lines.push(format!(
                    r#"{{"symbol":"A","bid":{},"bid_size":1,"ask":{},"ask_size":2}}"#,
                    seq * 10,
                    seq * 10 + 1
                ));
            }
        }
        stage.feed(&lines);
        let (who, _) = clients[random.random_range(0..clients.len())];
        stage.reads(who, random.random_range(0..4) > 0);
        stage.run_for(random.random_range(0..120));
    }
    for (who, _) in &clients {
        stage.reads(*who, true);
    }
    stage.run_for(60_000);
    let last = quotes.last().expect("a quote").0;
    for (who, path) in clients {
        let told = check(&stage.heard(who), &quotes);
        let wants_trades = path.contains("@trade");
        match told.close {
            // Trades alone may not be merged.
            Some(code) => {
                assert!(code == 1008 && wants_trades && told.trades < trades, "{seed} {path}: {code}");
            }
            None => {
                assert_eq!(told.trades, if wants_trades { trades } else { 0 }, "{seed} {path}: every trade");
                if path.contains("bookTicker") {
                    assert!(told.newest >= Some(last), "{seed} {path}: the newest quote");
                }
            }
        }
    }
}

#[test]
fn over_any_link_trades_are_whole_or_the_session_ends_and_the_newest_quote_arrives() {
    (0..60).for_each(play);
}
