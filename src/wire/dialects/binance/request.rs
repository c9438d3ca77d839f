//! Requests of clients, and the errors of those that are none, in the venue's words. The venue reads JSON as we do, so most
//! of its words are the reader's.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Visitor},
};
use serde_json::value::RawValue;

/// What a client asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
    List,
    SetCombined(bool),
    GetCombined,
}

/// The `id` of a request, as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestId(Box<str>);

/// A request that is none: the message for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BinanceFault {
    pub code: u8,
    pub message: String,
    /// Told by faults of properties alone.
    pub id: Option<RequestId>,
}

/// The longest id that is a text.
const ID_CHARS_MAX: usize = 36;
const NULL: &str = "null";

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Method {
    Subscribe,
    Unsubscribe,
    ListSubscriptions,
    SetProperty,
    GetProperty,
}

#[derive(Deserialize)]
#[serde(expecting = "struct Request")]
struct GivenRequest<'a> {
    method: Method,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
}

/// A value that is `null` is one.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// One of the values of a property request.
enum Value<'a> {
    Text(Cow<'a, str>),
    Bool(bool),
    Other,
}

impl Request {
    /// # Errors
    /// With what the venue answers.
    pub fn read(text: &str) -> Result<(Request, RequestId), BinanceFault> {
        let given: GivenRequest<'_> = serde_json::from_str(text).map_err(|error| BinanceFault::of(&error))?;
        let id = RequestId::of(given.id)?;
        let params = given.params.map_or("", RawValue::get);
        let request = match given.method {
            Method::Subscribe => Request::Subscribe(names(params, text)?),
            Method::Unsubscribe => Request::Unsubscribe(names(params, text)?),
            Method::ListSubscriptions => Request::List,
            Method::SetProperty => match &values(params, text)?[..] {
                [_, _, _, ..] => return Err(BinanceFault::invalid("too many parameters")),
                [Value::Text(property), rest @ ..] => {
                    known(property, &id)?;
                    let [Value::Bool(combined)] = rest else {
                        return Err(BinanceFault {
                            code: 1,
                            message: "Invalid value type: expected Boolean".to_owned(),
                            id: None,
                        });
                    };
                    Request::SetCombined(*combined)
                }
                _ => return Err(BinanceFault::invalid("property name must be a string")),
            },
            Method::GetProperty => match &values(params, text)?[..] {
                [_, _, ..] => return Err(BinanceFault::invalid("too many parameters")),
                [Value::Text(property)] => {
                    known(property, &id)?;
                    Request::GetCombined
                }
                _ => return Err(BinanceFault::invalid("property name must be a string")),
            },
        };
        Ok((request, id))
    }
}

/// The names of streams in a list.
fn names(params: &str, text: &str) -> Result<Vec<String>, BinanceFault> {
    read(params, text)
}

fn values<'a>(params: &'a str, text: &str) -> Result<Vec<Value<'a>>, BinanceFault> {
    read(params, text)
}

fn read<'a, T: Deserialize<'a>>(params: &'a str, text: &str) -> Result<T, BinanceFault> {
    if params.is_empty() || params == NULL {
        return Err(BinanceFault::invalid(&format!(
            "missing field `params` at line 1 column {}",
            text.len()
        )));
    }
    serde_json::from_str(params).map_err(|error| BinanceFault::of(&error))
}

/// There is one property.
fn known(property: &str, id: &RequestId) -> Result<(), BinanceFault> {
    if property == "combined" {
        return Ok(());
    }
    Err(BinanceFault { code: 0, message: "Unknown property".to_owned(), id: Some(id.clone()) })
}

impl RequestId {
    /// A whole number of 64 bits, a short text, or nothing.
    fn of(given: Option<&RawValue>) -> Result<RequestId, BinanceFault> {
        let raw = given.map_or(NULL, RawValue::get);
        let is_text = |raw: &str| {
            serde_json::from_str::<Cow<'_, str>>(raw).is_ok_and(|text| text.chars().count() <= ID_CHARS_MAX)
        };
        let is_number = raw.parse::<i64>().is_ok() || raw.parse::<u64>().is_ok();
        if raw == NULL || is_number || is_text(raw) {
            return Ok(RequestId(raw.into()));
        }
        Err(BinanceFault::invalid("request ID must be an unsigned integer"))
    }

    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl BinanceFault {
    pub fn invalid(what: &str) -> BinanceFault {
        BinanceFault { code: 2, message: format!("Invalid request: {what}"), id: None }
    }

    /// A stream that is not served here.
    pub fn of_missing(stream: &str) -> BinanceFault {
        BinanceFault::invalid(&format!("stream {stream} is not available"))
    }

    /// What the reader says. It puts what it has found in backticks, and the venue does not.
    fn of(error: &serde_json::Error) -> BinanceFault {
        let text = error.to_string();
        if !error.is_data() {
            return BinanceFault { code: 3, message: format!("Invalid JSON: {text}"), id: None };
        }
        let unquoted = text.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, expected"));
        match unquoted {
            Some((found, rest)) => BinanceFault::invalid(&format!("unknown variant {found}, expected{rest}")),
            None => BinanceFault::invalid(&text),
        }
    }

    /// The message of the error.
    pub fn to_message(&self) -> Vec<u8> {
        let text = serde_json::to_string(&self.message).unwrap_or_default();
        let id = self.id.as_ref().map(|id| format!(r#","id":{}"#, id.as_json())).unwrap_or_default();
        format!(r#"{{"code":{},"msg":{text}{id}}}"#, self.code).into_bytes()
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        Ok(match raw {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text if text.starts_with('"') => {
                Value::Text(serde_json::from_str::<RequestText<'_>>(text).map_err(D::Error::custom)?.0)
            }
            _ => Value::Other,
        })
    }
}

/// Text, borrowed where it has no escapes.
struct RequestText<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for RequestText<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Take;

        impl<'de> Visitor<'de> for Take {
            type Value = RequestText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<RequestText<'de>, E> {
                Ok(RequestText(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<RequestText<'de>, E> {
                Ok(RequestText(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Take)
    }
}
