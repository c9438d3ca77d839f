//! Answers to refused commands, which also mark the command's trace span with the error code.

use std::sync::Arc;

use crate::{
    fanout::SessionKey,
    session::{core::Core, socket::SessionSocket},
    wire::{CommandError, Control, ErrorCode},
};

impl<S: SessionSocket> Core<S> {
    /// Answers the current command with an error.
    pub(in crate::session) fn refuse_command(&mut self, key: SessionKey, error: &CommandError) {
        self.command_span.fail(error.code.as_str());
        self.control(key, &Control::error(error));
    }

    pub(super) fn answer_rate_limited(&mut self, key: SessionKey) {
        let limits = &Arc::clone(&self.node).limits;
        let of_user = match limits.user_commands_per_second {
            0 => String::new(),
            rate => format!(", or than {rate} in all sessions of a user"),
        };
        let message = format!(
            "more than {} commands a second (burst {}){of_user}: this one was not carried out, slow down",
            limits.commands_per_second, limits.commands_burst
        );
        let error = CommandError { id: None, code: ErrorCode::RateLimited, message };
        self.control(key, &Control::error(&error));
    }

    /// The session's number, as in `welcome`.
    pub(in crate::session) fn number_of(&mut self, key: SessionKey) -> u64 {
        self.session(key).map_or(0, |session| session.number)
    }
}
