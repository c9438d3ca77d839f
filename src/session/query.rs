//! Subscribing by query parameters, so that any WebSocket tool, and `curl`, shows prices.
//!
//! The parameters become the text of a `subscribe` command, and are read as one: there is one reader of commands.

use serde_json::{Map, Value};

/// The command that the parameters stand for; `None` without `symbols`.
///
/// `symbols` and `fields` are lists with commas; `interval_ms` and `snapshot` are as in the command. What is no
/// parameter of a subscription is left to whoever else reads the query.
pub fn subscribe_command(query: &str) -> Option<String> {
    let mut command = Map::new();
    command.insert("op".to_owned(), "subscribe".into());
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = match &*key {
            "symbols" | "fields" => list(&value),
            "mode" => Value::from(&*value),
            // What is no number or boolean stays text, and the reader names the fault.
            "interval_ms" | "snapshot" => {
                serde_json::from_str(&value).unwrap_or_else(|_| Value::from(&*value))
            }
            _ => continue,
        };
        command.insert(key.into_owned(), value);
    }
    command.contains_key("symbols").then(|| Value::Object(command).to_string())
}

fn list(text: &str) -> Value {
    text.split(',').filter(|part| !part.is_empty()).collect::<Vec<_>>().into()
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
        check("symbols=", Some(r#"{"op":"subscribe","symbols":[]}"#));
    }
}
