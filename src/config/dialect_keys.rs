//! The key of the protocols of exchanges. Its place in the table is `config/table.rs`.

use tickcast::wire::dialects::DialectSet;

use super::{
    fault::Problem,
    key::{Applies, ConfigKey, Kind},
};

pub const DIALECTS: ConfigKey = ConfigKey {
    name: "dialects",
    applies: Applies::AtRestart,
    kind: Kind::Text {
        get: |config| config.dialects.to_text(),
        set: |config, text| {
            config.dialects = DialectSet::parse(text).map_err(Problem::Dialects)?;
            Ok(())
        },
    },
    doc: "Protocols of exchanges that clients may speak, beside our own: `all`, `none`, or names with commas between, such \
          as `binance`. docs/EXCHANGES.md describes each. `tardis` is the replays of tardis-machine (docs/REPLAY.md).",
};
