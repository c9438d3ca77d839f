//! Chooses the decoder by a file's name, its first bytes and the hints.

use std::sync::Arc;

#[cfg(feature = "dbn")]
use super::databento;
use super::{
    binance, capture, databento_csv,
    decoder::Decoder,
    detect::{self, Detection},
    format::Format,
    hints::{Columns, Hints},
    itch, lean, mapped, own, plain, streams, table, tardis,
};
use crate::tick::CustomFields;

/// A detected format and its decoder.
pub type OpenedFormat = (Format, Box<dyn Decoder>);

impl Format {
    /// As [`detect::tell`], when `head` is the whole file.
    ///
    /// # Errors
    /// When its format is not supported: what it is, for a person.
    pub fn detect(name: &str, head: &[u8]) -> Result<Self, String> {
        match detect::tell(name, head, true, &CustomFields::none()) {
            Detection::Format(format) => Ok(format),
            Detection::Unread { why, .. } => Err(why),
            Detection::Undecided => Err("its beginning tells nothing".to_owned()),
        }
    }

    /// # Errors
    /// When the name does not give what a decoder of this format needs.
    pub fn decoder(
        self,
        name: &str,
        hints: &Hints,
        line_bytes_max: usize,
    ) -> Result<Box<dyn Decoder>, String> {
        use table::Table;
        Ok(match self {
            Format::Own => Box::new(own::OwnDecoder::new(line_bytes_max, Arc::clone(&hints.fields))),
            Format::Plain => {
                Box::new(Table::new(plain::Plain::with_fields(Arc::clone(&hints.fields)), line_bytes_max))
            }
            Format::Mapped => Box::new(Table::new(mapped::Mapped::hinted(hints), line_bytes_max)),
            Format::Known(preset) => {
                Box::new(Table::new(mapped::Mapped::known(preset, name, hints), line_bytes_max))
            }
            Format::DatabentoCsv => {
                Box::new(Table::new(databento_csv::DatabentoCsv::new(hints), line_bytes_max))
            }
            Format::Tardis => {
                Box::new(Table::new(tardis::Tardis::with_fields(Arc::clone(&hints.fields)), line_bytes_max))
            }
            Format::Binance(_) => Box::new(Table::new(binance::Binance::new(name)?, line_bytes_max)),
            Format::Capture => Box::new(capture::Capture::new(line_bytes_max, Arc::clone(&hints.fields))),
            Format::Streams => Box::new(streams::Streams::new(line_bytes_max, Arc::clone(&hints.fields))),
            Format::Lean(_) => Box::new(Table::new(lean::Lean::new(name)?, line_bytes_max)),
            Format::Itch => Box::new(itch::Itch::new(name)?),
            #[cfg(feature = "dbn")]
            Format::Databento => Box::new(databento::Databento::new()),
            #[cfg(not(feature = "dbn"))]
            Format::Databento => {
                return Err("it is Databento's DBN, which this build cannot read; build with --features dbn"
                    .to_owned());
            }
        })
    }
}

/// Detects the format from the file and the hints, and starts its decoder. `None` when more of the file is needed; with
/// `is_whole` there is no more.
///
/// # Errors
/// When it cannot be decoded, or not as the hints say: the reason, for a person.
pub fn open(
    name: &str,
    head: &[u8],
    is_whole: bool,
    hints: &Hints,
    line_bytes_max: usize,
) -> Result<Option<OpenedFormat>, String> {
    let asks = hints.columns.is_some() || hints.unit.is_some() || hints.symbol.is_some();
    let told = detect::tell(name, head, is_whole, &hints.fields);
    let format = match (&hints.columns, told) {
        (_, Detection::Unread { why, is_table: false }) => return Err(why),
        (Some(Columns::Known(preset)), _) => Format::Known(*preset),
        (Some(Columns::Databento), Detection::Format(Format::DatabentoCsv)) => Format::DatabentoCsv,
        (Some(Columns::Databento), Detection::Undecided) => return Ok(None),
        (Some(Columns::Databento), _) => {
            return Err(
                "it is not a table of Databento that holds ticks: its line of names has no ts_event, rtype, \
                        publisher_id and price"
                    .to_owned(),
            );
        }
        (Some(Columns::Pairs(_)), _) => Format::Mapped,
        (None, Detection::Format(Format::Plain) | Detection::Unread { .. } | Detection::Undecided)
            if asks =>
        {
            Format::Mapped
        }
        (_, Detection::Format(format)) => format,
        (_, Detection::Unread { why, .. }) => return Err(why),
        (_, Detection::Undecided) => return Ok(None),
    };
    let decoder: Box<dyn Decoder> = match format {
        Format::Mapped | Format::Known(_) => match mapped::open(format, name, head, hints, line_bytes_max) {
            Err(_) if !is_whole => return Ok(None),
            opened => opened?,
        },
        // Its tables may lack the symbol.
        Format::DatabentoCsv if hints.unit.is_none() => format.decoder(name, hints, line_bytes_max)?,
        _ if asks => {
            return Err(format!(
                "columns, unit and symbol are for tables that do not say what they hold, and this is {}",
                format.name()
            ));
        }
        _ => format.decoder(name, hints, line_bytes_max)?,
    };
    Ok(Some((format, decoder)))
}
