//! Checks law 4 of the service for one subscription to one symbol: seqs only rise, `seq == previous seq + n`, and ticks
//! that are missing were announced by a gap.
//!
//! Pure: messages in, breaches out. After a breach the cursor continues from the message, so that one fault is reported
//! once and not again with every later message.

/// The position of one client in one symbol's seqs.
///
/// ```
/// use tickcast_client::{Breach, Cursor};
/// let mut cursor = Cursor::NEW;
/// assert_eq!(cursor.snapshot(53), Ok(()));
/// assert_eq!(cursor.update(66, 13), Ok(()));
/// assert_eq!(cursor.update(70, 1), Err(Breach::Count { had: 66, seq: 70, n: 1 }));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    seq: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// No message yet: a snapshot has to come first.
    Unknown,
    /// The server reported that the symbol has no tick yet: its first may come as an update from 0 or as a snapshot.
    Pending,
    /// `seq` is the last that was received.
    Based,
    /// A gap up to `seq` was announced: the next has to be a snapshot.
    Gap,
    /// The subscription was changed: it may continue, or begin again with a snapshot.
    Renewed,
    /// A subscription without a snapshot: any message may come first.
    Anywhere,
    /// The server refused the subscription: no message may come.
    Refused,
}

/// How a message breaks law 4. `had` is the last seq before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Breach {
    #[error("update {seq} after {had}: seqs only rise")]
    Falls { had: u64, seq: u64 },
    #[error("update {seq} with n {n} after {had}: {} expected", had.saturating_add(*n))]
    Count { had: u64, seq: u64, n: u64 },
    #[error("update {seq} stands for no tick: n is 0")]
    Empty { seq: u64 },
    #[error("update {seq} before any snapshot")]
    NoSnapshot { seq: u64 },
    #[error("update {seq} after a gap up to {had}: a snapshot has to follow a gap")]
    GapUnfilled { had: u64, seq: u64, n: u64 },
    #[error("gap from {from} after {had}: {} expected", had.saturating_add(1))]
    GapFrom { had: u64, from: u64 },
    #[error("gap from {from} to {to} ends before it begins")]
    GapBackwards { from: u64, to: u64 },
    #[error("gap from {from} after a gap up to {had}: a snapshot has to follow a gap")]
    GapTwice { had: u64, from: u64 },
    #[error("snapshot {seq} after a gap up to {had}: it does not reach the gap's end")]
    SnapshotOld { had: u64, seq: u64 },
    #[error("snapshot {seq} after {had}, and no gap was announced")]
    SnapshotUnannounced { had: u64, seq: u64 },
    #[error("seq {seq} of a symbol whose subscription was refused")]
    Refused { seq: u64 },
}

// === impl Breach ===

impl Breach {
    /// How many ticks are missing without a gap.
    pub fn missing(&self) -> u64 {
        match *self {
            Breach::Count { had, seq, n } | Breach::GapUnfilled { had, seq, n } => {
                seq.saturating_sub(had).saturating_sub(n)
            }
            Breach::GapFrom { had, from } => from.saturating_sub(had).saturating_sub(1),
            Breach::SnapshotUnannounced { had, seq } => seq.saturating_sub(had),
            _ => 0,
        }
    }
}

// === impl Cursor ===

impl Cursor {
    /// A subscription that is answered by a snapshot.
    pub const NEW: Cursor = Cursor { seq: 0, state: State::Unknown };
    /// For a symbol that may have no tick yet, as the symbols of a glob.
    pub const PENDING: Cursor = Cursor { seq: 0, state: State::Pending };
    /// For a subscription without a snapshot.
    pub const ANYWHERE: Cursor = Cursor { seq: 0, state: State::Anywhere };

    /// The last seq received; 0 when none was.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Whether the subscription has a record, or the answer that there is none yet.
    pub fn is_based(&self) -> bool {
        !matches!(self.state, State::Unknown | State::Gap)
    }

    pub fn is_refused(&self) -> bool {
        self.state == State::Refused
    }

    /// Takes the status `pending`. A cursor that has received a message keeps its seq.
    pub fn pending(&mut self) {
        if self.state == State::Unknown {
            self.state = State::Pending;
        }
    }

    pub fn refused(&mut self) {
        *self = Cursor { seq: self.seq, state: State::Refused };
    }

    /// The subscription was changed or repeated: it may continue, or begin with a snapshot.
    pub fn renew(&mut self) {
        if self.state == State::Based {
            self.state = State::Renewed;
        }
    }

    /// A new subscription that does not resume: the cursor is reset.
    pub fn restart(&mut self) {
        *self = Cursor::NEW;
    }

