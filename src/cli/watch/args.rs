//! The command line of `watch`.

use clap::Args;
use tickcast::tick::custom::CustomName;
use tickcast_client::{Endpoint, Field};

use crate::cli::{access::AccessArgs, encoding::EncodingArg, mode::ModeArg};

/// Watch symbols in the terminal.
///
/// A full-screen table: `?` shows its keys (sort, filter, columns, pause), `q` or Ctrl-C leaves. Signs say all that
/// colours say; `NO_COLOR` is heeded. Exit code 2: the server could not be reached, or does not want us back.
#[derive(Args, Clone, Debug)]
pub struct WatchArgs {
    /// Names, or patterns with `*`.
    #[arg(required = true)]
    pub symbols: Vec<String>,
    /// The server's stream.
    #[arg(long, value_parser = Endpoint::parse, default_value = "ws://127.0.0.1:8080/v1/stream")]
    pub url: Endpoint,
    /// `latest`: the newest record; `every`: each tick; `trades`: each trade, with the quote as it stood.
    #[arg(long, value_enum, default_value_t = ModeArg::Latest)]
    pub mode: ModeArg,
    /// The shortest time between two updates of a symbol; 0: as they come.
    #[arg(long, default_value_t = 100)]
    pub interval_ms: u32,
    /// `binary` where the server has it, or `json`.
    #[arg(long, value_enum, default_value_t = EncodingArg::Binary)]
    pub encoding: EncodingArg,
    /// Only these fields of the record, with commas between them: `bid,ask,last`. Those of the server's configuration too
    #[arg(long, value_delimiter = ',', value_parser = field)]
    pub fields: Vec<String>,
    /// A line for each change in place of the table; so it is, too, when standard output is no terminal
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
