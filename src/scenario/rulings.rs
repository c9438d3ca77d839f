//! What becomes of one message, by each fault that strikes it: the second half of [`FaultEngine`].
//!
//! Invariant: a message that is dropped is counted, and each fault that strikes is recorded.

use super::{
    chance::Chance,
    course,
    deal::Deal,
    engine::{FaultEngine, Offered, StreamCourse},
    fault::{FaultKind, VenueFault},
    numbering::{MessageNumbers, SymbolNumbers},
};
use crate::tick::Symbol;

impl FaultEngine {
    /// What becomes of a message.
    pub(super) fn deal(&mut self, faults: &[VenueFault], offered: &Offered<'_>) -> Deal {
        self.begin_stream(faults, offered);
        self.move_numbers(faults, offered);
        let key = (offered.symbol.clone(), Box::<str>::from(offered.stream));
        let mut deal = Deal::fair(self.shown(&key, offered));
        for (index, fault) in faults.iter().enumerate() {
            let is_struck = self.streams.get(&key).is_some_and(|stream| stream.struck[index]);
            let begin = self.begin_of(index, fault).filter(|_| is_struck);
            if begin.is_none_or(|begin| course::occurrence(fault, begin, offered.at).is_none())
                || fault.kind.is_by_chance() && !self.chance(index, offered).happens(fault.chance)
            {
                continue;
            }
            match fault.kind {
                FaultKind::Mute | FaultKind::Lose | FaultKind::Halt | FaultKind::Maintenance { .. } => {
                    deal.is_dropped = true;
                }
                FaultKind::Delay { by } => deal.delay(offered.at, by),
                FaultKind::Stale { by } => {
                    deal.delay(offered.at, by);
                    deal.stamped = deal.until;
                }
                FaultKind::Reorder { behind } => deal.behind = deal.behind.max(behind),
                FaultKind::Duplicate { copies } => deal.copies += copies,
                FaultKind::Burst { times } => deal.parts = deal.parts.max(times),
                _ => continue,
            }
            self.note(index, fault, offered.at, Some(offered), "");
            if deal.is_dropped {
                self.running.withhold(1);
                return deal;
            }
        }
        if deal.parts > 1
            && let Some(stream) = self.streams.get_mut(&key)
        {
            // Those behind it have numbers behind its own.
            stream.numbers.jump(u64::from(deal.parts - 1));
        }
        deal
    }

    /// Chooses, when its first message comes, which faults strike a stream.
    fn begin_stream(&mut self, faults: &[VenueFault], offered: &Offered<'_>) {
        let key = (offered.symbol.clone(), Box::<str>::from(offered.stream));
        if self.streams.contains_key(&key) {
            return;
        }
        let is_struck = |(index, fault): (usize, &VenueFault)| {
            let chance = self.base(index).with_text(offered.stream).with_text(offered.symbol.as_str());
            fault.may_strike(offered.class, offered.stream, offered.symbol) && chance.happens(fault.share)
        };
        let struck = faults.iter().enumerate().map(is_struck).collect();
        self.streams.insert(key, StreamCourse { struck, numbers: SymbolNumbers::default() });
    }

    /// Moves the numbers of a symbol that begin again, or go on further ahead, with this message.
    fn move_numbers(&mut self, faults: &[VenueFault], offered: &Offered<'_>) {
        for (index, fault) in faults.iter().enumerate() {
            if !matches!(fault.kind, FaultKind::Restart { .. } | FaultKind::Jump { .. })
                || !fault.symbols.iter().any(|glob| glob.matches(offered.symbol))
            {
                continue;
            }
            let begin = self.begin_of(index, fault);
            let Some(now) = begin.and_then(|begin| course::occurrence(fault, begin, offered.at)) else {
                continue;
            };
            let course = self.symbols.entry(offered.symbol.clone()).or_default();
            let moved = course.moved.entry(index).or_insert(0);
            if *moved > now {
                continue;
            }
            *moved = now + 1;
            match fault.kind {
                FaultKind::Restart { to } => course.numbers.restart(offered.numbers, to),
                FaultKind::Jump { by } => course.numbers.jump(by),
                _ => {}
            }
            self.note(index, fault, offered.at, Some(offered), "");
        }
    }

    /// The numbers of a message as the client is shown them.
    fn shown(&self, key: &(Symbol, Box<str>), offered: &Offered<'_>) -> MessageNumbers {
        let of_symbol = self.symbols.get(offered.symbol).map(|symbol| symbol.numbers).unwrap_or_default();
        let of_stream = self.streams.get(key).map(|stream| stream.numbers).unwrap_or_default();
        of_stream.shown(of_symbol.shown(offered.numbers))
    }

    /// Of what is decided about a connection.
    fn base(&self, index: usize) -> Chance {
        Chance::new(self.running.seed).with_text(self.dialect).with(self.connection).with(index as u64)
    }

    fn chance(&self, index: usize, offered: &Offered<'_>) -> Chance {
        let of_stream = self.base(index).with_text(offered.stream).with_text(offered.symbol.as_str());
        of_stream.with(offered.numbers[1])
    }
}
