//! The keys of `[auth]`. Their place in the table is `config/table.rs`.

use std::time::Duration;

use tickcast::access::{SessionsOver, SymbolPatterns, settings::KeySource};

use super::{
    fault::Problem,
    key::{Applies, ConfigKey, Kind},
    value::ValueUnit,
};

/// A list, with what is checked of each entry.
macro_rules! list {
    ($name:literal, $($field:ident).+, $check:expr, $doc:expr) => {
        ConfigKey {
            name: $name,
            applies: Applies::AtOnce,
            kind: Kind::List {
                get: |config| &config.auth.$($field).+,
                set: |config, entries, problems| {
                    let check: fn(&'static str, &str) -> Result<(), Problem> = $check;
                    problems.extend(entries.iter().filter_map(|entry| check($name, entry).err()));
                    config.auth.$($field).+ = entries;
                },
            },
            doc: $doc,
        }
    };
}

/// The name of a file or directory, or another text; empty for none.
macro_rules! text {
    ($name:literal, $($field:ident).+, $doc:expr) => {
        ConfigKey {
            name: $name,
            applies: Applies::AtOnce,
            kind: Kind::Text {
                get: |config| config.auth.$($field).+.clone(),
                set: |config, text| {
                    config.auth.$($field).+ = text.to_owned();
                    Ok(())
                },
            },
            doc: $doc,
        }
    };
}

const NAME_BYTES_MAX: usize = 256;
const DAY_MS: u64 = 24 * 3600 * 1000;

pub(super) const KEYS: ConfigKey = list!(
    "auth.keys",
    keys,
    |_, text| KeySource::parse(text)
        .map(drop)
        .map_err(|source| Problem::KeySource { text: text.to_owned(), source }),
    "Keys that verify tokens, each for exactly one algorithm: `hs256:FILE` (a secret: the file's \
              content without one final newline; a warning is logged below 32 bytes), `rs256:FILE`, `es256:FILE`, \
              `ed25519:FILE` (a public key or a certificate in PEM), `jwks:FILE` or `jwks:https://…` (a key set; a key server is polled). Files are \
              reloaded when they change. Empty, without API keys and without anything under `auth.anonymous`: no \
              authentication. docs/SECURITY.md has the rules."
);

pub(super) const AUDIENCE: ConfigKey = list!(
    "auth.audience",
    audience,
    check_name,
    "A token must name one of these in `aud`. Empty: `aud` is not checked. Set it if the issuer also issues tokens \
              for other services."
);

pub(super) const ISSUER: ConfigKey = list!(
    "auth.issuer",
    issuer,
    check_name,
    "A token must have one of these as `iss`. Empty: `iss` is not checked."
);

pub(super) const SESSIONS_OVER: ConfigKey = ConfigKey {
    name: "auth.sessions_over",
    applies: Applies::AtOnce,
    kind: Kind::Word {
        words: &["refuse", "evict_oldest"],
        get: |config| match config.auth.sessions_over {
            SessionsOver::Refuse => "refuse",
            SessionsOver::EvictOldest => "evict_oldest",
        },
        set: |config, word| {
            let evicts = word == "evict_oldest";
            config.auth.sessions_over = if evicts { SessionsOver::EvictOldest } else { SessionsOver::Refuse };
        },
    },
    doc: "What happens when a user opens more sessions than the `sessions` of the token allows: `refuse` closes the \
          new one with 4105, `evict_oldest` closes the user's oldest.",
};

pub(super) const DELAY: ConfigKey = ConfigKey {
    name: "auth.delay_ms",
    applies: Applies::AtOnce,
    kind: Kind::Number {
        unit: ValueUnit::Millis,
        min: 0,
        max: DAY_MS,
        get: |config| config.auth.delay.as_millis() as u64,
        set: |config, millis| config.auth.delay = Duration::from_millis(millis),
    },
    doc: "Delay of symbols for users whose token has them as `delayed`, unless their product has its own.",
};

pub(super) const DELAYED_GRID: ConfigKey = ConfigKey {
    name: "auth.delayed_grid_ms",
    applies: Applies::AtRestart,
    kind: Kind::Number {
        unit: ValueUnit::Millis,
        min: 0,
        max: 60_000,
        get: |config| config.auth.delayed_grid.as_millis() as u64,
        set: |config, millis| config.auth.delayed_grid = Duration::from_millis(millis),
    },
    doc: "Resolution of delayed data: for each symbol one record is kept in each interval of this length, and is \
          published when the end of the interval is due. This bounds memory (docs/PERFORMANCE.md). 0: no delayed \
          data.",
};

pub(super) const PRODUCTS: ConfigKey = ConfigKey {
    name: "auth.products",
    applies: Applies::AtRestart,
    kind: Kind::Products,
    doc: "Products: groups of symbols that are reported together and have the same delay, up to 64: a table \
          `[[auth.products]]` for each, with `name`, `symbols`, `delay_ms`, `delayed_fields` and `notice`, or \
          `name;symbols;delay_ms;delayed_fields;notice` in one string. The section on products explains them, and \
          which parts a reload changes.",
};

pub(super) const REVOKED: ConfigKey = text!(
    "auth.revoked",
    revoked,
    "File of revocations, one a line: `user:NAME` (`sub`) or `token:ID` (`jti`); `#` starts a comment. It is \
              reloaded within 50 ms of a change, and open sessions of revoked users and tokens are closed with \
              4104. Empty: none."
);

pub(super) const API_KEYS: ConfigKey = text!(
    "auth.api_keys",
    api_keys,
    "File of API keys: a JSON object that maps each key to the claims that a token would have, \
              `{\"k-5f0c…\":{\"sub\":\"desk-7\",\"tickcast\":{\"read\":[\"BTC*\"]}}}`. It is reloaded when it \
              changes. Empty: none."
);

pub(super) const JWKS_CA: ConfigKey = text!(
    "auth.jwks_ca",
    jwks_ca,
    "File of certificate authorities, in PEM, that are trusted for key servers. Empty: those of the system."
);

pub(super) const CACHE_DIR: ConfigKey = text!(
    "auth.cache_dir",
    cache_dir,
    "Directory for the last good response of each key server, used when the service starts and cannot reach it. \
              Anyone who can write there can forge tokens. Empty: systemd's state directory (`STATE_DIRECTORY`), or \
              no copy without one."
);

pub(super) const ANONYMOUS_READ: ConfigKey = list!(
    "auth.anonymous.read",
    anonymous.read,
    check_pattern,
    "Symbols and patterns that may be read without a token, in real time. With nothing under `auth.anonymous`, a \
              token is required once `auth.keys` or `auth.api_keys` is set."
);

pub(super) const ANONYMOUS_DELAYED: ConfigKey = list!(
    "auth.anonymous.delayed",
    anonymous.delayed,
    check_pattern,
    "Symbols and patterns that may be read without a token, delayed."
);

pub(super) const ANONYMOUS_PUBLISH: ConfigKey = list!(
    "auth.anonymous.publish",
    anonymous.publish,
    check_pattern,
    "Symbols and patterns that may be published without a token."
);

pub(super) const ANONYMOUS_FIELDS: ConfigKey = list!(
    "auth.anonymous.fields",
    anonymous.fields,
    check_name,
    "Fields that are shown without a token. Empty: all."
);

pub(super) const ANONYMOUS_CLASS: ConfigKey = text!(
    "auth.anonymous.class",
    anonymous.class,
    "Class of use in reports for sessions without a token. Empty: \
              none."
);

pub(super) const ANONYMOUS_INTERVAL: ConfigKey = ConfigKey {
    name: "auth.anonymous.min_interval_ms",
    applies: Applies::AtOnce,
    kind: Kind::Number {
        unit: ValueUnit::Millis,
        min: 0,
        max: DAY_MS,
        get: |config| config.auth.anonymous.min_interval.as_millis() as u64,
        set: |config, millis| config.auth.anonymous.min_interval = Duration::from_millis(millis),
    },
    doc: "The shortest time between two messages of a symbol for sessions without a token.",
};

fn check_name(key: &'static str, text: &str) -> Result<(), Problem> {
    let is_name = (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    if is_name { Ok(()) } else { Err(Problem::AuthName { key, found: text.to_owned() }) }
}

fn check_pattern(key: &'static str, text: &str) -> Result<(), Problem> {
    SymbolPatterns::new([text]).map(drop).map_err(|source| Problem::AuthPattern { key, source })
}
