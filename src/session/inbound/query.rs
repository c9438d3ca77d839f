//! Parses URL queries by one rule, and subscriptions in a query, so that any WebSocket tool, and `curl`, can show
//! prices.
//! Lists are separated by commas, with optional blanks. A repeated list is concatenated. Any other parameter may be
//! repeated only with the same value.
//!
//! The parameters of a subscription are translated into the text of a `subscribe` command, so that the command parser
//! alone reports errors.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::wire::assembled::write_text;

/// Name and value.
pub type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parameter for a token, accepted on every path.
pub const TOKEN: &str = "token";
/// The parameters that correspond to fields of the command.
const PARAMETERS: [&str; 8] =
    ["symbols", "fields", "as", "mode", "interval_ms", "snapshot", "numbers", "resume"];
/// The parameters that are always text, even if they look like other JSON.
const TEXTS: [&str; 3] = ["as", "mode", "numbers"];
/// The parameters that are lists.
const LISTS: [&str; 2] = ["symbols", "fields"];

/// The entries of a list.
pub fn entries(list: &str) -> impl Iterator<Item = &str> {
    let ends = memchr::memchr_iter(b',', list.as_bytes()).chain([list.len()]);
    let parts = ends.scan(0, |begin, end| Some(&list[std::mem::replace(begin, end + 1)..end]));
    parts.map(trimmed).filter(|entry| !entry.is_empty())
}

/// Trims blanks. Most texts have none, which the first and the last byte show.
fn trimmed(entry: &str) -> &str {
    let is_bare = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = entry.as_bytes();
    if is_bare(bytes.first()) && is_bare(bytes.last()) { entry } else { entry.trim() }
}

/// Parameters that are not lists, each once; without the token, which is handled elsewhere.
///
/// # Errors
/// With the name of a parameter that has two different values.
pub fn singles(query: &str) -> Result<Vec<Parameter<'_>>, Cow<'_, str>> {
    let mut given: Vec<Parameter> = Vec::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key != TOKEN) {
        match given.iter().find(|(known, _)| *known == key) {
            None => given.push((key, value)),
            Some((_, before)) if *before == value => {}
            Some(_) => return Err(key),
        }
    }
    Ok(given)
}

/// The `subscribe` command that the parameters describe; `None` without `symbols`. The `resume` argument takes
/// precedence over the parameter, because it is newer than the URL.
///
/// `interval_ms`, `snapshot` and `resume` are as in the command. Parameters of other readers are ignored. One with two
/// different values is written twice, so that the command parser rejects it.
pub fn subscribe_command(query: &str, resume: Option<&str>) -> Option<String> {
    let mut given: [Vec<Cow<str>>; PARAMETERS.len()] = [const { Vec::new() }; PARAMETERS.len()];
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if let Some(index) = PARAMETERS.iter().position(|name| *name == key)
            && (LISTS.contains(&&*key) || !given[index].contains(&value))
        {
            given[index].push(value);
        }
    }
    if given[0].is_empty() {
        return None;
    }
    // Written as text: a tree of values would be an allocation for each symbol.
    let mut command = Vec::with_capacity(query.len() + 128);
    command.extend_from_slice(br#"{"op":"subscribe""#);
    for (name, values) in PARAMETERS.into_iter().zip(&given) {
        match name {
            "symbols" | "fields" if !values.is_empty() => {
                write_name(name, &mut command);
                write_list(values, &mut command);
            }
            "resume" if resume.is_some() => {
                write_name(name, &mut command);
                command.extend_from_slice(resume.unwrap_or_default().as_bytes());
            }
            _ => {
                for value in values {
                    write_name(name, &mut command);
                    write_value(name, value, &mut command);
                }
            }
        }
    }
    command.push(b'}');
    String::from_utf8(command).ok()
}

fn write_name(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn write_value(name: &str, value: &str, out: &mut Vec<u8>) {
    match serde_json::from_str::<&RawValue>(value.trim()) {
        Ok(value) if !TEXTS.contains(&name) => out.extend_from_slice(value.get().as_bytes()),
        // A value that is not JSON stays text, and the command parser reports the error.
        _ => write_text(value.trim(), out),
    }
}

fn write_list(texts: &[Cow<str>], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, entry) in texts.iter().flat_map(|text| entries(text)).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(entry, out);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn check(query: &str, expected: Option<&str>) {
        let command = subscribe_command(query, None);
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
        check(
            "mode=+every%20&symbols=A&symbols=B,%20C+,,&mode=+every%20&fields=bid&fields=+ask",
            Some(r#"{"op":"subscribe","mode":"every","symbols":["A","B","C"],"fields":["bid","ask"]}"#),
        );
        check(
            "symbols=A&resume=%7B%22epoch%22:%22e%22,%22last%22:%7B%22A%22:3%7D%7D",
            Some(r#"{"op":"subscribe","symbols":["A"],"resume":{"epoch":"e","last":{"A":3}}}"#),
        );
        check("symbols=%22,%5C", Some(r#"{"op":"subscribe","symbols":["\"","\\"]}"#));
        check("symbols=", Some(r#"{"op":"subscribe","symbols":[]}"#));
    }

    #[test]
    fn what_is_given_twice_and_differs_is_left_to_the_reader() {
        let command = subscribe_command("symbols=A&mode=every&mode=latest", None).unwrap();
        assert_eq!(command, r#"{"op":"subscribe","symbols":["A"],"mode":"every","mode":"latest"}"#);
    }

    #[test]
    fn where_a_client_left_goes_before_the_address() {
        let command = subscribe_command("symbols=A&resume=%7B%7D", Some(r#"{"epoch":"e"}"#)).unwrap();
        assert_eq!(command, r#"{"op":"subscribe","symbols":["A"],"resume":{"epoch":"e"}}"#);
    }
}
