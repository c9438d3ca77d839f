//! Frames in, topics, events and commands out.

mod late;
mod reasons;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{event::Event, field::Field, message::Gap, seq::Breach, topic::Standing};

/// Takes frames in; the answer is what each event says in a word or two.
fn told(mirror: &mut Mirror, frames: &[&str]) -> Vec<String> {
    let mut told = Vec::new();
    for frame in frames {
        let mut events = mirror.receive(frame, 0);
        while let Some(event) = events.next_event().unwrap() {
            told.push(match event {
                Event::Record(change) => {
                    let Topic { symbol, record, .. } = change.topic;
                    format!("{symbol} {} n {}{}", record.seq, record.n, broken(change.breach.as_ref()))
                }
                Event::Gap(loss) => {
                    let Gap { symbol, from, to, .. } = &loss.gap;
                    format!("{symbol} gap {from} {to}{}", broken(loss.breach.as_ref()))
                }
                Event::State(topic) => format!("{} {}", topic.symbol, topic.standing.as_str()),
                Event::Pace(pace) => format!("pace {pace}"),
                Event::Error(fault) => format!("{}: {}", fault.code, fault.message),
                Event::Subscribed(answer) => format!("{} results", answer.results.len()),
                Event::Welcome(welcome) => format!("epoch {}", welcome.epoch),
                other => format!("{other:?}").split(['(', ' ']).next().unwrap().to_owned(),
            });
        }
    }
    told
}

fn broken(breach: Option<&Breach>) -> String {
    breach.map(|breach| format!(": {breach}")).unwrap_or_default()
}

fn mirror(symbols: &[&str]) -> Mirror {
    Mirror::new(Subscription::latest(symbols.iter().copied()))
}

fn commands(mirror: &mut Mirror) -> Vec<Value> {
    mirror.connect().iter().map(|command| serde_json::from_str(command).unwrap()).collect()
}

const WELCOME: &str =
    r#"[{"type":"welcome","protocol":1,"epoch":"e","heartbeat_ms":5000,"limits":{"stale_ms":2000}}]"#;

fn update(symbol: &str, seq: u64, n: u64) -> String {
    format!(r#"[{{"type":"update","symbol":"{symbol}","seq":{seq},"rx":1,"bid":{seq},"n":{n}}}]"#)
}

fn snapshot(symbol: &str, seq: u64) -> String {
    format!(r#"[{{"type":"snapshot","symbol":"{symbol}","seq":{seq},"rx":1,"bid":{seq}}}]"#)
}

fn answer(symbol: &str, status: &str, id: u64) -> String {
    format!(r#"[{{"type":"subscribed","id":{id},"results":[{{"symbol":"{symbol}","status":"{status}"}}]}}]"#)
}

#[test]
fn records_are_merged_and_counted() {
    let mut mirror = mirror(&["A", "B*"]);
    mirror.connect();
    let told = told(
        &mut mirror,
        &[
            r#"[{"type":"snapshot","symbol":"A","seq":4,"ts":1,"rx":2,"bid":1.50,"open":100,"side":"buy"}]"#,
            r#"[{"type":"update","symbol":"A","seq":7,"ts":1,"rx":9,"bid":1.25,"n":3},{"type":"update","symbol":"BX","seq":1,"rx":1}]"#,
            r#"[{"type":"gap","symbol":"A","from":8,"to":10,"reason":"slow"}]"#,
        ],
    );
    assert_eq!(told, ["A 4 n 1", "A 7 n 3", "BX 1 n 1", "A gap 8 10"]);
    let topic = mirror.topic("A").unwrap();
    assert_eq!((topic.record.text(Field::Bid), topic.record.text(Field::Side)), (Some("1.25"), Some("buy")));
    assert_eq!((topic.merged, topic.gaps, topic.lost, topic.missing, topic.record.rx_us), (2, 1, 3, 0, 9));
    let totals = mirror.totals();
    assert_eq!((totals.updates, totals.snapshots, totals.merged, totals.gaps, totals.lost), (2, 1, 2, 1, 3));
}

#[test]
fn what_the_server_says_beside_data_is_told() {
    let mut mirror = mirror(&["A", "B*"]);
    mirror.connect();
    let told = told(
        &mut mirror,
        &[
            WELCOME,
            r#"[{"type":"subscribed","id":1,"results":[{"symbol":"A","status":"pending","known":false},
                {"symbol":"B*","status":"ok","matched":0},{"symbol":"C","status":"error","code":"bad_symbol"}]}]"#,
            r#"[{"type":"status","symbol":"A","state":"stale"},{"type":"status","pace":"conflating"}]"#,
            r#"[{"type":"error","code":"bad_command","message":"what"},{"type":"drain","retry_ms":70},{"type":"new"},{"type":"end"}]"#,
        ],
    );
    assert_eq!(
        told,
        ["epoch e", "3 results", "A stale", "pace conflating", "bad_command: what", "Drain", "Other", "End"]
    );
    assert_eq!((mirror.epoch(), mirror.heartbeat()), (Some("e"), Some(Duration::from_secs(5))));
    assert_eq!(mirror.pace(), Some(&Pace::Conflating));
    assert_eq!((mirror.take_retry(), mirror.take_retry()), (Some(Duration::from_millis(70)), None));
    let standings: Vec<&str> = mirror.topics().iter().map(|topic| topic.standing.as_str()).collect();
    assert_eq!(standings, ["stale", "bad_symbol"]);
}

