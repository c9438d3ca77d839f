//! The key that fixes the epoch, for tests.

use super::{
    fault::Problem,
    key::{Applies, ConfigKey, Kind},
    settings::Config,
};

/// Longest text that fixes an epoch: every `welcome` and every resume carries it.
const EPOCH_BYTES_MAX: usize = 32;

pub(super) const EPOCH: ConfigKey = ConfigKey {
    name: "epoch",
    applies: Applies::AtRestart,
    kind: Kind::Text { get: |config| config.epoch.clone().unwrap_or_default(), set },
    doc: "A fixed epoch, for tests only. Empty: a new epoch at each start, which clients rely on to resume.",
};

fn set(config: &mut Config, text: &str) -> Result<(), Problem> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if text.len() > EPOCH_BYTES_MAX || !text.bytes().all(allowed) {
        return Err(Problem::Epoch { found: text.to_owned() });
    }
    config.epoch = (!text.is_empty()).then(|| text.to_owned());
    Ok(())
}
