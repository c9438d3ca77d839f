//! The engine of Centrifugo: ticks go in as lines over TCP, clients send its commands as lines of JSON.

use std::{fmt::Write as _, process::Command};

use super::Places;

pub fn plain(places: &Places) -> Command {
    Command::new(places.go("centrifuge"))
}

pub fn delayed(places: &Places) -> Command {
    let mut command = plain(places);
    command.arg("-write-delay=20ms");
    command
}

/// What a client says first: a `connect`, and a `subscribe` for each symbol.
pub fn hello(symbols: &[String]) -> String {
    let mut text = r#"{"id":1,"connect":{}}"#.to_owned();
    for (number, symbol) in symbols.iter().enumerate() {
        // A string takes all that is written.
        let _ = write!(text, "\n{{\"id\":{},\"subscribe\":{{\"channel\":\"{symbol}\"}}}}", number + 2);
    }
    text
}

/// Answers to all of it.
pub fn answers(symbols: &[String]) -> u64 {
    symbols.len() as u64 + 1
}
