//! What comes in: symbols, links that open, what they bring, and the time.

use std::{sync::Arc, time::Duration};

use compact_str::CompactString;

use super::{
    out::{LinkAction, LinkEnd, LinkId, LogLine, UpstreamOut},
    slot::VenueLink,
    state::Upstream,
    stream::{StreamFault, StreamFaultKind},
};
use crate::{
    feed::upstream::venue::{Note, Reaction, Stream, StreamKind},
    tick::Nanos,
};

/// How often streams are looked at for silence.
const SWEEP: Duration = Duration::from_secs(1);

// === impl Upstream ===

impl Upstream {
    /// Adds and removes symbols; of those that stay nothing changes.
    pub fn change_symbols(&mut self, now: Nanos, add: &[&str], remove: &[&str], out: &mut UpstreamOut) {
        let kinds: Vec<StreamKind> = self.dialer.kinds().to_vec();
        for &kind in &kinds {
            let gone: Vec<Stream> = remove.iter().map(|symbol| Stream::new(symbol, kind)).collect();
            self.unplace(&gone, out);
            let new: Vec<Stream> = add.iter().map(|symbol| Stream::new(symbol, kind)).collect();
            // A pattern is not a symbol: those that it brings are known when they come.
            let is_pattern = |stream: &&Stream| self.dialer.takes_all() && stream.symbol.contains('*');
            new.iter().filter(|stream| !is_pattern(stream)).for_each(|stream| self.book.add(stream));
            self.place(now, new, out);
        }
        self.tell_crowded(out);
    }

    /// Of the symbols these are listed and not traded; the others are, as far as the list knows.
    pub fn listed(&mut self, halted: &[(CompactString, String)], out: &mut UpstreamOut) {
        self.book.listed(halted, out);
    }

    /// A link was made.
    pub fn opened(&mut self, link: LinkId, now: Nanos, out: &mut UpstreamOut) {
        self.link_opened(link, now);
        self.why_dark = None;
        if std::mem::take(&mut self.is_dark) {
            out.told.push(LogLine::Info("connected again".to_owned()));
        }
    }

    /// A message of a link, or a deadline of its conversation, came to this.
    pub fn reacted(&mut self, link: LinkId, now: Nanos, reaction: &mut Reaction, out: &mut UpstreamOut) {
        let takes_all = self.dialer.takes_all();
        if !reaction.ticks.is_empty()
            && let Some(link) = self.links.get_mut(&link)
        {
            link.heard(now, reaction.ticks.len());
        }
        for tick in reaction.ticks.drain(..) {
            if takes_all {
                self.book.adopt(link, now, &tick);
            }
            if !self.book.take(link, now, tick, out, &mut self.counts) {
                self.counts.unasked += 1;
            }
        }
        for note in reaction.notes.drain(..) {
            self.note(link, now, note, out);
        }
    }

    fn note(&mut self, link: LinkId, now: Nanos, note: Note, out: &mut UpstreamOut) {
        match note {
            Note::Subscribed(stream) => {
                if let Some(state) = self.book.find(&stream)
                    && state.owner == Some(link)
                {
                    state.asked = now;
                }
            }
            Note::Refused { stream, why } => {
                out.told.push(LogLine::Warn(format!("the venue refuses {stream}: {why}")));
                let reason = Arc::from(format!("the venue refuses it: {why}"));
                let fault = StreamFault { kind: StreamFaultKind::Refused, reason };
                self.book.fail(&stream, fault, out, &mut self.counts);
            }
            Note::Halted { symbol, why } => self.book.halt(&symbol, link, Some(&why), out),
            Note::Stale { symbol, why } => {
                let fault = StreamFault { kind: StreamFaultKind::Mute, reason: Arc::from(why) };
                for &kind in self.dialer.kinds() {
                    self.book.fail(
                        &Stream { symbol: symbol.clone(), kind },
                        fault.clone(),
                        out,
                        &mut self.counts,
                    );
                }
            }
            Note::Trading { symbol } => {
                self.book.halt(&symbol, link, None, out);
                if self.dialer.tells_silence() {
                    self.book.mend(&symbol, out);
                }
            }
            Note::Gap { why } => {
                self.counts.sequences.gaps += 1;
                out.told.push(LogLine::Gap(why));
            }
            Note::Reject { reason, why } => out.rejects.push((reason, why)),
            Note::History { ticks } => self.counts.history += ticks as u64,
            Note::Leaving { why } => self.replace(link, now, &why, out),
            Note::Reconnect { why } => self.drop_link(link, now, &LinkEnd::Broken(why), out),
            Note::Fatal { why } => self.drop_link(link, now, &LinkEnd::Fatal(why), out),
        }
    }

    /// Closes a link that still lives.
    pub(super) fn drop_link(&mut self, link: LinkId, now: Nanos, end: &LinkEnd, out: &mut UpstreamOut) {
        if self.links.contains_key(&link) {
            out.actions.push(LinkAction::Close { link });
            self.closed(link, now, end, out);
        }
    }

    /// When [`Self::turn`] is to be called.
    pub fn due(&self, now: Nanos) -> Nanos {
        let sweep = self.swept.plus(SWEEP);
        let links = self.links.values().filter_map(VenueLink::due);
        // A slot for which there is no connection wakes nobody: what makes room is an event of its own.
        let has_room = self.links.len() < self.facts.connections_max && self.allowance.streams.room() > 0;
        let slots = self.slots.values().filter(|_| has_room).filter_map(|slot| slot.due);
        let slots = slots.map(|due| due.max(self.allowance.attempts.next(now)));
        [Some(sweep), self.book.due()].into_iter().flatten().chain(links).chain(slots).min().unwrap_or(sweep)
    }

    /// Does what is due.
    pub fn turn(&mut self, now: Nanos, out: &mut UpstreamOut) {
        self.book.expire(now, out, &mut self.counts);
        self.replace_due(now, out);
        if now >= self.swept.plus(SWEEP) {
            self.swept = now;
            self.sweep(now, out);
        }
        self.dial_due(now, out);
    }
}
