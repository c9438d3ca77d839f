//! The steps before a venue with a key takes subscriptions: it says that it is connected, we send the key, it says that the
//! key is good. Each word of the venue's has a deadline.
//!
//! Invariant: the key is sent once, and streams are asked for once.

use std::time::Duration;

use crate::tick::Nanos;

/// Where one connection is.
#[derive(Default)]
pub struct SignIn {
    step: SignInStep,
    /// When the venue's next word is late.
    deadline: Option<Nanos>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum SignInStep {
    /// The venue has not said that it is connected.
    #[default]
    Connecting,
    /// The key was sent.
    Authenticating,
    Authenticated,
}

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignInDue {
    Nothing,
    /// The venue did not greet: the key is sent all the same.
    Key,
    /// The key was not answered.
    Late,
}

/// How long the venue may take to say that it is connected.
const GREETING: Duration = Duration::from_secs(2);
/// How long it may take to answer the key: venues close after 10 s themselves.
const ANSWER: Duration = Duration::from_secs(15);

// === impl SignIn ===

impl SignIn {
    pub fn opened(&mut self, now: Nanos) {
        *self = SignIn { step: SignInStep::Connecting, deadline: Some(now.plus(GREETING)) };
    }

    /// The venue is connected. Whether the key is to be sent.
    pub fn greeted(&mut self, now: Nanos) -> bool {
        let is_first = self.step == SignInStep::Connecting;
        if is_first {
            *self = SignIn { step: SignInStep::Authenticating, deadline: Some(now.plus(ANSWER)) };
        }
        is_first
    }

    /// The key is good. Whether the streams are to be asked for.
    pub fn authenticated(&mut self) -> bool {
        let is_first = self.step != SignInStep::Authenticated;
        *self = SignIn { step: SignInStep::Authenticated, deadline: None };
        is_first
    }

    pub fn is_done(&self) -> bool {
        self.step == SignInStep::Authenticated
    }

    pub fn due(&self) -> Option<Nanos> {
        self.deadline
    }

    pub fn wake(&mut self, now: Nanos) -> SignInDue {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return SignInDue::Nothing;
        }
        if self.greeted(now) {
            return SignInDue::Key;
        }
        self.deadline = None;
        SignInDue::Late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_taken_once_and_has_a_deadline() {
        let mut steps = SignIn::default();
        steps.opened(Nanos(0));
        assert_eq!(steps.wake(Nanos(1_999_999_999)), SignInDue::Nothing);
        assert_eq!(steps.wake(Nanos(2_000_000_000)), SignInDue::Key);
        assert!(!steps.greeted(Nanos(2_000_000_001)) && !steps.is_done());
        assert_eq!(steps.due(), Some(Nanos(17_000_000_000)));
        assert_eq!(steps.wake(Nanos(17_000_000_000)), SignInDue::Late);
        assert_eq!((steps.wake(Nanos(i64::MAX)), steps.due()), (SignInDue::Nothing, None));
        steps.opened(Nanos(0));
        assert!(
            steps.greeted(Nanos(1)) && steps.authenticated() && !steps.authenticated() && steps.is_done()
        );
        assert_eq!(steps.wake(Nanos(i64::MAX)), SignInDue::Nothing);
    }
}
