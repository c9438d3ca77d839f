//! Whole runs against a small server on loopback: a correct server passes, and each wrong message is found.

use std::rc::Rc;

use clap::Parser;
use serde_json::{Value, json};
use tickcast_client::testing::{Mock, Script, TICKS, Then};
use tokio::{runtime, task::LocalSet};

use super::{
    LoadArgs,
    interrupt::Interrupt,
    ledger::Law,
    report::{RunReport, RunVerdict},
    run::{LoadError, drive},
};

#[derive(Parser)]
#[command(args_override_self = true)]
struct Line {
    #[command(flatten)]
    load: LoadArgs,
}

fn args(url: &str, more: &[&str]) -> LoadArgs {
    let usual = ["load", "--url", url, "--clients=4", "--symbols-per-client=3", "--duration=50ms"];
    Line::try_parse_from(usual.iter().chain(more)).unwrap_or_else(|error| panic!("{error}")).load
}

/// Runs a test's future as `run` runs a load: on one thread, with local tasks.
fn on_one_thread<T>(work: impl Future<Output = T>) -> T {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, work)
}

fn load(script: Script, more: &[&str]) -> (RunReport, Mock) {
    on_one_thread(async {
        let mock = Mock::start(script).await;
        let report = drive(&args(&mock.url(), more), &Interrupt::default()).await.unwrap();
        (report, mock)
    })
}

/// A planted fault that must be found: which law it breaks, and a part of its message.
fn check_lie(script: Script, more: &[&str], law: Law, what: &str) {
    let (report, _) = load(script, more);
    let faults = &report.laws.first_breaches;
    let found = faults.iter().any(|fault| fault.law == law && fault.what.contains(what));
    assert!(found, "{law:?} {what:?} is not among {faults:?}");
    assert_eq!(report.verdict, RunVerdict::Broken);
    let table = report.table();
    assert!(table.contains("BREACH") && table.contains(what), "{table}");
}

fn check_twist(twist: fn(u32, &mut Vec<Value>), law: Law, what: &str) {
    check_lie(Script { twist, ..Script::default() }, &[], law, what);
}

/// The first message of this type for BTC-USD.
fn first<'a>(messages: &'a mut [Value], kind: &str) -> &'a mut Value {
    messages.iter_mut().find(|message| message["type"] == kind && message["symbol"] == "BTC-USD").unwrap()
}

#[test]
fn an_honest_server_passes_every_check() {
    let (report, _) = load(Script::default(), &["--exclusive", "--sample=4"]);
    assert_eq!(report.laws.first_breaches, []);
    assert_eq!((report.verdict, report.verdict.exit_code()), (RunVerdict::Kept, 0));
    assert_eq!((report.connected, report.failed, report.symbols_per_client), (4, 0, 3));
    // Four clients, three symbols; one symbol begins without a snapshot.
    let sums = report.sums;
    assert_eq!((sums.updates, sums.conflated), (4 * 3 * 3, 4 * 3 * 2));
    assert_eq!((sums.snapshots, sums.gaps, sums.gapped), (4 * 5, 4 * 3, 4 * 3 * 2));
    let laws = &report.laws;
    assert_eq!((laws.heads_expected, laws.heads_reached), (4, 4));
    assert_eq!((laws.records_compared, laws.records_not_met), (12, 0));
    assert_eq!((laws.residual, laws.sums_compared), (0, true));
    assert_eq!(laws.server_counts.unwrap().offered, 4 * 3 * i64::try_from(TICKS).unwrap());
    assert!(report.disconnects.is_empty());
}

#[test]
fn the_table_and_the_json_say_the_same() {
    let (report, _) = load(Script::default(), &[]);
    let table = report.table();
    for part in ["4 of 4 clients reached the heads", "residual 0 in", "every law that was checked was kept"] {
        assert!(table.contains(part), "{part:?} is not in\n{table}");
    }
    let json: Value = serde_json::to_value(&report).unwrap();
    assert_eq!(json["sums"]["updates"], 36);
    assert_eq!(json["verdict"], "kept");
    assert_eq!(json["classes"][2]["class"], "stalled");
}

