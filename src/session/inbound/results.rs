//! Translates the fan-out's outcomes into results of commands.

use crate::{
    fanout::{Glob, Name, ResumePoint, SubscribeOutcome},
    tick::{State, Symbol},
    wire::{
        ErrorCode,
        command::ResumeFrom,
        control::{Entry, Status},
    },
};

pub(super) fn resume_of(from: Option<&ResumeFrom>, symbol: &Symbol, epoch: &str) -> Option<ResumePoint> {
    let from = from?;
    let last = *from.last.get(symbol.as_str())?;
    Some(ResumePoint { same_epoch: from.epoch == epoch, last })
}

/// Whether to send a symbol's state. A new subscriber assumes live unless told otherwise; a resuming client may hold an
/// outdated state, so it is always told.
pub(super) fn is_state_sent(state: State, comes_back: bool) -> bool {
    match state {
        State::Stale | State::Halted | State::Closed => true,
        State::Live => comes_back,
        State::Pending => false,
    }
}

pub(super) fn status(outcome: SubscribeOutcome) -> Status {
    match outcome {
        SubscribeOutcome::Ok => Status::Ok,
        SubscribeOutcome::Pending => Status::Pending,
        SubscribeOutcome::Resumed => Status::Resumed,
        SubscribeOutcome::Gap => Status::Gap,
    }
}

pub(super) fn not_subscribed(symbol: &str, name: Option<Name>) -> Entry {
    let message = match &name {
        None => "this session is not subscribed to it".to_owned(),
        Some(name) => format!("this session is not subscribed to it as {:?}", name.as_str()),
    };
    Entry { name, ..Entry::error(symbol, ErrorCode::NotSubscribed, message) }
}

pub(super) fn matched(glob: &Glob, name: Option<&Name>, count: usize, held: bool) -> Entry {
    if count == 0 && !held {
        return not_subscribed(glob.as_str(), name.cloned());
    }
    Entry { matched: Some(count), ..Entry::new(glob.as_str(), Status::Ok) }.named(name)
}
