//! Checks of the fan-out's own tables: lists, slots, bounds.

use std::collections::HashSet;

use super::{
    law::{Held, ensure},
    naive::Past,
    ops::SUBSCRIPTIONS_MAX,
    world::{World, symbol},
};
use crate::{
    fanout::{
        Fanout, Mode, View,
        schedule::EVERY_QUEUE,
        schedule::Waiter,
        shard::Needs,
        state::{Base, LocalSession, LocalTopic, Subscription, SubscriptionState, UNWATCHED, ViewId},
        subscription_lists::IDLE_SLACK,
    },
    tick::WantedFields,
};

impl World {
    pub fn check_structure(&mut self) -> Held {
        let fanout = &self.fanout;
        for (key, session) in &fanout.schedule.sessions {
            check_session(fanout, key, session)?;
        }
        for (key, sub) in &fanout.subs {
            check_sub(fanout, key as u32, sub)?;
        }
        for (local, topic) in &fanout.topics {
            check_topic(fanout, local as u32, topic)?;
        }
        let has_some = |sub: &Subscription| fanout.views.get(sub.view).wanted != WantedFields::ALL;
        let sees_each = |sub: &Subscription| sub.mode == Mode::Every || has_some(sub);
        let of_ticks = fanout.subs.iter().filter(|(_, sub)| sees_each(sub)).count();
        let of_trades = fanout.subs.iter().filter(|(_, sub)| sub.mode == Mode::Trades).count();
        let needs = Needs { ticks: of_ticks, trades: of_trades };
        ensure!(fanout.needs == needs, Memory, "{:?} are said to be needed, {needs:?} are", fanout.needs);
        for (which, past) in self.past.iter().enumerate() {
            let local = fanout.by_symbol.get(&symbol(which));
            local.map_or(Ok(()), |&local| check_tape_events(&fanout.topics[local as usize], past))?;
        }
        let views: HashSet<&View> = fanout.subs.iter().map(|(_, sub)| fanout.views.get(sub.view)).collect();
        let others = fanout.subs.iter().filter(|(_, sub)| sub.view != ViewId::WHOLE).count();
        let kinds = views.len() - usize::from(views.contains(&View::WHOLE));
        ensure!(fanout.views.held() == (kinds, others), Memory, "{kinds} views of {others} subscriptions");
        let waiting = fanout.subs.iter().any(|(_, sub)| sub.state == SubscriptionState::Waiting);
        self.coverage.hit_if(waiting, "in the wheel");
        Ok(())
    }
}

/// A session's queues have at most one entry for each subscription, and one for the every-mode queue, whatever the feed
/// does.
fn check_session(fanout: &Fanout, key: usize, session: &LocalSession) -> Held {
    let subs = session.subs.len();
    ensure!(subs <= SUBSCRIPTIONS_MAX, Memory, "{subs} subscriptions");
    ensure!(session.subs.iter().is_sorted_by(|a, b| a < b), Memory, "subscriptions out of order");
    ensure!(
        session.queue.len() <= subs + 1,
        Memory,
        "{} in the list, {subs} subscriptions",
        session.queue.len()
    );
    ensure!(
        session.every_queue.len() <= subs,
        Memory,
        "{} in the every-mode queue, {subs} subscriptions",
        session.every_queue.len()
    );
    let entries = session.queue.iter().filter(|&queued| queued == EVERY_QUEUE).count();
    ensure!(
        entries == usize::from(session.every_queued),
        Memory,
        "the every-mode queue is in the list {entries} times"
    );
    ensure!(
        session.every_queued != session.every_queue.is_empty(),
        Memory,
        "every-mode queue {:?}, queued {entries}",
        session.every_queue
    );
    let queued = session.queue.subs().map(|queued| (queued, false));
    for (queued, in_every_queue) in queued.chain(session.every_queue.iter().map(|&queued| (queued, true))) {
        let sub = fanout.subs.get(queued as usize);
        let fits = sub.is_some_and(|sub| {
            sub.session as usize == key
                && sub.state == SubscriptionState::Queued
                && (sub.mode == Mode::Every) == in_every_queue
        });
        ensure!(fits, Memory, "subscription {queued} in a list that is not its");
    }
    Ok(())
}

