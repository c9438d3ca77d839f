//! Read access to a shard's fan-out: accounts, how far sessions are behind, their subscriptions. Changes nothing,
//! except that [`Fanout::low_water`] may end intervals early.

use std::time::Duration;

use super::{
    Accounts, Fanout, HeldGlob, Mode, Name, SessionKey,
    state::{Base, Subscription, SubscriptionState, index32},
};
use crate::tick::{Nanos, Numbers, State, Symbol, WantedFields};

/// How far one session, or all of them, are behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Behind {
    /// Subscriptions that are behind.
    pub dirty: usize,
    /// The number of ticks that they are behind by.
    pub ticks: u64,
    /// When the oldest of these ticks was received, or became due.
    pub oldest: Option<Nanos>,
    /// How many of these ticks are delayed data.
    pub late_ticks: u64,
}

/// One subscription, as the command `list` shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    pub symbol: Symbol,
    pub name: Option<Name>,
    pub mode: Mode,
    /// The delay in milliseconds; `None` in real time.
    pub delay_ms: Option<u32>,
    pub interval: Duration,
    pub wanted: WantedFields,
    pub numbers: Numbers,
    /// The last seq sent.
    pub cursor: u64,
    pub state: State,
}

impl Fanout {
    /// The accounts. Walks every subscription.
    pub fn accounts(&self) -> Accounts {
        self.accounts_with(&self.all_behind())
    }

    /// The accounts, for a caller that has [`Self::all_behind`] already.
    pub fn accounts_with(&self, behind: &Behind) -> Accounts {
        Accounts { pending: behind.ticks - behind.late_ticks + self.in_flight, ..self.accounts }
    }

    /// As [`Self::accounts_with`], of the delayed market.
    pub fn delayed_accounts_with(&self, behind: &Behind) -> Accounts {
        Accounts { pending: behind.late_ticks + self.delayed.in_flight, ..self.delayed.accounts }
    }

    /// How far all subscriptions are behind. Walks every one.
    pub fn all_behind(&self) -> Behind {
        self.behind_of(self.subs.iter().map(|(_, sub)| sub))
    }

    pub fn subscriptions(&self) -> usize {
        self.subs.len()
    }

    pub fn session_subscriptions(&self, session: SessionKey) -> usize {
        self.schedule.sessions.get(session.0 as usize).map_or(0, |session| session.subs.len())
    }

    /// Messages that sockets have accepted.
    pub fn delivered(&self) -> u64 {
        self.accounts.delivered + self.delayed.accounts.delivered
    }

    /// Whether the session has nothing to send now; subscriptions that wait for an interval do not count.
    pub fn is_drained(&self, session: SessionKey) -> bool {
        self.schedule.sessions.get(session.0 as usize).is_none_or(|session| session.queue.is_empty())
    }

    /// Whether something that was due at or before `as_of` is still unsent. What waits for an interval is not due.
    pub fn owes(&self, session: SessionKey, as_of: Nanos) -> bool {
        let Some(session) = self.schedule.sessions.get(session.0 as usize) else { return false };
        session.queue.subs().chain(session.every_queue.iter().copied()).any(|key| {
            let sub = &self.subs[key as usize];
            sub.base != Base::None || sub.since <= as_of
        })
    }

    /// A lower bound for the `order` of the first unsent tick in modes `every` and `trades`; 0 when it is unknown,
    /// `None` when nothing is unsent.
    pub fn first_unsent(&self, session: SessionKey) -> Option<u64> {
        let entry = self.schedule.sessions.get(session.0 as usize)?;
        // An event stream subscribes once, so all its subscriptions have one interval.
        let holds = |(_, key): (u32, u32)| self.subs[key as usize].pace.has_interval();
        if entry.queue.is_empty() && !entry.subs.iter().next().is_some_and(holds) {
            return None;
        }
        let unsent = entry.subs.iter().filter_map(|(_, key)| {
            let sub = &self.subs[key as usize];
            let head = self.topics[sub.topic as usize].record.seq;
            if !sub.mode.reads_history() || head == 0 {
                return None;
            }
            if sub.base != Base::None {
                return Some(0);
            }
            (head - sub.cursor > sub.skipped).then(|| match sub.mode {
                // Quotes after the last trade may be pending, and the order of the first is unknown.
                Mode::Trades => sub.order_after_cursor(&self.topics[sub.topic as usize]),
                _ => self.next_order(sub),
            })
        });
        unsent.min()
    }

