//! What each venue says of a fault: its own words, codes and closes, and nothing where it has none.

use serde_json::{Value, json};

use super::{FIRST, Spoken, Told, done_of, recorded};

const MAX: &str = "speed=max&start=clients:1&seed=7";

#[tokio::test]
async fn a_server_that_stops_says_so_and_closes() {
    let faults = "[[fault]]\nkind = \"shutdown\"\nafter = \"5s\"\nnotice = \"5s\"";
    let recording = recorded("words-shutdown.ndjson", 600);
    for spoken in Spoken::ALL {
        let server = recording.failing("words-shutdown", faults, MAX).await;
        let (messages, close) = spoken.trades(&server).await.rest().await;
        let expected: Vec<&Told> =
            recording.trades.iter().filter(|trade| trade.at < FIRST + 10_000_000).collect();
        assert_eq!(spoken.all_told(&messages).iter().collect::<Vec<_>>(), expected, "{spoken:?}");
        let words = if spoken == Spoken::Binance { "serverShutdown" } else { "" };
        let code = if spoken == Spoken::Massive { 1012 } else { 1001 };
        assert_eq!(close, Some((code, words.to_owned())), "{spoken:?}");
        let is_notice = |message: &&Value| match spoken {
            Spoken::Binance => message["stream"] == "!serverShutdown",
            Spoken::Kraken => message["data"][0]["system"] == "maintenance",
            _ => false,
        };
        let notices: Vec<&Value> = messages.iter().filter(is_notice).collect();
        let has_word = matches!(spoken, Spoken::Binance | Spoken::Kraken);
        assert_eq!(notices.len(), usize::from(has_word), "{spoken:?}");
        if spoken == Spoken::Binance {
            let data = json!({"e": "serverShutdown", "E": (FIRST + 5_000_000) / 1_000});
            assert_eq!(notices[0]["data"], data);
            // Between the trades before its time and those behind it.
            let place = messages.iter().position(|message| message == notices[0]).expect("the notice");
            let last_before = spoken.all_told(&messages[..place]).last().map(|trade| trade.at);
            assert!(last_before < Some(FIRST + 5_000_000));
            assert!(spoken.all_told(&messages[place..])[0].at >= FIRST + 5_000_000);
        }
        server.settled().await;
    }
}

#[tokio::test]
async fn a_halt_is_told_where_the_venue_has_a_word_and_nothing_trades() {
    let faults = "[[fault]]\nkind = \"halt\"\nsymbols = [\"BTCUSDT\"]\nafter = \"5s\"\nfor = \"10s\"\n\
                  [[fault]]\nkind = \"maintenance\"\nstate = \"cancel_only\"\nafter = \"20s\"\nfor = \"5s\"";
    let recording = recorded("words-halt.ndjson", 800);
    for spoken in Spoken::ALL {
        let server = recording.failing("words-halt", faults, MAX).await;
        let (messages, _) = spoken.trades(&server).await.rest().await;
        let is_told = |trade: &&Told| {
            let since = trade.at - FIRST;
            let is_halted = trade.symbol == "BTCUSDT" && (5_000_000..15_000_000).contains(&since);
            !is_halted && !(20_000_000..25_000_000).contains(&since)
        };
        let expected: Vec<&Told> = recording.trades.iter().filter(is_told).collect();
        assert_eq!(spoken.all_told(&messages).iter().collect::<Vec<_>>(), expected, "{spoken:?}");
        let said: Vec<String> = messages.iter().filter_map(|message| word(spoken, message)).collect();
        let expected: &[&str] = match spoken {
            Spoken::Alpaca => &["BTCUSDT P LUDP", "BTCUSDT T "],
            Spoken::Kraken => &["online", "cancel_only", "online"],
            _ => &[],
        };
        assert_eq!(said, expected, "{spoken:?}");
        server.settled().await;
    }
}

/// What a message says of a state.
fn word(spoken: Spoken, message: &Value) -> Option<String> {
    match spoken {
        Spoken::Alpaca if message[0]["T"] == "s" => {
            let status = &message[0];
            let text = |name: &str| status[name].as_str().unwrap_or_default();
            Some(format!("{} {} {}", text("S"), text("sc"), text("rc")))
        }
        Spoken::Kraken if message["channel"] == "status" => {
            message["data"][0]["system"].as_str().map(str::to_owned)
        }
        _ => None,
    }
}

