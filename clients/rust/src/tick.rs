//! What is read of a snapshot or an update only when it is asked for: its values, and what it says of a trade.

use crate::{
    binary,
    json::{self, MessageError},
    message::{Tick, Values},
    report::{self, TradeReport},
};

/// The message as it came, from which [`Tick::values`] and [`Tick::report`] read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Body<'a> {
    /// The whole object.
    Json(&'a str),
    Binary(binary::Body<'a>),
}

/// Characters of a message that an error shows at most.
const EXCERPT_CHARS_MAX: usize = 200;

// === impl Tick ===

impl<'a> Tick<'a> {
    /// The fields that the message has.
    ///
    /// # Errors
    /// When a field's value is neither a number nor a string, or the message is not a JSON object.
    pub fn values(&self) -> Result<Values<'a>, MessageError> {
        match &self.body {
            Body::Json(object) => json::values(object),
            Body::Binary(body) => Ok(body.values()?),
        }
    }

    /// What the message says of a trade; nothing in most.
    ///
    /// ```
    /// use tickcast_client::{Message, Messages, ReportKind};
    /// let frame = r#"[{"type":"update","symbol":"A","seq":5,"rx":4,"cancel":"77","last":1.5}]"#;
    /// let Some(Ok(Message::Update(tick))) = Messages::new(frame).next() else { panic!() };
    /// let report = tick.report()?.unwrap();
    /// assert_eq!((report.kind, report.trade_id.as_deref()), (ReportKind::Cancel, Some("77")));
    /// # Ok::<(), tickcast_client::MessageError>(())
    /// ```
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn report(&self) -> Result<Option<TradeReport<'a>>, MessageError> {
        match &self.body {
            Body::Json(object) => report::of_json(object),
            Body::Binary(body) => Ok(body.report()?),
        }
    }

    /// The begin of the message as it came, for people.
    pub fn excerpt(&self) -> String {
        match &self.body {
            Body::Json(object) => object.chars().take(EXCERPT_CHARS_MAX).collect(),
            Body::Binary(_) => format!("{} {} in binary", self.symbol, self.seq),
        }
    }
}