    /// # Errors
    /// When the update breaks the law.
    pub fn update(&mut self, seq: u64, n: u64) -> Result<(), Breach> {
        let Cursor { seq: had, state } = *self;
        if state == State::Refused {
            return Err(Breach::Refused { seq });
        }
        *self = Cursor { seq, state: State::Based };
        match state {
            State::Anywhere => Ok(()),
            State::Unknown => Err(Breach::NoSnapshot { seq }),
            State::Gap => Err(Breach::GapUnfilled { had, seq, n }),
            _ if n == 0 => Err(Breach::Empty { seq }),
            _ if seq <= had => Err(Breach::Falls { had, seq }),
            _ if seq - had != n => Err(Breach::Count { had, seq, n }),
            _ => Ok(()),
        }
    }

    /// # Errors
    /// When the snapshot breaks the law.
    pub fn snapshot(&mut self, seq: u64) -> Result<(), Breach> {
        let Cursor { seq: had, state } = *self;
        if state == State::Refused {
            return Err(Breach::Refused { seq });
        }
        *self = Cursor { seq, state: State::Based };
        match state {
            State::Gap if seq < had => Err(Breach::SnapshotOld { had, seq }),
            State::Based => Err(Breach::SnapshotUnannounced { had, seq }),
            _ => Ok(()),
        }
    }

