//! Clients to try a window on: a link of any rate and delay, a queue that answers pings before it is read, a program
//! that needs its time for a frame, acknowledgements, and a server that has much to do.

use std::collections::VecDeque;

use super::super::*;

pub(super) const TARGET: u64 = 250_000_000;
pub(super) const STEP_US: u64 = 500;
pub(super) const FRAME_BYTES: u64 = 16 * 1024;

/// How a client is reached, and how it reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    pub(super) bytes_per_second: u64,
    /// In one direction.
    pub(super) delay_ms: u64,
    /// Its program needs this long for a frame.
    pub(super) frame_us: u64,
    /// Beyond so many frames its library reads no more, until a quarter is left. It answers pings that it reads.
    pub(super) queue_frames: usize,
    /// It acknowledges this often; 0: it answers pings.
    pub(super) ack_ms: u64,
    /// What the market gives.
    pub(super) feed_bytes_per_second: u64,
    /// A busy server: it hears what has come this often, and has time for a few frames to this client that often. 0: at
    /// once.
    pub(super) hears_ms: u64,
    pub(super) visits_ms: u64,
}

/// Frames of a visit of a busy server.
pub(super) const VISIT: u64 = 4;

pub(super) const FAST: Path = Path {
    bytes_per_second: 1_000_000_000,
    delay_ms: 1,
    frame_us: 0,
    queue_frames: usize::MAX,
    ack_ms: 0,
    feed_bytes_per_second: 5_000_000,
    hears_ms: 0,
    visits_ms: 0,
};

/// By a server that has nothing else to do.
pub(super) fn heard(at: Nanos) -> HeardAt {
    HeardAt { at, late_nanos: 0 }
}

pub(super) fn is_time(t: u64, each_ms: u64) -> bool {
    each_ms == 0 || t.is_multiple_of(each_ms * 1_000)
}

pub(super) enum Item {
    Frame { at: u64, bytes: u64 },
    Ping { position: u64 },
}

/// A session with a window, and its client.
#[derive(Default)]
pub(super) struct Run {
    pub(super) window: Option<ReadWindow>,
    pub(super) sent: Sent,
    pub(super) link: VecDeque<Item>,
    /// Of the first item, and of what the link may carry now.
    pub(super) left: f64,
    pub(super) credit: f64,
    pub(super) air: VecDeque<(u64, Item)>,
    pub(super) queue: VecDeque<u64>,
    pub(super) is_paused: bool,
    pub(super) program_at: u64,
    pub(super) seen: u64,
    pub(super) proofs: VecDeque<(u64, u64)>,
    pub(super) behind: f64,
    pub(super) carried: f64,
    /// When it was read, and how old it was, of each frame.
    pub(super) ages: Vec<(u64, u64)>,
    pub(super) pings: u64,
    /// From the fifth second on.
    pub(super) refused: u64,
    /// Beyond the window.
    pub(super) under_way_max: u64,
}

impl Run {
    pub(super) fn of(path: Path, seconds: u64) -> Run {
        let mut run = Run::begin();
        run.go_on(path, 0, seconds);
        run
    }

    pub(super) fn begin() -> Run {
        Run { behind: 1.0, ..Run::default() }
    }

    pub(super) fn go_on(&mut self, path: Path, from_s: u64, to_s: u64) {
        for t in
            (from_s * 1_000_000..to_s * 1_000_000).step_by(STEP_US as usize).skip(usize::from(from_s == 0))
        {
            self.step(path, t);
        }
    }

    pub(super) fn step(&mut self, path: Path, t: u64) {
        self.prove(path, t);
        self.send(path, t);
        self.carry(path, t);
        self.read(path, t);
    }

    /// After this second of a slow program, until a fast one is sent full frames again, in seconds.
    pub(super) fn recovers_within(&mut self, path: Path, from_s: u64) -> Option<u64> {
        let is_free = |window: &ReadWindow| !window.is_spaced() && window.size > FRAME_BYTES;
        (from_s..from_s + 100).find(|&second| {
            self.go_on(Path { frame_us: 100, ..path }, second, second + 1);
            self.window.as_ref().is_some_and(is_free)
        })
    }

    pub(super) fn prove(&mut self, path: Path, t: u64) {
        let now = Nanos(t as i64 * 1_000);
        let heard = HeardAt { at: now, late_nanos: path.hears_ms * 1_000_000 };
        if !is_time(t, path.hears_ms) {
            return;
        }
        while let Some((_, value)) = self.proofs.pop_front_if(|(at, _)| *at <= t) {
            let Some(window) = &mut self.window else { continue };
            if path.ack_ms == 0 {
                assert!(window.pong(value, heard, TARGET).is_some(), "each ping is answered once, in order");
            } else {
                window.ack(value, self.sent, heard, TARGET).expect("what was sent");
            }
        }
        if let Some(window) = &mut self.window {
            window.give_up(now);
        }
    }

