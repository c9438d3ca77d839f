//! The protocol's closed sets of words, each with room for a word that this version does not know.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An enum over words. A word that is none of them is kept, so that a newer server breaks nothing.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$what])* $variant,)+
            /// A word that this version does not know.
            Other(Box<str>),
        }

        impl $name {
            /// The word on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$variant => $word,)+
                    $name::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => $name::$variant,)+
                    other => $name::Other(other.into()),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Word;
                impl de::Visitor<'_> for Word {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a word")
                    }

                    fn visit_str<E: de::Error>(self, word: &str) -> Result<$name, E> {
                        Ok(word.into())
                    }
                }
                deserializer.deserialize_str(Word)
            }
        }
    };
}

words! {
    /// How a subscription is served.
    Mode {
        /// The newest record; ticks in between are merged and counted in `n`.
        Latest = "latest",
        /// Each tick, one by one.
        Every = "every",
        /// Each trade, one by one, with the quote as it stood; quotes in between are merged and counted in `n`.
        Trades = "trades",
        /// One snapshot, and the subscription is over.
        Once = "once",
    }
}

words! {
    /// The state of a symbol, as the server reports it.
    State {
        /// No tick yet.
        Pending = "pending",
        Live = "live",
        /// No tick for `limits.stale_ms`.
        Stale = "stale",
        Halted = "halted",
        /// Its feed has ended and will send no more.
        Closed = "closed",
    }
}

words! {
    /// Why ticks are lost to a subscription.
    GapReason {
        /// The client was further behind than the symbol's ring is long.
        Slow = "slow",
        /// The client came back after the ring had moved on.
        Resume = "resume",
        /// The client came back with another epoch: what it holds says nothing here.
        Epoch = "epoch",
    }
}

words! {
    /// The result of one entry of a command.
    Outcome {
        Ok = "ok",
        /// Subscribed; the symbol has no tick yet.
        Pending = "pending",
        /// Subscribed; it continues exactly after the client's last seq.
        Resumed = "resumed",
        /// Subscribed, but ticks that the client missed are no longer available: a gap and a snapshot follow.
        Gap = "gap",
        /// Nothing was done.
        Error = "error",
    }
}

words! {
    /// Whether this session keeps up with its subscriptions.
    Pace {
        Live = "live",
        /// It has been behind for a while: messages merge several ticks.
        Conflating = "conflating",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_newer_server_is_kept() {
        let state: State = serde_json::from_str("\"auction\"").unwrap();
        assert_eq!(
            (state.as_str(), serde_json::to_string(&state).unwrap().as_str()),
            ("auction", "\"auction\"")
        );
        assert_eq!(serde_json::from_str::<State>("\"st\\u0061le\"").unwrap(), State::Stale);
        assert!(serde_json::from_str::<State>("1").is_err());
    }
}
