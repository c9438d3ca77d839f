//! The key of the recordings that clients replay for themselves. Its place in the table is `config/table.rs`.

use super::key::{Applies, ConfigKey, Kind};

pub(super) const RECORDINGS: ConfigKey = ConfigKey {
    name: "recordings",
    applies: Applies::AtRestart,
    kind: Kind::Text {
        get: |config| config.recordings.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
        set: |config, text| {
            config.recordings = (!text.is_empty()).then(|| text.into());
            Ok(())
        },
    },
    doc: "Directory of the recordings that clients may replay by themselves (`/ws-replay-normalized`, \
          docs/REPLAY.md): a subdirectory for each exchange, or files whose names begin with the exchange. Empty: \
          the bundled recording, as exchange `binance`.",
};
