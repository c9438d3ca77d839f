//! Fields that the configuration adds: from the file to every reader, in every mode, and each fault.

use std::{fs, path::PathBuf};

use serde_json::json;

use crate::harness::{Client, Message, Server, Sse, Subscription, each_encoding, eventually, files};

each_encoding!(
    every_reader_has_them_after_the_fixed_fields,
    a_view_may_name_them_and_is_sent_no_other,
    flags_are_enough_and_a_reload_changes_none,
);

const FILE: &str = "[[fields]]\nname = \"mark\"\nsymbols = [\"*-PERP\"]\n\
                    [[fields]]\nname = \"funding_paid\"\nmerge = \"sum\"\n\
                    [[fields]]\nname = \"open_interest\"\nkind = \"integer\"\nmerge = \"max\"\n\
                    [[fields]]\nname = \"note\"\nkind = \"text\"\n";

fn lines<const N: usize>(fields: [&str; N]) -> [String; N] {
    fields.map(|fields| format!("{{\"symbol\":\"BTC-PERP\",{fields}}}"))
}

/// A configuration file of one test.
fn file(name: &str) -> PathBuf {
    let path = files::path(format!("fields-{name}.toml"));
    files::write_whole(&path, FILE);
    path
}

async fn server(name: &str) -> Server {
    Server::with().args(&["--config", &file(name).to_string_lossy()]).start().await
}

