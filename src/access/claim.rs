//! The claim `tickcast`: what a token allows, as JSON; and the same for those without a token and for API keys.
//!
//! It is strict: a member that is unknown here, or of another type, might be meant to forbid something. So it is refused
//! by its name.
//!
//! Invariants: what is left out allows nothing, and `fields` that is left out allows all; every list is bounded.

use std::{fmt, time::Duration};

use compact_str::CompactString;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::rights::{PatternsError, Rights, SymbolPatterns};

/// What the claim says. Whose it is and when it ends is beside it, in the token.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RightsClaim {
    pub read: SymbolPatterns,
    pub delayed: SymbolPatterns,
    pub publish: SymbolPatterns,
    pub fields: Option<Vec<CompactString>>,
    pub class: Option<CompactString>,
    pub replay: bool,
    pub admin: bool,
    pub sessions: Option<u32>,
    pub min_interval: Duration,
}

/// A claim as it was read. Its faults are values, which a parser's errors cannot be.
#[derive(Debug)]
pub(super) struct GivenClaim(pub Result<RightsClaim, ClaimFault>);

/// What is wrong with a claim of a token, or with the claim `tickcast` in it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClaimFault {
    #[error(
        "`tickcast` has a member {name:?}, which is unknown here; it may have read, delayed, fields, publish, replay, admin, sessions, min_interval_ms and class"
    )]
    Unknown { name: CompactString },
    #[error("`{name}` is there twice")]
    Twice { name: &'static str },
    #[error("`{name}` is missing")]
    Missing { name: &'static str },
    #[error("`{name}` must be {wanted}")]
    Kind { name: &'static str, wanted: &'static str },
    #[error("`{name}` has {found} entries; it may have {most}")]
    TooMany { name: &'static str, found: usize, most: usize },
    #[error("`sessions` is there without `sub`: sessions are counted for each user")]
    SessionsOfNobody,
    #[error("`{name}`: {source}")]
    Patterns { name: &'static str, source: PatternsError },
}

/// Entries of one list.
pub const LIST_MAX: usize = 1024;
/// A longer text is not a name of a user, a token, a class or a field.
pub const NAME_BYTES_MAX: usize = 256;
/// A claim's own name is shortened to this.
const SHOWN_CHARS: usize = 40;
const NO_OBJECT: ClaimFault = ClaimFault::Kind { name: "tickcast", wanted: "a JSON object" };
const DAY_MS: u64 = 24 * 3600 * 1000;

// === impl RightsClaim ===

impl RightsClaim {
    /// The claim that a text of JSON is.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_json(text: &str) -> Result<RightsClaim, ClaimFault> {
        serde_json::from_str::<GivenClaim>(text).map_or(Err(NO_OBJECT), |given| given.0)
    }

    /// What it allows this user, or nobody in particular.
    ///
    /// # Errors
    /// When it limits the sessions of nobody, which cannot be counted.
    #[cfg(any(feature = "tls", test))]
    pub(super) fn of_user(self, user: Option<CompactString>) -> Result<Rights, ClaimFault> {
        if self.sessions.is_some() && user.is_none() {
            return Err(ClaimFault::SessionsOfNobody);
        }
        Ok(Rights { user, ..self.into_rights() })
    }

    pub fn into_rights(self) -> Rights {
        let RightsClaim { read, delayed, publish, fields, class, replay, admin, sessions, min_interval } =
            self;
        let rights = Rights { class, read, delayed, publish, fields, replay, admin, ..Rights::default() };
        Rights { sessions, min_interval, ..rights }
    }

    /// Takes one member; `false` when the claim has none of this name.
    fn take(&mut self, name: &str, value: &Value) -> Result<bool, ClaimFault> {
        match name {
            "read" => self.read = patterns("read", value)?,
            "delayed" => self.delayed = patterns("delayed", value)?,
            "publish" => self.publish = patterns("publish", value)?,
            "fields" => self.fields = Some(names("fields", value)?),
            "class" => self.class = Some(short_text("class", value)?),
            "replay" => self.replay = flag("replay", value)?,
            "admin" => self.admin = flag("admin", value)?,
            "sessions" => self.sessions = Some(whole("sessions", value, 1, 1_000_000, SESSIONS)? as u32),
            "min_interval_ms" => {
                let millis = whole("min_interval_ms", value, 0, DAY_MS, INTERVAL)?;
                self.min_interval = Duration::from_millis(millis);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The members of a claim, by which a second one of the same name is found.
const MEMBERS: [&str; 9] =
    ["read", "delayed", "publish", "fields", "class", "replay", "admin", "sessions", "min_interval_ms"];
const SESSIONS: &str = "a whole number from 1 to 1000000";
const INTERVAL: &str = "a whole number of milliseconds from 0 to 86400000";
const LIST: &str = "a list of texts";

fn patterns(name: &'static str, value: &Value) -> Result<SymbolPatterns, ClaimFault> {
    let texts = texts(name, value)?;
    SymbolPatterns::new(texts).map_err(|source| ClaimFault::Patterns { name, source })
}

fn names(name: &'static str, value: &Value) -> Result<Vec<CompactString>, ClaimFault> {
    let texts = texts(name, value)?;
    Ok(texts.into_iter().map(CompactString::new).collect())
}

fn texts<'v>(name: &'static str, value: &'v Value) -> Result<Vec<&'v str>, ClaimFault> {
    let kind = ClaimFault::Kind { name, wanted: LIST };
    let Value::Array(entries) = value else { return Err(kind) };
    if entries.len() > LIST_MAX {
        return Err(ClaimFault::TooMany { name, found: entries.len(), most: LIST_MAX });
    }
    entries.iter().map(Value::as_str).collect::<Option<_>>().ok_or(kind)
}

/// A text that may be a name: in a log, in a report, in a list.
pub(super) fn short_text(name: &'static str, value: &Value) -> Result<CompactString, ClaimFault> {
    let is_name =
        |text: &&str| (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    let wanted = "a text of 1 to 256 bytes without control characters";
    value.as_str().filter(is_name).map(CompactString::new).ok_or(ClaimFault::Kind { name, wanted })
}

fn flag(name: &'static str, value: &Value) -> Result<bool, ClaimFault> {
    value.as_bool().ok_or(ClaimFault::Kind { name, wanted: "true or false" })
}

fn whole(
    name: &'static str,
    value: &Value,
    min: u64,
    max: u64,
    wanted: &'static str,
) -> Result<u64, ClaimFault> {
    let number = value.as_u64().filter(|number| (min..=max).contains(number));
    number.ok_or(ClaimFault::Kind { name, wanted })
}

// === impl GivenClaim ===

impl<'de> Deserialize<'de> for GivenClaim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfClaim;
        impl<'de> Visitor<'de> for OfClaim {
            type Value = GivenClaim;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_bool<E>(self, _: bool) -> Result<GivenClaim, E> {
                Ok(GivenClaim(Err(NO_OBJECT)))
            }

            fn visit_i64<E>(self, _: i64) -> Result<GivenClaim, E> {
                Ok(GivenClaim(Err(NO_OBJECT)))
            }

            fn visit_u64<E>(self, _: u64) -> Result<GivenClaim, E> {
                Ok(GivenClaim(Err(NO_OBJECT)))
            }

            fn visit_f64<E>(self, _: f64) -> Result<GivenClaim, E> {
                Ok(GivenClaim(Err(NO_OBJECT)))
            }

            fn visit_str<E>(self, _: &str) -> Result<GivenClaim, E> {
                Ok(GivenClaim(Err(NO_OBJECT)))
            }

            fn visit_unit<E>(self) -> Result<GivenClaim, E> {
                Ok(GivenClaim(Err(NO_OBJECT)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<GivenClaim, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(GivenClaim(Err(NO_OBJECT)))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GivenClaim, A::Error> {
                let (mut claim, mut seen) = (RightsClaim::default(), 0_u16);
                while let Some(name) = map.next_key::<CompactString>()? {
                    let value = map.next_value::<Value>()?;
                    if let Err(fault) = take_once(&mut claim, &mut seen, &name, &value) {
                        // The rest must be JSON too, which the parser sees to.
                        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                        return Ok(GivenClaim(Err(fault)));
                    }
                }
                Ok(GivenClaim(Ok(claim)))
            }
        }
        deserializer.deserialize_any(OfClaim)
    }
}

fn take_once(claim: &mut RightsClaim, seen: &mut u16, name: &str, value: &Value) -> Result<(), ClaimFault> {
    if let Some(at) = MEMBERS.iter().position(|member| *member == name) {
        if *seen & (1 << at) != 0 {
            return Err(ClaimFault::Twice { name: MEMBERS[at] });
        }
        *seen |= 1 << at;
    }
    if claim.take(name, value)? {
        return Ok(());
    }
    Err(ClaimFault::Unknown { name: shortened(name) })
}

/// The beginning of a name that somebody else chose.
pub(super) fn shortened(name: &str) -> CompactString {
    name.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{access::rights::Entitlement, tick::Symbol};

    fn check(text: &str, expected: &str) {
        let error = RightsClaim::of_json(text).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }

    #[test]
    fn every_member_is_read() {
        let claim = RightsClaim::of_json(
            r#"{"read":["BTC*","AAPL"],"delayed":["*"],"fields":["bid","ask"],"publish":["ACME.*"],"replay":true,
                "admin":false,"sessions":2,"min_interval_ms":250,"class":"display"}"#,
        );
        let rights = claim.unwrap().into_rights();
        let reading = |name| rights.reading(&Symbol::new(name).unwrap());
        assert_eq!(reading("BTCUSDT"), Entitlement::RealTime);
        assert_eq!(reading("MSFT"), Entitlement::Delayed);
        assert!(rights.may_publish(&Symbol::new("ACME.X").unwrap()));
        assert_eq!(rights.fields.as_deref(), Some(&["bid".into(), "ask".into()][..]));
        assert_eq!((rights.replay, rights.admin, rights.sessions), (true, false, Some(2)));
        assert_eq!(
            (rights.min_interval, rights.class.as_deref()),
            (Duration::from_millis(250), Some("display"))
        );
        assert_eq!((rights.user, rights.token, rights.expires), (None, None, None));
    }

    #[test]
    fn what_is_left_out_allows_nothing() {
        let rights = RightsClaim::of_json("{}").unwrap().into_rights();
        assert!(!rights.may_read_any() && !rights.may_publish_any() && !rights.may_control_replay());
        assert_eq!((rights.fields, rights.sessions), (None, None));
    }

    #[test]
    fn a_fault_is_named() {
        check("[]", "`tickcast` must be a JSON object");
        check(r#"{"reed":[]}"#, "`tickcast` has a member \"reed\", which is unknown here");
        check(r#"{"read":"*"}"#, "`read` must be a list of texts");
        check(r#"{"read":["A",7]}"#, "`read` must be a list of texts");
        check(r#"{"read":[],"read":["*"]}"#, "`read` is there twice");
        check(r#"{"delayed":["A,B"]}"#, "`delayed`: \"A,B\": a symbol has no control character");
        check(r#"{"publish":[""]}"#, "`publish`: \"\": a symbol has at least one character");
        check(r#"{"admin":"true"}"#, "`admin` must be true or false");
        check(r#"{"replay":1}"#, "`replay` must be true or false");
        check(r#"{"sessions":0}"#, "`sessions` must be a whole number from 1");
        check(r#"{"sessions":2.5}"#, "`sessions` must be a whole number from 1");
        check(r#"{"sessions":-1}"#, "`sessions` must be a whole number from 1");
        check(r#"{"sessions":99999999999999999999999}"#, "`sessions` must be a whole number from 1");
        check(r#"{"min_interval_ms":86400001}"#, "`min_interval_ms` must be a whole number of milliseconds");
        check(r#"{"class":""}"#, "`class` must be a text of 1 to 256 bytes");
        check(r#"{"class":"a\u0007"}"#, "`class` must be a text of 1 to 256 bytes");
        check(r#"{"fields":null}"#, "`fields` must be a list of texts");
        let many = format!("{{\"read\":[{}\"A\"]}}", "\"A\",".repeat(LIST_MAX));
        check(&many, "`read` has 1025 entries; it may have 1024");
        let globs = (0..65).map(|number| format!("\"{number}*\"")).collect::<Vec<_>>().join(",");
        check(&format!("{{\"read\":[{globs}]}}"), "`read`: 65 globs are named");
        let long = format!("{{\"{}\":1}}", "é".repeat(4_000));
        assert!(RightsClaim::of_json(&long).unwrap_err().to_string().len() < 300);
    }

    #[test]
    fn sessions_are_those_of_a_user() {
        let claim = |json: &str| RightsClaim::of_json(json).unwrap();
        let limited = r#"{"read":["A"],"sessions":2}"#;
        assert_eq!(claim(limited).of_user(None), Err(ClaimFault::SessionsOfNobody));
        let rights = claim(limited).of_user(Some("alice".into())).unwrap();
        assert_eq!((rights.user.as_deref(), rights.sessions), (Some("alice"), Some(2)));
        assert_eq!(claim(r#"{"read":["A"]}"#).of_user(None).map(|rights| rights.sessions), Ok(None));
    }

    proptest! {
        /// Whatever JSON it is: no panic, and no claim from another member than the known ones.
        #[test]
        fn no_other_member_is_ever_accepted(name in "[a-z_]{1,16}", value in "(true|1|\"x\"|\\[\\]|\\{\\}|null)") {
            let claim = RightsClaim::of_json(&format!("{{\"{name}\":{value}}}"));
            prop_assert!(claim.is_err() || MEMBERS.contains(&name.as_str()));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}") {
            let _ = RightsClaim::of_json(&text);
        }
    }
}
