//! Walks over the messages of one frame: where each begins and ends, and the numbers that it has.
//!
//! Nothing carries over from frame to frame here; what does is given to it: [`Numbers`] and the table of fields.

use super::{
    BinaryError,
    bytes::{Cursor, unzigzag},
    decimals::Scale,
    report,
    symbols::{Known, Numbers, introduction},
    table::FieldTable,
    values::{Body, Mask, Skip, read},
};
use crate::words::GapReason;

/// A position in a frame, with the running values up to it.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    cursor: Cursor<'a>,
    /// The last time of receipt, in microseconds since the origin.
    rx: i64,
    /// The last difference between time of receipt and event time, in microseconds.
    lag: i64,
    run: Option<Run<'a>>,
}

/// What the ticks of a run have in common, and how many are still to come.
#[derive(Clone, Copy, Debug)]
struct Run<'a> {
    to: Address<'a>,
    next_seq: u64,
    left: u64,
}

/// Whose a message is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address<'a> {
    pub known: Known,
    /// The name of the subscription.
    pub name: Option<&'a str>,
}

/// One message.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Tick(Address<'a>, Tick<'a>),
    Gap { to: Address<'a>, first: u64, last: u64, reason: GapReason },
}

#[derive(Debug)]
pub(super) struct Tick<'a> {
    pub is_snapshot: bool,
    pub seq: u64,
    pub n: u64,
    pub rx_us: i64,
    pub body: Body<'a>,
}

/// What the walk needs to know beside the frame and its numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub origin_us: i64,
    pub fields: &'a FieldTable,
}

/// Time of receipt and event time, in microseconds since 1970.
#[derive(Clone, Copy)]
struct Times {
    rx_us: i64,
    ts_us: i64,
}

/// A head byte; the bits of one that is not a short update's. A short update has a mask in their place, and `HAS_N`.
#[derive(Clone, Copy)]
struct Head(u8);

const LONG: u8 = 0x80;
const INTRODUCES: u8 = 0x10;
const HAS_NAME: u8 = 0x20;
const HAS_N: u8 = 0x40;

/// The bits of the first byte of a body.
const BODY_IS_LONG: u8 = 0x80;
const WITHDRAWS: u8 = 1;
const REPORTS: u8 = 2;
const SCALES: u8 = 4;

// === impl Walk ===

impl<'a> Walk<'a> {
    pub fn new(frame: &'a [u8]) -> Self {
        Walk { cursor: Cursor::new(frame), rx: 0, lag: 0, run: None }
    }

