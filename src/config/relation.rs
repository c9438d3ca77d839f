//! How the limits must relate: checked for the defaults at compile time, and for every configuration.

use tickcast::limits::{self, Limits, NOTSENT_LOWAT_BYTES};

/// A condition on two or more limits together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    FrameFitsUnsent,
    CommandsBurst,
    FramesBurst,
    InboundBurst,
    AddressWithinSessions,
    QueueHoldsRing,
    PongBeforePing,
}

const _: () = {
    let mut i = 0;
    while i < Relation::ALL.len() {
        assert!(Relation::ALL[i].holds(&limits::DEFAULT));
        i += 1;
    }
};

// === impl Relation ===

impl Relation {
    pub const ALL: [Relation; 7] = [
        Relation::FrameFitsUnsent,
        Relation::CommandsBurst,
        Relation::FramesBurst,
        Relation::InboundBurst,
        Relation::AddressWithinSessions,
        Relation::QueueHoldsRing,
        Relation::PongBeforePing,
    ];

    pub const fn holds(self, l: &Limits) -> bool {
        match self {
            Relation::FrameFitsUnsent => NOTSENT_LOWAT_BYTES.saturating_add(l.frame_bytes) <= l.unsent_bytes,
            Relation::CommandsBurst => l.commands_per_second <= l.commands_burst,
            Relation::FramesBurst => l.commands_burst <= l.frames_burst,
            Relation::InboundBurst => l.message_bytes.saturating_mul(16) <= l.inbound_bytes_burst as usize,
            Relation::AddressWithinSessions => l.sessions_per_address <= l.sessions,
            Relation::QueueHoldsRing => l.ring_ticks <= l.shard_queue_ticks,
            Relation::PongBeforePing => l.pong.as_millis() < l.ping.as_millis(),
        }
    }

    /// The keys of its limits.
    pub const fn keys(self) -> &'static [&'static str] {
        match self {
            Relation::FrameFitsUnsent => &["limits.frame_bytes", "limits.unsent_bytes"],
            Relation::CommandsBurst => &["limits.commands_per_second", "limits.commands_burst"],
            Relation::FramesBurst => &["limits.commands_burst", "limits.frames_burst"],
            Relation::InboundBurst => &["limits.message_bytes", "limits.inbound_bytes_burst"],
            Relation::AddressWithinSessions => &["limits.sessions_per_address", "limits.sessions"],
            Relation::QueueHoldsRing => &["limits.ring_ticks", "limits.shard_queue_ticks"],
            Relation::PongBeforePing => &["limits.pong_ms", "limits.ping_ms"],
        }
    }

    /// The relation in words, with its reason.
    pub const fn rule(self) -> &'static str {
        match self {
            Relation::FrameFitsUnsent => {
                "limits.frame_bytes + 8192 must be at most limits.unsent_bytes, or a session conflates before its \
                first frame is sent"
            }
            Relation::CommandsBurst => {
                "limits.commands_per_second must be at most limits.commands_burst, or the sustained rate is never \
                reached"
            }
            Relation::FramesBurst => {
                "limits.commands_burst must be at most limits.frames_burst, because each command is a frame"
            }
            Relation::InboundBurst => {
                "16 x limits.message_bytes must be at most limits.inbound_bytes_burst, or a few permitted messages \
                close a session"
            }
            Relation::AddressWithinSessions => "limits.sessions_per_address must be at most limits.sessions",
            Relation::QueueHoldsRing => {
                "limits.ring_ticks must be at most limits.shard_queue_ticks, or a shard's queue overflows before a \
                ring buffer wraps"
            }
            Relation::PongBeforePing => {
                "limits.pong_ms must be below limits.ping_ms, so that a ping is answered before the next one"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::key::ConfigKey;

    #[test]
    fn every_relation_is_about_keys_that_exist_and_names_them() {
        for relation in Relation::ALL {
            for key in relation.keys() {
                assert!(ConfigKey::find(key).is_some(), "{key}");
                assert!(relation.rule().contains(key), "{relation:?} does not name {key}");
            }
        }
    }

    #[test]
    fn the_lowat_in_words_is_the_lowat_in_code() {
        assert!(Relation::FrameFitsUnsent.rule().contains(&NOTSENT_LOWAT_BYTES.to_string()));
    }
}