    pub(super) fn send(&mut self, path: Path, t: u64) {
        let now = Nanos(t as i64 * 1_000);
        let step = path.feed_bytes_per_second as f64 * STEP_US as f64 / 1e6;
        self.behind = (self.behind + step).min(200_000.0);
        if !is_time(t, path.visits_ms) {
            return;
        }
        let frames_max = if path.visits_ms > 0 { self.sent.frames + VISIT } else { u64::MAX };
        while self.behind >= 150.0 && self.sent.frames < frames_max {
            let window = self.window.get_or_insert_with(|| ReadWindow::new(self.sent, now));
            if self.sent.cost() >= window.check_at() {
                match window.may_send(self.sent, now) {
                    Verdict::Send => {}
                    verdict => {
                        if verdict == (Verdict::Full { ping: true }) && window.mark(self.sent, now, None) {
                            self.ping();
                        }
                        self.refused += u64::from(t >= 5_000_000);
                        break;
                    }
                }
            }
            let is_small = self.sent.cost() >= window.small_at(FRAME_BYTES);
            let most = if !is_small || window.is_spaced() && window.size >= 2 * FRAME_BYTES {
                FRAME_BYTES
            } else {
                2_048
            };
            let bytes = (self.behind as u64).min(most);
            self.behind -= bytes as f64;
            self.link.push_back(Item::Frame { at: t, bytes });
            self.sent.bytes += bytes;
            self.sent.frames += 1;
            if window.wants_mark(self.sent) && window.mark(self.sent, now, None) {
                self.ping();
            }
            let has_window = |window: &&ReadWindow| window.proof != ReadProof::Missing;
            let over = |window: &ReadWindow| window.under_way_bytes(self.sent).saturating_sub(window.size);
            self.under_way_max =
                self.under_way_max.max(self.window.as_ref().filter(has_window).map_or(0, over));
        }
    }

    pub(super) fn ping(&mut self) {
        self.link.push_back(Item::Ping { position: self.sent.bytes });
        self.sent.bytes += 10;
        self.pings += 1;
    }

    pub(super) fn carry(&mut self, path: Path, t: u64) {
        let step = path.bytes_per_second as f64 * STEP_US as f64 / 1e6;
        self.credit = (self.credit + step).min(step.max(3_000.0));
        while let Some(item) = self.link.front() {
            if self.left <= 0.0 {
                self.left = if let Item::Frame { bytes, .. } = item { *bytes as f64 } else { 10.0 };
            }
            let carried = self.left.min(self.credit);
            (self.left, self.credit, self.carried) =
                (self.left - carried, self.credit - carried, self.carried + carried);
            if self.left > 0.0 {
                return;
            }
            self.air.extend(self.link.pop_front().map(|item| (t + path.delay_ms * 1_000, item)));
        }
    }

    pub(super) fn read(&mut self, path: Path, t: u64) {
        let back = path.delay_ms * 1_000;
        self.program_at = self.program_at.max(t - STEP_US);
        loop {
            let arrived = (!self.is_paused).then(|| self.air.pop_front_if(|(at, _)| *at <= t)).flatten();
            match arrived {
                Some((_, Item::Ping { position })) if path.ack_ms == 0 => {
                    self.proofs.push_back((t + back, position));
                }
                Some((_, Item::Frame { at, .. })) => {
                    self.queue.push_back(at);
                    self.is_paused = self.queue.len() > path.queue_frames;
                }
                _ if self.program_at > t => break,
                _ => {
                    let Some(at) = self.queue.pop_front() else { break };
                    self.program_at += path.frame_us;
                    self.seen += 1;
                    self.is_paused &= self.queue.len() > path.queue_frames / 4;
                    self.ages.push((t, t - at));
                }
            }
        }
        if path.ack_ms > 0 && t.is_multiple_of(path.ack_ms * 1_000) {
            self.proofs.push_back((t + back, self.seen));
        }
    }

    /// In milliseconds, of what was read from this second on.
    pub(super) fn p99(&self, from_s: u64) -> u64 {
        let mut ages: Vec<u64> =
            self.ages.iter().filter(|(t, _)| *t >= from_s * 1_000_000).map(|(_, age)| *age).collect();
        ages.sort_unstable();
        ages[ages.len() * 99 / 100] / 1_000
    }
}