async fn every_reader_has_them_after_the_fixed_fields() {
    let server = server("readers").await;
    let mut every = Client::open(&server).await;
    every.subscribe_as("pending", Subscription::to(["BTC-PERP"]).every()).await;
    let mut latest = Client::open(&server).await;
    latest.subscribe_as("pending", Subscription::to(["BTC-PERP"])).await;
    server
        .publish(&lines([
            r#""mark":101.5,"bid":100,"note":"a \"b\" \\ é""#,
            r#""funding_paid":0.1,"open_interest":7.0"#,
            r#""funding_paid":"0.000000000000000002","open_interest":3"#,
            r#""note":null,"ask":102"#,
        ]))
        .await;
    every.until_seq("BTC-PERP", 4).await;
    latest.until_seq("BTC-PERP", 4).await;
    let told: Vec<_> = every.store.get("BTC-PERP").history.iter().map(Message::record).collect();
    assert_eq!(
        json!(told),
        json!([
            {"bid": "100", "mark": "101.5", "note": r#""a \"b\" \\ é""#},
            {"funding_paid": "0.1", "open_interest": "7"},
            {"funding_paid": "0.100000000000000002", "open_interest": "7"},
            {"ask": "102"},
        ]),
        "an update shows what the record has after its tick"
    );
    let record = json!({
        "ask": "102", "bid": "100", "mark": "101.5", "funding_paid": "0.100000000000000002", "open_interest": "7",
    });
    for client in [&every, &latest] {
        assert_eq!(json!(client.store.get("BTC-PERP").record), record);
    }
    let rest = server.get("/v1/snapshot?symbols=BTC-PERP").await;
    let shown = r#""bid":100,"ask":102,"mark":101.5,"funding_paid":0.100000000000000002,"open_interest":7}"#;
    assert!(rest.body.contains(shown), "{}", rest.body);
    let mut sse = Sse::open(&server, "symbols=BTC-PERP&fields=mark,ask", &["BTC-PERP"]).await;
    sse.until_seq("BTC-PERP", 4).await;
    assert_eq!(json!(sse.store.get("BTC-PERP").record), json!({"ask": "102", "mark": "101.5"}));

    // A sum that was withdrawn begins anew; who comes back is told what was withdrawn meanwhile.
    let epoch = latest.epoch();
    let records = latest.store.records();
    drop(latest);
    server.publish(&lines([r#""funding_paid":null,"mark":null"#, r#""funding_paid":3"#])).await;
    let mut back = Client::open(&server).await;
    back.store.hold(records);
    back.subscribe_as("resumed", Subscription::to(["BTC-PERP"]).resume(&epoch, &[("BTC-PERP", 4)])).await;
    back.until_seq("BTC-PERP", 6).await;
    let update = back.store.get("BTC-PERP").history.last().unwrap().clone();
    assert_eq!((update.n(), update.raw("mark"), update.raw("funding_paid")), (2, Some("null"), Some("3")));
    assert!(!update.has("bid") && !update.has("open_interest"), "what no tick named is left out: {update:?}");
    server.settled().await;
}

async fn a_view_may_name_them_and_is_sent_no_other() {
    let server = server("views").await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["BTC-PERP"]).fields(&["mark", "bid"])).await;
    server.publish(&lines([r#""mark":1,"note":"x""#])).await;
    client.until_seq("BTC-PERP", 1).await;
    server.publish(&lines([r#""note":"y""#])).await;
    client.ping().await;
    assert_eq!(client.store.cursor("BTC-PERP"), Some(1), "no wanted field has changed");
    server.publish(&lines([r#""mark":null"#])).await;
    let update = client.data_of("BTC-PERP").await;
    assert_eq!(
        (update.seq("seq"), update.n(), update.raw("mark"), update.has("note")),
        (3, 2, Some("null"), false)
    );
    let listed = client.command(json!({"op": "list"})).await;
    assert_eq!(listed.value("subscriptions")[0]["fields"], json!(["bid", "mark"]));
    let error = client.command(json!({"op": "set", "symbols": ["BTC-PERP"], "fields": ["mrak"]})).await;
    assert_eq!(error.error_code(), "bad_value");
    assert!(error.str("message").contains("trades, mark, funding_paid, open_interest, note"), "{error:?}");
    let metrics = server.settled().await;
    assert_eq!(metrics.sum("tickcast_updates_filtered_total"), 1);
}

#[tokio::test]
async fn bad_lines_are_refused_with_what_there_is() {
    let server = server("faults").await;
    let published = server
        .publish_any(
            &[
                r#"{"symbol":"SPOT","mark":1}"#,
                r#"{"symbol":"SPOT","note":"x"}"#,
                r#"{"symbol":"SPOT","nav":1}"#,
                r#"{"symbol":"SPOT","open_interest":7.5}"#,
                r#"{"symbol":"SPOT","open_interest":9223372036854775808}"#,
                r#"{"symbol":"SPOT","open_interest":9223372036854775807,"note":"z"}"#,
                r#"{"symbol":"SPOT","note":"a\nb"}"#,
                r#"{"symbol":"SPOT","note":7}"#,
                r#"{"symbol":"SPOT","note":"x","note":"y"}"#,
                r#"{"symbol":"SPOT","funding_paid":999999999999999999999999}"#,
                r#"{"symbol":"SPOT","funding_paid":1}"#,
            ]
            .join("\n"),
        )
        .await;
    assert_eq!(published.accepted, 3);
    let reasons: Vec<(u64, &str)> =
        published.rejected.iter().map(|(line, why)| (*line, why.as_str())).collect();
    assert_eq!(
        reasons,
        [
            (1, "mark: the symbol has no such field: it is configured for *-PERP"),
            (
                3,
                "unknown field \"nav\"; there are bid, bid_size, ask, ask_size, last, last_size, side, trade_id, open, \
                 high, low, volume, trades, mark, funding_paid, open_interest, note"
            ),
            (4, "open_interest: not a whole number"),
            (5, "open_interest: outside -9223372036854775808 to 9223372036854775807"),
            (7, "note: has a control character"),
            (8, "note: not a text but a number"),
            (9, "note: given twice"),
            (11, "funding_paid: the sum of the symbol's values would be out of range"),
        ]
    );
    let rest = server.get("/v1/snapshot?symbols=SPOT").await;
    let shown = r#""funding_paid":999999999999999999999999,"open_interest":9223372036854775807,"note":"z"}"#;
    assert!(rest.body.contains(shown), "{}", rest.body);
}

async fn flags_are_enough_and_a_reload_changes_none() {
    let path = file("reload");
    let flags = ["--field", "mark", "--field", "iv:decimal:max:*-PERP"];
    let mut server = Server::with()
        .args(&flags)
        .args(&["--config", &path.to_string_lossy()])
        .feed("-")
        .feed("push")
        .start()
        .await;
    let lines = [r#"{"symbol":"BTC-PERP","mark":2,"iv":0.5}"#, r#"{"symbol":"BTC-PERP","iv":0.25}"#];
    server.feed_stdin(&lines);
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["BTC-PERP"])).await;
    client.until_seq("BTC-PERP", 2).await;
    assert_eq!(json!(client.store.get("BTC-PERP").record), json!({"mark": "2", "iv": "0.5"}));

    let alone = Server::with().args(&["--config", &path.to_string_lossy()]).start().await;
    fs::write(&path, "[[fields]]\nname = \"nav\"\n").unwrap();
    alone.signal("HUP");
    eventually("the settings to be read again", async || alone.log().contains("settings read again")).await;
    let log = alone.log();
    assert!(log.contains("restart") && log.contains("fields") && log.contains("nav:decimal:last"), "{log}");
    assert_eq!(alone.publish_any("{\"symbol\":\"A\",\"nav\":1}\n").await.accepted, 0);
    assert_eq!(alone.publish_any("{\"symbol\":\"A\",\"note\":\"x\"}\n").await.accepted, 1);
}