#[test]
fn a_symbol_may_have_stars_and_blanks() {
    let mut mirror = mirror(&["SAN-I\\*", "AAPL  *"]);
    let topics = |mirror: &Mirror| -> Vec<String> {
        mirror.topics().iter().map(|topic| format!("{} {}", topic.symbol, topic.standing.as_str())).collect()
    };
    assert_eq!(topics(&mirror), ["SAN-I* asked"]);
    let asked = mirror.connect();
    assert!(asked[0].contains(r#""symbols":["SAN-I\\*","AAPL  *"]"#), "{asked:?}");
    let subscribed = r#"[{"type":"subscribed","id":1,"results":[{"symbol":"SAN-I*","status":"ok"},
        {"symbol":"AAPL  *","status":"ok","matched":1}]}]"#;
    let data = r#"[{"type":"snapshot","symbol":"SAN-I*","seq":3,"rx":1,"bid":1},
        {"type":"snapshot","symbol":"AAPL  250221C00250000","seq":4,"rx":1,"bid":1}]"#;
    told(&mut mirror, &[WELCOME, subscribed, data]);
    assert_eq!(topics(&mirror), ["SAN-I* live", "AAPL  250221C00250000 live"]);
    mirror.disconnect();
    let resumed = mirror.connect();
    assert!(resumed[0].contains(r#""last":{"AAPL  250221C00250000":4,"SAN-I*":3}"#), "{resumed:?}");
    let refused = r#"[{"type":"subscribed","id":2,"results":[
        {"symbol":"SAN-I*","status":"error","code":"too_many_subscriptions"},
        {"symbol":"AAPL  *","status":"error","code":"too_many_globs"}]}]"#;
    told(&mut mirror, &[WELCOME, refused]);
    assert_eq!(topics(&mirror)[0], "SAN-I* too_many_subscriptions");
    assert_eq!(mirror.topics().len(), 2, "a pattern that is refused is not a topic");
}