#[test]
fn each_encoding_is_read_and_the_report_says_what_a_message_weighs() {
    let check = |subprotocol, asked: &[&str], expected: &str| {
        let (report, _) = load(Script { subprotocol, ..Script::default() }, asked);
        assert_eq!((report.verdict, report.encoding), (RunVerdict::Kept, Some(expected)));
        let sums = report.sums;
        assert_eq!((sums.updates, sums.snapshots, sums.gapped), (36, 20, 24));
        let weight = report.bytes_per_message.unwrap();
        assert!(weight > 10.0, "{weight}");
        let table = report.table();
        assert!(table.contains(expected) && table.contains(&format!("{weight:.1} a message")), "{table}");
        sums.bytes
    };
    let json = check("tickcast.v1.binary", &["--encoding=json"], "tickcast.v1.json");
    let binary = check("tickcast.v1.binary", &[], "tickcast.v1.binary");
    // The table of fields is told once; then messages are shorter.
    assert!(binary < json, "{binary} bytes in binary, {json} in JSON");
    // An older server knows JSON alone, and names it or nothing.
    check("tickcast.v1.json", &["--encoding=binary"], "tickcast.v1.json");
    check("", &[], "tickcast.v1.json");
}

#[test]
fn law_4_is_checked() {
    check_twist(|_, m| first(m, "update")["seq"] = 100.into(), Law::SeqsRise, "seqs only rise");
    check_twist(|_, m| first(m, "update")["seq"] = 103.into(), Law::SeqsRise, "101 expected");
    check_twist(|_, m| first(m, "update")["n"] = 2.into(), Law::SeqsRise, "with n 2 after 100");
    check_twist(|_, m| first(m, "gap")["from"] = 106.into(), Law::SeqsRise, "gap from 106 after 104");
    check_twist(|_, m| m.retain(|m| m["type"] != "gap"), Law::SeqsRise, "no gap was announced");
    check_twist(|_, m| m.retain(|m| m["type"] != "snapshot"), Law::SeqsRise, "before any snapshot");
}

#[test]
fn a_trade_that_is_merged_for_one_client_alone_is_found() {
    // One client is sent the first tick as a trade, and the others have it in their next update.
    let twist = |connection: u32, messages: &mut Vec<Value>| {
        let update = first(messages, "update");
        for (field, value) in [("last", 7), ("last_size", 1), ("trades", 1)] {
            update[field] = value.into();
        }
        if connection > 0 {
            let is_first = |m: &Value| m["type"] == "update" && m["symbol"] == "BTC-USD" && m["seq"] == 101;
            messages.retain(|message| !is_first(message));
            let next = first(messages, "update");
            next["n"] = (next["n"].as_u64().unwrap() + 1).into();
        }
    };
    let script = Script { twist, ..Script::default() };
    check_lie(script.clone(), &["--mode=trades", "--encoding=json"], Law::EveryTrade, "merges the trade 101");
    let (report, _) = load(script, &["--mode=latest", "--encoding=json", "--sample=0"]);
    assert_eq!((report.laws.first_breaches, report.laws.trades), (vec![], None), "latest merges");
    let (report, _) = load(Script::default(), &["--mode=trades"]);
    assert_eq!(
        (report.verdict, report.laws.trades.map(|counts| counts.corrections)),
        (RunVerdict::Kept, Some(0))
    );
}

#[test]
fn the_contract_and_foreign_data_are_checked() {
    // No binary frame can be twisted so.
    let check_text = |twist: fn(u32, &mut Vec<Value>), what| {
        check_lie(Script { twist, ..Script::default() }, &["--encoding=json"], Law::Contract, what);
    };
    check_text(|_, m| first(m, "update")["rx"] = "soon".into(), "rx is not what it should be");
    check_text(|_, m| m.push(json!("text")), "not a JSON object");
    check_twist(|_, m| first(m, "update")["side"] = "?".into(), Law::Contract, "a binary frame that is not");
    check_twist(
        |_, m| m.push(json!({"type": "update", "symbol": "SECRET", "seq": 1, "ts": 1, "rx": 1})),
        Law::OwnDataOnly,
        "never asked for",
    );
    let answer = |results: &mut Vec<Value>| results[0]["status"] = "perhaps".into();
    check_lie(Script { answer, ..Script::default() }, &[], Law::Contract, "\"perhaps\"");
}

/// Runs until every client has answered a ping behind its messages, then does `last` and interrupts, once or twice.
fn load_until_read(script: Script, interrupts: u32, last: impl AsyncFnOnce(&mut Mock)) -> RunReport {
    on_one_thread(async {
        let mut mock = Mock::start(Script { then: |_| Then::Ping, ..script }).await;
        let interrupt = Rc::new(Interrupt::default());
        let raised = Rc::clone(&interrupt);
        let args = args(&mock.url(), &["--duration=1h", "--settle=1h"]);
        let driven = tokio::task::spawn_local(async move { drive(&args, &interrupt).await });
        while mock.pongs() < 4 {
            tokio::task::yield_now().await;
        }
        last(&mut mock).await;
        (0..interrupts).for_each(|_| raised.raise());
        driven.await.unwrap().unwrap()
    })
}