    /// Low watermark: the `order` up to which every subscription in mode `every` was sent all due ticks, and every one
    /// in mode `trades` all trades. A replay at speed `max` waits for it. `taken`: order of the last tick received.
    /// Sessions for which `is_waited_for` is false do not count.
    ///
    /// A subscription that waits for its interval with `held_max` ticks or more is made ready now: the market clock has
    /// stopped for it, so its interval would never end. In mode `trades` only quotes wait, and no clock stops for them.
    /// Walks every subscription.
    pub fn low_water(
        &mut self,
        taken: u64,
        held_max: u64,
        is_waited_for: impl Fn(SessionKey) -> bool,
    ) -> u64 {
        let mut mark = taken;
        let mut early = Vec::new();
        for (key, sub) in self.subs.iter().filter(|(_, sub)| sub.mode.reads_history()) {
            match sub.state {
                SubscriptionState::Idle => {}
                SubscriptionState::Waiting if sub.mode == Mode::Trades => {}
                _ if !is_waited_for(SessionKey(sub.session)) => {}
                SubscriptionState::Waiting if self.pending(sub) < held_max => {}
                state => {
                    mark = mark.min(self.next_order(sub).saturating_sub(1));
                    early.extend((state == SubscriptionState::Waiting).then_some(key));
                }
            }
        }
        for key in early {
            self.schedule.enqueue(index32(key), &mut self.subs[key]);
        }
        mark
    }

    pub fn behind(&self, session: SessionKey) -> Behind {
        let Some(session) = self.schedule.sessions.get(session.0 as usize) else { return Behind::default() };
        self.behind_of(session.subs.iter().map(|(_, key)| &self.subs[key as usize]))
    }

    fn behind_of<'a>(&'a self, subs: impl Iterator<Item = &'a Subscription>) -> Behind {
        let mut behind = Behind::default();
        // Idle subscriptions are behind by nothing; skip the look-up of their topics.
        for sub in subs.filter(|sub| sub.state != SubscriptionState::Idle) {
            let ticks = self.pending(sub);
            if ticks > 0 {
                behind.dirty += 1;
                behind.ticks += ticks;
                let topic = &self.topics[sub.topic as usize];
                behind.late_ticks += if topic.is_delayed() { ticks } else { 0 };
                let since = topic.due(sub.since);
                behind.oldest = Some(behind.oldest.map_or(since, |oldest| oldest.min(since)));
            }
        }
        behind
    }

    /// One of a session's subscriptions.
    pub fn listed(&self, session: SessionKey, symbol: &Symbol, name: Option<&Name>) -> Option<Listed> {
        let key = self.find(session, symbol, name)?;
        let sub = &self.subs[key as usize];
        let topic = &self.topics[sub.topic as usize];
        let view = self.views.get(sub.view);
        Some(Listed {
            symbol: symbol.clone(),
            name: view.name.clone(),
            mode: self.asked_mode(key),
            delay_ms: topic.is_delayed().then_some(topic.delay_ms),
            interval: sub.pace.interval(),
            wanted: view.wanted,
            numbers: view.numbers,
            cursor: sub.cursor,
            state: topic.state,
        })
    }

    /// The state of a symbol that the session subscribes to under this name.
    pub fn reported_state(&self, session: SessionKey, symbol: &Symbol, name: Option<&Name>) -> Option<State> {
        let sub = &self.subs[self.find(session, symbol, name)? as usize];
        Some(self.topics[sub.topic as usize].state)
    }

    /// Whether a symbol is listed, that is, has had a tick.
    pub fn is_listed(&self, symbol: &Symbol) -> bool {
        self.listed_ids.contains(symbol)
    }

    /// A session's standing globs.
    pub fn globs(&self, session: SessionKey) -> &[HeldGlob] {
        self.schedule.sessions.get(session.0 as usize).map_or(&[], |session| &session.globs)
    }

    /// See [`Subscription::next_order`].
    pub(super) fn next_order(&self, sub: &Subscription) -> u64 {
        sub.next_order(&self.topics[sub.topic as usize], self.views.get(sub.view))
    }

    /// The number of ticks after the cursor that are neither sent nor filtered.
    pub(super) fn pending(&self, sub: &Subscription) -> u64 {
        self.topics[sub.topic as usize].record.seq - sub.cursor - sub.skipped
    }
}
