//! The stored recordings of a directory, by exchange.
//!
//! ```text
//! DIR/binance/2025-03-25.ndjson.zst           a folder for each exchange, with folders in it or not
//! DIR/binance-spot-2025-03-25.ndjson.zst      or a file whose name begins with the exchange
//! ```
//! A file's exchange is the longest of tardis's names that its own begins with, so that `binance-futures-2025.csv.gz` is
//! not one of `binance`. It is looked up for each replay, so that new files need no restart.
//!
//! Invariants: nothing outside the directory is read by a name in a request; the order of the files does not depend on
//! the file system.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use crate::feed::recording::RecordingInput;

/// Where recordings are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Library {
    /// `None`: the recording within the program, of [`BUNDLED_EXCHANGE`].
    directory: Option<PathBuf>,
}

/// Whose the recording within the program is.
pub const BUNDLED_EXCHANGE: &str = "binance";

/// Folders within folders of an exchange.
const DEPTH_MAX: usize = 6;

/// Names of exchanges that have a hyphen: tardis's, and those of feeds.
const LONGER_NAMES: [&str; 31] = [
    "binance-delivery",
    "binance-dex",
    "binance-european-options",
    "binance-futures",
    "binance-jersey",
    "binance-options",
    "binance-us",
    "bitfinex-derivatives",
    "bitget-futures",
    "blockchain-com",
    "bybit-options",
    "bybit-spot",
    "coinbase-international",
    "crypto-com",
    "crypto-com-derivatives",
    "dydx-v4",
    "ftx-us",
    "gate-io",
    "gate-io-futures",
    "huobi-dm",
    "huobi-dm-linear-swap",
    "huobi-dm-options",
    "huobi-dm-swap",
    "kucoin-futures",
    "okex-futures",
    "okex-options",
    "okex-spreads",
    "okex-swap",
    "star-atlas",
    "woo-x",
    "binance-usdm",
];

impl Library {
    pub fn new(directory: Option<PathBuf>) -> Self {
        Library { directory }
    }

    /// The recordings of an exchange, by name; none when there are none.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn inputs(&self, exchange: &str) -> io::Result<Vec<RecordingInput>> {
        let Some(directory) = &self.directory else {
            let is_bundled = exchange.eq_ignore_ascii_case(BUNDLED_EXCHANGE);
            return Ok(if is_bundled { vec![RecordingInput::Bundled] } else { Vec::new() });
        };
        let mut found = Vec::new();
        for (path, name) in entries(directory)? {
            if path.is_dir() {
                if name.eq_ignore_ascii_case(exchange) {
                    walk(&path, DEPTH_MAX, &mut found)?;
                }
            } else if exchange_of(&name, exchange) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found.into_iter().map(RecordingInput::Found).collect())
    }

    /// The names of exchanges that there are, as far as the directory tells: folders, and beginnings of files' names.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn exchanges(&self) -> io::Result<BTreeSet<String>> {
        let Some(directory) = &self.directory else { return Ok([BUNDLED_EXCHANGE.to_owned()].into()) };
        let names = entries(directory)?.into_iter().filter_map(|(path, name)| {
            let name = name.to_ascii_lowercase();
            if path.is_dir() { Some(name) } else { beginning(&name).map(str::to_owned) }
        });
        Ok(names.collect())
    }
}

/// What a folder has, but for hidden files.
fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(name) = entry.file_name().to_str().filter(|name| !name.starts_with('.')) {
            all.push((entry.path(), name.to_owned()));
        }
    }
    Ok(all)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for (path, _) in entries(folder)? {
        if !path.is_dir() {
            found.push(path);
        } else if depth > 0 {
            walk(&path, depth - 1, found)?;
        }
    }
    Ok(())
}

/// Whether a file of this name is of this exchange.
fn exchange_of(file: &str, exchange: &str) -> bool {
    let file = file.to_ascii_lowercase();
    begins(&file, &exchange.to_ascii_lowercase())
        && !LONGER_NAMES.iter().any(|longer| longer.len() > exchange.len() && begins(&file, longer))
}

/// Whether a name begins with another and something that is not a part of a name, or with nothing behind it.
fn begins(name: &str, with: &str) -> bool {
    name.strip_prefix(with).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_', '.']))
}

/// The exchange with which the name of a file begins, for messages.
fn beginning(file: &str) -> Option<&str> {
    let longest = LONGER_NAMES.iter().filter(|longer| begins(file, longer)).max_by_key(|longer| longer.len());
    longest.copied().or_else(|| file.split(['-', '_', '.']).next().filter(|name| !name.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, files: &[&str]) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tickcast-library-{name}-{}", std::process::id()));
        for file in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_or_the_beginning_of_a_name_is_the_exchange() {
        let files = [
            "binance/2025/03/b.csv",
            "binance/a.csv",
            "binance/.hidden",
            "binance-spot-2.ndjson.zst",
            "Binance_trades_2025-03-25_BTCUSDT.csv.gz",
            "binance-futures-1.csv",
            "binance.ndjson",
            "binancex.csv",
            "okex-swap.csv",
            "README.md",
        ];
        let folder = folder("names", &files);
        let library = Library::new(Some(folder.clone()));
        let of = |exchange: &str| -> Vec<String> {
            let inputs = library.inputs(exchange).unwrap();
            let short = |input: &RecordingInput| input.to_string().split_once("names-").unwrap().1.to_owned();
            inputs.iter().map(|input| short(input).split_once('/').unwrap().1.to_owned()).collect()
        };
        let binance = [files[4], files[3], "binance.ndjson", "binance/2025/03/b.csv", "binance/a.csv"];
        let mut sorted = binance;
        sorted.sort_unstable();
        let mut found = of("binance");
        assert_eq!(found, of("BINANCE"));
        found.sort_unstable();
        assert_eq!(found, sorted);
        assert_eq!(of("binance-futures"), ["binance-futures-1.csv"]);
        assert_eq!(of("binancex"), ["binancex.csv"]);
        assert_eq!(of("okex-swap"), ["okex-swap.csv"]);
        assert!(of("okex").is_empty() && of("..").is_empty() && of("bin").is_empty());
        let exchanges: Vec<String> = library.exchanges().unwrap().into_iter().collect();
        assert_eq!(exchanges, ["binance", "binance-futures", "binancex", "okex-swap", "readme"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn without_a_directory_there_is_what_the_program_has() {
        let library = Library::default();
        assert_eq!(library.inputs("Binance").unwrap(), [RecordingInput::Bundled]);
        assert!(library.inputs("kraken").unwrap().is_empty());
        assert!(Library::new(Some("/nowhere/at/all".into())).inputs("kraken").is_err());
    }
}