#[test]
fn law_3_is_checked_at_the_heads() {
    let twist =
        |session: u32, messages: &mut Vec<Value>| messages.retain(|m| session != 2 || m["seq"] != 107);
    // One client will never arrive: the second interrupt ends the waiting.
    let report = load_until_read(Script { twist, ..Script::default() }, 2, async |_| {});
    assert_eq!((report.laws.heads_expected, report.laws.heads_reached, report.laws.breaches), (4, 3, 1));
    let fault = &report.laws.first_breaches[0];
    assert_eq!((fault.law, fault.symbol.as_deref()), (Law::LatestWins, Some("BTC-USD")));
    assert_eq!(fault.what, "holds 106, the server's head was 107 when the time ended");
    assert!(report.interrupted && report.table().contains("some checks were left out"));
}

#[test]
fn law_3_is_checked_in_the_records() {
    let check = |snapshots, what| {
        check_lie(Script { snapshots, ..Script::default() }, &["--sample=1"], Law::LatestWins, what);
    };
    check(|records| records[0]["bid"] = 1.into(), "bid: 107.5, not 1");
    check(
        |records| records[0]["ask"] = json!(900_719_925.123_456_8),
        "ask: 900719925.1234567, not 900719925.1234568",
    );
    check(|records| drop(records[0].as_object_mut().unwrap().remove("side")), "side: \"buy\", not nothing");
    check(|records| drop(records.pop()), "the server has no record of it");
}

#[test]
fn a_record_that_is_never_met_is_counted_and_no_breach() {
    let snapshots = |records: &mut Vec<Value>| records[0]["seq"] = 1.into();
    let (report, _) = load(Script { snapshots, ..Script::default() }, &["--sample=1"]);
    assert_eq!((report.laws.records_compared, report.laws.records_not_met), (2, 1));
    assert_eq!(report.verdict, RunVerdict::Kept);
}

#[test]
fn law_5_is_checked() {
    let check = |metrics, more: &[&str], what| {
        check_lie(Script { metrics, ..Script::default() }, more, Law::Conservation, what);
    };
    check(|[offered, ..]| *offered += 1, &[], "the residual is 1");
    check(|[_, _, conflated, _]| *conflated += i64::from(*conflated > 0), &[], "the residual is -1");
    // The identity holds, but the sums are not what the clients received.
    check(
        |[offered, delivered, ..]| {
            *offered += 50 * i64::from(*delivered > 0);
            *delivered += 50 * i64::from(*delivered > 0);
        },
        &["--exclusive", "--settle=1s"],
        "the server counts 86 delivered, we received 36 updates",
    );
}

#[test]
fn stalled_and_slow_clients_arrive_too() {
    let (report, _) = load(Script::default(), &["--stalled=25%", "--slow=2:50000", "--rcvbuf=8192"]);
    assert_eq!(report.laws.first_breaches, []);
    assert_eq!(report.laws.heads_reached, 4);
    let clients: Vec<u32> = report.classes.iter().map(|class| class.clients).collect();
    assert_eq!(clients, [1, 2, 1]);
    assert!(report.classes.iter().all(|class| class.sums.updates == u64::from(class.clients) * 9));
    // What a stalled client reads at the end is not measured.
    assert_eq!(report.classes[2].age.count, 0);
}

#[test]
fn only_a_stalled_client_may_be_closed_as_slow() {
    let closes = |_: u32| Then::Close(4008);
    let script = Script { then: closes, ..Script::default() };
    let (report, _) = load(script.clone(), &["--clients=1", "--stalled=1"]);
    assert_eq!((report.verdict, report.laws.heads_expected), (RunVerdict::Kept, 0));
    assert_eq!(report.disconnects["4008"], 1);
    check_lie(script, &["--clients=1"], Law::LatestWins, "was closed with 4008 before the end");
    let drops = Script { then: |_| Then::Drop, ..Script::default() };
    check_lie(drops, &["--clients=1"], Law::LatestWins, "lost its connection before the end");
}

