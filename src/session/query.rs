//! Subscribing by query parameters, so that any WebSocket tool, and `curl`, shows prices.
//!
//! The parameters become the text of a `subscribe` command, and are read as one: there is one reader of commands.

use std::borrow::Cow;

use serde_json::Value;

/// What stands for a field of the command.
const PARAMETERS: [&str; 5] = ["symbols", "fields", "mode", "interval_ms", "snapshot"];

/// The command that the parameters stand for; `None` without `symbols`.
///
/// `symbols` and `fields` are lists with commas; `interval_ms` and `snapshot` are as in the command. What is no
/// parameter of a subscription is left to whoever else reads the query; of two of one name the last counts.
pub fn subscribe_command(query: &str) -> Option<String> {
    let mut given: [Option<Cow<str>>; PARAMETERS.len()] = [const { None }; PARAMETERS.len()];
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if let Some(place) = PARAMETERS.iter().position(|name| *name == key) {
            given[place] = Some(value);
        }
    }
    given[0].as_ref()?;
    // Written as text at once: a tree of values would be an allocation for each symbol.
    let mut command = Vec::with_capacity(query.len() + 128);
    command.extend_from_slice(br#"{"op":"subscribe""#);
    for (name, value) in PARAMETERS.iter().zip(&given) {
        let Some(value) = value else { continue };
        command.extend_from_slice(b",\"");
        command.extend_from_slice(name.as_bytes());
        command.extend_from_slice(b"\":");
        match *name {
            "symbols" | "fields" => write_list(value, &mut command),
            "mode" => write_text(value, &mut command),
            // What is no number or boolean stays text, and the reader names the fault.
            _ => match serde_json::from_str::<Value>(value) {
                Ok(value) => command.extend_from_slice(value.to_string().as_bytes()),
                Err(_) => write_text(value, &mut command),
            },
        }
    }
    command.push(b'}');
    String::from_utf8(command).ok()
}

fn write_list(text: &str, out: &mut Vec<u8>) {
    out.push(b'[');
    for (place, part) in text.split(',').filter(|part| !part.is_empty()).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_text(part, out);
    }
    out.push(b']');
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let written = serde_json::to_writer(out, text);
    debug_assert!(written.is_ok(), "memory takes all text");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: Option<&str>) {
        let command = subscribe_command(query);
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(command.as_deref().map(value), expected.map(value), "{query}");
    }

    #[test]
    fn parameters_become_a_command() {
        check("", None);
        check("mode=every", None);
        check("symbols=BTC-USD,ETH%2FUSD", Some(r#"{"op":"subscribe","symbols":["BTC-USD","ETH/USD"]}"#));
        check(
            "symbols=A&mode=latest&interval_ms=250&fields=bid,ask&snapshot=false&token=x",
            Some(
                r#"{"op":"subscribe","symbols":["A"],"mode":"latest","interval_ms":250,"fields":["bid","ask"],"snapshot":false}"#,
            ),
        );
        check(
            "symbols=A&interval_ms=soon",
            Some(r#"{"op":"subscribe","symbols":["A"],"interval_ms":"soon"}"#),
        );
        check("mode=every&symbols=A&symbols=B", Some(r#"{"op":"subscribe","mode":"every","symbols":["B"]}"#));
        check("symbols=%22,%5C", Some(r#"{"op":"subscribe","symbols":["\"","\\"]}"#));
        check("symbols=", Some(r#"{"op":"subscribe","symbols":[]}"#));
    }
}
