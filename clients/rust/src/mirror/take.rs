//! What each message changes in a [`Mirror`].

use std::time::Duration;

use compact_str::CompactString;

use super::{Asked, Mirror, NOT_ENTITLED};
use crate::{
    event::{Change, Event, Loss},
    json::MessageError,
    message::{Answer, Gap, Id, Message, Status, SymbolResult, Tick, Welcome},
    report::{ReportKind, TradeReport},
    seq::{Breach, Cursor},
    topic::{Late, Standing, Topic},
    words::{GapReason, Outcome},
};

// === impl Mirror ===

impl Mirror {
    /// Takes in a message.
    ///
    /// # Errors
    /// When its fields cannot be read.
    pub(super) fn take<'a>(
        &'a mut self,
        message: Message<'a>,
        now_nanos: i64,
    ) -> Result<Event<'a>, MessageError> {
        Ok(match message {
            Message::Update(tick) => {
                let change = self.record(tick, false)?;
                let is_trade = |report: &TradeReport<'_>| report.kind == ReportKind::Trade;
                if change.report.as_ref().is_none_or(is_trade) {
                    Event::Record(change)
                } else {
                    Event::Correction(change)
                }
            }
            Message::Snapshot(tick) => return self.record(tick, true).map(Event::Record),
            Message::Gap(gap) => Event::Gap(self.gap(gap)),
            Message::Status(status) => self.status(status),
            Message::Welcome(welcome) => {
                self.decoder.learn_origin(&welcome);
                self.welcome(&welcome);
                Event::Welcome(welcome)
            }
            Message::Subscribed(answer) => {
                self.decoder.learn_fields(&answer);
                self.subscribed(&answer);
                Event::Subscribed(answer)
            }
            Message::Unsubscribed(answer) => {
                // Nobody has asked for what has no id: the token that counts now does not allow it.
                let is_withdrawn = answer.id.is_none();
                self.each_ok(&answer, |topic| {
                    topic.standing =
                        if is_withdrawn { Standing::Refused(NOT_ENTITLED.into()) } else { Standing::Left };
                    topic.cursor = Cursor::PENDING;
                });
                Event::Unsubscribed(answer)
            }
            Message::Set(answer) => {
                self.each_ok(&answer, |topic| topic.cursor.renew());
                Event::Set(answer)
            }
            Message::Pong(pong) => {
                if let Some(Id::Number(id)) = pong.id {
                    self.server_time.pong(id, now_nanos, pong.ts_us.saturating_mul(1_000));
                }
                Event::Pong(pong)
            }
            Message::Drain(drain) => {
                self.retry = Some(Duration::from_millis(drain.retry_ms));
                Event::Drain
            }
            Message::Sent(sent) => Event::Sent(sent),
            Message::Heartbeat(heartbeat) => Event::Heartbeat(heartbeat),
            Message::List(list) => Event::List(list),
            Message::Auth(auth) => {
                self.ask_refused();
                Event::Auth(auth)
            }
            Message::Published(published) => Event::Published(published),
            Message::Error(fault) => Event::Error(fault),
            Message::End => Event::End,
            Message::Other { .. } => Event::Other,
        })
    }

    fn welcome(&mut self, welcome: &Welcome<'_>) {
        self.heartbeat = Some(Duration::from_millis(welcome.heartbeat_ms));
        self.limits = welcome.limits;
        self.pace = None;
        let stale_us = self.stale_us();
        let is_other_epoch = self.epoch.as_deref().is_some_and(|epoch| epoch != welcome.epoch);
        self.epoch = Some((&*welcome.epoch).into());
        for topic in &mut self.topics {
            topic.stale_us = stale_us;
            if is_other_epoch {
                topic.restart();
            }
        }
    }

    fn record<'a>(&'a mut self, tick: Tick<'a>, is_snapshot: bool) -> Result<Change<'a>, MessageError> {
        let place = self.place(&tick.symbol, tick.name.as_deref());
        let topic = &mut self.topics[place];
        let had = topic.record.seq;
        let kept;
        let (mut forgotten, mut forgotten_others) = (Vec::new(), Vec::new());
        let report = if is_snapshot { None } else { tick.report()? };
        if is_snapshot {
            forgotten = topic.record.known().collect();
            forgotten_others = topic.record.others().map(|(name, _)| name.into()).collect();
            topic.record.replace(&tick)?;
            forgotten.retain(|&field| topic.record.text(field).is_none());
            forgotten_others.retain(|name: &CompactString| topic.record.other(name).is_none());
            kept = topic.cursor.snapshot(tick.seq);
            self.totals.snapshots += 1;
        } else {
            topic.record.merge(&tick)?;
            kept = topic.cursor.update(tick.seq, tick.n);
            let merged = tick.n.saturating_sub(1);
            topic.merged += merged;
            self.totals.updates += 1;
            self.totals.merged += merged;
        }
        topic.shown();
        let breach = topic.judged(kept);
        self.totals.missing += breach.as_ref().map_or(0, Breach::missing);
        Ok(Change {
            topic: &self.topics[place],
            tick,
            is_snapshot,
            had,
            forgotten,
            forgotten_others,
            report,
            breach,
        })
    }

    fn gap<'a>(&'a mut self, gap: Gap<'a>) -> Loss<'a> {
        let place = self.place(&gap.symbol, gap.name.as_deref());
        let topic = &mut self.topics[place];
        if gap.reason == GapReason::Epoch {
            // What was held says nothing here.
            topic.restart();
        }
        let kept = topic.cursor.gap(gap.from, gap.to);
        let breach = topic.judged(kept);
        topic.gaps += 1;
        topic.lost = topic.lost.saturating_add(gap.ticks());
        self.totals.gaps += 1;
        self.totals.lost = self.totals.lost.saturating_add(gap.ticks());
        self.totals.missing += breach.as_ref().map_or(0, Breach::missing);
        Loss { topic: &self.topics[place], gap, breach }
    }

    fn status(&mut self, Status { symbol, name, state, pace, expires_us, reason }: Status<'_>) -> Event<'_> {
        if let (Some(symbol), Some(state)) = (symbol, state) {
            let topic = self.topic_mut(&symbol, name.as_deref());
            topic.standing = (&state).into();
            topic.why = reason.map(|reason| (topic.standing.clone(), reason.into()));
            return Event::State(topic);
        }
        match (pace, expires_us) {
            (Some(pace), _) => Event::Pace(self.pace.insert(pace)),
            (None, Some(expires_us)) => Event::Expiring(expires_us),
            (None, None) => Event::Other,
        }
    }

    fn subscribed(&mut self, answer: &Answer<'_>) {
        let asked = match &answer.id {
            Some(Id::Number(id)) => self.asked.remove(id).unwrap_or_default(),
            _ => Asked::default(),
        };
        for &place in &asked.left_out {
            self.topics[place].cursor = Cursor::PENDING;
        }
        for result in &answer.results {
            if self.is_of_pattern(result) {
                if !asked.resumes {
                    self.each_of(result, |topic| topic.cursor.renew());
                }
            } else {
                self.topic_mut(&result.symbol, result.name.as_deref())
                    .answered(result, asked.begins_anywhere);
            }
        }
    }
}

// === impl Topic ===

impl Topic {
    /// Its subscription was answered.
    fn answered(&mut self, result: &SymbolResult<'_>, begins_anywhere: bool) {
        if result.status != Outcome::Error {
            self.late = result
                .delay_ms
                .map(|delay_ms| Late { delay_ms, notice: result.notice.as_deref().map(Into::into) });
        }
        let anew = if begins_anywhere { Cursor::ANYWHERE } else { Cursor::NEW };
        match &result.status {
            Outcome::Error => {
                self.cursor.refused();
                self.standing = Standing::Refused((&*result.code).into());
            }
            Outcome::Pending => {
                self.cursor = if begins_anywhere { anew } else { Cursor::PENDING };
                let is_known = result.known != Some(false);
                self.standing = if is_known { Standing::Pending } else { Standing::Unknown };
            }
            Outcome::Ok => {
                self.cursor = anew;
                self.standing = Standing::Live;
            }
            Outcome::Resumed | Outcome::Gap | Outcome::Other(_) => self.standing = Standing::Live,
        }
    }
}
