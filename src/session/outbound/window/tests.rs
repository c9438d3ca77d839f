//! The laws of the window, against the clients of the [model](model).

mod model;

use proptest::prelude::*;

use self::model::*;
use super::{adapt::BEYOND_PATH, *};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the link: data is under way for hardly longer than it must be and the target, and the link is used.
    #[test]
    fn a_slow_link_is_used_and_its_queue_stays_short(kb_per_second in 20u64..5_000, delay_ms in 0u64..100) {
        let path = Path { bytes_per_second: kb_per_second * 1_000, delay_ms, feed_bytes_per_second: 20_000_000, ..FAST };
        let run = Run::of(path, 20);
        let least_ms = 2 * delay_ms + 8_000 / kb_per_second;
        prop_assert!(run.p99(8) < least_ms + 500, "{} ms", run.p99(8));
        let used = run.carried / (20.0 * path.bytes_per_second as f64);
        prop_assert!(used > 0.5, "{used} of the link");
    }

    /// A client that reads a certain number of frames a second, and hides some of them from pings.
    #[test]
    fn a_slow_program_is_sent_no_more_than_it_reads(frames_per_second in 20u64..500, queue_frames in 0usize..=16) {
        let path = Path { frame_us: 1_000_000 / frames_per_second, queue_frames, ..FAST };
        let run = Run::of(path, 30);
        prop_assert!(run.p99(5) < 1_400, "{} ms", run.p99(5));
        let most = 30 * frames_per_second;
        prop_assert!(run.ages.len() as u64 > most / 4, "{} frames of {most}", run.ages.len());
    }

    /// It takes few frames, and not few bytes: so what it is sent is in long ones, and its records are brought up to date.
    #[test]
    fn a_slow_program_is_sent_long_frames(frames_per_second in 5u64..=20) {
        let path = Path { frame_us: 1_000_000 / frames_per_second, queue_frames: 16, ..FAST };
        let mut run = Run::of(path, 15);
        let before = run.sent;
        run.go_on(path, 15, 45);
        let bytes = (run.sent.bytes - before.bytes) / (run.sent.frames - before.frames);
        prop_assert!(bytes > FRAME_BYTES / 2, "{bytes} bytes a frame");
    }

    /// A client that says what it has read hides nothing.
    #[test]
    fn a_client_that_acknowledges_reads_what_is_new(frames_per_second in 2u64..500, ack_ms in 10u64..200) {
        let path = Path { frame_us: 1_000_000 / frames_per_second, ack_ms, ..FAST };
        let run = Run::of(path, 30);
        let bound_ms = 850 + 2_000 / frames_per_second;
        prop_assert!(run.p99(10) < bound_ms, "{} ms, not {bound_ms}", run.p99(10));
    }

    /// In step: hardly asked, a fast one for each 32 KB, and never refused once it has begun.
    #[test]
    fn a_client_in_step_is_never_held(feed_bytes_per_second in 1_000u64..2_000_000, delay_ms in 0u64..10) {
        let run = Run::of(Path { delay_ms, feed_bytes_per_second, visits_ms: 4, ..FAST }, 10);
        prop_assert!(run.refused < 20, "refused {} times", run.refused);
        let for_each = run.sent.cost() / (32 * 1024);
        let most = if feed_bytes_per_second < 250_000 { for_each.min(8 * 10) } else { for_each };
        prop_assert!(run.pings <= 8 + most, "{} pings for {:?}", run.pings, run.sent);
    }

    /// A link that becomes slow all at once has under way no more than is allowed beyond what the path itself held, however
    /// fast it was. When that is read, ages are as on any slow link.
    #[test]
    fn a_link_that_collapses_is_old_for_as_long_as_a_bounded_window_takes(
        feed_kb_per_second in 50u64..5_000, kb_per_second in 20u64..1_000, delay_ms in 0u64..100,
    ) {
        let path = Path { delay_ms, feed_bytes_per_second: feed_kb_per_second * 1_000, ..FAST };
        let slow = Path { bytes_per_second: kb_per_second * 1_000, ..path };
        let mut run = Run::of(path, 8);
        let before = run.sent;
        run.go_on(path, 8, 9);
        // Of what it was sent in the time to the client and back.
        let of_path = (run.sent.cost() - before.cost()) * (2 * delay_ms + 1) / 1_000;
        let bound = BEYOND_PATH + of_path * 5 / 4 + 2 * FRAME_BYTES;
        let fell_us = 9_000_000;
        // Then all of it is read, and as much time is given for the first proofs.
        let read_us = fell_us + 1_000 * (bound / kb_per_second + 2 * delay_ms) + 1_000_000;
        let mut under_way = 0;
        for t in (fell_us..read_us + 10_000_000).step_by(STEP_US as usize) {
            run.step(slow, t);
            let window = run.window.as_ref().expect("it has begun");
            under_way = under_way.max(window.under_way_bytes(run.sent));
        }
        prop_assert!(under_way <= bound, "{under_way} bytes under way, not {bound}");
        let oldest_ms = run.ages.iter().filter(|(t, _)| *t >= read_us).map(|(_, age)| age / 1_000).max();
        let bound_ms = 2 * delay_ms + 8_000 / kb_per_second + 600;
        prop_assert!(oldest_ms.is_some_and(|oldest_ms| oldest_ms < bound_ms), "{oldest_ms:?} ms, not {bound_ms}");
    }

    /// From megabytes a second to 20 KB within a second: five seconds later what arrives is new, and when the link is as before,
    /// so is what is sent. It was never taken for a program that reads few frames.
    #[test]
    fn a_link_that_collapses_within_a_second_is_new_again_and_soon_whole_when_it_recovers(
        feed_kb_per_second in 1_000u64..10_000, kb_per_second in 20u64..200, delay_ms in 0u64..=5, fall_ms in 300u64..=1_000,
        slow_s in 7u64..15,
    ) {
        let path = Path { delay_ms, feed_bytes_per_second: feed_kb_per_second * 1_000, bytes_per_second: 12_000_000, ..FAST };
        let slow = kb_per_second * 1_000;
        let mut run = Run::of(path, 6);
        let (fell_us, low_us, back_us) = (6_000_000, 6_000_000 + fall_ms * 1_000, (6 + slow_s) * 1_000_000);
        for t in (fell_us..back_us).step_by(STEP_US as usize) {
            let fallen = (t - fell_us).min(fall_ms * 1_000) as f64 / (fall_ms * 1_000) as f64;
            let bytes_per_second = path.bytes_per_second - ((path.bytes_per_second - slow) as f64 * fallen) as u64;
            run.step(Path { bytes_per_second, ..path }, t);
            prop_assert!(!run.window.as_ref().is_some_and(ReadWindow::is_spaced), "after {} ms", (t - fell_us) / 1_000);
        }
        let late = run.ages.iter().filter(|(t, _)| *t >= low_us + 5_000_000);
        let oldest_ms = late.map(|(_, age)| age / 1_000).max();
        prop_assert!(oldest_ms.is_some_and(|oldest_ms| oldest_ms < 1_000), "{oldest_ms:?} ms");
        let back_s = back_us / 1_000_000;
        run.go_on(path, back_s, back_s + 2);
        let before = run.sent;
        run.go_on(path, back_s + 2, back_s + 3);
        let bytes = run.sent.bytes - before.bytes;
        prop_assert!(bytes > feed_kb_per_second * 900, "{bytes} bytes in the third second");
    }

    /// However long and however slowly a program has read, once it is fast it is soon sent everything.
    #[test]
    fn a_program_that_has_become_fast_is_soon_sent_everything(
        frames_per_second in 3u64..80, queue_frames in 0usize..=16, ack_ms in prop_oneof![Just(0u64), 10u64..200],
        slow_s in 5u64..60,
    ) {
        let queue_frames = if ack_ms > 0 { usize::MAX } else { queue_frames };
        let path = Path { frame_us: 1_000_000 / frames_per_second, queue_frames, ack_ms, ..FAST };
        let mut run = Run::of(path, slow_s);
        let second = run.recovers_within(path, slow_s);
        prop_assert!(second.is_some_and(|second| second - slow_s < 40), "{second:?}, slow for {slow_s} s");
    }

    /// A server that has much to do hears late what its clients have read. That is not theirs: it sends them as much as
    /// without a window.
    #[test]
    fn a_busy_server_holds_no_client_in_step_back(hears_ms in 0u64..600, visits_ms in 5u64..400, delay_ms in 0u64..10) {
        let path = Path { hears_ms, visits_ms: visits_ms.max(hears_ms + 2 * delay_ms + 1), delay_ms, ..FAST };
        let run = Run::of(Path { feed_bytes_per_second: 100_000_000, ..path }, 20);
        let most = (20_000 / path.visits_ms * VISIT * FRAME_BYTES) as f64;
        prop_assert!(run.sent.bytes as f64 >= 0.95 * most, "{:?} of {most} bytes", run.sent);
    }

    /// What a server that has much to do takes for its own part is bounded by that part: of a slow link no more is old.
    #[test]
    fn a_busy_server_sends_a_slow_link_little_more(
        kb_per_second in 40u64..1_000, delay_ms in 0u64..40, hears_ms in 0u64..300,
    ) {
        let path = Path { bytes_per_second: kb_per_second * 1_000, delay_ms, hears_ms, ..FAST };
        let run = Run::of(Path { feed_bytes_per_second: 20_000_000, ..path }, 20);
        let least_ms = 2 * delay_ms + 8_000 / kb_per_second;
        prop_assert!(run.p99(8) < least_ms + 500 + 6 * hears_ms, "{} ms", run.p99(8));
    }

    #[test]
    fn no_more_is_under_way_than_the_window_and_a_frame(kb_per_second in 1u64..5_000, delay_ms in 0u64..300) {
        let run = Run::of(Path { bytes_per_second: kb_per_second * 1_000, delay_ms, ..FAST }, 5);
        prop_assert!(run.under_way_max <= FRAME_BYTES + 10, "{} bytes", run.under_way_max);
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
                2 => drop(window.pong(value, HeardAt { at, late_nanos: value % TARGET }, more % TARGET)),
                3 => drop(window.ack(value % (sent.frames + 2), sent, heard(at), TARGET)),
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
    assert!(window.pong(sent.bytes, heard(at(5_000)), TARGET).is_some());
    assert_eq!(window.may_send(more, at(5_000)), Verdict::Full { ping: true });
}

