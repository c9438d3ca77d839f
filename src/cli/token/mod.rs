//! `tickcast token`: makes a token, for trying out what one allows.
//!
//! Not an issuer: it keeps nothing, and knows nobody. Invariants: the claim is one that the service takes, by its own
//! reader; standard output has the token and nothing else.

mod key;

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::rand;
use clap::Args;
use jsonwebtoken::Header;
use key::{SigningKey, SigningKeyError};
use serde_json::{Map, Value, json};
use tickcast::access::claim::{ClaimFault, NAME_BYTES_MAX, RightsClaim};

use super::{
    duration,
    shell::{EXIT_USAGE, complain},
};

/// Sign a token, to try out entitlements.
///
/// Writes the token, and nothing else, to standard output. Whatever is not granted is denied. Exit code 2: the key or the
/// claim cannot be used.
///
///   openssl rand -hex 32 > secret; tickcast token --key secret --sub alice --read 'BTC*' --for 1h > token
#[derive(Args, Clone, Debug)]
#[command(verbatim_doc_comment)]
pub struct TokenArgs {
    /// The key to sign with: a private key in PEM (RSA: RS256, P-256: ES256, Ed25519: `EdDSA`), or a secret for HS256, which is
    /// the content of the file without the final newline
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The user, as in limits, revocations and usage reports
    #[arg(long, value_name = "NAME")]
    sub: String,
    /// How long it is valid
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse, default_value = "1h")]
    valid_for: Duration,
    /// Symbols that may be read in real time: names, or patterns with `*`
    #[arg(long, value_name = "SYMBOLS", value_delimiter = ',')]
    read: Vec<String>,
    /// Symbols that may be read delayed
    #[arg(long, value_name = "SYMBOLS", value_delimiter = ',')]
    delayed: Vec<String>,
    /// The fields that may be read [default: all]
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    fields: Option<Vec<String>>,
    /// Symbols that may be published
    #[arg(long, value_name = "SYMBOLS", value_delimiter = ',')]
    publish: Vec<String>,
    /// May control replays
    #[arg(long)]
    replay: bool,
    /// May read metrics and administer the service
    #[arg(long)]
    admin: bool,
    /// The most concurrent sessions of the user [default: as many as the service allows]
    #[arg(long, value_name = "COUNT")]
    sessions: Option<u64>,
    /// The shortest conflation interval, such as 250ms
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    min_interval: Option<Duration>,
    /// The class of use in usage reports, such as non-display
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// The token's ID, by which it can be revoked [default: a random one]
    #[arg(long, value_name = "ID")]
    jti: Option<String>,
    /// The audience, if the service requires one
    #[arg(long, value_name = "AUDIENCE")]
    aud: Option<String>,
    /// The issuer, if the service requires one
    #[arg(long, value_name = "ISSUER")]
    iss: Option<String>,
    /// The ID of the key, if the service has several
    #[arg(long, value_name = "ID")]
    kid: Option<String>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
enum TokenError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Key { path: PathBuf, source: SigningKeyError },
    #[error("the service would not take it: {0}")]
    Claim(#[from] ClaimFault),
    #[error("--{flag} must be a text of 1 to {NAME_BYTES_MAX} bytes without control characters")]
    Name { flag: &'static str },
    #[error("--for: a token is valid for a second at least, and for ten years at most")]
    Lifetime,
    #[error("this system has no random numbers: name the token with --jti")]
    Random,
}

/// Longer than any rotation of keys.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

pub fn run(args: &TokenArgs) -> ExitCode {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match token(args, since.as_secs()) {
        Ok(token) => {
            // Whoever closed our output does not want it.
            let written = writeln!(io::stdout(), "{token}");
            if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            complain(format_args!("tickcast token: {error}\n"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn token(args: &TokenArgs, now: u64) -> Result<String, TokenError> {
    let claims = claims(args, now)?;
    let key = signing_key(&args.key)?;
    let header = Header { kid: args.kid.clone(), ..Header::new(key.algorithm) };
    key.sign(&header, &claims).map_err(|source| TokenError::Key { path: args.key.clone(), source })
}

fn signing_key(path: &Path) -> Result<SigningKey, TokenError> {
    let file = fs::read(path).map_err(|source| TokenError::Read { path: path.to_owned(), source })?;
    SigningKey::of(&file).map_err(|source| TokenError::Key { path: path.to_owned(), source })
}

/// The payload.
fn claims(args: &TokenArgs, now: u64) -> Result<Value, TokenError> {
    if !(Duration::from_secs(1)..=LONGEST).contains(&args.valid_for) {
        return Err(TokenError::Lifetime);
    }
    let allowed = allowed(args);
    // By the service's own reader.
    RightsClaim::of_json(&allowed.to_string())?;
    let id = match &args.jti {
        Some(id) => id.clone(),
        None => random_id()?,
    };
    let mut claims = Map::new();
    let exp = now + args.valid_for.as_secs();
    let names = [
        ("sub", Some(&args.sub)),
        ("jti", Some(&id)),
        ("aud", args.aud.as_ref()),
        ("iss", args.iss.as_ref()),
    ];
    for (flag, text) in names.into_iter().filter_map(|(flag, text)| Some((flag, text?))) {
        if !(1..=NAME_BYTES_MAX).contains(&text.len()) || text.chars().any(char::is_control) {
            return Err(TokenError::Name { flag });
        }
        claims.insert(flag.to_owned(), json!(text));
    }
    claims.extend(
        [("iat", json!(now)), ("exp", json!(exp)), ("tickcast", allowed)]
            .map(|(name, value)| (name.to_owned(), value)),
    );
    Ok(Value::Object(claims))
}

/// The claim `tickcast`, with what was given.
fn allowed(args: &TokenArgs) -> Value {
    let symbols = |symbols: &Vec<String>| (!symbols.is_empty()).then(|| json!(symbols));
    let millis = |time: Duration| json!(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let members = [
        ("read", symbols(&args.read)),
        ("delayed", symbols(&args.delayed)),
        ("fields", args.fields.as_ref().map(|fields| json!(fields))),
        ("publish", symbols(&args.publish)),
        ("replay", args.replay.then_some(Value::Bool(true))),
        ("admin", args.admin.then_some(Value::Bool(true))),
        ("sessions", args.sessions.map(|sessions| json!(sessions))),
        ("min_interval_ms", args.min_interval.map(millis)),
        ("class", args.class.as_ref().map(|class| json!(class))),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn random_id() -> Result<String, TokenError> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| TokenError::Random)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests;
