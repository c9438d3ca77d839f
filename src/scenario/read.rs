//! A scenario as text: TOML with a table `[[fault]]` for each fault.
//!
//! Invariant: nothing is ignored. An option that a kind does not have is an error, with the line of its fault.

use std::{fs, io, ops::Range};

use serde::Deserialize;
use toml::Spanned;

use super::{fault::Scenario, fault_text::FaultText, ready};

/// Why there is no such scenario, or it is none.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error(
        "cannot read scenario {path}; ready ones have names without a slash or a dot: {}",
        ready::names()
    )]
    Read { path: String, source: io::Error },
    #[error(
        "there is no scenario {name:?}; ready ones are {}; a file is written with its ending .toml",
        ready::names()
    )]
    Unknown { name: String },
    #[error("{path}, line {line}: {message}")]
    Wrong { path: String, line: usize, message: String },
}

/// The file as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioText {
    name: String,
    modelled_on: String,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    fault: Vec<Spanned<FaultText>>,
}

/// The scenario of this name, or of the file of this name.
///
/// # Errors
/// When there is none, or it is wrong.
pub fn load(text: &str) -> Result<Scenario, ScenarioError> {
    if let Some(ready) = ready::READY.iter().find(|ready| ready.name == text) {
        return parse(ready.name, ready.text);
    }
    if !text.contains(['/', '.', '\\']) {
        return Err(ScenarioError::Unknown { name: text.to_owned() });
    }
    let content =
        fs::read_to_string(text).map_err(|source| ScenarioError::Read { path: text.to_owned(), source })?;
    parse(text, &content)
}

/// A scenario from its text. `path` is for errors.
///
/// # Errors
/// When it is wrong.
pub fn parse(path: &str, text: &str) -> Result<Scenario, ScenarioError> {
    let wrong = |span: Range<usize>, message: String| {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        ScenarioError::Wrong { path: path.to_owned(), line, message }
    };
    let read: ScenarioText = toml::from_str(text)
        .map_err(|error| wrong(error.span().unwrap_or_default(), error.message().to_owned()))?;
    if read.fault.is_empty() {
        return Err(wrong(0..0, "there is no fault; write a table [[fault]] for each".to_owned()));
    }
    let mut faults = Vec::new();
    for (at, fault) in read.fault.into_iter().enumerate() {
        let (span, kind) = (fault.span(), fault.get_ref().kind.clone());
        let made = fault.into_inner().make();
        faults.push(made.map_err(|why| wrong(span, format!("fault {} ({kind}): {why}", at + 1)))?);
    }
    Ok(Scenario { name: read.name, modelled_on: read.modelled_on, sources: read.sources, faults })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        scenario::fault::{Begin, FaultKind, StruckConnections},
        tick::Nanos,
    };

    const HEAD: &str = "name = \"x\"\nmodelled_on = \"y\"\n\n[[fault]]\n";

    fn check_wrong(text: &str, expected: &str) {
        let fault = parse("a.toml", text).map(|scenario| scenario.name).unwrap_err().to_string();
        assert!(fault.contains(expected), "{fault}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        check_wrong("name = 5", "a.toml, line 1: ");
        check_wrong("name = \"x\"\nmodelled_on = \"y\"\nfault = []", "there is no fault");
        check_wrong(
            &format!("{HEAD}kind = \"mut\""),
            "line 4: fault 1 (mut): there is no such kind; there are mute,",
        );
        check_wrong(&format!("{HEAD}kind = \"mute\"\nbehind = 3"), "behind is not an option of this kind");
        check_wrong(&format!("{HEAD}kind = \"mute\"\nfro = \"3s\""), "line 6: unknown field `fro`");
        check_wrong(&format!("{HEAD}kind = \"delay\""), "by is missing");
        check_wrong(&format!("{HEAD}kind = \"delay\"\nby = \"soon\""), "line 6: \"soon\" is not a duration");
        check_wrong(
            &format!("{HEAD}kind = \"lose\"\nchance = 2.0"),
            "chance must be a fraction from 0 to 1, got 2",
        );
        check_wrong(&format!("{HEAD}kind = \"mute\"\nat = \"now\""), "neither a duration (30s) nor a time");
        check_wrong(&format!("{HEAD}kind = \"mute\"\nat = \"1s\"\nafter = \"2s\""), "give one of them");
        check_wrong(&format!("{HEAD}kind = \"burst\"\ntimes = 1"), "times must be 2 to 100, got 1");
        check_wrong(&format!("{HEAD}kind = \"mute\"\nfor = \"9s\"\nevery = \"9s\""), "shorter");
        check_wrong(&format!("{HEAD}kind = \"mute\"\nstreams = []"), "leave it out for all");
    }

    #[test]
    fn a_name_is_ready_and_a_path_is_a_file() {
        assert!(load("mute-streams").is_ok());
        assert!(matches!(load("mute-stream"), Err(ScenarioError::Unknown { .. })));
        assert!(matches!(load("./mute-streams.toml"), Err(ScenarioError::Read { .. })));
    }

    #[test]
    fn every_option_is_read() {
        let text = format!(
            "{HEAD}kind = \"reorder\"\nbehind = 3\nchance = 0.5\nshare = 0.25\nat = \"2026-03-01T00:00:01Z\"\nfor = \"1s\"\n\
             every = \"2s\"\nconnections = \"later\"\nstreams = [\"trades\", \"t*\"]\nsymbols = [\"BTC*\"]"
        );
        let fault = parse("a.toml", &text).unwrap().faults.remove(0);
        assert_eq!(fault.kind, FaultKind::Reorder { behind: 3 });
        assert_eq!(fault.begins, Begin::Market(Nanos(1_772_323_201_000_000_000)));
        assert_eq!((fault.lasts, fault.every), (Some(Duration::from_secs(1)), Some(Duration::from_secs(2))));
        assert_eq!((fault.share, fault.chance), (0.25, 0.5));
        assert_eq!(fault.connections, StruckConnections::Later);
        let symbol = |text: &str| crate::tick::Symbol::new(text).unwrap();
        assert!(fault.may_strike("trades", "aggTrade", &symbol("BTCUSDT")));
        assert!(fault.may_strike("quotes", "ticker", &symbol("BTCUSDT")));
        assert!(!fault.may_strike("quotes", "bookTicker", &symbol("BTCUSDT")));
        assert!(!fault.may_strike("trades", "trade", &symbol("ETHUSDT")));
    }
}