#[test]
fn only_a_ping_that_is_under_way_is_answered() {
    let (mut window, sent) = (ReadWindow::new(Sent::default(), Nanos(0)), Sent { bytes: 20_000, frames: 1 });
    assert!(window.mark(sent, Nanos(0), Some(Nanos(7))));
    assert_eq!(window.pong(19_999, heard(Nanos(1)), TARGET), None);
    assert_eq!(window.pong(20_000, heard(Nanos(1)), TARGET), Some(Proved { rx: Some(Nanos(7)) }));
    assert_eq!(window.pong(20_000, heard(Nanos(2)), TARGET), None, "once");
}

#[test]
fn frames_are_acknowledged_in_their_order_and_no_more_than_there_are() {
    let mut window = ReadWindow::new(Sent::default(), Nanos(0));
    let sent = Sent { bytes: 10_000, frames: 10 };
    assert_eq!(window.ack(4, sent, heard(Nanos(1)), TARGET), Ok(None));
    assert_eq!(window.under_way_bytes(sent), 6_000);
    assert_eq!(window.ack(3, sent, heard(Nanos(1)), TARGET), Err(BadAck { least: 4, most: 10 }));
    assert_eq!(window.ack(11, sent, heard(Nanos(1)), TARGET), Err(BadAck { least: 4, most: 10 }));
    assert_eq!(window.ack(10, sent, heard(Nanos(1)), TARGET), Ok(None));
    assert_eq!(window.under_way_bytes(sent), 0);
    assert!(!window.mark(Sent { bytes: 20_000, frames: 11 }, Nanos(2), None), "it is sent no pings");
}

#[test]
fn long_answers_hold_no_data_of_a_client_that_has_acknowledged_every_frame() {
    let mut window = ReadWindow::new(Sent::default(), Nanos(0));
    let answers = Sent { bytes: 200_000, frames: 0 };
    assert_eq!(window.ack(0, Sent::default(), heard(Nanos(0)), TARGET), Ok(None));
    assert_eq!(window.may_send(answers, Nanos(1)), Verdict::Send, "nothing else would ever free it");
    let frame = Sent { bytes: 201_000, frames: 1 };
    assert_eq!(window.may_send(frame, Nanos(2)), Verdict::Full { ping: false }, "one, until it is read");
    assert!(window.ack(1, frame, heard(Nanos(3)), TARGET).is_ok());
    assert_eq!(window.may_send(frame, Nanos(3)), Verdict::Send);
    let more = Sent { bytes: 500_000, frames: 1 };
    assert_eq!(window.may_send(more, Nanos(4)), Verdict::Send, "answers behind it");
}
