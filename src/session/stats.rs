//! A shard's counters: plain integers, read by scrapes.

use crate::{
    fanout::Accounts,
    tick::Nanos,
    wire::{CloseReason, DeflateCounts, ReceiptTimes, dialects::DIALECTS_MAX},
};

/// Upper bounds of the age histogram in seconds, in 1-2.5-5 steps: from 50 us, below any network, to the ten seconds
/// after which a stuck session is closed.
pub const AGE_BOUNDS: [f64; 19] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 25.0, 60.0,
];

/// The same in nanoseconds.
const AGE_BOUNDS_NANOS: [u64; AGE_BOUNDS.len()] = {
    let mut nanos = [0; AGE_BOUNDS.len()];
    let mut i = 0;
    while i < nanos.len() {
        // Rounded: no bound has a fraction of a nanosecond.
        nanos[i] = (AGE_BOUNDS[i] * 1e9 + 0.5) as u64;
        i += 1;
    }
    nanos
};

/// A histogram of the ages of delivered messages.
#[derive(Clone, Debug)]
pub struct Ages {
    /// By [`AGE_BOUNDS`], and one for everything above.
    pub buckets: [u64; AGE_BOUNDS.len() + 1],
    pub sum_nanos: u128,
}

/// All counts of a shard: totals since its start, unless documented as a gauge.
#[derive(Clone, Debug, Default)]
pub struct ShardStats {
    pub frames_sent: u64,
    pub bytes_sent: u64,
    pub opened: u64,
    /// Sessions closed in a drain at once, because they accepted no bytes.
    pub cut: u64,
    pub closed: [u64; CloseReason::ALL.len()],
    pub limits: [u64; LimitHit::ALL.len()],
    pub commands: u64,
    pub resyncs: u64,
    /// Units spent on commands, listed symbols and ended sessions; the number of slices, and the longest one.
    pub work_units: u64,
    pub slices: u64,
    pub slice_nanos_max: u64,
    /// Ages when sockets accepted messages.
    pub ages: Ages,
    pub deflate: DeflateCounts,
    /// Ages when clients had read messages, one message per proof.
    pub read_ages: Ages,
}

/// A limit that was reached without ending the session: the label of `tickcast_limit_hits_total`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum LimitHit {
    Subscriptions,
    Globs,
    Commands,
    Frames,
    InboundBytes,
    ControlBytes,
    ShardQueue,
    /// A request with a long answer was refused.
    BulkRequests,
    /// A connection accepted no byte of an answer for too long, and was ended.
    Progress,
    /// The limit for all sessions of a user.
    UserSubscriptions,
    UserCommands,
    /// A session was paused because its user had exceeded the byte rate.
    UserBytes,
    /// A dialect's client was too slow for a lossless stream, and was closed.
    DialectLoss,
}

/// A shard's answer to a scrape. It shows one moment, so that the accounts balance exactly.
#[derive(Clone, Debug, Default)]
pub struct ShardReport {
    pub accounts: Accounts,
    /// The accounts of the delayed market.
    pub delayed: Accounts,
    pub stats: ShardStats,
    /// A gauge, as all that follow: sessions that keep up.
    pub live: usize,
    pub conflating: usize,
    pub subscriptions: usize,
    /// Subscriptions with pending ticks.
    pub subscriptions_behind: usize,
    /// Receive time of the oldest pending tick.
    pub oldest: Option<Nanos>,
    /// Bytes in the sessions' own buffers: answers, and unsent ends of frames.
    pub waiting_bytes: usize,
    /// The longest control queue of a session.
    pub control_bytes_max: usize,
    /// Sessions that speak a dialect, by the dialect's index.
    pub dialects: [usize; DIALECTS_MAX],
    /// Sessions that are held until their clients have read more.
    pub held: usize,
    /// Sessions whose clients have never answered a ping, although an answer was due.
    pub unanswering: usize,
}

impl LimitHit {
    pub const ALL: [LimitHit; 13] = [
        LimitHit::Subscriptions,
        LimitHit::Globs,
        LimitHit::Commands,
        LimitHit::Frames,
        LimitHit::InboundBytes,
        LimitHit::ControlBytes,
        LimitHit::ShardQueue,
        LimitHit::BulkRequests,
        LimitHit::Progress,
        LimitHit::UserSubscriptions,
        LimitHit::UserCommands,
        LimitHit::UserBytes,
        LimitHit::DialectLoss,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            LimitHit::Subscriptions => "subscriptions",
            LimitHit::Globs => "globs",
            LimitHit::Commands => "commands",
            LimitHit::Frames => "frames",
            LimitHit::InboundBytes => "inbound_bytes",
            LimitHit::ControlBytes => "control_bytes",
            LimitHit::ShardQueue => "shard_queue",
            LimitHit::BulkRequests => "bulk_requests",
            LimitHit::Progress => "progress",
            LimitHit::UserSubscriptions => "user_subscriptions",
            LimitHit::UserCommands => "user_commands",
            LimitHit::UserBytes => "user_bytes",
            LimitHit::DialectLoss => "dialect_loss",
        }
    }
}

