//! Each kind of fault, as its client sees it, in each protocol.

use serde_json::json;

use super::{FIRST, Recording, Spoken, Told, done, done_of, recorded};

const MAX: &str = "speed=max&start=clients:1&seed=7";

/// Plays a recording with faults to a client of each protocol in turn.
async fn in_each(
    name: &str,
    records: u64,
    faults: &str,
    check: impl AsyncFn(Spoken, &Recording, Vec<Told>, Option<(u16, String)>, &super::Server),
) {
    let recording = recorded(&format!("faults-{name}.ndjson"), records);
    for spoken in Spoken::ALL {
        let server = recording.failing(&format!("faults-{name}"), faults, MAX).await;
        let mut client = spoken.trades(&server).await;
        let (messages, close) = client.rest().await;
        check(spoken, &recording, spoken.all_told(&messages), close, &server).await;
        server.settled().await;
    }
}

#[tokio::test]
async fn a_stream_goes_mute_and_the_other_goes_on() {
    let faults = "[[fault]]\nkind = \"mute\"\nsymbols = [\"BTC*\"]\nafter = \"10s\"\nfor = \"20s\"";
    in_each("mute", 1_200, faults, async |spoken, recording, told, _, server| {
        let (begin, end) = (FIRST + 10_000_000, FIRST + 30_000_000);
        let is_told = |trade: &&Told| trade.symbol != "BTCUSDT" || !(begin..end).contains(&trade.at);
        let expected: Vec<&Told> = recording.trades.iter().filter(is_told).collect();
        assert_eq!(told.iter().collect::<Vec<_>>(), expected, "{spoken:?}");
        let muted = done_of(server, "mute").await;
        assert_eq!(muted.len(), recording.trades.len() - expected.len(), "{spoken:?}: each is recorded");
        let metrics = server.metrics().await;
        assert_eq!(metrics.sum("tickcast_venue_faults_withheld_total"), muted.len() as u64);
        assert!(metrics.sum("tickcast_updates_discarded_total") >= muted.len() as u64);
    })
    .await;
}

#[tokio::test]
async fn single_messages_are_lost_doubled_and_moved_as_told() {
    let faults = "[[fault]]\nkind = \"lose\"\nchance = 0.05\n[[fault]]\nkind = \"duplicate\"\nchance = 0.05\n\
                  [[fault]]\nkind = \"reorder\"\nchance = 0.05\nbehind = 2";
    in_each("single", 1_200, faults, async |spoken, recording, told, _, server| {
        let [lost, doubled, moved] =
            ["lose", "duplicate", "reorder"].map(async |kind| done_of(server, kind).await);
        let (lost, doubled, moved) = (lost.await, doubled.await, moved.await);
        assert!(!lost.is_empty() && !doubled.is_empty() && !moved.is_empty(), "{spoken:?}");
        assert_eq!(told.len(), recording.trades.len() - lost.len() + doubled.len(), "{spoken:?}");
        for trade in &recording.trades {
            let is_of = |fault: &&serde_json::Value| {
                fault["symbol"] == trade.symbol.as_str() && fault["number"] == trade.id
            };
            let expected =
                match (lost.iter().any(|fault| is_of(&fault)), doubled.iter().any(|fault| is_of(&fault))) {
                    (true, _) => 0,
                    (false, true) => 2,
                    (false, false) => 1,
                };
            assert_eq!(told.iter().filter(|one| *one == trade).count(), expected, "{spoken:?}: {trade:?}");
        }
        let is_sorted = told.is_sorted_by_key(|trade| trade.at);
        assert!(!is_sorted, "{spoken:?}: some came behind later ones");
    })
    .await;
}

#[tokio::test]
async fn messages_are_late_in_order_and_none_is_missing() {
    let faults =
        "[[fault]]\nkind = \"delay\"\nby = \"3s\"\nsymbols = [\"ETHUSDT\"]\nafter = \"5s\"\nfor = \"10s\"";
    in_each("delay", 800, faults, async |spoken, recording, told, _, _| {
        for symbol in ["BTCUSDT", "ETHUSDT"] {
            let of: Vec<&Told> = told.iter().filter(|trade| trade.symbol == symbol).collect();
            assert_eq!(of, recording.of(symbol), "{spoken:?}");
        }
        let place = |symbol: &str, at: u64| {
            told.iter().position(|trade| trade.symbol == symbol && trade.at >= at).expect("a trade")
        };
        // What ETHUSDT traded at 8 s comes behind what BTCUSDT traded at nearly 11 s.
        assert!(place("ETHUSDT", FIRST + 8_000_000) > place("BTCUSDT", FIRST + 10_800_000), "{spoken:?}");
    })
    .await;
}