#[tokio::test]
async fn a_request_too_many_is_refused_in_the_venues_words() {
    let recording = recorded("words-refuse.ndjson", 40);
    for spoken in Spoken::ALL {
        // As many as its client has said so far.
        let said = match spoken {
            Spoken::Binance => 0,
            Spoken::Alpaca | Spoken::Massive => 2,
            _ => 1,
        };
        let faults = format!("[[fault]]\nkind = \"refuse\"\nrequests = {said}");
        let server = recording.failing("words-refuse", &faults, "start=paused").await;
        let mut client = spoken.trades(&server).await;
        client.send(r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#).await;
        let (messages, close) = client.rest().await;
        let (code, words) = close.expect("a close frame");
        let last = messages.last().cloned().unwrap_or_default();
        match spoken {
            Spoken::Binance => {
                assert_eq!((code, &*words), (1008, "Too many requests"));
                assert!(messages.is_empty(), "{messages:?}");
            }
            Spoken::Exchange | Spoken::Advanced => assert_eq!(last["message"], "rate limit exceeded"),
            Spoken::Kraken => assert_eq!(last["error"], "Exceeded msg rate"),
            Spoken::Alpaca => assert_eq!(last[0]["code"], 405),
            Spoken::Massive => assert_eq!(last[0]["status"], "error"),
        }
        assert_eq!(code, 1008, "{spoken:?}");
        assert_eq!(done_of(&server, "refuse").await.len(), 1, "{spoken:?}");
        server.settled().await;
    }
}

#[tokio::test]
async fn closes_have_the_venues_codes_and_words() {
    let recording = recorded("words-close.ndjson", 200);
    for (like, expected) in [
        ("age", [(1000, ""); 6]),
        (
            "limit",
            [
                (1008, "Too many requests"),
                (1008, "ErrSlowRead"),
                (1008, "ErrSlowRead"),
                (1008, "Exceeded msg rate"),
                (1008, "policy violation"),
                (1008, "policy violation"),
            ],
        ),
        (
            "slow",
            [
                (1008, "Slow consumer: messages were lost"),
                (1008, "ErrSlowConsume"),
                (1008, "ErrSlowConsume"),
                (1013, "slow consumer: messages were lost"),
                (1008, "slow client"),
                (1008, "slow consumer"),
            ],
        ),
    ] {
        let faults = format!("[[fault]]\nkind = \"close\"\nlike = \"{like}\"\nafter = \"5s\"");
        for (spoken, (code, words)) in Spoken::ALL.into_iter().zip(expected) {
            let server = recording.failing(&format!("words-close-{like}"), &faults, MAX).await;
            let (_, close) = spoken.trades(&server).await.rest().await;
            let (closed, reason) = close.expect("a close frame");
            assert_eq!(closed, code, "{spoken:?}, {like}: {reason}");
            if words != "policy violation" && words != "slow consumer" {
                assert_eq!(reason, words, "{spoken:?}, {like}");
            }
            server.settled().await;
        }
    }
}

#[tokio::test]
async fn the_numbers_of_a_connection_tell_of_what_is_lost_doubled_and_moved() {
    let recording = recorded("words-sequence.ndjson", 800);
    for (name, faults) in [
        ("lose", "[[fault]]\nkind = \"lose\"\nchance = 0.1"),
        ("duplicate", "[[fault]]\nkind = \"duplicate\"\nchance = 0.1"),
        ("reorder", "[[fault]]\nkind = \"reorder\"\nchance = 0.1"),
        ("restart", "[[fault]]\nkind = \"restart\"\nto = 0\nafter = \"10s\""),
        ("nothing", "[[fault]]\nkind = \"lose\"\nchance = 0.0"),
    ] {
        let server = recording.failing(&format!("words-sequence-{name}"), faults, MAX).await;
        let (messages, _) = Spoken::Advanced.trades(&server).await.rest().await;
        let numbers: Vec<u64> =
            messages.iter().filter_map(|message| message["sequence_num"].as_u64()).collect();
        let steps = |is: fn(i64) -> bool| {
            numbers.windows(2).filter(|pair| is(pair[1].cast_signed() - pair[0].cast_signed())).count()
        };
        let (ahead, same, back) = (steps(|step| step > 1), steps(|step| step == 0), steps(|step| step < 0));
        let expected = match name {
            "lose" => (true, false, false),
            "duplicate" => (false, true, false),
            "reorder" => (true, false, true),
            "restart" => (false, false, true),
            _ => (false, false, false),
        };
        assert_eq!((ahead > 0, same > 0, back > 0), expected, "{name}: {numbers:?}");
        if name == "restart" {
            assert_eq!(back, 1);
        }
    }
}
