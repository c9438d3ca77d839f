//! The command line of `watch`.

use clap::Args;
use tickcast::tick::custom::CustomName;
use tickcast_client::{Endpoint, Field};

use crate::cli::{access::AccessArgs, encoding::EncodingArg, mode::ModeArg};

/// Show live prices in the terminal.
///
/// A full-screen table: `?` shows its keys (sort, filter, columns, pause), `q` or Ctrl-C quits. Colours never carry information alone; `NO_COLOR`
/// is respected. Exit code 2: the server could not be reached, or refused the session.
#[derive(Args, Clone, Debug)]
pub struct WatchArgs {
    /// Symbols, or patterns with `*`.
    #[arg(required = true)]
    pub symbols: Vec<String>,
    /// WebSocket endpoint of the server.
    #[arg(long, value_parser = Endpoint::parse, default_value = "ws://127.0.0.1:8080/v1/stream")]
    pub url: Endpoint,
    /// `latest`: the newest record, conflated; `every`: each tick; `trades`: each trade, with conflated quotes.
    #[arg(long, value_enum, default_value_t = ModeArg::Latest)]
    pub mode: ModeArg,
    /// Conflation interval: the shortest time between two updates of a symbol, in ms; 0 is none.
    #[arg(long, default_value_t = 100)]
    pub interval_ms: u32,
    /// Encoding of messages; `binary` falls back to JSON when the server does not offer it.
    #[arg(long, value_enum, default_value_t = EncodingArg::Binary)]
    pub encoding: EncodingArg,
    /// Fields to show, separated by commas: `bid,ask,last`. Configured fields are allowed too
    #[arg(long, value_delimiter = ',', value_parser = field)]
    pub fields: Vec<String>,
    /// Print a line for each change instead of a table; the default when standard output is not a terminal
    #[arg(long)]
    pub plain: bool,
    #[command(flatten)]
    pub access: AccessArgs,
}

/// The name of a field. Which ones the server's configuration adds is not known before it is asked.
fn field(name: &str) -> Result<String, String> {
    if Field::parse(name).is_none() && CustomName::parse(name).is_none() {
        let names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
        return Err(format!("the fields are {}, and those of the server's configuration", names.join(", ")));
    }
    Ok(name.to_owned())
}
