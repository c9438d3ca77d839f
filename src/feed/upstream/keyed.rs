//! The streams of a connection that needs a key: they are asked for once the key was accepted, and what changes until then
//! changes what will be asked for.
//!
//! Invariant: nothing is asked for before, and each stream once.

use super::{
    asked::Asked,
    sign_in::{SignIn, SignInDue},
    venue::{Note, Reaction, Stream},
};
use crate::tick::Nanos;

/// The steps before, and the streams behind.
pub struct KeyedStreams {
    sign_in: SignIn,
    pub asked: Asked,
    /// To be asked for.
    waiting: Vec<Stream>,
}

/// What a change comes to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct StreamsChange {
    /// To be subscribed to.
    pub new: Vec<Stream>,
    /// To be unsubscribed.
    pub gone: Vec<Stream>,
}

// === impl KeyedStreams ===

impl KeyedStreams {
    pub fn new(streams: &[Stream]) -> Self {
        KeyedStreams { sign_in: SignIn::default(), asked: Asked::default(), waiting: streams.to_vec() }
    }

    pub fn opened(&mut self, now: Nanos) {
        self.sign_in.opened(now);
    }

    /// The venue is connected. Whether the key is to be sent.
    pub fn greeted(&mut self, now: Nanos) -> bool {
        self.sign_in.greeted(now)
    }

    /// The key is good. What is to be asked for.
    pub fn authenticated(&mut self) -> Vec<Stream> {
        if !self.sign_in.authenticated() {
            return Vec::new();
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.asked.ask(&waiting)
    }

    pub fn change(&mut self, add: &[Stream], remove: &[Stream]) -> StreamsChange {
        if self.sign_in.is_done() {
            let gone = self.asked.forget(remove);
            return StreamsChange { gone, new: self.asked.ask(add) };
        }
        self.waiting.retain(|stream| !remove.contains(stream));
        self.waiting.extend(add.iter().cloned());
        StreamsChange::default()
    }

    /// Whether the key is good.
    pub fn is_done(&self) -> bool {
        self.sign_in.is_done()
    }

    pub fn due(&self) -> Option<Nanos> {
        self.sign_in.due()
    }

    /// Something may be due. Whether the key is to be sent.
    pub fn wake(&mut self, now: Nanos, out: &mut Reaction) -> bool {
        match self.sign_in.wake(now) {
            SignInDue::Nothing => false,
            SignInDue::Key => true,
            SignInDue::Late => {
                out.note(Note::Reconnect { why: "the venue did not answer the key".to_owned() });
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::upstream::venue::StreamKind;

    #[test]
    fn what_changes_before_the_key_is_accepted_is_asked_for_behind_it() {
        let [a, b, c] = ["A", "B", "C"].map(|symbol| [Stream::new(symbol, StreamKind::Trades)]);
        let mut streams = KeyedStreams::new(&[a.clone(), b.clone()].concat());
        streams.opened(Nanos(0));
        assert!(streams.greeted(Nanos(0)) && !streams.greeted(Nanos(0)));
        assert_eq!(streams.change(&c, &a), StreamsChange::default());
        assert_eq!(streams.authenticated(), [b.clone(), c].concat());
        assert_eq!(streams.authenticated(), []);
        let change = StreamsChange { new: a.to_vec(), gone: b.to_vec() };
        assert_eq!(streams.change(&a, &b), change);
        assert_eq!(streams.change(&a, &b), StreamsChange::default());
    }
}
