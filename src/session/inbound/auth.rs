//! The command `auth`: sets or replaces the session's token.
//!
//! It takes effect only when no data of the old token is partly written. Subscriptions that the new token does not
//! allow then end at once, and the answer follows. Until then the session's data waits, as for any running command.

use std::sync::Arc;

use super::job::{AuthJob, AuthStage, Job, UserPlace};
use crate::{
    access::{BearerToken, Refused},
    fanout::{Place, Restricted, SessionKey, Units},
    planted::{Fault, is_planted},
    session::{core::Core, socket::SessionSocket, users},
    tick::Nanos,
    wire::{CloseReason, CommandError, Control, ErrorCode, Id},
};

impl<S: SessionSocket> Core<S> {
    /// Verifies a token. A refused one closes a session without a token; any other session keeps its rights.
    pub(super) fn begin_auth(
        &mut self,
        key: SessionKey,
        id: Option<Id>,
        token: &BearerToken,
        now: Nanos,
    ) -> Option<Job> {
        let node = Arc::clone(&self.node);
        if node.authority.is_open() {
            let message =
                "this server has no authentication configured: every symbol may be read without".to_owned();
            let error = CommandError { id, code: ErrorCode::AuthNotConfigured, message };
            self.refuse_command(key, &error);
            return None;
        }
        match self.admit_token(key, id, token, now) {
            Ok(job) => Some(Job::Auth(Box::new(job))),
            Err((id, refused)) => {
                self.refuse_token(key, id, &refused);
                None
            }
        }
    }

    /// Verifies a token, and counts the session for its user.
    ///
    /// # Errors
    /// Why the token is refused.
    pub(in crate::session) fn admit_token(
        &mut self,
        key: SessionKey,
        id: Option<Id>,
        token: &BearerToken,
        now: Nanos,
    ) -> Result<AuthJob, (Option<Id>, Refused)> {
        let node = Arc::clone(&self.node);
        let admitted = node.authority.admit(Some(token.as_str()), now).and_then(|rights| {
            if rights.is_expired(now) {
                return Err(Refused::Expired);
            }
            let counted = self.session(key).and_then(|session| session.user.as_deref());
            if counted.is_some_and(|counted| counted.is_of(&rights)) {
                return Ok((rights, UserPlace::Kept));
            }
            let user = node.users.take(&rights, node.authority.sessions_over())?;
            Ok((rights, UserPlace::New(user)))
        });
        match admitted {
            Ok((rights, user)) => Ok(AuthJob { id, rights, user, stage: AuthStage::Waiting, refused: None }),
            Err(refused) => Err((id, refused)),
        }
    }

    /// Reports the refusal to the client, through its dialect if it has one.
    pub(in crate::session) fn refuse_token(&mut self, key: SessionKey, id: Option<Id>, refused: &Refused) {
        self.audit_refused(key, refused.into(), None);
        if self.session(key).is_some_and(|session| session.dialect.is_some()) {
            return;
        }
        let error = CommandError { id, code: ErrorCode::BadToken, message: refused.to_string() };
        self.refuse_command(key, &error);
        if self.session(key).is_some_and(|session| session.awaits_token) {
            self.close(key, CloseReason::of_refused(refused));
        }
    }

    /// Continues an `auth`; returns whether it has been answered. `now` is the market's clock.
    pub(in crate::session) fn step_auth(
        &mut self,
        key: SessionKey,
        job: &mut AuthJob,
        now: Nanos,
        units: &mut Units,
    ) -> bool {
        if let AuthStage::Waiting = job.stage {
            units.spend(1);
            if self.session(key).is_some_and(|session| session.owes_what_rights_allow()) {
                return false;
            }
            let place = std::mem::replace(&mut job.user, UserPlace::Kept);
            // It may have waited long, and no check of sessions has covered its rights.
            let new = if let UserPlace::New(user) = &place { user.as_deref() } else { None };
            if let Some(refused) = users::taken_back(&self.node.authority, &job.rights, new) {
                self.refuse_token(key, job.id.take(), &refused);
                job.refused = Some(refused);
                return true;
            }
            let user = match place {
                UserPlace::Kept => self.session(key).and_then(|session| session.user.take()),
                UserPlace::New(user) => user,
            };
            self.audit_renewed(key, &job.rights);
            self.entitle(key, &job.rights, user);
            self.fanout.restrict_globs(key);
            job.stage = AuthStage::Restricting { from: Place::default(), changed: Restricted::default() };
        }
        if let AuthStage::Restricting { from, changed } = &mut job.stage {
            let ingest = Arc::clone(&self.node.ingest);
            let is_done = is_planted(Fault::RenewalForgetsSubscriptions)
                || self.fanout.restrict_some(key, from, now, &*ingest, changed, units);
            if !is_done {
                return false;
            }
            job.stage = AuthStage::Telling { from: Place::default(), changed: std::mem::take(changed) };
        }
        let AuthStage::Telling { from, changed } = &mut job.stage else { return false };
        if !self.audit_subscribed(key, from, units) {
            return false;
        }
        let Restricted { ended, moved } = std::mem::take(changed);
        self.control(key, &Control::Auth { id: job.id.take(), expires: job.rights.expires });
        self.tell_ended(key, ended);
        self.tell_moved(key, &moved);
        true
    }
}