    pub fn cursor(&mut self) -> &mut Cursor<'a> {
        &mut self.cursor
    }

    /// The next message; `None` at the end of the frame.
    #[inline]
    pub fn next<'t>(
        &mut self,
        numbers: &mut impl Numbers,
        terms: Terms<'t>,
    ) -> Result<Option<Item<'t>>, BinaryError>
    where
        'a: 't,
    {
        loop {
            if self.run.is_some_and(|run| run.left > 0) {
                return self.tick_of_run(terms).map(Some);
            }
            if self.cursor.is_at_end() {
                return Ok(None);
            }
            let at = self.cursor.at();
            let head = Head(self.cursor.byte()?);
            if head.0 & LONG == 0 {
                return self.short_update(head, at, numbers, terms).map(Some);
            }
            let kind = head.0 & 0x0F;
            if kind > 3 {
                // Of a newer server.
                self.cursor.block()?;
                continue;
            }
            if kind > 0 && head.has(HAS_N) {
                return Err(BinaryError::Flags { at });
            }
            let to = self.address(head, numbers)?;
            match kind {
                0 => return self.update(head, to, terms).map(Some),
                1 => return self.snapshot(to, terms).map(Some),
                2 => self.begin_run(to)?,
                _ => return self.gap(to).map(Some),
            }
        }
    }

    fn short_update<'t>(
        &mut self,
        head: Head,
        at: usize,
        numbers: &impl Numbers,
        terms: Terms<'t>,
    ) -> Result<Item<'t>, BinaryError>
    where
        'a: 't,
    {
        let mask = head.0 & !HAS_N;
        if mask == 0 {
            return Err(BinaryError::Flags { at });
        }
        let known = numbers.find(self.cursor.varint()?)?;
        let seq = self.cursor.varint()?;
        let n = self.n(head)?;
        let times = self.times(terms)?;
        let tick = self.tick(seq, n, times, (mask, at), known, terms)?;
        Ok(Item::Tick(Address { known, name: None }, tick))
    }

    fn update<'t>(&mut self, head: Head, to: Address<'a>, terms: Terms<'t>) -> Result<Item<'t>, BinaryError>
    where
        'a: 't,
    {
        let seq = self.cursor.varint()?;
        let n = self.n(head)?;
        let times = self.times(terms)?;
        let first = self.first_of_body()?;
        Ok(Item::Tick(to, self.tick(seq, n, times, first, to.known, terms)?))
    }

    fn snapshot<'t>(&mut self, to: Address<'a>, terms: Terms<'t>) -> Result<Item<'t>, BinaryError>
    where
        'a: 't,
    {
        let seq = self.cursor.varint()?;
        let times = self.times(terms)?;
        let first = self.first_of_body()?;
        let tick = self.tick(seq, 1, times, first, to.known, terms)?;
        Ok(Item::Tick(to, Tick { is_snapshot: true, ..tick }))
    }

    fn begin_run(&mut self, to: Address<'a>) -> Result<(), BinaryError> {
        let at = self.cursor.at();
        let (next_seq, left) = (self.cursor.varint()?, self.cursor.varint()?);
        if left == 0 {
            return Err(BinaryError::Value { at });
        }
        if next_seq.checked_add(left).is_none() {
            return Err(BinaryError::Overflow { at });
        }
        self.run = Some(Run { to, next_seq, left });
        Ok(())
    }

    fn tick_of_run<'t>(&mut self, terms: Terms<'t>) -> Result<Item<'t>, BinaryError>
    where
        'a: 't,
    {
        let Some(run) = &mut self.run else { return Err(BinaryError::Truncated { at: self.cursor.at() }) };
        let (to, seq) = (run.to, run.next_seq);
        (run.next_seq, run.left) = (run.next_seq.saturating_add(1), run.left - 1);
        let times = self.times(terms)?;
        let first = self.first_of_body()?;
        Ok(Item::Tick(to, self.tick(seq, 1, times, first, to.known, terms)?))
    }

    fn gap(&mut self, to: Address<'a>) -> Result<Item<'a>, BinaryError> {
        let (first, last) = (self.cursor.varint()?, self.cursor.varint()?);
        let at = self.cursor.at();
        let reason = match self.cursor.byte()? {
            0 => GapReason::Slow,
            1 => GapReason::Resume,
            2 => GapReason::Epoch,
            _ => return Err(BinaryError::Value { at }),
        };
        Ok(Item::Gap { to, first, last, reason })
    }

    fn address(&mut self, head: Head, numbers: &mut impl Numbers) -> Result<Address<'a>, BinaryError> {
        let number = self.cursor.varint()?;
        let known = if head.has(INTRODUCES) {
            let (symbol, reference) = introduction(&mut self.cursor)?;
            numbers.introduce(number, symbol, reference)
        } else {
            numbers.find(number)?
        };
        let name = if head.has(HAS_NAME) { Some(self.cursor.text()?) } else { None };
        Ok(Address { known, name })
    }

    /// How many ticks an update merges.
    fn n(&mut self, head: Head) -> Result<u64, BinaryError> {
        if !head.has(HAS_N) {
            return Ok(1);
        }
        let at = self.cursor.at();
        match self.cursor.varint()? {
            0 => Err(BinaryError::Value { at }),
            n => Ok(n),
        }
    }

    #[inline]
    fn times(&mut self, terms: Terms<'_>) -> Result<Times, BinaryError> {
        let at = self.cursor.at();
        let coded = self.cursor.varint()?;
        let later = if coded & 1 != 0 { self.cursor.signed()? } else { 0 };
        let sums = || {
            let (rx, lag) = (self.rx.checked_add(later)?, self.lag.checked_add(unzigzag(coded >> 1))?);
            let rx_us = terms.origin_us.checked_add(rx)?;
            Some((rx, lag, Times { rx_us, ts_us: rx_us.checked_sub(lag)? }))
        };
        let (rx, lag, times) = sums().ok_or(BinaryError::Overflow { at })?;
        (self.rx, self.lag) = (rx, lag);
        Ok(times)
    }

    /// The first byte of a body, and where it stands.
    fn first_of_body(&mut self) -> Result<(u8, usize), BinaryError> {
        let at = self.cursor.at();
        Ok((self.cursor.byte()?, at))
    }

    #[inline]
    fn tick<'t>(
        &mut self,
        seq: u64,
        n: u64,
        Times { rx_us, ts_us }: Times,
        (first, at): (u8, usize),
        known: Known,
        Terms { fields, .. }: Terms<'t>,
    ) -> Result<Tick<'t>, BinaryError>
    where
        'a: 't,
    {
        let mut body = Body {
            fields,
            mask: Mask::of_group(first & !BODY_IS_LONG),
            withdrawn: Mask::default(),
            scale: known.reference,
            values: &[],
            report: None,
            ts_us,
        };
        if first & BODY_IS_LONG != 0 {
            if first & !(BODY_IS_LONG | WITHDRAWS | REPORTS | SCALES) != 0 {
                return Err(BinaryError::Flags { at });
            }
            self.long_body(first, &mut body)?;
        }
        let begin = self.cursor.at();
        read(&mut self.cursor, body.mask, body.scale, fields, &mut Skip)?;
        body.values = self.cursor.since(begin);
        Ok(Tick { is_snapshot: false, seq, n, rx_us, body })
    }

    /// What stands between the first byte of a long body and its values.
    fn long_body<'t>(&mut self, first: u8, body: &mut Body<'t>) -> Result<(), BinaryError>
    where
        'a: 't,
    {
        body.mask = Mask::read(&mut self.cursor)?;
        if first & WITHDRAWS != 0 {
            body.withdrawn = Mask::read(&mut self.cursor)?;
            if let Some(id) = body.withdrawn.ids().find(|&id| body.fields.kind(id).is_none()) {
                return Err(BinaryError::Field { id });
            }
        }
        if first & REPORTS != 0 {
            body.report = Some(report::checked(&mut self.cursor, body.fields)?);
        }
        if first & SCALES != 0 {
            body.scale = Some(Scale::read(&mut self.cursor)?);
        }
        Ok(())
    }
}

// === impl Head ===

impl Head {
    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}
