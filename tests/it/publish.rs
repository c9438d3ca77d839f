//! `POST /v1/publish`: good lines are taken, bad ones named, and each symbol has one owner.

use crate::harness::{Client, Server, Subscription, bids, line};

#[tokio::test]
async fn each_bad_line_is_named_by_number_and_reason_and_the_good_ones_are_taken() {
    let server = Server::start().await;
    let lines = [
        r#"{"symbol":"A","bid":1}"#,
        "not json",
        r#"{"symbol":"A","bid":2}"#,
        r#"{"bid":3}"#,
        r#"{"symbol":"A,B","bid":4}"#,
        r#"{"symbol":"A","colour":5}"#,
        r#"{"symbol":"A","bid":"five"}"#,
        r#"{"symbol":"A"}"#,
        "[1]",
        r#"{"symbol":"A","bid":1e400}"#,
        r#"{"symbol":7,"bid":1}"#,
        r#"{"symbol":"A","side":"up"}"#,
        r#"{"symbol":"A","trades":-1}"#,
        r#"{"symbol":"A","ts":"yesterday","bid":1}"#,
        r#"{"symbol":"A","bid":3}"#,
    ];
    let published = server.publish_any(&lines.join("\n")).await;
    assert_eq!(published.accepted, 3, "{published:?}");
    let numbers: Vec<_> = published.rejected.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=15).filter(|number| ![1, 3, 15].contains(number)).collect::<Vec<_>>());
    assert!(published.rejected.iter().all(|(_, reason)| !reason.is_empty()));
    assert_eq!(server.symbols().await[0].1, 3, "three ticks, three seqs");
    let metrics = server.metrics().await;
    assert_eq!(metrics.sum("tickcast_ticks_rejected_total"), 12);
    assert_eq!(metrics.sum("tickcast_ticks_ingested_total"), 3);
}

#[tokio::test]
async fn empty_lines_and_carriage_returns_are_no_faults() {
    let server = Server::start().await;
    let published =
        server.publish_any("\r\n{\"symbol\":\"A\",\"bid\":1}\r\n\r\n\n{\"symbol\":\"A\",\"bid\":2}").await;
    assert_eq!((published.accepted, published.rejected.len()), (2, 0), "{published:?}");
    assert_eq!(server.publish_any("").await.accepted, 0);
    // Numbers count all lines, so that an editor finds them.
    let published = server.publish_any("\n\nbad\n").await;
    assert_eq!(published.rejected[0].0, 3);
}

#[tokio::test]
async fn what_is_no_utf_8_is_one_bad_line() {
    let server = Server::start().await;
    let mut body = b"{\"symbol\":\"A\",\"bid\":1}\n{\"symbol\":\"\xff\xfe\",\"bid\":1}\n".to_vec();
    body.extend_from_slice(b"\x00\x01\x02\n{\"symbol\":\"A\",\"bid\":2}\n");
    let reply = server.request("POST", "/v1/publish").body(body).send().await;
    let answer = reply.json();
    assert_eq!(
        (&answer["accepted"], answer["rejected"].as_array().map(Vec::len)),
        (&2.into(), Some(2)),
        "{answer}"
    );
}

#[tokio::test]
async fn the_order_of_lines_is_the_order_of_seqs() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"]).every()).await;
    server.publish(&bids("A", 1..=500)).await;
    server.publish(&bids("A", 501..=900)).await;
    client.until_seq("A", 900).await;
    for (index, message) in client.store.get("A").history.iter().enumerate() {
        assert_eq!(message.raw("bid"), Some((index + 1).to_string().as_str()));
        assert_eq!(message.seq("seq"), index as u64 + 1);
    }
}

#[tokio::test]
async fn a_symbol_belongs_to_one_feed_and_the_refusal_names_both() {
    let mut server = Server::with().feed("-").feed("push").start().await;
    server.feed_stdin(&bids("MINE", [1]));
    server
        .until_metrics("the tick of standard input", |metrics| {
            metrics.sum("tickcast_ticks_ingested_total") == 1
        })
        .await;
    let published = server.publish_any(&[bids("MINE", [2]), bids("YOURS", [1])].concat().join("\n")).await;
    assert_eq!((published.accepted, published.rejected.len()), (1, 1));
    let reason = &published.rejected[0].1;
    assert!(reason.contains("push") && (reason.contains('-') || reason.contains("stdin")), "{reason}");

    server.feed_stdin(&[bids("YOURS", [2]), bids("MINE", [3])].concat());
    server
        .until_metrics("two refusals", |metrics| {
            metrics.sum_where("tickcast_ticks_rejected_total", "owned") == 2
                && metrics.sum("tickcast_ticks_ingested_total") == 3
        })
        .await;
    let mut symbols = server.symbols().await;
    symbols.sort();
    assert_eq!((symbols[0].1, symbols[1].1), (2, 1), "{symbols:?}");
}

