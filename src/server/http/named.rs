//! The symbols and globs that a request to `/v1/snapshot` names, in its query or in a body.

use serde::Deserialize;

use crate::{server::failure::Failure, session::inbound::query, wire::Target};

/// A body of this length names more symbols than one request may.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    symbols: Option<Vec<String>>,
}

/// The names in the query, and those in the body, if there is one.
///
/// # Errors
/// When either contains anything else, or nothing is named.
pub fn all(query: &str, body: Option<&[u8]>) -> Result<Vec<Target>, Failure> {
    let mut named = Vec::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if key != "symbols" {
            return Err(unknown(&format!("no parameter {key:?}")));
        }
        named.extend(query::entries(&value).map(Target::parse));
    }
    // A request that names all symbols in the query needs no body.
    if let Some(body) = body.filter(|body| named.is_empty() || !body.trim_ascii().is_empty()) {
        let names = of_body(body)?;
        named.extend(names.iter().map(|name| Target::parse(name.trim())));
    }
    if named.is_empty() {
        let message = "symbols is missing: GET /v1/snapshot?symbols=BTC-USD,ETH-*, or POST {\"symbols\":[\"BTC-USD\",\"ETH-*\"]}";
        return Err(Failure::bad_request("missing_parameter", message));
    }
    Ok(named)
}

fn of_body(body: &[u8]) -> Result<Vec<String>, Failure> {
    use serde_json::error::Category;
    const EXPECTED: &str = "the body is {\"symbols\":[\"BTC-USD\",\"ETH-*\"]}";
    // Serde would read an array as the values of the fields in their order.
    if body.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        return Err(Failure::bad_request("bad_body", format!("no JSON object: {EXPECTED}")));
    }
    let read = serde_json::from_slice::<Body>(body);
    read.map(|body| body.symbols.unwrap_or_default()).map_err(|error| {
        let message = format!("{error}: {EXPECTED}");
        match error.classify() {
            Category::Data if message.starts_with("unknown field") => unknown(&message),
            Category::Data => Failure::bad_request("bad_value", message),
            _ => Failure::bad_request("bad_body", message),
        }
    })
}

fn unknown(what: &str) -> Failure {
    Failure::bad_request("unknown_parameter", format!("/v1/snapshot has symbols alone: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str, body: Option<&str>) -> Result<String, String> {
        let named = all(query, body.map(str::as_bytes)).map_err(|failure| failure.text())?;
        Ok(named.iter().map(Target::text).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn all_that_is_named_counts() {
        let check = |query: &str, body: Option<&str>, expected: &str| {
            assert_eq!(names(query, body).as_deref(), Ok(expected), "{query} {body:?}");
        };
        check("symbols=A,B&symbols=%20C%20,,", None, "A B C");
        check("", Some(r#" {"symbols":["A","B*"]}"#), "A B*");
        check("symbols=A", Some(r#"{"symbols":["B"]}"#), "A B");
        check("symbols=A", Some(""), "A");
        check("symbols=A", Some(r#"{"symbols":null}"#), "A");
    }

    #[test]
    fn anything_else_is_refused_by_what_it_is() {
        let check = |query: &str, body: Option<&str>, code: &str| {
            let refused = names(query, body).expect_err(query);
            assert!(refused.contains(&format!("{code:?}")), "{query} {body:?}: {refused}");
        };
        check("", None, "missing_parameter");
        check("symbols=", None, "missing_parameter");
        check("symbol=A", None, "unknown_parameter");
        check("", Some(""), "bad_body");
        check("", Some("A,B"), "bad_body");
        check("", Some(r#"["A"]"#), "bad_body");
        check("", Some(r#"{"symbols":["A"]"#), "bad_body");
        check("", Some("{}"), "missing_parameter");
        check("", Some(r#"{"symbols":null}"#), "missing_parameter");
        check("", Some(r#"{"symbols":[]}"#), "missing_parameter");
        check("", Some(r#"{"symbols":"A"}"#), "bad_value");
        check("", Some(r#"{"symbols":["A",1]}"#), "bad_value");
        check("", Some(r#"{"symbols":["A"],"symbols":["B"]}"#), "bad_value");
        check("", Some(r#"{"symbols":["A"],"fields":["bid"]}"#), "unknown_parameter");
    }
}