#[test]
fn nothing_looks_alive_without_a_connection_or_when_it_is_old() {
    let mut mirror = mirror(&["A"]);
    told(&mut mirror, &[WELCOME, &snapshot("A", 4)]);
    let at = |mirror: &Mirror, us| mirror.topics()[0].standing_at(us).as_str().to_owned();
    assert_eq!((at(&mirror, 1).as_str(), at(&mirror, 2_000_002).as_str()), ("live", "old"));
    mirror.disconnect();
    assert_eq!((at(&mirror, 1).as_str(), mirror.pace()), ("offline", None));
    told(&mut mirror, &[&update("A", 5, 1)]);
    assert_eq!(at(&mirror, 1), "live");
}

#[test]
fn the_next_connection_resumes_what_is_held() {
    let mut mirror = mirror(&["A", "B*", "C"]);
    let first = commands(&mut mirror);
    assert_eq!(first, [json!({"op":"subscribe","id":1,"symbols":["A","B*","C"],"mode":"latest"})]);
    told(&mut mirror, &[WELCOME, &snapshot("A", 4), &snapshot("B1", 7), &snapshot("X", 9)]);
    mirror.disconnect();
    // C has no tick yet, and X is not subscribed.
    let last = json!({"epoch": "e", "last": {"A": 4, "B1": 7}});
    assert_eq!(commands(&mut mirror)[0]["resume"], last);
    let resumed =
        told(&mut mirror, &[WELCOME, &answer("A", "resumed", 2), &update("A", 9, 5), &update("B1", 8, 1)]);
    assert_eq!(resumed, ["epoch e", "1 results", "A 9 n 5", "B1 8 n 1"]);
}

