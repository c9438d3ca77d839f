//! Deliberate faults, to show that the model finds them: each does one thing wrong wherever it can.

use super::{
    law::Law,
    message::{Message, What},
    ops::word,
};
use crate::{
    fanout::{
        Accounts, Fanout, FrameTally, Mode,
        patterns::PatternTable,
        schedule::EVERY_QUEUE,
        state::{Base, Claim, Subscription, SubscriptionState},
    },
    tick::{Decimal, Field, FieldSet, Nanos, Numbers, Symbol},
    topic::NamedAt,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    None,
    // Frames.
    SwallowsMessage,
    SwallowsSnapshotAfterGap,
    RepeatsMessage,
    SwapsTicks,
    WrongValue,
    UnwantedField,
    WrongSession,
    /// Messages with the name of another subscription.
    WrongName,
    WrongNumbers,
    WrongN,
    // The accounts.
    TallyMovesTicks,
    AccountsMoveTicks,
    AccountsOneTooMany,
    FiltersTwice,
    // The fan-out.
    ForgetsTick,
    ForgetsReady,
    ForgetsList,
    ListsTwice,
    ServesLastFirst,
    ServesEveryFirst,
    SendsEarly,
    StopsTime,
    MovesDue,
    OldRecord,
    /// Cancels and corrections are merged with the ticks after them.
    MergesCorrections,
    ForgetsChange,
    ForgetsBase,
    ForgetsLead,
    ForgetsIntroduction,
    WrongReason,
    LooksYounger,
    LosesNotice,
    LosesPattern,
    KeepsRecent,
    RepeatsWrongFrame,
}

