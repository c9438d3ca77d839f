//! What a row says of a trade beside its fields, in columns with the names of a line: `affects`, `cancel`, `correct`.
//!
//! ```text
//! affects: words with blanks between, or `none`; an empty cell stands for all.  cancel, correct: a trade's name
//! ```
//! Which of them go together, and with which fields, is that of a line: [`LineReport::put`].

use super::FormatFault;
use crate::{
    feed::ndjson::{
        ValueFault,
        report::{LineReport, ReportFault},
    },
    tick::{Affects, Fields, ReportKind, TradeId},
};

/// One of these columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReportColumn {
    Affects,
    Cancel,
    Correct,
}

/// The cell of a trade that affects nothing.
pub const NONE: &str = "none";

// === impl ReportColumn ===

impl ReportColumn {
    /// In the order in which they are written.
    pub const ALL: [ReportColumn; 3] = [ReportColumn::Affects, ReportColumn::Cancel, ReportColumn::Correct];

    pub const fn name(self) -> &'static str {
        match self {
            ReportColumn::Affects => "affects",
            ReportColumn::Cancel => "cancel",
            ReportColumn::Correct => "correct",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// Takes a cell; an empty one says nothing. A blank alone may be a trade's name.
    ///
    /// # Errors
    /// When it is no such value.
    pub(in crate::feed) fn read(self, cell: &str, report: &mut LineReport) -> Result<(), FormatFault> {
        if cell.is_empty() {
            return Ok(());
        }
        let fault = |fault| FormatFault::value(self.name(), fault);
        let id = || TradeId::new(cell).map_err(|error| fault(ValueFault::TradeId(error)));
        match self {
            ReportColumn::Affects => report.affects = Some(read_words(cell).map_err(fault)?),
            ReportColumn::Cancel => report.cancel = Some(id()?),
            ReportColumn::Correct => report.correct = Some(id()?),
        }
        Ok(())
    }

    /// The cell of a tick; `None` when it is empty.
    pub fn cell(self, fields: &Fields) -> Option<String> {
        let report = fields.report()?;
        match (self, report.kind) {
            (ReportColumn::Affects, ReportKind::Trade) => {
                let words = report.affects.words().collect::<Vec<_>>().join(" ");
                Some(if words.is_empty() { NONE.to_owned() } else { words })
            }
            (ReportColumn::Cancel, ReportKind::Cancel) | (ReportColumn::Correct, ReportKind::Correct) => {
                Some(report.id.to_string())
            }
            _ => None,
        }
    }
}

impl From<ReportFault> for FormatFault {
    fn from(fault: ReportFault) -> Self {
        FormatFault::value(fault.name, ValueFault::Rule(fault.rule))
    }
}

fn read_words(cell: &str) -> Result<Affects, ValueFault> {
    if cell.trim_ascii() == NONE {
        return Ok(Affects::NONE);
    }
    if cell.trim_ascii().is_empty() {
        return Err(ValueFault::AffectsCell);
    }
    cell.split_ascii_whitespace().try_fold(Affects::NONE, |affects, word| {
        let more = Affects::of_word(word).filter(|more| !affects.contains(*more));
        more.map(|more| affects.with(more)).ok_or(ValueFault::AffectsCell)
    })
}
