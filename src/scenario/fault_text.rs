//! [`FaultText`]: one table `[[fault]]`, and what is wrong with it.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    course::EVERY_MIN,
    fault::{Begin, FaultKind, LikeClose, StruckConnections, VenueFault},
};
use crate::tick::{Glob, Nanos};

/// A fault as its table stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultText {
    pub kind: String,
    at: Option<String>,
    after: Option<FaultSpan>,
    after_messages: Option<u64>,
    #[serde(rename = "for")]
    lasts: Option<FaultSpan>,
    every: Option<FaultSpan>,
    connections: Option<String>,
    streams: Option<Vec<String>>,
    symbols: Option<Vec<String>>,
    share: Option<f64>,
    chance: Option<f64>,
    by: Option<FaultSpan>,
    behind: Option<u32>,
    copies: Option<u32>,
    messages: Option<usize>,
    to: Option<u64>,
    numbers: Option<u64>,
    times: Option<u32>,
    notice: Option<FaultSpan>,
    like: Option<String>,
    state: Option<String>,
    requests: Option<u32>,
}

/// A duration as people write it: `30s`, `24h`, `250ms`.
#[derive(Clone, Copy)]
struct FaultSpan(Duration);

/// The most messages that a fault makes of one, and that come behind or again: what is held for a client is bounded.
const TIMES_MAX: u32 = 100;
const AGAIN_MAX: usize = 1_000;

impl<'de> Deserialize<'de> for FaultSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong =
            |_| D::Error::custom(format!("{text:?} is not a duration; write one as 30s, 250ms or 24h"));
        humantime::parse_duration(&text).map(FaultSpan).map_err(wrong)
    }
}