    /// # Errors
    /// When the gap breaks the law.
    pub fn gap(&mut self, from: u64, to: u64) -> Result<(), Breach> {
        let Cursor { seq: had, state } = *self;
        if state == State::Refused {
            return Err(Breach::Refused { seq: from });
        }
        *self = Cursor { seq: to, state: State::Gap };
        match state {
            State::Gap => Err(Breach::GapTwice { had, from }),
            _ if to < from => Err(Breach::GapBackwards { from, to }),
            State::Based | State::Renewed | State::Pending if Some(from) != had.checked_add(1) => {
                Err(Breach::GapFrom { had, from })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Pending,
        Snapshot(u64),
        /// Seq and n.
        Update(u64, u64),
        Gap(u64, u64),
    }
    use Step::{Gap, Pending, Snapshot, Update};

    fn run(cursor: &mut Cursor, steps: &[Step]) -> Vec<Breach> {
        let mut breaches = Vec::new();
        for &step in steps {
            let done = match step {
                Pending => {
                    cursor.pending();
                    Ok(())
                }
                Snapshot(seq) => cursor.snapshot(seq),
                Update(seq, n) => cursor.update(seq, n),
                Gap(from, to) => cursor.gap(from, to),
            };
            breaches.extend(done.err());
        }
        breaches
    }

    fn check(steps: &[Step], expected: &[Breach]) {
        let mut cursor = Cursor::NEW;
        assert_eq!(run(&mut cursor, steps), expected, "{steps:?}");
    }

    #[test]
    fn what_keeps_the_law_passes() {
        check(&[Snapshot(5), Update(6, 1), Update(9, 3), Gap(10, 20), Snapshot(20), Update(21, 1)], &[]);
        check(&[Snapshot(5), Gap(6, 20), Snapshot(23), Update(24, 1)], &[]);
        check(&[Pending, Update(4, 4)], &[]);
        check(&[Pending, Snapshot(4), Update(5, 1)], &[]);
        check(&[Snapshot(5), Pending, Update(6, 1)], &[]);
    }

    #[test]
    fn each_breach_is_caught_and_told_once() {
        check(&[Update(1, 1), Update(2, 1)], &[Breach::NoSnapshot { seq: 1 }]);
        check(&[Snapshot(5), Update(5, 1), Update(6, 1)], &[Breach::Falls { had: 5, seq: 5 }]);
        check(&[Snapshot(5), Update(4, 1)], &[Breach::Falls { had: 5, seq: 4 }]);
        check(&[Snapshot(5), Update(7, 1), Update(8, 1)], &[Breach::Count { had: 5, seq: 7, n: 1 }]);
        check(&[Snapshot(5), Update(7, 3)], &[Breach::Count { had: 5, seq: 7, n: 3 }]);
        check(&[Snapshot(5), Update(6, 0)], &[Breach::Empty { seq: 6 }]);
        check(&[Pending, Update(3, 1)], &[Breach::Count { had: 0, seq: 3, n: 1 }]);
        check(&[Snapshot(5), Gap(6, 9), Update(10, 1)], &[Breach::GapUnfilled { had: 9, seq: 10, n: 1 }]);
        check(&[Snapshot(5), Gap(7, 9), Snapshot(9)], &[Breach::GapFrom { had: 5, from: 7 }]);
        check(&[Snapshot(5), Gap(5, 9), Snapshot(9)], &[Breach::GapFrom { had: 5, from: 5 }]);
        check(&[Snapshot(5), Gap(6, 5), Snapshot(5)], &[Breach::GapBackwards { from: 6, to: 5 }]);
        check(&[Snapshot(5), Gap(6, 9), Gap(10, 12), Snapshot(12)], &[Breach::GapTwice { had: 9, from: 10 }]);
        check(&[Snapshot(5), Gap(6, 9), Snapshot(8)], &[Breach::SnapshotOld { had: 9, seq: 8 }]);
        check(&[Snapshot(5), Snapshot(9), Update(10, 1)], &[Breach::SnapshotUnannounced { had: 5, seq: 9 }]);
        check(&[Snapshot(5), Snapshot(5)], &[Breach::SnapshotUnannounced { had: 5, seq: 5 }]);
    }

    #[test]
    fn a_refused_subscription_is_sent_nothing() {
        let mut cursor = Cursor::NEW;
        cursor.refused();
        let breaches = run(&mut cursor, &[Update(1, 1), Snapshot(2), Gap(3, 4)]);
        assert_eq!(breaches, [1, 2, 3].map(|seq| Breach::Refused { seq }));
    }

    #[test]
    fn a_changed_subscription_goes_on_or_begins_anew() {
        for (next, breaches) in [
            (Snapshot(5), vec![]),
            (Snapshot(9), vec![]),
            (Update(6, 1), vec![]),
            (Gap(6, 9), vec![]),
            (Update(8, 1), vec![Breach::Count { had: 5, seq: 8, n: 1 }]),
        ] {
            let mut cursor = Cursor::NEW;
            cursor.snapshot(5).unwrap();
            cursor.renew();
            assert_eq!(run(&mut cursor, &[next]), breaches, "{next:?}");
        }
        let mut cursor = Cursor::ANYWHERE;
        assert_eq!(run(&mut cursor, &[Update(7, 1), Update(9, 1)]), [Breach::Count { had: 7, seq: 9, n: 1 }]);
    }

    #[test]
    fn what_is_missing_is_counted() {
        let missing = |steps: &[Step]| {
            let breaches = run(&mut Cursor::NEW.clone(), steps);
            breaches.iter().map(Breach::missing).sum::<u64>()
        };
        assert_eq!(missing(&[Snapshot(5), Update(9, 2)]), 2);
        assert_eq!(missing(&[Snapshot(5), Gap(8, 9), Snapshot(9)]), 2);
        assert_eq!(missing(&[Snapshot(5), Gap(6, 9), Update(12, 1)]), 2);
        assert_eq!(missing(&[Snapshot(5), Snapshot(9)]), 4);
        assert_eq!(missing(&[Snapshot(5), Update(4, 1)]), 0);
    }

    #[test]
    fn a_resumed_subscription_goes_on_where_it_was() {
        let mut cursor = Cursor::NEW;
        assert_eq!(run(&mut cursor, &[Snapshot(5), Update(8, 3), Gap(9, 12), Snapshot(12)]), []);
        cursor.restart();
        assert_eq!(run(&mut cursor, &[Snapshot(2), Update(3, 1)]), []);
    }

    proptest! {
        /// A model server sends honest steps; one of them is falsified, and the checker has to object.
        #[test]
        fn an_honest_server_passes_and_one_lie_does_not(
            sizes in prop::collection::vec((1u64..50, any::<bool>()), 1..40),
            liar: prop::sample::Index,
            lie in 1u64..50,
        ) {
            let mut seq = 100;
            let mut steps = vec![Snapshot(seq)];
            for &(n, gap) in &sizes {
                if gap {
                    steps.extend([Gap(seq + 1, seq + n), Snapshot(seq + n)]);
                } else {
                    steps.push(Update(seq + n, n));
                }
                seq += n;
            }
            prop_assert_eq!(run(&mut Cursor::NEW.clone(), &steps), []);
            let at = 1 + liar.index(steps.len() - 1);
            steps[at] = match steps[at] {
                Update(seq, n) => Update(seq + lie, n),
                Gap(from, to) => Gap(from + lie, to + lie),
                Snapshot(seq) => Snapshot(seq - lie),
                Pending => Pending,
            };
            prop_assert!(!run(&mut Cursor::NEW.clone(), &steps).is_empty());
        }

        #[test]
        fn any_messages_leave_a_sane_cursor(steps in prop::collection::vec(any::<(u8, u64, u64)>(), 0..50)) {
            let mut cursor = Cursor::NEW;
            for (kind, a, b) in steps {
                let step = match kind % 4 { 0 => Pending, 1 => Snapshot(a), 2 => Update(a, b), _ => Gap(a, b) };
                let _ = run(&mut cursor, &[step]);
            }
            prop_assert!(cursor.seq() == 0 || cursor != Cursor::NEW);
        }
    }
}
