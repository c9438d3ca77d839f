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
    doc: "Exchange protocols that clients may speak, in addition to tickcast's own: `all`, `none`, or a list such \
          as `binance,kraken`. docs/EXCHANGES.md describes each. `tardis` is the replay API of tardis-machine \
          (docs/REPLAY.md).",
};