#[test]
fn another_epoch_and_what_cannot_be_resumed_begin_anew() {
    let mut mirror = mirror(&["A", "B*"]);
    mirror.connect();
    told(&mut mirror, &[WELCOME, &snapshot("A", 400), &snapshot("B1", 7)]);
    mirror.disconnect();
    mirror.connect();
    let other = WELCOME.replace(r#""e""#, r#""f""#);
    let gap = |symbol: &str, to: u64| {
        format!(r#"[{{"type":"gap","symbol":"{symbol}","from":1,"to":{to},"reason":"epoch"}}]"#)
    };
    let told_of = told(
        &mut mirror,
        &[&other, &answer("A", "gap", 2), &gap("A", 9), &snapshot("A", 9), &gap("B1", 3), &snapshot("B1", 3)],
    );
    assert_eq!(told_of, ["epoch f", "1 results", "A gap 1 9", "A 9 n 1", "B1 gap 1 3", "B1 3 n 1"]);
    // A server of the same epoch, which is behind what is held.
    mirror.disconnect();
    mirror.connect();
    let told_of = told(&mut mirror, &[&other, &answer("A", "gap", 3), &gap("A", 5), &snapshot("A", 5)]);
    assert_eq!(told_of[2..], ["A gap 1 5", "A 5 n 1"]);
    assert_eq!(mirror.totals().missing, 0);
}

#[test]
fn each_breach_of_law_4_is_told_and_counted() {
    let mut mirror = mirror(&["A"]);
    mirror.connect();
    let told = told(
        &mut mirror,
        &[&answer("A", "ok", 1), &update("A", 5, 1), &update("A", 9, 2), &snapshot("A", 12)],
    );
    assert_eq!(
        told[1..],
        [
            "A 5 n 1: update 5 before any snapshot",
            "A 9 n 2: update 9 with n 2 after 5: 7 expected",
            "A 12 n 1: snapshot 12 after 9, and no gap was announced"
        ]
    );
    assert_eq!((mirror.topics()[0].missing, mirror.totals().missing), (5, 5));
}

#[test]
fn subscriptions_come_and_go_on_one_connection() {
    let mut mirror = mirror(&["A*"]);
    mirror.connect();
    told(&mut mirror, &[WELCOME, &answer("A*", "ok", 1), &snapshot("A1", 4)]);
    // The same glob again: a snapshot of each topic is not a breach.
    assert_eq!(mirror.subscribe(Subscription::every(["A*"])).len(), 1);
    assert_eq!(told(&mut mirror, &[&answer("A*", "ok", 2), &snapshot("A1", 6)])[1..], ["A1 6 n 1"]);
    let symbols = ["A*".to_owned()];
    assert_eq!(mirror.unsubscribe(&symbols), [r#"{"op":"unsubscribe","id":3,"symbols":["A*"]}"#]);
    told(&mut mirror, &[r#"[{"type":"unsubscribed","id":3,"results":[{"symbol":"A*","status":"ok"}]}]"#]);
    assert_eq!(mirror.topics()[0].standing, Standing::Left);
    mirror.disconnect();
    assert!(mirror.connect().is_empty(), "nothing is wanted any more");
    assert_eq!(mirror.topics()[0].standing, Standing::Left);
    // Without a snapshot it begins with whatever comes.
    mirror.subscribe(Subscription::every(["B"]).without_snapshot());
    assert_eq!(told(&mut mirror, &[&answer("B", "ok", 4), &update("B", 70, 1)])[1..], ["B 70 n 1"]);
    // A change of mode or fields may bring a snapshot.
    let set = r#"[{"type":"set","results":[{"symbol":"B","status":"ok"}]}]"#;
    assert_eq!(
        told(&mut mirror, &[set, &snapshot("B", 70), &update("B", 71, 1)])[1..],
        ["B 70 n 1", "B 71 n 1"]
    );
}

#[test]
fn events_that_nobody_asks_for_are_taken_in() {
    let mut mirror = mirror(&["A"]);
    drop(mirror.receive(&snapshot("A", 4), 0));
    assert_eq!(mirror.topics()[0].record.seq, 4);
}

#[test]
fn nonsense_is_an_error_and_no_panic() {
    for frame in ["{}", "[1]", r#"[{"type":"welcome"}]"#, r#"[{"type":"drain","retry_ms":-1}]"#] {
        assert!(mirror(&[]).receive(frame, 0).next_event().is_err(), "{frame}");
    }
}

/// What happens to a symbol, its server and its client.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// Ticks, each of which changes one field.
    Ticks(u8),
    /// The server sends what is due, merged.
    Send,
    /// The server announces what is due as lost.
    Lose,
    Disconnect,
    /// The server is another one, whose market begins anew.
    Restart,
}

/// A server's side of one subscription.
#[derive(Default)]
struct Server {
    seq: u64,
    cursor: u64,
    epoch: u32,
    /// Bid, ask, last; `None`: withdrawn.
    fields: [Option<u64>; 3],
}

impl Server {
    fn record(&self, kind: &str) -> String {
        let (seq, n) = (self.seq, self.seq - self.cursor);
        let (n, withdrawn) = if kind == "snapshot" {
            (String::new(), None)
        } else {
            (format!(r#","n":{n}"#), Some("null".to_owned()))
        };
        let field = |(name, value): (&str, Option<u64>)| {
            let value = value.map(|value| value.to_string()).or_else(|| withdrawn.clone());
            value.map_or(String::new(), |value| format!(r#","{name}":{value}"#))
        };
        let fields: String = ["bid", "ask", "last"].into_iter().zip(self.fields).map(field).collect();
        format!(r#"[{{"type":"{kind}","symbol":"A","seq":{seq},"rx":{seq}{fields}{n}}}]"#)
    }

    fn gap(&self, from: u64, reason: &str) -> [String; 2] {
        let gap =
            format!(r#"[{{"type":"gap","symbol":"A","from":{from},"to":{},"reason":"{reason}"}}]"#, self.seq);
        [gap, self.record("snapshot")]
    }

    /// Answers the commands of a connection that begins.
    fn welcome(&mut self, commands: &[Value]) -> Vec<String> {
        let epoch = format!("e{}", self.epoch);
        let mut frames = vec![WELCOME.replace(r#""e""#, &format!("\"{epoch}\""))];
        let (id, resume) = (commands[0]["id"].as_u64().unwrap(), &commands[0]["resume"]);
        let last = resume["last"]["A"].as_u64();
        match last {
            _ if self.seq == 0 => frames.push(answer("A", "pending", id)),
            Some(last) if resume["epoch"] == epoch.as_str() && last <= self.seq => {
                self.cursor = last;
                frames.push(answer("A", "resumed", id));
                return frames;
            }
            Some(_) => {
                frames.push(answer("A", "gap", id));
                frames.extend(self.gap(1, "epoch"));
            }
            None => frames.extend([answer("A", "ok", id), self.record("snapshot")]),
        }
        self.cursor = self.seq;
        frames
    }

    fn happen(&mut self, happening: Happening, mirror: &mut Mirror) -> Vec<String> {
        match happening {
            Happening::Ticks(count) => {
                for tick in 0..u64::from(count) {
                    self.seq += 1;
                    let is_withdrawn = self.seq.is_multiple_of(4);
                    self.fields[tick as usize % 3] = (!is_withdrawn).then_some(self.seq);
                }
                Vec::new()
            }
            Happening::Send | Happening::Lose if self.seq == self.cursor => Vec::new(),
            Happening::Send => {
                let frame = self.record("update");
                self.cursor = self.seq;
                vec![frame]
            }
            Happening::Lose => {
                let frames = self.gap(self.cursor + 1, "slow");
                self.cursor = self.seq;
                frames.to_vec()
            }
            Happening::Disconnect => {
                mirror.disconnect();
                self.welcome(&commands(mirror))
            }
            Happening::Restart => {
                *self = Server { epoch: self.epoch + 1, ..Server::default() };
                self.happen(Happening::Disconnect, mirror)
            }
        }
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::{Disconnect, Lose, Restart, Send, Ticks};
    prop_oneof![4 => (1u8..9).prop_map(Ticks), 4 => Just(Send), 1 => Just(Lose), 1 => Just(Disconnect), 1 => Just(Restart)]
}

proptest! {
    /// Whatever happens, a correct server breaks no law, the accounts balance, and in the end the mirror has what the
    /// server has.
    #[test]
    fn the_mirror_holds_what_an_honest_server_has(happenings in prop::collection::vec(happening(), 0..60)) {
        let mut mirror = mirror(&["A"]);
        let mut server = Server::default();
        let mut frames = server.welcome(&commands(&mut mirror));
        for happening in happenings.into_iter().chain([Happening::Send]) {
            frames.extend(server.happen(happening, &mut mirror));
            for line in frames.drain(..).flat_map(|frame| told(&mut mirror, &[&frame])) {
                prop_assert!(!line.contains(": "), "{}", line);
            }
            prop_assert_eq!(mirror.topics()[0].seq(), server.cursor);
        }
        let topic = &mirror.topics()[0];
        prop_assert_eq!(topic.missing, 0);
        if server.seq > 0 {
            prop_assert_eq!(topic.record.seq, server.seq);
            let held = [Field::Bid, Field::Ask, Field::Last].map(|field| topic.record.units(field).map(|units| units / 10i128.pow(18)));
            prop_assert_eq!(held, server.fields.map(|value| value.map(i128::from)));
        }
    }

    /// A lie about a seq is always found.
    #[test]
    fn one_lie_is_found(sizes in prop::collection::vec(1u64..50, 1..40), liar: prop::sample::Index, lie in 1u64..50) {
        let mut mirror = mirror(&["A"]);
        mirror.connect();
        told(&mut mirror, &[&answer("A", "ok", 1), &snapshot("A", 100)]);
        let liar = liar.index(sizes.len());
        let mut seq = 100;
        for (at, n) in sizes.into_iter().enumerate() {
            seq += n + if at == liar { lie } else { 0 };
            told(&mut mirror, &[&update("A", seq, n)]);
        }
        prop_assert_eq!(mirror.totals().missing, lie);
    }
}
