//! Control messages as they are written.

use proptest::prelude::*;

use super::*;
use crate::limits;

fn check(control: &Control<'_>, expected: &str) {
    let mut out = Vec::new();
    control.write(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn what_is_written_piece_by_piece_is_what_is_written_at_once() {
    let row = |symbol: &str| ListEntry {
        symbol: symbol.to_owned(),
        mode: "latest",
        interval_ms: 0,
        fields: None,
        seq: 7,
        state: State::Live,
    };
    for rows in [vec![], vec![row("A")], vec![row("A"), row("B")]] {
        let list = |subscriptions| Control::List {
            id: Some(Id::Text("\"subscriptions\":[".into())),
            subscriptions,
            globs: vec!["C*".into()],
        };
        let mut growing = list(Vec::new()).grow("subscriptions");
        for row in &rows {
            growing.push(row);
        }
        check(&list(rows), &String::from_utf8(growing.finish()).unwrap());
    }
}

proptest! {
    /// What is written by hand is what the message says of itself.
    #[test]
    fn answers_are_written_as_any_other_message(
        kind in 0u8..3,
        id in prop_oneof![Just(None), "\\PC{0,4}".prop_map(|id| Some(Id::Text(id))), any::<i64>().prop_map(|id| Some(Id::Number(id)))],
        results in prop::collection::vec(entries(), 0..5),
    ) {
        let message = |results| match kind {
            0 => Control::Subscribed { id: id.clone(), results },
            1 => Control::Unsubscribed { id: id.clone(), results },
            _ => Control::Set { id: id.clone(), results },
        };
        let mut growing = message(Vec::new()).grow("results");
        for entry in &results {
            growing.push_result(entry);
        }
        let written = String::from_utf8(growing.finish()).unwrap();
        prop_assert_eq!(written, serde_json::to_string(&[message(results)]).unwrap());
    }

    #[test]
    fn text_is_written_as_json_has_it(text in "[ -~]{0,12}|\\PC{0,12}|[\\x00-\\x7f]{0,12}") {
        let mut out = Vec::new();
        write_text(&text, &mut out);
        prop_assert_eq!(out, serde_json::to_vec(&text).unwrap());
    }

    #[test]
    fn a_welcome_is_the_same_for_everybody_but_for_the_number(session: u64, epoch in "[a-z0-9]{10}") {
        let mut out = Vec::new();
        Welcome::new(&epoch, &limits::DEFAULT).write(session, &mut out);
        check(&Control::welcome(&session.to_string(), &epoch, &limits::DEFAULT), std::str::from_utf8(&out).unwrap());
    }
}

fn entries() -> impl Strategy<Value = Entry> {
    use Status::{Error, Gap, Ok, Pending, Resumed};
    let statuses = prop::sample::select(vec![Ok, Pending, Resumed, Gap, Error]);
    let rest = (any::<Option<usize>>(), any::<bool>(), any::<Option<String>>());
    ("\\PC{0,30}", statuses, rest).prop_map(|(symbol, status, (matched, unknown, message))| Entry {
        known: unknown.then_some(false),
        matched,
        code: message.as_ref().map(|_| ErrorCode::BadSymbol),
        message,
        ..Entry::new(symbol, status)
    })
}

#[test]
fn control_messages_are_arrays_of_one() {
    check(&Control::Pong { id: Some(Id::Number(7)), ts: Nanos(1_500) }, r#"[{"type":"pong","id":7,"ts":1}]"#);
    check(&Control::PaceStatus { pace: Pace::Conflating }, r#"[{"type":"status","pace":"conflating"}]"#);
    check(
        &Control::SymbolStatus { symbol: "A", state: State::Stale },
        r#"[{"type":"status","symbol":"A","state":"stale"}]"#,
    );
    check(
        &Control::Subscribed {
            id: Some(Id::Text("x\"".into())),
            results: vec![Entry::new("A", Status::Ok), Entry::error("B C", ErrorCode::BadSymbol, "no")],
        },
        r#"[{"type":"subscribed","id":"x\"","results":[{"symbol":"A","status":"ok"},{"symbol":"B C","status":"error","code":"bad_symbol","message":"no"}]}]"#,
    );
}