/// A subscription that is behind is in exactly one place: its session's send queue, its every-mode queue, or waiting;
/// any other is in none.
fn check_sub(fanout: &Fanout, key: u32, sub: &Subscription) -> Held {
    let session = &fanout.schedule.sessions[sub.session as usize];
    let topic = &fanout.topics[sub.topic as usize];
    let queued = session
        .queue
        .iter()
        .chain(session.every_queue.iter().copied())
        .filter(|&queued| queued == key)
        .count();
    ensure!(
        queued == usize::from(sub.state == SubscriptionState::Queued),
        Memory,
        "{key} is {:?}, listed {queued}",
        sub.state
    );
    let at = match (sub.state, sub.mode) {
        (SubscriptionState::Queued, Mode::Every) => session.every_queue.get(sub.queued as usize).copied(),
        (SubscriptionState::Queued, _) => session.queue.at(sub.queued),
        _ => Some(key),
    };
    ensure!(at == Some(key), Memory, "{at:?} is at the slot of {key}");
    let own =
        session.subs.of(sub.topic).filter(|other| fanout.view_of(*other).name == fanout.view_of(key).name);
    ensure!(own.eq([key]), Memory, "{key} is not its session's, or shares its name");
    let list = if fanout.views.get(sub.view).has_every_field() { &topic.plain } else { &topic.masked };
    ensure!(list.get(sub.slot as usize) == Some(&key), Memory, "{key} is not at its slot");
    let after = topic.record.seq - sub.cursor;
    ensure!(sub.skipped <= after, Accounts, "{} skipped of {after}", sub.skipped);
    ensure!(u64::from(sub.lead) <= sub.skipped, Accounts, "lead {} of {} skipped", sub.lead, sub.skipped);
    let owed = after > sub.skipped || (sub.base != Base::None && topic.record.seq > 0);
    ensure!(
        owed == (sub.state != SubscriptionState::Idle),
        Progress,
        "{key} is {:?}, owed: {owed}",
        sub.state
    );
    if sub.state == SubscriptionState::Waiting {
        let alone = (Waiter::Sub(key), sub.due);
        let group = (Waiter::Group { session: sub.session, pace: sub.pace }, sub.due);
        let joined = session.interval_groups.waiting(sub.pace, sub.due).contains(&key);
        let stands = |entry| entry == alone || (joined && entry == group);
        ensure!(
            fanout.schedule.wheel.entries().any(stands),
            TooLate,
            "{key} waits for {:?} and is not in the wheel",
            sub.due
        );
    }
    Ok(())
}

fn check_topic(fanout: &Fanout, local: u32, topic: &LocalTopic) -> Held {
    let subs = || topic.subscribers().map(|key| &fanout.subs[key as usize]);
    ensure!(subs().all(|sub| sub.topic == local), Memory, "a subscription to another topic");
    let count = |which: fn(&Subscription) -> bool| subs().filter(|sub| which(sub)).count() as u32;
    let every = count(|sub| sub.mode == Mode::Every);
    let trades = count(|sub| sub.mode == Mode::Trades);
    let counted = count(|sub| sub.mode == Mode::Trades && !sub.view.has_every_field());
    let behind = count(|sub| sub.mode.reads_history() && sub.state != SubscriptionState::Idle);
    let expected = (every + counted, trades, behind);
    let counts = (topic.tick_readers, topic.tape_readers, topic.readers_behind);
    ensure!(counts == expected, Memory, "counts {counts:?} readers, are {expected:?}");
    let held = topic.subscribers().filter(|&key| fanout.subs[key as usize].holds_quotes_of(local));
    let missing = held.into_iter().find(|key| !topic.held.contains(key));
    ensure!(missing.is_none(), Progress, "{missing:?} holds quotes, and is not in the list");
    let most = 3 * trades as usize + IDLE_SLACK;
    ensure!(
        topic.held.len() <= most,
        Memory,
        "{} in the list of those that hold, of {most}",
        topic.held.len()
    );
    let most = if trades > 0 { fanout.bounds.recent_ticks } else { 0 };
    ensure!(
        topic.tape_events.iter().count() <= most,
        Memory,
        "{} tape events, of {most}",
        topic.tape_events.iter().count()
    );
    let is_idle = |key: &&u32| fanout.subs[**key as usize].state == SubscriptionState::Idle;
    let missing = topic.plain.iter().filter(is_idle).find(|key| !topic.idle.contains(key));
    ensure!(missing.is_none(), Progress, "{missing:?} is idle, and is not in the list");
    let most = 3 * topic.plain.len() + IDLE_SLACK;
    ensure!(topic.idle.len() <= most, Memory, "{} in the list of idle ones, of {most}", topic.idle.len());
    ensure!(topic.recent.len() <= fanout.bounds.recent_ticks, Memory, "{} recent ticks", topic.recent.len());
    ensure!(every + counted > 0 || topic.recent.is_empty(), Memory, "recent ticks for nobody");
    let seqs = topic.recent.iter().map(|tick| tick.seq);
    let first = topic.record.seq + 1 - topic.recent.len() as u64;
    ensure!(seqs.eq(first..=topic.record.seq), EveryTick, "the recent ticks have a hole or lack the newest");
    let watched = topic.market.is_some_and(|market| fanout.by_market[market.0 as usize] == local);
    let expected = topic.market.is_some() && topic.has_subscribers();
    ensure!(watched == expected, Memory, "watched: {watched}, subscribers: {}", topic.has_subscribers());
    ensure!(topic.market.is_some() || topic.has_subscribers(), Memory, "{} is nobody's", topic.symbol);
    ensure!(topic.fresh == 0, Accounts, "{} ticks were not offered", topic.fresh);
    debug_assert_ne!(local, UNWATCHED);
    Ok(())
}

/// The tape events that a topic keeps are all those after a seq, with the records at that time.
fn check_tape_events(topic: &LocalTopic, past: &Past) -> Held {
    if topic.tape_readers == 0 {
        return Ok(());
    }
    let trades = (topic.tape_events.floor() + 1..=topic.record.seq).filter(|&seq| past.is_tape_event(seq));
    let kept = topic.tape_events.iter().map(|event| event.seq);
    ensure!(kept.eq(trades), EveryTrade, "{} keeps other tape events than its trades", topic.symbol);
    let wrong = topic.tape_events.iter().find(|event| event.fields != past.record(event.seq));
    ensure!(wrong.is_none(), EveryTrade, "{} keeps {wrong:?}", topic.symbol);
    Ok(())
}