#[test]
fn a_market_that_is_over_ends_the_run_with_every_check() {
    // The hour would be waited for, if it did not end with the market.
    let over = Script { then: |_| Then::End, ..Script::default() };
    let more = ["--duration=1h", "--sample=1", "--exclusive", "--slow=2:50000"];
    let (report, mock) = load(over.clone(), &more);
    assert_eq!(report.laws.first_breaches, []);
    assert_eq!((report.verdict, report.over, report.laws.heads_reached), (RunVerdict::Kept, 4, 4));
    // The one client that holds records holds three.
    assert_eq!((report.laws.records_compared, report.laws.sums_compared), (3, true));
    assert!(report.disconnects.is_empty(), "{:?}", report.disconnects);
    assert_eq!(mock.commands().len(), 4, "nobody comes back");
    let table = report.table();
    assert!(table.contains("market over      4 clients were told"), "{table}");
    // What was due before the end must have come.
    let loses = |_: u32, messages: &mut Vec<Value>| drop(messages.pop());
    check_lie(Script { twist: loses, ..over }, &["--duration=1h"], Law::LatestWins, "the server's head was");
    // A close that nobody announced is a loss.
    check_lie(
        Script { then: |_| Then::Close(1000), ..Script::default() },
        &["--duration=1h"],
        Law::LatestWins,
        "was closed with 1000 before the end",
    );
}

#[test]
fn a_server_that_drains_breaks_no_law_but_is_told() {
    // Nobody is left to measure, so the hour is not waited for.
    let (report, _) = load(Script { then: |_| Then::Close(1001), ..Script::default() }, &["--duration=1h"]);
    assert_eq!((report.verdict, report.verdict.exit_code()), (RunVerdict::NotConnected, 2));
    assert_eq!(report.disconnects["1001"], 4);
}

#[test]
fn a_server_that_has_gone_breaks_no_law_but_is_told() {
    let report = load_until_read(Script::default(), 1, async |mock| mock.close().await);
    assert_eq!(report.laws.first_breaches, []);
    assert_eq!((report.verdict, report.laws.heads_expected), (RunVerdict::NotConnected, 0));
    assert!(report.laws.scrapes_failed > 0 && report.table().contains("failed: cannot connect"));
}

#[test]
fn refusals_are_reported() {
    let (report, _) = load(Script { handshake: 503, ..Script::default() }, &[]);
    assert_eq!((report.verdict, report.failed, report.connected), (RunVerdict::NotConnected, 4, 0));
    let why = report.first_failure.unwrap();
    assert_eq!(why, "the server answered 503 Service Unavailable: draining: try another server");

    let answer = |results: &mut Vec<Value>| {
        let symbol = &results[0]["symbol"];
        results[0] = json!({"symbol": symbol, "status": "error", "code": "too_many", "message": "no"});
    };
    let twist = |_: u32, messages: &mut Vec<Value>| messages.retain(|message| message["symbol"] != "BTC-USD");
    let (report, _) = load(Script { twist, answer, ..Script::default() }, &[]);
    assert_eq!((report.verdict, report.refused_subscriptions["too_many"]), (RunVerdict::NotConnected, 4));
}

#[test]
fn clients_that_return_resume() {
    let (report, mock) = load(Script::default(), &["--resume-check", "--exclusive"]);
    assert_eq!(report.laws.first_breaches, []);
    let resume = report.resume.unwrap();
    assert_eq!((resume.returned, resume.resumed_symbols, resume.not_resumed_symbols), (1, 3, 0));
    let last = json!({"BTC-USD": 107, "ETH-USD": 14, "A/B": 7});
    let expected = json!({"epoch": "e1", "last": last});
    assert_eq!(mock.commands().iter().filter(|command| command["resume"] == expected).count(), 1);
}

#[test]
fn pings_are_answered() {
    let (report, mock) = load(Script { then: |_| Then::Ping, ..Script::default() }, &[]);
    assert_eq!((report.verdict, mock.pongs()), (RunVerdict::Kept, 4));
}

#[test]
fn a_server_that_is_not_there_is_said_in_one_line() {
    let error = on_one_thread(async {
        let mock = Mock::start(Script { symbols: Vec::new(), ..Script::default() }).await;
        let nothing = args(&mock.url(), &["--settle=0s"]);
        assert!(matches!(drive(&nothing, &Interrupt::default()).await, Err(LoadError::NoSymbols)));
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        drive(&args(&format!("ws://{closed}"), &["--settle=0s"]), &Interrupt::default()).await.unwrap_err()
    });
    let text = error.to_string();
    assert!(text.starts_with("no server listens at 127.0.0.1:") && !text.contains('\n'), "{text}");
}

#[test]
fn metrics_may_be_on_a_listener_of_their_own() {
    let (report, _) = on_one_thread(async {
        let mock = Mock::start(Script::default()).await;
        // Only its counts do not add up: they are what is checked.
        let lies = Script { metrics: |counts| counts[0] += 5, ..Script::default() };
        let admin = Mock::start(lies).await;
        let args = args(&mock.url(), &["--admin-url", &format!("http://{}", admin.address)]);
        (drive(&args, &Interrupt::default()).await.unwrap(), mock)
    });
    assert!(report.laws.first_breaches.iter().any(|fault| fault.law == Law::Conservation), "{report:?}");
}
