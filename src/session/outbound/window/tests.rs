//! The window against simulated clients: a link of any rate and delay, a queue that answers pings before it is read, and
//! clients that acknowledge.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const TARGET: u64 = 250_000_000;
const STEP_US: u64 = 500;
const FRAME_BYTES: u64 = 16 * 1024;

/// How a client is reached, and how it reads.
#[derive(Clone, Copy, Debug)]
struct Path {
    bytes_per_second: u64,
    /// In one direction.
    delay_ms: u64,
    /// Its program needs this long for a frame.
    frame_us: u64,
    /// Beyond so many frames its library reads no more, until a quarter is left. It answers pings that it reads.
    queue_frames: usize,
    /// It acknowledges this often; 0: it answers pings.
    ack_ms: u64,
    /// What the market gives.
    feed_bytes_per_second: u64,
    /// A busy server: it hears what has come this often, and has time for a few frames to this client that often. 0: at
    /// once.
    hears_ms: u64,
    visits_ms: u64,
}

/// Frames of a visit of a busy server.
const VISIT: u64 = 4;

const FAST: Path = Path {
    bytes_per_second: 1_000_000_000,
    delay_ms: 1,
    frame_us: 0,
    queue_frames: usize::MAX,
    ack_ms: 0,
    feed_bytes_per_second: 5_000_000,
    hears_ms: 0,
    visits_ms: 0,
};

fn is_time(t: u64, each_ms: u64) -> bool {
    each_ms == 0 || t.is_multiple_of(each_ms * 1_000)
}

enum Item {
    Frame { at: u64, bytes: u64 },
    Ping { position: u64 },
}

/// A session with a window, and its client.
#[derive(Default)]
struct Run {
    window: Option<ReadWindow>,
    sent: Sent,
    link: VecDeque<Item>,
    /// Of the first item, and of what the link may carry now.
    left: f64,
    credit: f64,
    air: VecDeque<(u64, Item)>,
    queue: VecDeque<u64>,
    is_paused: bool,
    program_at: u64,
    seen: u64,
    proofs: VecDeque<(u64, u64)>,
    behind: f64,
    carried: f64,
    /// When it was read, and how old it was, of each frame.
    ages: Vec<(u64, u64)>,
    pings: u64,
    /// From the fifth second on.
    refused: u64,
    under_way_max: u64,
}

impl Run {
    fn of(path: Path, seconds: u64) -> Run {
        let mut run = Run { behind: 1.0, ..Run::default() };
        for t in (STEP_US..seconds * 1_000_000).step_by(STEP_US as usize) {
            run.prove(path, t);
            run.send(path, t);
            run.carry(path, t);
            run.read(path, t);
        }
        run
    }

    fn prove(&mut self, path: Path, t: u64) {
        let now = Nanos(t as i64 * 1_000);
        if !is_time(t, path.hears_ms) {
            return;
        }
        while let Some((_, value)) = self.proofs.pop_front_if(|(at, _)| *at <= t) {
            let Some(window) = &mut self.window else { continue };
            if path.ack_ms == 0 {
                assert!(window.pong(value, now, TARGET).is_some(), "each ping is answered once, in order");
            } else {
                window.ack(value, self.sent, now, TARGET).expect("what was sent");
            }
        }
        if let Some(window) = &mut self.window {
            window.give_up(now);
        }
    }