impl Sabotage {
    /// Each fault, with the laws that may reveal it.
    pub const ALL: [(Sabotage, &'static [Law]); 35] = [
        (Sabotage::SwallowsMessage, &[Law::Seqs, Law::Accounts, Law::Gaps, Law::Progress, Law::TooLate]),
        (Sabotage::SwallowsSnapshotAfterGap, &[Law::Gaps]),
        (
            Sabotage::RepeatsMessage,
            &[Law::Seqs, Law::TooSoon, Law::Isolation, Law::IngestOrder, Law::Fairness],
        ),
        (Sabotage::SwapsTicks, &[Law::Seqs, Law::IngestOrder]),
        (Sabotage::WrongValue, &[Law::Truth]),
        (Sabotage::UnwantedField, &[Law::Truth]),
        (Sabotage::WrongSession, &[Law::Isolation]),
        (Sabotage::WrongName, &[Law::Isolation]),
        (Sabotage::WrongNumbers, &[Law::Truth]),
        (Sabotage::WrongN, &[Law::Seqs]),
        (Sabotage::TallyMovesTicks, &[Law::Accounts]),
        (Sabotage::AccountsMoveTicks, &[Law::Accounts]),
        (Sabotage::AccountsOneTooMany, &[Law::Conservation]),
        (Sabotage::FiltersTwice, &[Law::Conservation]),
        (Sabotage::ForgetsTick, &[Law::Conservation]),
        (Sabotage::ForgetsReady, &[Law::Progress]),
        (Sabotage::ForgetsList, &[Law::Progress, Law::Memory]),
        (Sabotage::ListsTwice, &[Law::Memory]),
        (Sabotage::ServesLastFirst, &[Law::Fairness]),
        (Sabotage::ServesEveryFirst, &[Law::Fairness]),
        (Sabotage::SendsEarly, &[Law::TooSoon]),
        (Sabotage::StopsTime, &[Law::Progress, Law::TooLate]),
        (Sabotage::MovesDue, &[Law::TooLate]),
        (Sabotage::OldRecord, &[Law::Truth, Law::EveryTrade]),
        (Sabotage::MergesCorrections, &[Law::EveryCorrection]),
        (Sabotage::ForgetsChange, &[Law::Truth]),
        (Sabotage::ForgetsBase, &[Law::Progress, Law::Seqs, Law::EveryTick, Law::Gaps]),
        (Sabotage::ForgetsLead, &[Law::Gaps]),
        (Sabotage::ForgetsIntroduction, &[Law::Introduces]),
        (Sabotage::WrongReason, &[Law::Gaps]),
        (Sabotage::LooksYounger, &[Law::Age]),
        (Sabotage::LosesNotice, &[Law::Answers]),
        (Sabotage::LosesPattern, &[Law::Answers, Law::Isolation, Law::Accounts]),
        (Sabotage::KeepsRecent, &[Law::EveryTick, Law::Memory]),
        (
            Sabotage::RepeatsWrongFrame,
            &[Law::Isolation, Law::Seqs, Law::Truth, Law::IngestOrder, Law::LatestWins, Law::Gaps],
        ),
    ];

    /// Corrupts what was written into a frame.
    pub fn spoil_frame(self, messages: &mut Vec<Message>) {
        match self {
            Sabotage::SwallowsMessage => drop(messages.pop()),
            Sabotage::SwallowsSnapshotAfterGap => {
                let gap = messages.iter().position(|message| matches!(message.what, What::Gap(..)));
                gap.map(|gap| messages.remove(gap + 1));
            }
            Sabotage::RepeatsMessage => messages.extend(messages.last().cloned()),
            Sabotage::SwapsTicks => {
                let ticks = |pair: &[Message]| {
                    let both = pair.iter().all(|message| matches!(message.what, What::Tick(..)));
                    both && pair[0].symbol == pair[1].symbol
                };
                if let Some(at) = messages.windows(2).position(ticks) {
                    messages.swap(at, at + 1);
                }
            }
            Sabotage::WrongValue => each_shown(messages, |shown| {
                if let Some(bid) = shown.fields.get_decimal(Field::Bid) {
                    shown.fields.set_decimal(Field::Bid, Decimal::with_places(-98_765, 17).unwrap_or(bid));
                }
            }),
            Sabotage::UnwantedField => each_shown(messages, |shown| {
                shown.fields.set_decimal(Field::AskSize, Decimal::from_units(-77));
            }),
            Sabotage::WrongName => {
                for message in messages {
                    message.name = if message.name.is_none() { word(1) } else { None };
                }
            }
            Sabotage::WrongNumbers => {
                for message in messages {
                    message.numbers =
                        if message.numbers == Numbers::Text { Numbers::Number } else { Numbers::Text };
                }
            }
            Sabotage::WrongSession => {
                for message in messages {
                    message.symbol = Symbol::new("NOT-YOURS").expect("a valid symbol");
                }
            }
            Sabotage::WrongN => {
                for message in messages {
                    if let What::Merged(_, n) | What::Tick(_, n) | What::TapeEvent(_, n) = &mut message.what {
                        *n += 1;
                    }
                }
            }
            _ => {}
        }
    }

    pub fn tamper_tally(self, mut tally: FrameTally) -> FrameTally {
        if self == Sabotage::TallyMovesTicks && tally.conflated > 0 {
            tally.conflated -= 1;
            tally.delivered += 1;
        }
        tally
    }

    /// Alters what is recorded as delivered: the sum stays right.
    pub fn tamper_recorded(self, mut tally: FrameTally) -> FrameTally {
        if self == Sabotage::AccountsMoveTicks && tally.delivered > 0 {
            tally.delivered -= 1;
            tally.gapped[0] += 1;
        }
        tally
    }

    pub fn tamper_accounts(self, mut accounts: Accounts) -> Accounts {
        if self == Sabotage::AccountsOneTooMany && accounts.delivered > 3 {
            accounts.delivered += 1;
        }
        accounts
    }

    pub fn lets_time_pass(self) -> bool {
        self != Sabotage::StopsTime
    }

    /// Corrupts the fan-out between two operations.
    pub fn spoil(self, fanout: &mut Fanout) {
        match self {
            Sabotage::FiltersTwice if fanout.accounts.filtered > 2 => fanout.accounts.filtered += 1,
            Sabotage::ForgetsReady => fanout.schedule.ready.clear(),
            Sabotage::ForgetsList
            | Sabotage::ListsTwice
            | Sabotage::ServesLastFirst
            | Sabotage::ServesEveryFirst => self.spoil_queues(fanout),
            Sabotage::SendsEarly => {
                let waiting = fanout.subs.iter().find(|(_, sub)| sub.state == SubscriptionState::Waiting);
                if let Some(key) = waiting.map(|(key, _)| key) {
                    fanout.schedule.enqueue(key as u32, &mut fanout.subs[key]);
                }
            }
            Sabotage::OldRecord => {
                for (_, topic) in &mut fanout.topics {
                    let last = &mut topic.record.fields;
                    last.mask = FieldSet(last.mask.0 & !Field::Ask.bit().0);
                }
            }
            Sabotage::MergesCorrections => {
                for (_, topic) in &mut fanout.topics {
                    topic.record.corrected_at = 0;
                }
            }
            Sabotage::ForgetsChange => {
                for (_, topic) in &mut fanout.topics {
                    topic.record.named_at = NamedAt::default();
                }
            }
            Sabotage::LosesNotice => fanout.notices.clear(),
            Sabotage::LosesPattern => fanout.patterns = PatternTable::default(),
            Sabotage::RepeatsWrongFrame => spoil_frame_cache(fanout),
            Sabotage::KeepsRecent => {
                for (_, topic) in fanout.topics.iter_mut().filter(|(_, topic)| topic.recent.len() > 2) {
                    topic.recent.remove(1);
                }
            }
            _ => self.spoil_subscription(fanout),
        }
    }

    fn spoil_queues(self, fanout: &mut Fanout) {
        for (_, session) in &mut fanout.schedule.sessions {
            let first = session.queue.iter().find(|&queued| queued != EVERY_QUEUE);
            let has_every = session.every_queued;
            session.queue.spoil(|queue| match self {
                Sabotage::ForgetsList => queue.truncate(queue.len().saturating_sub(1)),
                Sabotage::ListsTwice => queue.extend(first),
                Sabotage::ServesLastFirst => queue.make_contiguous().reverse(),
                Sabotage::ServesEveryFirst if has_every => {
                    queue.retain(|&queued| queued != EVERY_QUEUE);
                    queue.push_front(EVERY_QUEUE);
                }
                _ => {}
            });
            session.close_up_queue(&mut fanout.subs);
        }
    }

    fn spoil_subscription(self, fanout: &mut Fanout) {
        let mut spoil = |which: fn(&Subscription) -> bool, how: fn(&mut Subscription)| {
            if let Some((_, sub)) = fanout.subs.iter_mut().find(|(_, sub)| which(sub)) {
                how(sub);
            }
        };
        let is_queued: fn(&Subscription) -> bool = |sub| sub.state == SubscriptionState::Queued;
        match self {
            Sabotage::ForgetsTick => spoil(
                |sub| {
                    let is_queued = sub.state == SubscriptionState::Queued;
                    is_queued && sub.mode == Mode::Latest && sub.base == Base::None
                },
                |sub| sub.cursor += 1,
            ),
            Sabotage::MovesDue => {
                spoil(|sub| sub.state == SubscriptionState::Waiting, |sub| sub.due = Nanos(sub.due.0 + 1));
            }
            Sabotage::ForgetsBase => spoil(|sub| sub.base != Base::None, |sub| sub.base = Base::None),
            Sabotage::ForgetsLead => spoil(|sub| sub.lead > 0, |sub| sub.lead = 0),
            Sabotage::ForgetsIntroduction => {
                spoil(|sub| sub.claim == Claim::New, |sub| sub.claim = Claim::None);
            }
            Sabotage::WrongReason => spoil(is_queued, |sub| sub.claim = Claim::Resumed),
            Sabotage::LooksYounger => spoil(|_| true, |sub| sub.since = Nanos(sub.since.0 + 1)),
            _ => {}
        }
    }
}

/// Gives each key in the frame cache the cursor and the head of a subscription that is behind.
fn spoil_frame_cache(fanout: &mut Fanout) {
    for part in fanout.frame_cache.frames.iter_mut().flat_map(|frame| &mut frame.key) {
        let behind = |sub: &&Subscription| sub.topic == part.topic && sub.state == SubscriptionState::Queued;
        if let Some(sub) = fanout.subs.iter().map(|(_, sub)| sub).find(behind) {
            (part.cursor, part.to) = (sub.cursor, fanout.topics[sub.topic as usize].record.seq);
        }
    }
}

fn each_shown(messages: &mut [Message], how: impl Fn(&mut super::message::Shown)) {
    for message in messages {
        match &mut message.what {
            What::Snapshot(shown)
            | What::Merged(shown, _)
            | What::Tick(shown, _)
            | What::TapeEvent(shown, _) => {
                how(shown);
            }
            What::Gap(..) => {}
        }
    }
}