impl FaultText {
    /// # Errors
    /// When it is none, in words.
    pub fn make(self) -> Result<VenueFault, String> {
        self.check_options()?;
        let kind = self.kind()?;
        let default_streams = if kind == FaultKind::Halt { "trades" } else { "*" };
        let (share, chance) = (self.share.unwrap_or(1.0), self.chance.unwrap_or(1.0));
        for (name, value) in [("share", share), ("chance", chance)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("{name} must be a fraction from 0 to 1, got {value}"));
            }
        }
        if self.every.is_some_and(|every| every.0 < EVERY_MIN) {
            return Err(format!("every is shorter than {EVERY_MIN:?}"));
        }
        if let (Some(every), Some(lasts)) = (self.every, self.lasts)
            && lasts.0 >= every.0
        {
            return Err("it lasts (for) until it begins again (every): write a shorter one".to_owned());
        }
        Ok(VenueFault {
            begins: self.begins()?,
            lasts: self.lasts.map(|lasts| lasts.0),
            every: self.every.map(|every| every.0),
            connections: match self.connections.as_deref() {
                None | Some("all") => StruckConnections::All,
                Some("first") => StruckConnections::First,
                Some("later") => StruckConnections::Later,
                Some(other) => return Err(format!("connections must be all, first or later, got {other:?}")),
            },
            streams: globs("streams", self.streams.as_deref(), default_streams)?,
            symbols: globs("symbols", self.symbols.as_deref(), "*")?,
            share,
            chance,
            kind,
        })
    }

    fn begins(&self) -> Result<Begin, String> {
        match (&self.at, self.after, self.after_messages) {
            (None, None, None) => Ok(Begin::Replay(Duration::ZERO)),
            (Some(at), None, None) => {
                if let Ok(offset) = humantime::parse_duration(at) {
                    return Ok(Begin::Replay(offset));
                }
                let time = humantime::parse_rfc3339_weak(at)
                    .ok()
                    .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
                    .map(|since| Nanos(0).plus(since));
                time.map(Begin::Market).ok_or_else(|| {
                    format!("at is {at:?}, and neither a duration (30s) nor a time (2026-03-01T14:30:00Z)")
                })
            }
            (None, Some(FaultSpan(after)), None) => Ok(Begin::Connection(after)),
            (None, None, Some(messages)) => Ok(Begin::Messages(messages)),
            _ => Err("at, after and after_messages: give one of them".to_owned()),
        }
    }

    fn kind(&self) -> Result<FaultKind, String> {
        let by = || self.by.map(|by| by.0).ok_or("by is missing: how much later, as by = \"3s\"".to_owned());
        let times = |name: &str, given: Option<u32>, least: u32, default: u32| {
            let value = given.unwrap_or(default);
            let fits = (least..=TIMES_MAX).contains(&value);
            fits.then_some(value).ok_or(format!("{name} must be {least} to {TIMES_MAX}, got {value}"))
        };
        Ok(match &*self.kind {
            "mute" => FaultKind::Mute,
            "lose" => FaultKind::Lose,
            "delay" => FaultKind::Delay { by: by()? },
            "reorder" => FaultKind::Reorder { behind: times("behind", self.behind, 1, 1)? },
            "duplicate" => FaultKind::Duplicate { copies: times("copies", self.copies, 1, 1)? },
            "again" => match self.messages.unwrap_or(50) {
                messages @ 1..=AGAIN_MAX => FaultKind::Again { messages },
                messages => return Err(format!("messages must be 1 to {AGAIN_MAX}, got {messages}")),
            },
            "restart" => FaultKind::Restart { to: self.to.unwrap_or(1) },
            "jump" => FaultKind::Jump { by: self.numbers.unwrap_or(100) },
            "stale" => FaultKind::Stale { by: by()? },
            "burst" => FaultKind::Burst { times: times("times", self.times, 2, 10)? },
            "shutdown" => {
                FaultKind::Shutdown { notice: self.notice.map_or(Duration::ZERO, |notice| notice.0) }
            }
            "close" => FaultKind::Close { like: self.like()? },
            "halt" => FaultKind::Halt,
            "maintenance" => FaultKind::Maintenance {
                state: self.state.clone().unwrap_or_else(|| "maintenance".to_owned()),
            },
            "refuse" => FaultKind::Refuse { after: self.requests.unwrap_or(0) },
            _ => return Err(format!("there is no such kind; there are {}", FaultKind::NAMES.join(", "))),
        })
    }

    fn like(&self) -> Result<LikeClose, String> {
        match self.like.as_deref() {
            Some("age") => Ok(LikeClose::Age),
            Some("limit") => Ok(LikeClose::Limit),
            Some("restart") => Ok(LikeClose::Restart),
            Some("slow") => Ok(LikeClose::Slow),
            None | Some("cut") => Ok(LikeClose::Cut),
            Some(other) => Err(format!("like must be age, limit, restart, slow or cut, got {other:?}")),
        }
    }

    /// That it has no option which its kind does not have.
    fn check_options(&self) -> Result<(), String> {
        let own: &[&str] = match &*self.kind {
            "mute" => &["for", "every", "streams", "symbols", "share"],
            "halt" => &["for", "every", "streams", "symbols"],
            "lose" => &["for", "every", "streams", "symbols", "share", "chance"],
            "delay" | "stale" => &["for", "every", "streams", "symbols", "share", "by"],
            "reorder" => &["for", "every", "streams", "symbols", "share", "chance", "behind"],
            "duplicate" => &["for", "every", "streams", "symbols", "share", "chance", "copies"],
            "again" => &["every", "messages"],
            "restart" => &["every", "symbols", "to"],
            "jump" => &["every", "symbols", "numbers"],
            "burst" => &["for", "every", "streams", "symbols", "share", "times"],
            "shutdown" => &["every", "notice"],
            "close" => &["every", "like"],
            "maintenance" => &["for", "every", "streams", "symbols", "share", "state"],
            "refuse" => &["for", "every", "requests"],
            // Its kind is told as wrong.
            _ => return Ok(()),
        };
        let given = [
            ("for", self.lasts.is_some()),
            ("every", self.every.is_some()),
            ("streams", self.streams.is_some()),
            ("symbols", self.symbols.is_some()),
            ("share", self.share.is_some()),
            ("chance", self.chance.is_some()),
            ("by", self.by.is_some()),
            ("behind", self.behind.is_some()),
            ("copies", self.copies.is_some()),
            ("messages", self.messages.is_some()),
            ("to", self.to.is_some()),
            ("numbers", self.numbers.is_some()),
            ("times", self.times.is_some()),
            ("notice", self.notice.is_some()),
            ("like", self.like.is_some()),
            ("state", self.state.is_some()),
            ("requests", self.requests.is_some()),
        ];
        match given.iter().find(|(name, is_given)| *is_given && !own.contains(name)) {
            None => Ok(()),
            Some((name, _)) => Err(format!(
                "{name} is not an option of this kind; it has {}, and when it begins: at, after or after_messages, connections",
                own.join(", ")
            )),
        }
    }
}

fn globs(name: &str, given: Option<&[String]>, default: &str) -> Result<Vec<Glob>, String> {
    let texts = match given {
        None => vec![default.to_owned()],
        Some([]) => return Err(format!("{name} is empty; leave it out for all")),
        Some(given) => given.to_vec(),
    };
    let glob =
        |text: &String| Glob::new(text).map_err(|why| format!("{name}: {text:?} is not a pattern: {why}"));
    texts.iter().map(glob).collect()
}
