//! How messages are asked for, as the command line names it.

use clap::ValueEnum;
use tickcast_client::encoding::Encoding;

/// How messages are encoded.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
pub enum EncodingArg {
    #[default]
    Binary,
    Json,
}

impl From<EncodingArg> for Encoding {
    fn from(encoding: EncodingArg) -> Self {
        match encoding {
            EncodingArg::Binary => Encoding::Binary,
            EncodingArg::Json => Encoding::Json,
        }
    }
}
