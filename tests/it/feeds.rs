//! Sources other than publishing: standard input, recordings, the simulator; several at once.

use std::{fs, io::Write, path::PathBuf};

use crate::harness::{
    Client, Market, Server, Subscription, bids,
    files::{self, write_whole},
    line, program,
};

/// A recording of the bids 1 to `count` of `symbol`, ten milliseconds apart, in a file of its own.
fn recording(name: &str, symbol: &str, count: u64) -> PathBuf {
    let path = files::path(name);
    let mut lines = vec![r#"{"tickcast":"recording","version":1}"#.to_owned()];
    for number in 1..=count {
        let time = (1_742_860_800_000_000 + number * 10_000).to_string();
        let bid = format!("\"{number}.5\"");
        lines.push(line(symbol, &[("ts", &time), ("rx", &time), ("bid", &bid)]));
    }
    lines.push(String::new());
    let text = lines.join("\n");
    write_whole(&path, text);
    path
}

#[tokio::test]
async fn standard_input_is_a_feed() {
    let mut server = Server::with().feed("-").start().await;
    let mut market = Market::new(15, "I", 10);
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(market.symbols()).every()).await;
    server.feed_stdin(&["nonsense"]);
    server.feed_stdin(&market.ticks(2_000));
    for symbol in market.symbols() {
        client.until_seq(&symbol, market.get(&symbol).seq).await;
    }
    market.check(&client.store);
    let metrics = server.settled().await;
    assert_eq!(metrics.sum("tickcast_ticks_ingested_total"), 2_000);
    assert_eq!(metrics.sum_where("tickcast_ticks_rejected_total", "syntax"), 1);
}

#[tokio::test]
async fn a_recording_is_replayed_and_its_loops_go_on_counting() {
    let path = recording("looped.ndjson", "LOOP", 100);
    let source = format!("replay:{}?speed=50&loop=true", path.display());
    let server = Server::with().feed(&source).start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["LOOP"]).every()).await;
    // Two and a half times through; the store holds that seqs only rise.
    client.until_seq("LOOP", 250).await;
    for message in &client.store.get("LOOP").history {
        let number = (message.seq("seq") - 1) % 100 + 1;
        assert_eq!(message.raw("bid"), Some(format!("{number}.5").as_str()), "{message:?}");
    }
}

#[tokio::test]
async fn a_compressed_recording_is_the_same_recording() {
    let path = recording("plain.ndjson", "ZIP", 50);
    let text = fs::read(&path).expect("what was written");
    let packed = path.with_extension("ndjson.gz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&text).expect("memory");
    fs::write(&packed, gzip.finish().expect("memory")).expect("a file");
    let dense = path.with_extension("ndjson.zst");
    fs::write(&dense, zstd::encode_all(&text[..], 1).expect("memory")).expect("a file");
    let mut finals = Vec::new();
    for path in [path, packed, dense] {
        let source = format!("replay:{}?speed=100", path.display());
        let server = Server::with().feed(&source).start().await;
        server.until_metrics("the end", |metrics| metrics.sum("tickcast_ticks_ingested_total") == 50).await;
        let snapshot = server.get("/v1/snapshot?symbols=ZIP").await.json();
        finals.push((snapshot[0]["seq"].clone(), snapshot[0]["bid"].clone(), snapshot[0]["ts"].clone()));
    }
    assert!(finals.windows(2).all(|pair| pair[0] == pair[1]), "{finals:?}");
    assert_eq!(finals[0].0, 50);
}

#[tokio::test]
async fn the_simulator_is_the_same_market_for_the_same_seed() {
    let mut firsts = Vec::new();
    for _ in 0..2 {
        let server = Server::with().feed("sim?symbols=5&rate=500&seed=7").start().await;
        let mut client = Client::open(&server).await;
        client.subscribe(Subscription::to(["*"]).every().resume(&client.epoch(), &[])).await;
        server.until_metrics("a market", |metrics| metrics.sum("tickcast_topics") == 5).await;
        let (symbol, ..) = server.symbols().await.into_iter().min().expect("a symbol");
        let mut client = Client::open(&server).await;
        let epoch = client.epoch();
        client.subscribe(Subscription::to([&symbol]).every().resume(&epoch, &[(&symbol, 0)])).await;
        client.until_seq(&symbol, 20).await;
        let seen: Vec<_> = client
            .store
            .get(&symbol)
            .history
            .iter()
            .take(20)
            .map(|message| (message.seq("seq"), message.record()))
            .collect();
        firsts.push((symbol, seen));
    }
    assert_eq!(firsts[0], firsts[1]);
}

#[tokio::test]
async fn several_feeds_flow_together() {
    let path = recording("several.ndjson", "REC", 1_000);
    let replay = format!("replay:{}?speed=10&loop=true", path.display());
    let mut server = Server::with()
        .feed("sim?symbols=3&rate=200&seed=1")
        .feed(&replay)
        .feed("-")
        .feed("push")
        .start()
        .await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["*"])).await;
    server.feed_stdin(&bids("STDIN", [1]));
    server.publish(&bids("PUSH", [1])).await;
    for symbol in ["STDIN", "PUSH", "REC"] {
        client.until_seq(symbol, 1).await;
    }
    let metrics = server.until_metrics("six topics", |metrics| metrics.sum("tickcast_topics") == 6).await;
    metrics.check_conservation();
    let feeds = metrics.series("tickcast_ticks_ingested_total").filter(|(_, value)| *value > 0).count();
    assert_eq!(feeds, 4, "each feed is counted by itself");
}

#[tokio::test]
async fn a_feed_that_cannot_be_is_told_at_once() {
    use std::process::{Command, Stdio};
    for (feed, fault) in [
        ("replay:/nowhere/at.all", "/nowhere/at.all"),
        ("sim?symbols=many", "symbols"),
        ("sim?colour=red", "colour"),
        ("carrier-pigeon", "carrier-pigeon"),
        ("replay:", "replay"),
    ] {
        let output = tokio::task::spawn_blocking(move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
            command.args(["serve", "--listen", "127.0.0.1:0", "--feed", feed]).stdin(Stdio::null());
            program::output(&mut command)
        })
        .await
        .expect("a program that ends");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{feed} is not a feed");
        assert!(told.contains(fault), "{feed} is refused with: {told}");
        assert!(!told.contains("panicked"), "{told}");
    }
}
