//! The command line of `load`, and the syntax of its values.

use std::{num::NonZeroU32, str::FromStr, time::Duration};

use clap::Args;
use tickcast_client::Endpoint;

use crate::cli::{access::AccessArgs, duration, encoding::EncodingArg, mode::ModeArg};

/// Load-test a server with many clients, and check every message that they get.
///
/// Exit code 0: every law held; 1: a law was broken; 2: the server could not be reached, or not all clients could
/// connect.
#[derive(Args, Clone, Debug)]
pub struct LoadArgs {
    /// WebSocket endpoint of the server.
    #[arg(long, value_parser = Endpoint::parse, default_value = "ws://127.0.0.1:8080/v1/stream")]
    pub url: Endpoint,
    /// Endpoint of the metrics, when the server has a separate `admin_listen`.
    #[arg(long, value_name = "URL", value_parser = Endpoint::parse)]
    pub admin_url: Option<Endpoint>,
    /// Number of clients.
    #[arg(long, default_value = "1000")]
    pub clients: NonZeroU32,
    /// Symbols that each client subscribes to.
    #[arg(long, default_value = "10")]
    pub symbols_per_client: NonZeroU32,
    /// How each client chooses its symbols: `uniform`, or `zipf[:exponent]` where the first of `/v1/symbols` are the most popular.
    #[arg(long, default_value = "uniform")]
    pub choose: Choose,
    #[arg(long, value_enum, default_value_t = ModeArg::Latest)]
    pub mode: ModeArg,
    /// Conflation interval: the shortest time between two updates of a symbol, in ms; 0 is none.
    #[arg(long, default_value_t = 0)]
    pub interval_ms: u32,
    /// Encoding of messages; `binary` falls back to JSON when the server does not offer it.
    #[arg(long, value_enum, default_value_t = EncodingArg::Binary)]
    pub encoding: EncodingArg,
    /// How long to measure, once every client is subscribed.
    #[arg(long, value_parser = duration::parse, default_value = "30s")]
    pub duration: Duration,
    /// Clients that subscribe and then stop reading: a number, or a percentage such as `5%`.
    #[arg(long, default_value = "0")]
    pub stalled: Share,
    /// Clients that read slowly, and how fast in bytes a second, such as `10%:100000`.
    #[arg(long)]
    pub slow: Option<Slow>,
    /// Hostile clients: they send the most expensive commands as often as the server's limits allow. The report then includes ping round trips of other clients.
    #[arg(long, default_value_t = 0, conflicts_with = "exclusive")]
    pub hostile: u32,
    /// Halfway, every tenth normal client disconnects and resumes.
    #[arg(long)]
    pub resume_check: bool,
    /// Seed of every random choice: the same seed gives the same subscriptions.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// At most this many new connections a second; 0: no limit.
    #[arg(long, default_value_t = 0)]
    pub connect_rate: u32,
    /// `SO_RCVBUF` of every client. By default the system's, and an eighth of a second of data for slow clients.
    #[arg(long)]
    pub rcvbuf: Option<u32>,
    /// Time limit for each of: subscribing, catching up at the end, closing.
    #[arg(long, value_parser = duration::parse, default_value = "30s")]
    pub settle: Duration,
    /// Clients that keep full records, to compare them with `/v1/snapshot`.
    #[arg(long, default_value_t = 8)]
    pub sample: u32,
    /// No other client is connected: compare what was received with the server's counters.
    #[arg(long)]
    pub exclusive: bool,
    /// Print one JSON object instead of the table.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub access: AccessArgs,
}

/// How a client chooses its symbols.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Choose {
    Uniform,
    Zipf { exponent: f64 },
}

/// Some of the clients.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Share {
    Count(u32),
    /// 0 to 100.
    Percent(f64),
}

/// Some of the clients, and the rate at which they read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Slow {
    pub share: Share,
    pub bytes_per_second: NonZeroU32,
}

