//! Control messages as they are written.

use super::*;

fn check(control: &Control<'_>, expected: &str) {
    let mut out = Vec::new();
    control.write(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn control_messages_are_arrays_of_one() {
    check(&Control::Pong { id: Some(Id::Number(7)), ts: Nanos(1_500) }, r#"[{"type":"pong","id":7,"ts":1}]"#);
    check(&Control::PaceStatus { pace: Pace::Conflating }, r#"[{"type":"status","pace":"conflating"}]"#);
    check(
        &Control::SymbolStatus { name: None, symbol: "A", state: State::Stale, reason: None },
        r#"[{"type":"status","symbol":"A","state":"stale"}]"#,
    );
    check(
        &Control::Subscribed {
            id: Some(Id::Text("x\"".into())),
            results: vec![Entry::new("A", Status::Ok), Entry::error("B,C", ErrorCode::BadSymbol, "no")],
            fields: Vec::new(),
        },
        r#"[{"type":"subscribed","id":"x\"","results":[{"symbol":"A","status":"ok"},{"symbol":"B,C","status":"error","code":"bad_symbol","message":"no"}]}]"#,
    );
}
