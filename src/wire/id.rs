//! The id of a command: whatever the client chose, given back as it came.

use serde::{Serialize, Serializer, ser::Error};

/// A command's id, echoed as it came.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Id {
    Text(String),
    Number(i64),
    /// A whole number that 64 bits with a sign do not hold, as it was written.
    #[serde(serialize_with = "write_digits")]
    Digits(String),
}

fn write_digits<S: Serializer>(digits: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::value::RawValue::from_string(digits.to_owned()).map_err(Error::custom)?.serialize(serializer)
}
