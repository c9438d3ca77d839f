//! `tickcast replay`: a server's replay, held from the terminal. It speaks to `/v1/replay`, as any client may.
//!
//! Without a command it shows how the replay stands, once on a pipe, and on a terminal in one line that is redrawn until
//! the replay is over.

use std::{
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    process::ExitCode,
    time::{Duration, UNIX_EPOCH},
};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{runtime, time::sleep};

use super::{
    complain,
    endpoint::{Endpoint, EndpointError, printable},
};

/// Exit code 0: done. 1: the server refused, or could not be reached.
#[derive(clap::Args, Clone, Debug)]
pub struct ReplayArgs {
    /// The server
    #[arg(long, value_parser = Endpoint::parse, default_value = "http://127.0.0.1:8080")]
    url: Endpoint,
    /// Which replay, when the server has several
    #[arg(long, value_name = "NAME")]
    feed: Option<String>,
    /// Print the server's answer as it is
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    op: Option<Op>,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Op {
    /// Show how it stands, once
    State,
    /// Stand still
    Pause,
    /// Go on
    Resume,
    /// Pause, and play the next records
    Step {
        #[arg(default_value_t = 1)]
        n: u64,
    },
    /// Go to the first record at this time or after it
    Seek {
        /// 2025-03-25T23:07:00Z, 2025-03-25, or microseconds since 1970
        to: String,
    },
    /// Change the speed
    Speed {
        /// How many times as fast as it was received, or max
        speed: String,
    },
    /// Go to the first record
    Restart,
}

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("the server's answer is no state of a replay: {0}")]
    Answer(#[from] serde_json::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What is shown of a state.
#[derive(Deserialize)]
struct Shown {
    feed: String,
    file: String,
    phase: String,
    speed: Value,
    position: u64,
    time: Option<u64>,
    round: u64,
    records: u64,
    rejected: u64,
    waiting_for_clients: usize,
    clients: usize,
    pace_error_us: Pace,
}

#[derive(Deserialize)]
struct Pace {
    p50: u64,
    p99: u64,
    max: u64,
}

/// Between two drawings.
const REDRAW: Duration = Duration::from_millis(200);

pub fn run(args: &ReplayArgs) -> ExitCode {
    match held(args) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(ReplayError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("tickcast replay: {}: {error}\n", args.url.authority()));
            ExitCode::FAILURE
        }
    }
}

fn held(args: &ReplayArgs) -> Result<(), ReplayError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let address = args.url.resolve().await?;
        let follows = args.op.is_none() && !args.json && io::stdout().is_terminal();
        if follows { follow(args, address).await } else { once(args, address).await }
    })
}

/// Tells the server, and shows its answer.
async fn once(args: &ReplayArgs, address: SocketAddr) -> Result<(), ReplayError> {
    let answer = ask(args, address).await?;
    let text = if args.json { String::from_utf8_lossy(&answer).into_owned() } else { line(&answer)? };
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

/// Shows how the replay stands until it is over.
async fn follow(args: &ReplayArgs, address: SocketAddr) -> Result<(), ReplayError> {
    loop {
        let answer = ask(args, address).await?;
        let mut out = io::stdout();
        write!(out, "\r{}\x1b[K", line(&answer)?)?;
        out.flush()?;
        let Shown { phase, .. } = serde_json::from_slice(&answer)?;
        if phase == "ended" || phase == "failed" {
            writeln!(out)?;
            return Ok(());
        }
        sleep(REDRAW).await;
    }
}

async fn ask(args: &ReplayArgs, address: SocketAddr) -> Result<bytes::Bytes, ReplayError> {
    let mut path = "/v1/replay".to_owned();
    if let Some(feed) = &args.feed {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("feed", feed).finish();
        path = format!("{path}?{query}");
    }
    let command = match &args.op {
        None | Some(Op::State) => return Ok(args.url.get(address, &path).await?),
        Some(Op::Pause) => json!({"op": "pause"}),
        Some(Op::Resume) => json!({"op": "resume"}),
        Some(Op::Step { n }) => json!({"op": "step", "n": n}),
        Some(Op::Seek { to }) => json!({"op": "seek", "to": to}),
        Some(Op::Speed { speed }) => json!({"op": "speed", "speed": speed}),
        Some(Op::Restart) => json!({"op": "restart"}),
    };
    Ok(args.url.post(address, &path, command.to_string()).await?)
}

/// One line of a state, for a person.
fn line(answer: &[u8]) -> Result<String, serde_json::Error> {
    let shown: Shown = serde_json::from_slice(answer)?;
    let time = shown.time.map_or_else(
        || "before the first record".to_owned(),
        |micros| humantime::format_rfc3339_micros(UNIX_EPOCH + Duration::from_micros(micros)).to_string(),
    );
    let phase = match shown.phase.as_str() {
        "waiting" => format!("waiting for clients: {} of {}", shown.clients, shown.waiting_for_clients),
        phase => phase.to_owned(),
    };
    let speed = shown.speed.as_str().map_or_else(|| format!("{}x", shown.speed), str::to_owned);
    let Pace { p50, p99, max } = shown.pace_error_us;
    let text = format!(
        "{} {phase}  {time}  record {}  round {}  {speed}  {} played, {} rejected  late p50 {p50} us p99 {p99} us max {max} us  {}",
        shown.feed, shown.position, shown.round, shown.records, shown.rejected, shown.file
    );
    Ok(printable(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_one_line() {
        let state = r#"{"feed":"replay","file":"a.ndjson","phase":"waiting","paused":false,"waiting_for_clients":2,"ended":false,"speed":"max","position":3,"time":1742860800000001,"round":1,"records":3,"waiting_for_readers":false,"pace_error_us":{"records":3,"p50":1,"p99":2,"max":3},"rejected":0,"clients":1}"#;
        assert_eq!(
            line(state.as_bytes()).unwrap(),
            "replay waiting for clients: 1 of 2  2025-03-25T00:00:00.000001Z  record 3  round 1  max  3 played, 0 rejected  late p50 1 us p99 2 us max 3 us  a.ndjson"
        );
        assert!(line(b"{}").is_err());
    }
}
