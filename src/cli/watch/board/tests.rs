//! Messages in, rows and changes out.

use super::*;

fn board(payloads: &[&str]) -> (Board, Vec<String>) {
    let mut board = Board::new(&["A".to_owned(), "B*".to_owned()]);
    let mut told = Vec::new();
    for payload in payloads {
        board
            .apply(payload.as_bytes(), |change| {
                told.push(match change {
                    Change::Record(row) => format!("{} {} n {}", row.symbol, row.seq, row.n),
                    Change::Gap(row, from, to) => format!("{} gap {from} {to}", row.symbol),
                    Change::State(row) => format!("{} {}", row.symbol, row.state),
                    other => format!("{other:?}"),
                });
            })
            .unwrap();
    }
    (board, told)
}

#[test]
fn records_are_merged_and_counted() {
    let (board, told) = board(&[
        r#"[{"type":"snapshot","symbol":"A","seq":4,"ts":1,"rx":2,"bid":1.50,"open":100,"last":101.5,"side":"buy"}]"#,
        r#"[{"type":"update","symbol":"A","seq":7,"ts":1,"rx":9,"bid":1.25,"n":3},{"type":"update","symbol":"BX","seq":1,"rx":1}]"#,
        r#"[{"type":"gap","symbol":"A","from":8,"to":10,"reason":"slow"}]"#,
    ]);
    assert_eq!(told, ["A 4 n 1", "A 7 n 3", "BX 1 n 1", "A gap 8 10"]);
    let row = &board.rows()[0];
    assert_eq!((row.value(Field::Bid), row.value(Field::Side)), (Some("1.25"), Some("buy")));
    assert_eq!((row.merged, row.gaps, row.lost, row.rx_us), (2, 1, 3, 9));
    assert_eq!(row.change_bp(), Some(150));
    assert_eq!(board.last(), BTreeMap::from([("A", 7), ("BX", 1)]));
    assert_eq!(board.updates, 2);
}

#[test]
fn a_snapshot_replaces_the_record() {
    let (board, _) = board(&[
        r#"[{"type":"snapshot","symbol":"A","seq":4,"rx":2,"bid":1,"last":2}]"#,
        r#"[{"type":"snapshot","symbol":"A","seq":9,"rx":2,"bid":3}]"#,
    ]);
    assert_eq!((board.rows()[0].value(Field::Bid), board.rows()[0].value(Field::Last)), (Some("3"), None));
}

#[test]
fn what_the_server_says_beside_data_is_told() {
    let (board, told) = board(&[
        r#"[{"type":"welcome","protocol":1,"epoch":"e","heartbeat_ms":5000}]"#,
        r#"[{"type":"subscribed","results":[{"symbol":"A","status":"pending"},{"symbol":"B*","status":"ok","matched":0},
            {"symbol":"C","status":"error","code":"bad_symbol","message":"no"}]}]"#,
        r#"[{"type":"status","symbol":"A","state":"stale"},{"type":"status","pace":"conflating"}]"#,
        r#"[{"type":"error","code":"bad_command","message":"what"},{"type":"drain","retry_ms":70},{"type":"pong","id":3,"ts":9},{"type":"new"}]"#,
    ]);
    assert_eq!(
        told,
        [
            "A pending",
            r#"Refused { symbol: "C", why: "bad_symbol: no" }"#,
            "A stale",
            r#"Pace("conflating")"#,
            r#"Error { why: "bad_command: what" }"#,
            "Drain { retry_ms: 70 }",
            "Pong { id: 3, ts_us: 9 }",
        ]
    );
    assert_eq!((board.epoch.as_deref(), board.heartbeat_ms), (Some("e"), Some(5000)));
    assert_eq!(board.pace.as_deref(), Some("conflating"));
    assert_eq!(board.rows().len(), 2);
}

#[test]
fn nothing_looks_alive_without_a_connection() {
    let snapshot =
        r#"[{"type":"snapshot","symbol":"A","seq":4,"rx":2,"bid":1},{"type":"status","pace":"live"}]"#;
    let (mut board, _) = board(&[snapshot]);
    assert_eq!((board.rows()[0].state.as_str(), board.pace.as_deref()), ("live", Some("live")));
    board.disconnected();
    assert_eq!((board.rows()[0].state.as_str(), board.pace.as_deref()), ("offline", None));
    let update = r#"[{"type":"update","symbol":"A","seq":5,"rx":2,"bid":2}]"#;
    board.apply(update.as_bytes(), |_| {}).unwrap();
    assert_eq!(board.rows()[0].state, "live");
}

#[test]
fn a_change_needs_an_opening_price_above_zero() {
    let row = |open: &str, last: &str| {
        let payload =
            format!(r#"[{{"type":"snapshot","symbol":"A","seq":1,"rx":1,"open":{open},"last":{last}}}]"#);
        board(&[payload.as_str()]).0.rows()[0].change_bp()
    };
    assert_eq!(row("200", "199"), Some(-50));
    assert_eq!(row("0", "1"), None);
    assert_eq!(row("-5", "1"), None);
    assert_eq!(row("0.000000001", "9000000000"), None);
}

#[test]
fn nonsense_is_an_error_and_no_panic() {
    let mut board = Board::new(&[]);
    for payload in ["{}", "[1]", r#"[{"type":"welcome"}]"#, r#"[{"type":"drain","retry_ms":-1}]"#] {
        assert!(board.apply(payload.as_bytes(), |_| {}).is_err(), "{payload}");
    }
}
