//! Reports from the usage audit: who had access, who used it, how many at one moment, and how much was sent.
//!
//! Venues count differently, so there are four reports, each by product, class and month. What they count:
//!
//! | report | counts |
//! |---|---|
//! | access held | users who could have read at the first moment of the month (UTC): a session was open, or a token that was seen before had not ended |
//! | unique users | users who were sent something in the month |
//! | at one moment | the most sessions (devices), and the most users with a session, open at once within the month; of a product those that could read anything of it |
//! | quote meter | messages of streams, events of event streams, answers to requests: once for each product of which one shows a symbol |
//!
//! Invariant: the same records make the same reports, in whatever files they are.

mod running;
mod open;
mod report;
mod tally;

pub use open::{Licence, OpenAtOnce};
pub use report::ReportFormat;
pub use running::usage_of;
pub use tally::{LicenceTotals, MonthTotals, Usage, UsageKey, UsageRow};