#[tokio::test]
async fn old_ticks_say_that_they_are_new() {
    let faults = "[[fault]]\nkind = \"stale\"\nby = \"5s\"\nafter = \"10s\"\nfor = \"10s\"";
    in_each("stale", 800, faults, async |spoken, recording, told, _, _| {
        assert_eq!(told.len(), recording.trades.len(), "{spoken:?}");
        for (seen, expected) in told.iter().zip(&recording.trades) {
            let is_struck = (FIRST + 10_000_000..FIRST + 20_000_000).contains(&expected.at);
            let at = expected.at + if is_struck { 5_000_000 } else { 0 };
            let known = Told { at, ..expected.clone() };
            assert!(told.contains(&known), "{spoken:?}: {known:?}, and not {seen:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_burst_is_ten_times_and_adds_up() {
    let faults = "[[fault]]\nkind = \"burst\"\ntimes = 10\nafter = \"10s\"\nfor = \"5s\"";
    let recording = recorded("faults-burst.ndjson", 600);
    for spoken in Spoken::ALL {
        let server = recording.failing("faults-burst", faults, MAX).await;
        let mut client = spoken.trades(&server).await;
        let (messages, _) = client.rest().await;
        let told = spoken.all_told(&messages);
        let struck = recording
            .trades
            .iter()
            .filter(|trade| (FIRST + 10_000_000..FIRST + 15_000_000).contains(&trade.at));
        assert_eq!(told.len(), recording.trades.len() + 9 * struck.count(), "{spoken:?}");
        for symbol in ["BTCUSDT", "ETHUSDT"] {
            let ids: Vec<u64> =
                told.iter().filter(|trade| trade.symbol == symbol).map(|trade| trade.id).collect();
            assert!(
                ids.windows(2).all(|pair| pair[1] == pair[0] + 1),
                "{spoken:?}: numbers follow one another: {ids:?}"
            );
        }
        if spoken == Spoken::Binance {
            let sizes =
                messages.iter().filter_map(|message| message["data"]["q"].as_str()?.parse::<f64>().ok());
            let expected = 2.0 * recording.trades.len() as f64;
            assert!((sizes.sum::<f64>() - expected).abs() < 1e-6, "sizes add up to what was traded");
        }
        server.settled().await;
    }
}

#[tokio::test]
async fn numbers_begin_again_and_jump() {
    let faults = "[[fault]]\nkind = \"restart\"\nto = 1\nafter = \"10s\"\n[[fault]]\nkind = \"jump\"\nnumbers = 50\nafter = \"20s\"";
    in_each("numbers", 600, faults, async |spoken, recording, told, _, _| {
        for symbol in ["BTCUSDT", "ETHUSDT"] {
            let seen: Vec<&Told> = told.iter().filter(|trade| trade.symbol == symbol).collect();
            let mut restarted = None;
            assert_eq!(seen.len(), recording.of(symbol).len(), "{spoken:?}");
            for (seen, expected) in seen.into_iter().zip(recording.of(symbol)) {
                let mut id = expected.id;
                if expected.at >= FIRST + 10_000_000 {
                    id = expected.id - *restarted.get_or_insert(expected.id) + 1;
                }
                if expected.at >= FIRST + 20_000_000 {
                    id += 50;
                }
                assert_eq!((seen.id, seen.at), (id, expected.at), "{spoken:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_last_messages_come_again_once() {
    let faults = "[[fault]]\nkind = \"again\"\nmessages = 20\nafter = \"10s\"";
    in_each("again", 600, faults, async |spoken, recording, told, _, server| {
        let place = told.iter().position(|trade| trade.at >= FIRST + 10_000_000).expect("a trade");
        let (before, again, behind) = (&told[..place - 20], &told[place - 20..place], &told[place..]);
        assert_eq!(again, &before[before.len() - 20..], "{spoken:?}");
        assert_eq!([before, behind].concat(), recording.trades, "{spoken:?}");
        assert_eq!(done(server).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_close_comes_at_its_time_and_the_next_connection_has_the_market() {
    let faults = "[[fault]]\nkind = \"close\"\nlike = \"cut\"\nafter = \"10s\"\nconnections = \"first\"";
    in_each("cut", 600, faults, async |spoken, recording, told, close, server| {
        assert_eq!(close, None, "{spoken:?}: without a word");
        let expected: Vec<Told> =
            recording.trades.iter().filter(|trade| trade.at < FIRST + 10_000_000).cloned().collect();
        assert_eq!(told, expected, "{spoken:?}");
        let record = done(server).await;
        assert_eq!(record.len(), 1);
        assert_eq!((&record[0]["kind"], &record[0]["detail"]), (&json!("close"), &json!("cut")));
        assert_eq!(record[0]["at"], json!(FIRST + 10_000_000), "{spoken:?}");
    })
    .await;
}

#[tokio::test]
async fn a_fault_begins_behind_so_many_messages_and_at_a_time() {
    let faults = "[[fault]]\nkind = \"lose\"\nafter_messages = 100\n[[fault]]\nkind = \"close\"\nlike = \"age\"\nat = \"2025-03-25T00:00:25Z\"";
    in_each("begin", 800, faults, async |spoken, recording, told, close, server| {
        assert_eq!(close.map(|(code, _)| code), Some(1000), "{spoken:?}");
        assert_eq!(told, recording.trades[..100], "{spoken:?}");
        let closed = done_of(server, "close").await;
        assert_eq!(closed[0]["at"], json!(FIRST + 25_000_000));
    })
    .await;
}
