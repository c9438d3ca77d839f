//! Whole clients against a small server on loopback.

use std::time::Duration;

use serde_json::json;
use tickcast_client::{
    Client, ClientError, Endpoint, Event, Step, Subscription,
    encoding::Encoding,
    testing::{Mock, Script, Then},
};

/// The events of a client, until `enough` holds or the client ends by itself.
async fn told(client: &mut Client, enough: impl Fn(&[String]) -> bool) -> Result<Vec<String>, ClientError> {
    let mut told = Vec::new();
    while !enough(&told) {
        match client.next().await? {
            Step::Connecting => told.push("connecting".to_owned()),
            Step::Connected => told.push("connected".to_owned()),
            Step::Lost { end, pause } => {
                assert!(pause <= Duration::from_secs(15));
                told.push(format!("lost: {end}"));
            }
            Step::Over => {
                told.push("over".to_owned());
                return Ok(told);
            }
            Step::Frame => {
                let mut events = client.events();
                while let Some(event) = events.next_event().unwrap() {
                    match event {
                        Event::Record(change) => {
                            assert_eq!(change.breach, None);
                            told.push(format!("{} {}", change.topic.symbol, change.topic.seq()));
                        }
                        Event::Gap(loss) => told.push(format!("gap {} {}", loss.gap.from, loss.gap.to)),
                        Event::Pong(_) => told.push("pong".to_owned()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(told)
}

fn client(mock: &Mock, symbols: &[&str]) -> Client {
    let endpoint = Endpoint::parse(&mock.url()).unwrap();
    Client::new(endpoint, Subscription::latest(symbols.iter().copied()))
}

const ALL: [&str; 6] =
    ["BTC-USD 100", "BTC-USD 101", "BTC-USD 104", "gap 105 106", "BTC-USD 106", "BTC-USD 107"];

#[tokio::test]
async fn a_connection_that_is_lost_comes_back_and_resumes() {
    let then = |connection| if connection == 0 { Then::Drop } else { Then::End };
    let mock = Mock::start(Script { then, ..Script::default() }).await;
    let mut client = client(&mock, &["BTC-USD"]).without_pings();
    let told = told(&mut client, |_| false).await.unwrap();
    let expected = ["connected"].into_iter().chain(ALL).chain([
        "lost: the connection broke: WebSocket protocol error: Connection reset without closing handshake",
        "connecting",
        "connected",
        "over",
    ]);
    assert_eq!(told, expected.collect::<Vec<_>>());
    let commands = mock.commands();
    assert_eq!(commands[0].get("resume"), None);
    assert_eq!(commands[1]["resume"], json!({"epoch": "e1", "last": {"BTC-USD": 107}}));
    assert_eq!(client.mirror().topics()[0].missing, 0);
}

/// Binary where the server has it; JSON from any other server, and where it is asked for. A new connection begins with
/// empty tables.
#[tokio::test]
async fn the_server_picks_one_of_the_encodings_that_are_offered() {
    let then = |connection| if connection == 0 { Then::Drop } else { Then::End };
    for (subprotocol, asked, agreed) in [
        ("tickcast.v1.binary", Encoding::Binary, Encoding::Binary),
        ("tickcast.v1.binary", Encoding::Json, Encoding::Json),
        ("tickcast.v1.json", Encoding::Binary, Encoding::Json),
        ("", Encoding::Binary, Encoding::Json),
    ] {
        let mock = Mock::start(Script { subprotocol, then, ..Script::default() }).await;
        let endpoint = Endpoint::parse(&mock.url()).unwrap().with_encoding(asked);
        let mut client = Client::new(endpoint, Subscription::latest(["BTC-USD", "ETH-USD"])).without_pings();
        told(&mut client, |told| told == ["connected"]).await.unwrap();
        assert_eq!(client.encoding(), Some(agreed), "{subprotocol} {asked:?}");
        let told = told(&mut client, |_| false).await.unwrap();
        assert_eq!(told[..6], ALL, "{subprotocol} {asked:?}");
        assert_eq!(told.last().map(String::as_str), Some("over"));
    }
}

#[tokio::test]
async fn a_server_that_does_not_want_us_is_left_alone() {
    for code in [4129, 1009] {
        // The number of a code is the script's alone.
        let then = if code == 4129 { |_| Then::Close(4129) } else { |_| Then::Close(1009) };
        let mock = Mock::start(Script { then, ..Script::default() }).await;
        let error = told(&mut client(&mock, &["BTC-USD"]), |_| false).await.unwrap_err();
        let expected = format!("the server closed with {code}, and does not want us back: told to");
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn the_server_is_asked_for_its_time_first() {
    let mock = Mock::start(Script::default()).await;
    let mut client = client(&mock, &["BTC-USD"]);
    let told = told(&mut client, |told| told.last().is_some_and(|last| last == "BTC-USD 107")).await.unwrap();
    assert_eq!(told[..2], ["connected", "pong"]);
}

#[tokio::test]
async fn what_was_sent_before_our_close_still_comes() {
    let mock = Mock::start(Script::default()).await;
    let mut client = client(&mock, &["BTC-USD"]).without_pings();
    told(&mut client, |told| !told.is_empty()).await.unwrap();
    client.close();
    let told = told(&mut client, |_| false).await.unwrap();
    assert_eq!(told.last().map(String::as_str), Some("over"));
    assert!(matches!(client.next().await, Ok(Step::Over)));
}

#[tokio::test]
async fn a_wait_that_is_cancelled_loses_nothing() {
    let mock = Mock::start(Script::default()).await;
    let mut client = client(&mock, &["BTC-USD"]).without_pings();
    let mut seqs = Vec::new();
    while seqs.last() != Some(&107) {
        tokio::select! {
            biased;
            () = tokio::task::yield_now() => {}
            step = client.next() => if let Step::Frame = step.unwrap() {
                let mut events = client.events();
                while let Some(event) = events.next_event().unwrap() {
                    if let Event::Record(change) = event {
                        seqs.push(change.topic.seq());
                    }
                }
            }
        }
    }
    assert_eq!(seqs, [100, 101, 104, 106, 107]);
}

#[tokio::test]
async fn what_cannot_be_read_may_be_given_up_and_resumed() {
    let mock = Mock::start(Script::default()).await;
    let mut client = client(&mock, &["BTC-USD"]).without_pings();
    told(&mut client, |told| told.len() == 7).await.unwrap();
    let Ok(Step::Lost { end, .. }) = client.reconnect("not what it should be") else { panic!() };
    assert_eq!(end.to_string(), "not what it should be");
    told(&mut client, |told| told == ["connecting", "connected"]).await.unwrap();
    // A subscription that is added later is repeated on the new connection.
    client.subscribe(Subscription::every(["ETH-USD"]));
    told(&mut client, |told| told.last().is_some_and(|last| last == "ETH-USD 14")).await.unwrap();
    let resumed = json!({"epoch": "e1", "last": {"BTC-USD": 107}});
    assert_eq!(mock.commands()[1]["resume"], resumed);
}

#[tokio::test]
async fn a_first_failure_is_told_and_not_tried_again() {
    let mock = Mock::start(Script { handshake: 404, ..Script::default() }).await;
    let error = client(&mock, &["A"]).next().await.map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "the server answered 404 Not Found: draining: try another server");
    let mut mock = Mock::start(Script::default()).await;
    mock.close().await;
    let error = client(&mock, &["A"]).next().await.map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot connect to {}: ", mock.address)), "{error}");
}