#[tokio::test]
async fn the_time_of_the_feed_is_kept_and_stands_in_when_it_is_absent() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"]).every()).await;
    server
        .publish(&[line("A", &[("ts", "1742860800123456"), ("bid", "1")]), line("A", &[("bid", "2")])])
        .await;
    client.until_seq("A", 2).await;
    let history = &client.store.get("A").history;
    assert_eq!(history[0].int("ts"), 1_742_860_800_123_456);
    assert_eq!(history[1].int("ts"), history[1].int("rx"), "absent means now");
}

#[tokio::test]
async fn many_publish_at_once_and_every_tick_counts() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["P*"]).every()).await;
    let lines: Vec<_> = (0..8).map(|index| bids(&format!("P{index}"), 1..=1_000)).collect();
    let reading = async {
        for index in 0..8 {
            client.until_seq(&format!("P{index}"), 1_000).await;
        }
    };
    let publishing = futures_util::future::join_all(lines.iter().map(|lines| server.publish(lines)));
    tokio::join!(publishing, reading);
    assert!(client.store.gaps.is_empty());
    let counted: usize = client.store.symbols().map(|(_, held)| held.history.len()).sum();
    assert_eq!(counted, 8_000);
    server.settled().await;
}

#[tokio::test]
async fn a_compressed_body_is_read_and_bounded_by_what_it_holds() {
    let server = Server::with().limit("publish_bytes", 64 * 1024).start().await;
    let publish = |coding: &str, body: Vec<u8>| {
        server.request("POST", "/v1/publish").header("content-encoding", coding).body(body)
    };
    let gzip = |text: &[u8]| {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut writer, text).and_then(|()| writer.finish()).expect("memory")
    };
    let zstd = |text: &[u8]| zstd::encode_all(text, 3).expect("memory");
    let lines = bids("A", 1..=50).join("\n").into_bytes();
    for (coding, body) in [
        ("gzip", gzip(&lines)),
        ("zstd", zstd(&lines)),
        ("X-GZIP", gzip(&lines)),
        ("identity", lines.clone()),
    ] {
        let reply = publish(coding, body).send().await;
        assert!(reply.body.starts_with(r#"{"accepted":50,"rejected":[]"#), "{coding}: {reply:?}");
    }
    // A bomb: small as it comes, and large as it is.
    let bomb = vec![b'\n'; 8 * 1024 * 1024];
    publish("gzip", gzip(&bomb)).send().await.expect_error(413);
    publish("zstd", zstd(&bomb)).send().await.expect_error(413);
    publish("gzip", lines.clone()).send().await.expect_error(400);
    publish("zstd", lines.clone()).send().await.expect_error(400);
    for coding in ["br", "deflate", "gzip, zstd"] {
        let reply = publish(coding, lines.clone()).send().await;
        reply.expect_error(415);
        assert_eq!(reply.header("accept-encoding"), "gzip, zstd", "{coding}");
    }
    assert_eq!(server.symbols().await[0].1, 200);
}

#[tokio::test]
async fn a_time_is_in_the_unit_that_its_size_tells_and_never_1970() {
    let server = Server::start().await;
    let ticks = [
        "1742860800",
        "1742860800.123456",
        "1742860800123",
        "1742860800123456",
        "1742860800123456789",
        "1.7428608e9",
        "1.7428608001234568e+18",
    ];
    let lines: Vec<String> = ticks.iter().map(|ts| line("A", &[("bid", "1"), ("ts", ts)])).collect();
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["A"]).every()).await;
    server.publish(&lines).await;
    client.until_seq("A", 7).await;
    let times: Vec<i64> = client.store.get("A").history.iter().map(|message| message.int("ts")).collect();
    assert_eq!(
        times,
        [
            1_742_860_800_000_000,
            1_742_860_800_123_456,
            1_742_860_800_123_000,
            1_742_860_800_123_456,
            1_742_860_800_123_456,
            1_742_860_800_000_000,
            1_742_860_800_123_456
        ]
    );
    for ts in ["0", "86400", "99999999", "-5", "1e7", "1e-9", "\"2025-03-25\""] {
        let published = server.publish_any(&line("A", &[("bid", "1"), ("ts", ts)])).await;
        assert_eq!(published.accepted, 0, "{ts}");
        assert!(published.rejected[0].1.contains("milliseconds (13)"), "{ts}: {:?}", published.rejected);
    }
}

#[tokio::test]
async fn a_mark_before_the_lines_is_no_part_of_them() {
    let server = Server::start().await;
    let published = server.publish_any(&format!("\u{feff}{}", bids("A", 1..=2).join("\n"))).await;
    assert_eq!((published.accepted, published.rejected.len()), (2, 0), "{published:?}");
}
