//! When to connect again, and whether.
//!
//! Invariants: every wait between two connections is bounded and partly random; a failure that would repeat itself is not
//! retried.

use std::time::Duration;

use crate::{backoff::Backoff, endpoint::EndpointError};

/// The history of connections that decides about the next.
#[derive(Default, Debug)]
pub struct Reconnect {
    backoff: Backoff,
    connected_before: bool,
    /// The server's delay for reconnecting, if it sent one.
    retry: Option<Duration>,
}

// === impl Reconnect ===

impl Reconnect {
    /// A connection succeeded: from now on failures are retried.
    pub fn connected(&mut self) {
        self.connected_before = true;
    }

    /// The connection was stable: the next failure counts as the first again.
    pub fn settled(&mut self) {
        self.backoff.reset();
    }

    /// Takes the server's delay for reconnecting.
    pub fn retry_in(&mut self, pause: Duration) {
        self.retry = Some(pause);
    }

    /// Takes a failed attempt to connect.
    ///
    /// # Errors
    /// The error itself, when it should not be retried.
    pub fn failed(&self, error: EndpointError) -> Result<EndpointError, EndpointError> {
        if self.connected_before && !error.is_final() { Ok(error) } else { Err(error) }
    }

    /// How long to wait before connecting again.
    pub fn pause(&mut self) -> Duration {
        self.retry.take().unwrap_or_else(|| self.backoff.next(rand::random()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_goes_before_what_failures_call_for() {
        let mut reconnect = Reconnect::default();
        reconnect.retry_in(Duration::from_millis(1_730));
        assert_eq!(reconnect.pause(), Duration::from_millis(1_730));
        let first = reconnect.pause().as_millis();
        assert!((125..=250).contains(&first), "{first}");
        let second = reconnect.pause().as_millis();
        assert!((250..=500).contains(&second), "{second}");
        reconnect.settled();
        assert!(reconnect.pause().as_millis() <= 250);
    }

    #[test]
    fn a_server_that_was_never_there_is_not_waited_for() {
        let gone = || EndpointError::Handshake { why: "none" };
        let slow = || EndpointError::Timeout { what: "a request", authority: "host".to_owned() };
        let mut reconnect = Reconnect::default();
        assert!(reconnect.failed(slow()).is_err());
        reconnect.connected();
        assert!(reconnect.failed(slow()).is_ok());
        assert!(reconnect.failed(gone()).is_err());
    }
}