    fn send(&mut self, path: Path, t: u64) {
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
            let size = self.window.as_ref().map_or(0, |window| window.size);
            let under_way = self.window.as_ref().map_or(0, |window| window.under_way_bytes(self.sent));
            self.under_way_max = self.under_way_max.max(under_way.saturating_sub(size));
        }
    }

    fn ping(&mut self) {
        self.link.push_back(Item::Ping { position: self.sent.bytes });
        self.sent.bytes += 10;
        self.pings += 1;
    }

    fn carry(&mut self, path: Path, t: u64) {
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

    fn read(&mut self, path: Path, t: u64) {
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
    fn p99(&self, from_s: u64) -> u64 {
        let mut ages: Vec<u64> =
            self.ages.iter().filter(|(t, _)| *t >= from_s * 1_000_000).map(|(_, age)| *age).collect();
        ages.sort_unstable();
        ages[ages.len() * 99 / 100] / 1_000
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the link: data is under way for hardly longer than it must be and the target, and the link is used.
    #[test]
    fn a_slow_link_is_used_and_its_queue_stays_short(kb_per_second in 20u64..5_000, delay_ms in 0u64..100) {
        let path = Path { bytes_per_second: kb_per_second * 1_000, delay_ms, feed_bytes_per_second: 20_000_000, ..FAST };
        let run = Run::of(path, 20);
        let least_ms = 2 * delay_ms + 8_000 / kb_per_second;
        prop_assert!(run.p99(8) < least_ms + 600, "{} ms", run.p99(8));
        let used = run.carried / (20.0 * path.bytes_per_second as f64);
        prop_assert!(used > 0.5, "{used} of the link");
    }

    /// A client that reads a certain number of frames a second, and hides some of them from pings.
    #[test]
    fn a_slow_program_is_sent_no_more_than_it_reads(frames_per_second in 20u64..500, queue_frames in 0usize..=16) {
        let path = Path { frame_us: 1_000_000 / frames_per_second, queue_frames, ..FAST };
        let run = Run::of(path, 30);
        prop_assert!(run.p99(5) < 1_600, "{} ms", run.p99(5));
        let most = 30 * frames_per_second;
        prop_assert!(run.ages.len() as u64 > most / 4, "{} frames of {most}", run.ages.len());
    }

    /// A client that says what it has read hides nothing.
    #[test]
    fn a_client_that_acknowledges_reads_what_is_new(frames_per_second in 5u64..500, ack_ms in 10u64..200) {
        let path = Path { frame_us: 1_000_000 / frames_per_second, ack_ms, ..FAST };
        let run = Run::of(path, 30);
        let bound_ms = 1_100 + 2_000 / frames_per_second;
        prop_assert!(run.p99(10) < bound_ms, "{} ms, not {bound_ms}", run.p99(10));
    }

    /// In step: hardly asked, and never refused once it has begun.
    #[test]
    fn a_client_in_step_is_never_held(feed_bytes_per_second in 1_000u64..2_000_000, delay_ms in 0u64..10) {
        let run = Run::of(Path { delay_ms, feed_bytes_per_second, ..FAST }, 10);
        prop_assert!(run.refused < 20, "refused {} times", run.refused);
        prop_assert!(run.pings <= 8 + run.sent.cost() / (20 * 1024), "{} pings for {:?}", run.pings, run.sent);
    }

    /// A server that has much to do hears late what its clients have read. That is not theirs: it sends them as much as
    /// without a window.
    #[test]
    fn a_busy_server_holds_no_client_in_step_back(hears_ms in 0u64..60, visits_ms in 5u64..400, delay_ms in 0u64..10) {
        let path = Path { hears_ms, visits_ms: visits_ms.max(hears_ms + 2 * delay_ms + 1), delay_ms, ..FAST };
        let run = Run::of(Path { feed_bytes_per_second: 100_000_000, ..path }, 20);
        let most = (20_000 / path.visits_ms * VISIT * FRAME_BYTES) as f64;
        prop_assert!(run.sent.bytes as f64 >= 0.95 * most, "{:?} of {most} bytes", run.sent);
    }

    #[test]
    fn no_more_is_under_way_than_the_window_and_a_frame(kb_per_second in 1u64..5_000, delay_ms in 0u64..300) {
        let run = Run::of(Path { bytes_per_second: kb_per_second * 1_000, delay_ms, ..FAST }, 5);
        prop_assert!(run.under_way_max <= FRAME_BYTES + 10 || run.window.is_some_and(|window| window.proof == ReadProof::Missing));
    }

    #[test]
    fn no_order_of_calls_panics(calls in prop::collection::vec((0u8..5, any::<u64>(), 0u64..1 << 40), 0..200)) {
        let (mut window, mut sent, mut now) = (ReadWindow::new(Sent::default(), Nanos(0)), Sent::default(), 0);
        for (call, value, more) in calls {
            now += more as i64;
            let at = Nanos(now);
            sent = Sent { bytes: sent.bytes + more % 100_000, frames: sent.frames + more % 3 };
            match call {
                0 => drop(window.may_send(sent, at)),
                1 => drop(window.mark(sent, at, None)),
                2 => drop(window.pong(value, at, more % TARGET)),
                3 => drop(window.ack(value % (sent.frames + 2), sent, at, TARGET)),
                _ => drop(window.give_up(at)),
            }
            let _ = (window.check_at(), window.small_at(value % 100_000), window.drain_nanos(sent));
        }
    }
}

#[test]
fn a_client_that_answers_nothing_is_served_without_a_window_until_it_answers() {
    let (mut window, sent) = (ReadWindow::new(Sent::default(), Nanos(0)), Sent { bytes: 60_000, frames: 1 });
    let at = |ms: i64| Nanos(ms * 1_000_000);
    assert!(window.mark(sent, at(0), None));
    assert_eq!(window.may_send(sent, at(0)), Verdict::Full { ping: false });
    assert!(!window.give_up(at(2_999)) && window.give_up(at(3_000)));
    let more = Sent { bytes: 10_000_000, frames: 500 };
    assert_eq!(window.may_send(more, at(4_000)), Verdict::Send);
    assert!(window.pong(sent.bytes, at(5_000), TARGET).is_some());
    assert_eq!(window.may_send(more, at(5_000)), Verdict::Full { ping: true });
}

#[test]
fn only_a_ping_that_is_under_way_is_answered() {
    let (mut window, sent) = (ReadWindow::new(Sent::default(), Nanos(0)), Sent { bytes: 20_000, frames: 1 });
    assert!(window.mark(sent, Nanos(0), Some(Nanos(7))));
    assert_eq!(window.pong(19_999, Nanos(1), TARGET), None);
    assert_eq!(window.pong(20_000, Nanos(1), TARGET), Some(Proved { rx: Some(Nanos(7)) }));
    assert_eq!(window.pong(20_000, Nanos(2), TARGET), None, "once");
}

#[test]
fn frames_are_acknowledged_in_their_order_and_no_more_than_there_are() {
    let mut window = ReadWindow::new(Sent::default(), Nanos(0));
    let sent = Sent { bytes: 10_000, frames: 10 };
    assert_eq!(window.ack(4, sent, Nanos(1), TARGET), Ok(None));
    assert_eq!(window.under_way_bytes(sent), 6_000);
    assert_eq!(window.ack(3, sent, Nanos(1), TARGET), Err(BadAck { least: 4, most: 10 }));
    assert_eq!(window.ack(11, sent, Nanos(1), TARGET), Err(BadAck { least: 4, most: 10 }));
    assert_eq!(window.ack(10, sent, Nanos(1), TARGET), Ok(None));
    assert_eq!(window.under_way_bytes(sent), 0);
    assert!(!window.mark(Sent { bytes: 20_000, frames: 11 }, Nanos(2), None), "it is sent no pings");
}

#[test]
fn long_answers_hold_no_data_of_a_client_that_has_acknowledged_every_frame() {
    let mut window = ReadWindow::new(Sent::default(), Nanos(0));
    let answers = Sent { bytes: 200_000, frames: 0 };
    assert_eq!(window.ack(0, Sent::default(), Nanos(0), TARGET), Ok(None));
    assert_eq!(window.may_send(answers, Nanos(1)), Verdict::Send, "nothing else would ever free it");
    let frame = Sent { bytes: 201_000, frames: 1 };
    assert_eq!(window.may_send(frame, Nanos(2)), Verdict::Full { ping: false }, "one, until it is read");
    assert!(window.ack(1, frame, Nanos(3), TARGET).is_ok());
    assert_eq!(window.may_send(frame, Nanos(3)), Verdict::Send);
    let more = Sent { bytes: 500_000, frames: 1 };
    assert_eq!(window.may_send(more, Nanos(4)), Verdict::Send, "answers behind it");
}