impl Ages {
    /// Observes the ages of a frame's messages, accepted at `now`. `rx`: their receive times; `receipt_times`: the
    /// summary of these.
    pub fn observe(&mut self, rx: &[Nanos], receipt_times: ReceiptTimes, now: Nanos) {
        // Most frames hold messages of nearly the same age: one bucket then takes them all at once.
        let (most, least) = (now.since(receipt_times.oldest), now.since(receipt_times.newest));
        let (highest, lowest) = (bucket_of(most), bucket_of(least));
        if highest == lowest && now >= receipt_times.newest {
            self.buckets[highest] += receipt_times.count;
            self.sum_nanos += u128::from(most * receipt_times.count - receipt_times.since_oldest_sum);
            return;
        }
        for &rx in rx {
            let age = now.since(rx);
            self.buckets[bucket_of(age)] += 1;
            self.sum_nanos += u128::from(age);
        }
    }

    pub fn add(&mut self, other: &Ages) {
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
        self.sum_nanos += other.sum_nanos;
    }
}

/// CPU time of this thread, which excludes other work on the machine.
pub(super) fn thread_nanos() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

fn bucket_of(age_nanos: u64) -> usize {
    AGE_BOUNDS_NANOS.partition_point(|&bound| bound < age_nanos)
}

impl Default for Ages {
    fn default() -> Self {
        Ages { buckets: [0; AGE_BOUNDS.len() + 1], sum_nanos: 0 }
    }
}

impl ShardReport {
    pub fn add(&mut self, other: &ShardReport) {
        self.accounts.add(&other.accounts);
        self.delayed.add(&other.delayed);
        self.live += other.live;
        self.conflating += other.conflating;
        self.subscriptions += other.subscriptions;
        self.subscriptions_behind += other.subscriptions_behind;
        // `None` sorts before any time, and must not win.
        self.oldest = self.oldest.into_iter().chain(other.oldest).min();
        self.waiting_bytes += other.waiting_bytes;
        self.control_bytes_max = self.control_bytes_max.max(other.control_bytes_max);
        for (sessions, more) in self.dialects.iter_mut().zip(other.dialects) {
            *sessions += more;
        }
        self.held += other.held;
        self.unanswering += other.unanswering;
        let (stats, more) = (&mut self.stats, &other.stats);
        stats.frames_sent += more.frames_sent;
        stats.bytes_sent += more.bytes_sent;
        stats.opened += more.opened;
        stats.cut += more.cut;
        stats.commands += more.commands;
        stats.resyncs += more.resyncs;
        stats.work_units += more.work_units;
        stats.slices += more.slices;
        stats.slice_nanos_max = stats.slice_nanos_max.max(more.slice_nanos_max);
        stats.ages.add(&more.ages);
        stats.deflate.plain_bytes += more.deflate.plain_bytes;
        stats.deflate.deflated_bytes += more.deflate.deflated_bytes;
        stats.read_ages.add(&more.read_ages);
        for (total, closed) in stats.closed.iter_mut().zip(more.closed) {
            *total += closed;
        }
        for (total, hits) in stats.limits.iter_mut().zip(more.limits) {
            *total += hits;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn observed(rx: &[Nanos], now: Nanos) -> Ages {
        let mut ages = Ages::default();
        ages.observe(rx, ReceiptTimes::of(rx), now);
        ages
    }

    #[test]
    fn levels_of_two_shards_are_added_and_extremes_kept() {
        let gauges = |oldest, bytes| ShardReport {
            subscriptions_behind: 2,
            oldest,
            waiting_bytes: bytes,
            control_bytes_max: bytes,
            ..ShardReport::default()
        };
        let mut all = ShardReport::default();
        for report in [gauges(Some(Nanos(9)), 10), gauges(None, 30), gauges(Some(Nanos(7)), 20)] {
            all.add(&report);
        }
        assert_eq!((all.subscriptions_behind, all.oldest), (6, Some(Nanos(7))));
        assert_eq!((all.waiting_bytes, all.control_bytes_max), (60, 30));
    }

    #[test]
    fn every_message_is_in_one_bucket() {
        let rx = [Nanos(0), Nanos(0), Nanos(999_000_000), Nanos(2_000_000_000)];
        let ages = observed(&rx, Nanos(1_000_000_000));
        assert_eq!(ages.buckets.iter().sum::<u64>(), 4);
        assert_eq!(ages.buckets[AGE_BOUNDS.partition_point(|&bound| bound < 1.0)], 2);
        assert_eq!(ages.buckets[0], 1, "an age is never negative");
        assert_eq!(ages.sum_nanos, 2_001_000_000);
    }

    proptest! {
        /// Counting together or one by one gives the same.
        #[test]
        fn a_frame_counts_as_its_messages_do(
            rx in prop::collection::vec(0i64..30_000_000, 1..20), now in 0i64..90_000_000_000, span in 1i64..40_000_000
        ) {
            let rx: Vec<Nanos> = rx.into_iter().map(|rx| Nanos(rx % span)).collect();
            let (together, mut apart) = (observed(&rx, Nanos(now)), Ages::default());
            for &rx in &rx {
                apart.add(&observed(&[rx], Nanos(now)));
            }
            prop_assert_eq!(together.buckets, apart.buckets);
            prop_assert_eq!(together.sum_nanos, apart.sum_nanos);
        }
    }
}