/// Why an option's value cannot be taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValueError {
    #[error("`uniform`, `zipf` or `zipf:EXPONENT` is expected")]
    Choose,
    #[error("an exponent is a number from 0 to 10")]
    Exponent,
    #[error("a number of clients, or a percentage from 0% to 100%, is expected")]
    Share,
    #[error("a share of the clients and their bytes a second are expected, as in 10%:100000")]
    Slow,
}

/// The exponent of `zipf` alone.
const ZIPF_EXPONENT: f64 = 1.0;

// === impl Choose ===

impl FromStr for Choose {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.split_once(':') {
            None if text == "uniform" => Ok(Choose::Uniform),
            None if text == "zipf" => Ok(Choose::Zipf { exponent: ZIPF_EXPONENT }),
            Some(("zipf", exponent)) => match exponent.parse() {
                Ok(exponent) if (0.0..=10.0).contains(&exponent) => Ok(Choose::Zipf { exponent }),
                _ => Err(ValueError::Exponent),
            },
            _ => Err(ValueError::Choose),
        }
    }
}

// === impl Share ===

impl Share {
    /// How many of `clients` that is, never more than there are.
    pub fn of(self, clients: u32) -> u32 {
        match self {
            Share::Count(count) => count.min(clients),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is from 0 to `clients`"
            )]
            Share::Percent(percent) => (f64::from(clients) * percent / 100.0).round() as u32,
        }
    }
}

impl FromStr for Share {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.strip_suffix('%') {
            None => text.parse().map(Share::Count).map_err(|_| ValueError::Share),
            Some(percent) => match percent.parse() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Share::Percent(percent)),
                _ => Err(ValueError::Share),
            },
        }
    }
}

// === impl Slow ===

impl FromStr for Slow {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (share, rate) = text.split_once(':').ok_or(ValueError::Slow)?;
        let bytes_per_second = rate.parse().map_err(|_| ValueError::Slow)?;
        Ok(Slow { share: share.parse()?, bytes_per_second })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn check<T: FromStr<Err = ValueError> + PartialEq + std::fmt::Debug>(
        text: &str,
        expected: Result<T, ValueError>,
    ) {
        let found: Result<T, ValueError> = text.parse();
        assert!(found == expected, "{text}: {found:?}, not {expected:?}");
        drop(expected);
    }

    #[test]
    fn values_are_read_or_refused() {
        check("uniform", Ok(Choose::Uniform));
        check("zipf", Ok(Choose::Zipf { exponent: 1.0 }));
        check("zipf:1.2", Ok(Choose::Zipf { exponent: 1.2 }));
        check::<Choose>("zipf:-1", Err(ValueError::Exponent));
        check::<Choose>("zipf:nan", Err(ValueError::Exponent));
        check::<Choose>("best", Err(ValueError::Choose));
        check("5%", Ok(Share::Percent(5.0)));
        check("20", Ok(Share::Count(20)));
        check::<Share>("101%", Err(ValueError::Share));
        check::<Share>("-1", Err(ValueError::Share));
        let bytes_per_second = NonZeroU32::new(1000).unwrap();
        check("2:1000", Ok(Slow { share: Share::Count(2), bytes_per_second }));
        check::<Slow>("10%", Err(ValueError::Slow));
        check::<Slow>("10%:0", Err(ValueError::Slow));
    }

    #[test]
    fn a_share_is_never_more_than_all() {
        assert_eq!(Share::Percent(5.0).of(1000), 50);
        assert_eq!(Share::Percent(100.0).of(3), 3);
        assert_eq!(Share::Percent(0.0).of(3), 0);
        assert_eq!(Share::Count(20).of(7), 7);
    }

    #[test]
    fn the_defaults_parse() {
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            load: LoadArgs,
        }
        let line = Line::try_parse_from(["load", "--slow", "10%:5000", "--duration", "2m"]).unwrap().load;
        assert_eq!(
            (line.clients.get(), line.duration, line.stalled.of(1000)),
            (1000, Duration::from_secs(120), 0)
        );
    }
}
