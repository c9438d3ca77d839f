//! [`Id`]: the id of a command, chosen by the client and echoed unchanged.

use serde::{Serialize, Serializer, ser::Error};

/// The id of a command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Id {
    Text(String),
    Number(i64),
    /// The digits of an integer that does not fit into an `i64`.
    #[serde(serialize_with = "write_digits")]
    Digits(String),
}

fn write_digits<S: Serializer>(digits: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::value::RawValue::from_string(digits.to_owned()).map_err(Error::custom)?.serialize(serializer)
}
