//! Commands as they are read, and what is wrong with those that are not.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    limits::Limits,
    wire::{CommandError, ErrorCode},
};

fn read(text: &str) -> Result<Command, CommandError> {
    CommandReader::default().read(&mut text.as_bytes().to_vec(), &Limits::default())
}

fn check_fault(text: &str, code: ErrorCode, says: &str) {
    let error = read(text).expect_err(text);
    assert_eq!(error.code, code, "{text}: {}", error.message);
    assert!(error.message.contains(says), "{text}: {}", error.message);
}

#[test]
fn faults_are_named() {
    use ErrorCode::{BadCommand, BadJson, BadValue, MissingField, UnknownField, UnknownOp};
    check_fault("", BadJson, "not valid JSON");
    check_fault("{", BadJson, "not valid JSON");
    check_fault("[]", BadCommand, "an array");
    check_fault("3", BadCommand, "a number");
    check_fault("{}", MissingField, "op is missing");
    check_fault(r#"{"op":1}"#, BadValue, "op must be a string");
    check_fault(r#"{"op":"buy"}"#, UnknownOp, "\"buy\"");
    check_fault(r#"{"op":"subscribe"}"#, MissingField, "symbols is missing");
    check_fault(r#"{"op":"subscribe","symbols":"A"}"#, BadValue, "an array of strings");
    check_fault(r#"{"op":"subscribe","symbols":[]}"#, BadValue, "empty");
    check_fault(r#"{"op":"subscribe","symbols":[1,null]}"#, BadValue, "an array of strings");
    check_fault(
        r#"{"op":"subscribe","symbols":["A"],"mode":"fast"}"#,
        BadValue,
        "latest, every, trades, once",
    );
    check_fault(r#"{"op":"subscribe","symbols":["A"],"interval_ms":-1}"#, BadValue, "interval_ms");
    check_fault(r#"{"op":"subscribe","symbols":["A"],"interval_ms":1.5}"#, BadValue, "interval_ms");
    check_fault(r#"{"op":"subscribe","symbols":["A"],"interval_ms":99999999}"#, BadValue, "60000");
    check_fault(r#"{"op":"subscribe","symbols":["A"],"fields":["prise"]}"#, BadValue, "prise");
    check_fault(r#"{"op":"subscribe","symbols":["A"],"snapshot":1}"#, BadValue, "snapshot");
    check_fault(r#"{"op":"subscribe","symbols":["A"],"resume":{"epoch":"e"}}"#, BadValue, "resume.last");
    check_fault(
        r#"{"op":"subscribe","symbols":["A"],"resume":{"epoch":"e","last":{"A":-1}}}"#,
        BadValue,
        "seq",
    );
    check_fault(r#"{"op":"subscribe","symbols":["A"],"intervall_ms":1}"#, UnknownField, "intervall_ms");
    check_fault(r#"{"op":"set","symbols":["A"]}"#, MissingField, "changes nothing");
    check_fault(r#"{"op":"set","symbols":["A"],"mode":"once"}"#, BadValue, "latest, every, trades");
    check_fault(r#"{"op":"ping","id":{}}"#, BadValue, "id is a string");
    check_fault(r#"{"op":"auth"}"#, MissingField, "token");
    check_fault(&format!("{}1{}", "[".repeat(40), "]".repeat(40)), BadJson, "not valid JSON");
}

#[test]
fn of_a_long_value_the_beginning_is_shown() {
    let long = format!(r#"{{"op":"subscribe","symbols":[{}0]}}"#, "[7,\"é\"],".repeat(5_000));
    let error = read(&long).expect_err("no symbols");
    let shown = error.message.split("got ").nth(1).expect("a value");
    assert!(shown.starts_with("[[7,\"é\"],[7,\"é\"],") && shown.ends_with('…'), "{shown}");
    assert_eq!(shown.chars().count(), 81);
    check_fault(
        r#"{"op":"subscribe","symbols":{"a":[1,null]}}"#,
        ErrorCode::BadValue,
        r#"got {"a":[1,null]}"#,
    );
}

#[test]
fn the_id_is_kept_when_the_rest_is_wrong() {
    assert_eq!(read(r#"{"op":"buy","id":"x"}"#).unwrap_err().id, Some(Id::Text("x".into())));
    assert_eq!(read(r#"{"id":7}"#).unwrap_err().id, Some(Id::Number(7)));
}

#[test]
fn an_id_is_echoed_as_it_came() {
    let check = |id: &str, expected: &str| {
        let Ok(Command::Ping { id: Some(read) }) = read(&format!(r#"{{"op":"ping","id":{id}}}"#)) else {
            panic!("{id}")
        };
        assert_eq!(serde_json::to_string(&read).unwrap(), expected, "{id}");
    };
    for id in [
        "0",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890123456789012345678901234567890",
        "\"18446744073709551616\"",
        "\"a \\\" 123456789012345678901234567890\"",
    ] {
        check(id, id);
    }
    check("250.0", "250");
    check("2.5e2", "250");
    let long = format!(r#"{{"op":"ping","id":{}}}"#, "9".repeat(129));
    check_fault(&long, ErrorCode::BadValue, "longer than 128 digits");
    check_fault(r#"{"op":"ping","id":1.5}"#, ErrorCode::BadValue, "id is a string");
    check_fault(r#"{"op":"ping","id":1e999}"#, ErrorCode::BadValue, "got 1e999");
}

#[test]
fn a_number_that_is_too_large_is_a_bad_value_and_no_bad_json() {
    let beyond_doubles = format!("{}.5", "9".repeat(400));
    for number in ["99999999999999999999999", "1e999", "-1E+400", "1.5e309", &beyond_doubles] {
        let command = format!(r#"{{"op":"subscribe","id":"x","symbols":["A"],"interval_ms":{number}}}"#);
        let error = read(&command).unwrap_err();
        assert_eq!((error.code, error.id), (ErrorCode::BadValue, Some(Id::Text("x".into()))), "{number}");
    }
    // Text that looks like one, and what is not a number at all.
    let name = r#"{"op":"subscribe","symbols":["1e999"],"interval_ms":1e-999}"#;
    assert!(matches!(read(name), Ok(Command::Subscribe { .. })));
    check_fault(
        r#"{"op":"subscribe","id":"x","symbols":["A"],"interval_ms":1e999e}"#,
        ErrorCode::BadJson,
        "valid JSON",
    );
}

#[test]
fn null_is_absent_and_a_whole_number_may_have_a_point() {
    let command = r#"{"op":"subscribe","id":null,"symbols":["A"],"mode":null,"interval_ms":2.5e2,"fields":null,"snapshot":null,"resume":null}"#;
    let Ok(Command::Subscribe { id: None, spec, resume: None, .. }) = read(command) else {
        panic!("a valid command");
    };
    assert_eq!(spec, Spec { interval: Duration::from_millis(250), ..Spec::default() });
    let command = r#"{"op":"subscribe","symbols":["A"],"resume":{"epoch":"e","last":{"A":66.0,"B":null}}}"#;
    let Ok(Command::Subscribe { resume: Some(resume), .. }) = read(command) else {
        panic!("a valid command");
    };
    assert_eq!(resume.last, HashMap::from([("A".to_owned(), 66)]));
    check_fault(r#"{"op":"subscribe","symbols":null}"#, ErrorCode::MissingField, "symbols");
    check_fault(r#"{"op":"set","symbols":["A"],"mode":null}"#, ErrorCode::MissingField, "changes nothing");
    check_fault(r#"{"op":null}"#, ErrorCode::MissingField, "op");
}

#[test]
fn what_is_given_twice_is_refused() {
    use ErrorCode::BadValue;
    check_fault(
        r#"{"op":"subscribe","symbols":["A"],"mode":"every","mode":"latest"}"#,
        BadValue,
        "mode is given twice",
    );
    check_fault(r#"{"op":"ping","op":"ping"}"#, BadValue, "op is given twice");
    check_fault(r#"{"op":"ping","id":1,"id":2}"#, BadValue, "id is given twice");
    let last = (0..40).map(|index| format!(r#""S{}":1"#, index % 39)).collect::<Vec<_>>().join(",");
    let command =
        format!(r#"{{"op":"subscribe","symbols":["A"],"resume":{{"epoch":"e","last":{{{last}}}}}}}"#);
    check_fault(&command, BadValue, "resume.last has a symbol that is given twice");
    check_fault(
        r#"{"op":"subscribe","symbols":["A"],"resume":{"epoch":"e","epoch":"f","last":{}}}"#,
        BadValue,
        "resume.epoch is given twice",
    );
}

#[test]
fn a_mark_before_the_text_is_no_part_of_it() {
    assert!(matches!(read("\u{feff}{\"op\":\"ping\"}"), Ok(Command::Ping { id: None })));
}

#[test]
fn one_bad_symbol_fails_no_other() {
    let Ok(Command::Subscribe { symbols, .. }) =
        read(r#"{"op":"subscribe","symbols":["A","B,C",5,"D*","E\\*","E*"]}"#)
    else {
        panic!("a valid command");
    };
    assert!(matches!(&symbols[0], Target::Name(symbol) if symbol.as_str() == "A"));
    assert!(matches!(&symbols[1], Target::Bad { text, .. } if text == "B,C"));
    assert!(matches!(&symbols[2], Target::Bad { text, .. } if text == "5"));
    assert!(matches!(&symbols[3], Target::Glob(glob) if glob.as_str() == "D*"));
    assert!(matches!(&symbols[4], Target::Name(symbol) if symbol.as_str() == "E*"));
    assert!(matches!(&symbols[5], Target::Glob(glob) if glob.as_str() == "E*"));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = CommandReader::default().read(&mut bytes.clone(), &Limits::default());
    }

    #[test]
    fn no_json_panics(op in "subscribe|set|unsubscribe|list|ping|auth", key in "symbols|mode|interval_ms|fields|resume|id|token|x", value in r#"(\[("A",)*"B\*"\]|-?[0-9]{1,25}|\{"epoch":"","last":\{\}\}|null|true|"latest"|\[null\])"#) {
        let text = format!(r#"{{"op":"{op}","symbols":["A"],"{key}":{value}}}"#);
        let _ = read(&text);
    }
}
