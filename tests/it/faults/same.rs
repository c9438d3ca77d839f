//! The same recording, seed and requests give the same bytes; another seed gives others; and sessions of our own protocol, and
//! those without a scenario, have the market as it is.

use serde_json::{Value, json};

use super::{Recording, Spoken, recorded};
use crate::harness::{Client, Server, Subscription, VenueClient, files};

/// Everything that goes by chance or by time.
const FAULTS: &str = "[[fault]]\nkind = \"lose\"\nchance = 0.05\n[[fault]]\nkind = \"duplicate\"\nchance = 0.05\n\
                      [[fault]]\nkind = \"reorder\"\nchance = 0.05\nbehind = 3\n\
                      [[fault]]\nkind = \"mute\"\nshare = 0.5\nafter = \"8s\"\nfor = \"4s\"\nevery = \"10s\"\n\
                      [[fault]]\nkind = \"burst\"\ntimes = 4\nafter = \"2s\"\nfor = \"2s\"\nevery = \"15s\"\n\
                      [[fault]]\nkind = \"stale\"\nby = \"700ms\"\nafter = \"20s\"\nfor = \"3s\"\n\
                      [[fault]]\nkind = \"again\"\nmessages = 15\nafter = \"5s\"\nevery = \"9s\"\n\
                      [[fault]]\nkind = \"shutdown\"\nafter = \"30s\"\nnotice = \"2s\"";

/// All frames that a client of Binance is sent, of trades alone or also of quotes.
async fn bytes(recording: &Recording, seed: u64, shards: u64) -> Vec<Vec<u8>> {
    let options = format!("speed=max&start=clients:1&seed={seed}");
    let path = files::path("faults-same.toml");
    std::fs::write(&path, format!("name = \"same\"\nmodelled_on = \"a test\"\n{FAULTS}"))
        .expect("a directory");
    let source = format!("replay:{}?scenario={}&{options}", recording.path.display(), path.display());
    let server = Server::with().feed(&source).args(&["--shards", &shards.to_string()]).start().await;
    Spoken::Binance.trades(&server).await.frames().await
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
    let recording = recorded("faults-same.ndjson", 1_000);
    let first = bytes(&recording, 7, 1).await;
    assert!(first.len() > 300, "{} frames", first.len());
    assert_eq!(first, bytes(&recording, 7, 2).await, "whatever the number of shards");
    assert_ne!(first, bytes(&recording, 8, 1).await);
}

/// Steps through a recording, and says what clients of every protocol were sent, quotes included.
async fn stepped(recording: &Recording, spoken: Spoken, seed: u64) -> Vec<Vec<u8>> {
    let server = recording.failing("faults-stepped", FAULTS, &format!("start=paused&seed={seed}")).await;
    let mut client = spoken.subscribed(&server, true).await;
    settled_request(&mut client, spoken).await;
    // One at a time, and sent before the next: of several at once a quote may take the place of another.
    let step = json!({"op": "step", "n": 1, "wait": true}).to_string();
    for _ in 0..300 {
        let reply = server.request("POST", "/v1/replay").body(step.clone()).send().await;
        assert_eq!(reply.status.as_u16(), 200, "{reply:?}");
    }
    client.frames().await
}

/// Waits until what was asked for is begun.
async fn settled_request(client: &mut VenueClient, spoken: Spoken) {
    let answers = match spoken {
        Spoken::Binance => 0,
        Spoken::Exchange => 1,
        Spoken::Advanced => 2,
        Spoken::Kraken => 5,
        Spoken::Alpaca => 3,
        Spoken::Massive => 6,
    };
    for _ in 0..answers {
        client.next().await;
    }
    if spoken == Spoken::Binance {
        client
            .ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#, |message| message.get("result").is_none())
            .await;
    }
}

#[tokio::test]
async fn stepped_through_quotes_too_are_the_same_bytes() {
    let recording = recorded("faults-stepped.ndjson", 300);
    // The others write times of the machine beside data.
    for spoken in [Spoken::Binance, Spoken::Massive] {
        let first = stepped(&recording, spoken, 7).await;
        assert!(first.len() > 100, "{spoken:?}: {} frames", first.len());
        let second = stepped(&recording, spoken, 7).await;
        let place = first.iter().zip(&second).position(|(one, other)| one != other);
        let told = place.map(|place| [&first, &second].map(|frames| String::from_utf8_lossy(&frames[place])));
        assert_eq!((place, first.len()), (None, second.len()), "{spoken:?}: {told:?}");
        assert_ne!(first, stepped(&recording, spoken, 8).await, "{spoken:?}");
    }
}

#[tokio::test]
async fn a_session_of_our_own_protocol_has_the_market_as_it_is() {
    let recording = recorded("faults-native.ndjson", 400);
    let server =
        recording.failing("faults-native", "[[fault]]\nkind = \"mute\"", "speed=max&start=clients:2").await;
    let mut native = Client::open(&server).await;
    native.subscribe(Subscription::to(["BTCUSDT", "ETHUSDT"]).every()).await;
    let mut venue = Spoken::Binance.trades(&server).await;
    let (messages, _) = venue.rest().await;
    assert!(messages.is_empty(), "{messages:?}");
    while native.store.cursor("BTCUSDT") != Some(200) || native.store.cursor("ETHUSDT") != Some(200) {
        native.next().await;
    }
    server.settled().await;
}

#[tokio::test]
async fn without_a_scenario_there_are_no_faults_to_tell() {
    let server = Server::start().await;
    server.get("/v1/faults").await.expect_error(404);
    let recording = recorded("faults-none.ndjson", 40);
    let server = recording.with("retired-root", "start=paused&seed=3").await;
    server.get("/v1/faults?from=x").await.expect_error(400);
    server.get("/v1/faults?fro=1").await.expect_error(400);
    let told: Value = server.get("/v1/faults").await.json();
    assert_eq!(
        (&told["scenario"], &told["seed"], &told["done"]),
        (&json!("retired-root"), &json!(3), &json!(0))
    );
    assert!(server.log().contains("scenario=retired-root"), "{}", server.log());
}
