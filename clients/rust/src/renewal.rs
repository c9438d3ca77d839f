//! When a client's token is looked at again, and what follows from what is found.
//!
//! Pure but for the token's file, which it reads. Invariant: a session that ended because its token had expired is not
//! followed by another one with the same token, and the wait for a new token has a bound.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    close::Close,
    token::{Secret, Token},
};

/// The history of a client's token.
#[derive(Debug)]
pub struct Renewal {
    token: Option<Token>,
    /// What was sent last.
    sent: Option<Secret>,
    /// When the file is looked at next.
    look_at: Instant,
    /// Until when a new token is waited for, and the close that said so.
    expired: Option<(Instant, Close)>,
}

/// What a wait for a new token has come to.
#[derive(Debug)]
pub enum Wait {
    /// There is nothing to wait for: connect.
    Over,
    /// Look again then.
    Until(Instant),
    /// None has come: the client gives up, as this close says.
    InVain(Close),
}

/// How often a token's file is looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a new token is waited for after the old one has expired: whatever writes it may be a little late.
pub const PATIENCE: Duration = Duration::from_secs(60);

// === impl Renewal ===

impl Renewal {
    pub fn new(token: Option<&Token>, now: Instant) -> Self {
        Renewal { token: token.cloned(), sent: None, look_at: now, expired: None }
    }

    /// When [`changed`](Self::changed) is to be called on a connection that is up; `None`: the token stays as it is.
    pub fn look_at(&self) -> Option<Instant> {
        self.token.as_ref().filter(|token| token.may_change()).map(|_| self.look_at)
    }

    /// This token was sent with a handshake.
    pub fn connected(&mut self, sent: Option<&Secret>, now: Instant) {
        (self.sent, self.expired) = (sent.cloned(), None);
        self.look_at = now + LOOK_EVERY;
    }

    /// The token, if it is not the one that was sent; it counts as sent. A file that cannot be read, or that is being
    /// written, has not changed yet.
    pub fn changed(&mut self, now: Instant) -> Option<Secret> {
        self.look_at = now + LOOK_EVERY;
        let secret = self.look()?;
        self.sent = Some(secret.clone());
        Some(secret)
    }

    /// The server has ended the session because the token has expired: how long to wait for a new one.
    ///
    /// # Errors
    /// When there will be none.
    pub fn expired(&mut self, close: Close, now: Instant) -> Result<Duration, Close> {
        if self.look_at().is_none() {
            return Err(close);
        }
        self.expired = Some((now + PATIENCE, close));
        Ok(LOOK_EVERY)
    }

    /// The pause before a connection is over.
    pub fn wait(&mut self, now: Instant) -> Wait {
        let Some((until, _)) = self.expired else { return Wait::Over };
        if self.look().is_some() {
            self.expired = None;
            return Wait::Over;
        }
        match self.expired.take_if(|_| now >= until) {
            Some((_, close)) => Wait::InVain(close),
            None => Wait::Until(now + LOOK_EVERY),
        }
    }

    fn look(&self) -> Option<Secret> {
        let token = self.token.as_ref().filter(|token| token.may_change())?;
        token.read().ok().filter(|secret| self.sent.as_ref() != Some(secret))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    struct Case {
        folder: PathBuf,
        renewal: Renewal,
        now: Instant,
    }

    impl Case {
        fn new(name: &str) -> Case {
            let folder = std::env::temp_dir().join(format!("tickcast-renewal-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("token"), "first").unwrap();
            let token = Token::file(folder.join("token")).unwrap();
            let now = Instant::now();
            let mut renewal = Renewal::new(Some(&token), now);
            renewal.connected(Some(&token.read().unwrap()), now);
            Case { folder, renewal, now }
        }

        fn write(&self, text: &str) {
            fs::write(self.folder.join("token"), text).unwrap();
        }

        fn expired(&mut self) -> Result<Duration, Close> {
            let close = Close { code: Some(crate::close::EXPIRED), reason: String::new() };
            self.renewal.expired(close, self.now)
        }

        fn wait(&mut self, seconds: u64) -> Wait {
            self.renewal.wait(self.now + Duration::from_secs(seconds))
        }
    }

    impl Drop for Case {
        fn drop(&mut self) {
            let _ignored = fs::remove_dir_all(&self.folder);
        }
    }

    #[test]
    fn a_change_is_told_once_and_what_cannot_be_read_is_none() {
        let mut case = Case::new("change");
        let changed =
            |case: &mut Case| case.renewal.changed(case.now).map(|secret| secret.expose().to_owned());
        assert_eq!(case.renewal.look_at(), Some(case.now + LOOK_EVERY));
        assert_eq!(changed(&mut case), None);
        case.write("");
        assert_eq!(changed(&mut case), None);
        case.write("second");
        assert_eq!(changed(&mut case).as_deref(), Some("second"));
        assert_eq!(changed(&mut case), None);
        fs::remove_file(case.folder.join("token")).unwrap();
        assert_eq!(changed(&mut case), None);
    }

    #[test]
    fn an_expired_token_is_waited_out_until_there_is_another_and_not_for_ever() {
        let mut case = Case::new("expired");
        assert!(matches!(case.wait(0), Wait::Over));
        assert_eq!(case.expired(), Ok(LOOK_EVERY));
        assert!(matches!(case.wait(2), Wait::Until(at) if at == case.now + 2 * LOOK_EVERY));
        case.write("second");
        assert!(matches!(case.wait(4), Wait::Over));
        case.write("first");
        assert_eq!(case.expired(), Ok(LOOK_EVERY));
        assert!(matches!(case.wait(59), Wait::Until(_)));
        assert!(matches!(case.wait(60), Wait::InVain(close) if close.code == Some(crate::close::EXPIRED)));
    }

    #[test]
    fn a_token_that_stays_as_it_is_is_not_waited_for() {
        let mut case = Case::new("stays");
        let token = Token::text("first").unwrap();
        case.renewal = Renewal::new(Some(&token), case.now);
        assert_eq!(case.renewal.look_at(), None);
        assert!(case.expired().is_err());
    }
}
