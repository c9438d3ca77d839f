//! The player against a naive model: small steps of time, one after another, with everything looked at in each.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Act {
    /// So many milliseconds pass.
    Pass(u64),
    Pause,
    Resume,
    Step(u64),
    Speed(ReplaySpeed),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0u64..400).prop_map(Act::Pass),
        1 => Just(Act::Pause),
        2 => Just(Act::Resume),
        2 => (0u64..6).prop_map(Act::Step),
        1 => prop_oneof![
            Just(ReplaySpeed::Times(1.0)), Just(ReplaySpeed::Times(2.0)), Just(ReplaySpeed::Times(0.5)), Just(ReplaySpeed::Max),
        ].prop_map(Act::Speed),
    ]
}

/// A plain model of the player. Play time in half milliseconds, so that every speed is exact.
struct Model {
    halves: u64,
    paused: bool,
    speed: ReplaySpeed,
    steps: u64,
}

impl Model {
    /// Plays what is due of records at these times (in milliseconds), from `next` on.
    fn play(&mut self, records: &[u64], next: &mut usize) {
        while let Some(&at) = records.get(*next) {
            let due =
                self.steps > 0 || (!self.paused && (self.speed == ReplaySpeed::Max || 2 * at <= self.halves));
            if !due {
                return;
            }
            if self.steps > 0 || self.speed == ReplaySpeed::Max {
                self.halves = self.halves.max(2 * at);
            }
            self.steps = self.steps.saturating_sub(1);
            *next += 1;
        }
    }

    fn pass(&mut self, millis: u64) {
        let halves = match self.speed {
            _ if self.paused => 0,
            ReplaySpeed::Max => 0,
            ReplaySpeed::Times(times) => (millis as f64 * times * 2.0) as u64,
        };
        self.halves += halves;
    }
}

/// Plays what is due, as the shell does.
fn play(player: &mut Player, now: Nanos, records: &[u64], next: &mut usize) {
    while let Some(&at) = records.get(*next) {
        let at = Duration::from_millis(at);
        if !matches!(player.due(at, now), RecordDue::Now { .. }) {
            return;
        }
        player.played(at, now);
        *next += 1;
    }
}

proptest! {
    #[test]
    fn plays_what_a_naive_model_plays(
        gaps in prop::collection::vec(0u64..100, 0..60),
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let records: Vec<u64> =
            gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
        let mut now = Nanos(0);
        let mut player = Player::new(ReplaySpeed::Times(1.0), Hold::No, now);
        let mut model = Model { halves: 0, paused: false, speed: ReplaySpeed::Times(1.0), steps: 0 };
        let (mut played, mut expected) = (0, 0);
        for act in acts {
            let before = played;
            match act {
                Act::Pass(millis) => {
                    now = now.plus(Duration::from_millis(millis));
                    model.pass(millis);
                }
                Act::Pause => {
                    player.pause(now);
                    (model.paused, model.steps) = (true, 0);
                }
                Act::Resume => {
                    player.resume(now);
                    (model.paused, model.steps) = (false, 0);
                }
                Act::Step(count) => {
                    player.step(count, now);
                    (model.paused, model.steps) = (true, count);
                }
                Act::Speed(speed) => {
                    player.set_speed(speed, now);
                    model.speed = speed;
                }
            }
            play(&mut player, now, &records, &mut played);
            model.play(&records, &mut expected);
            prop_assert_eq!(played, expected, "{:?}", act);
            prop_assert_eq!(player.position(now), Duration::from_micros(500 * model.halves), "{:?}", act);
            match act {
                Act::Step(count) => {
                    prop_assert_eq!((played - before) as u64, count.min((records.len() - before) as u64));
                }
                Act::Pause => prop_assert_eq!(played, before),
                _ => {}
            }
            if played == records.len() {
                player.forget_steps();
                model.steps = 0;
            }
            // What is to come is promised for the very time at which it will be due.
            if let Some(&at) = records.get(played)
                && let RecordDue::In(left) = player.due(Duration::from_millis(at), now)
            {
                let at = Duration::from_millis(at);
                let is_due = |now| matches!(player.due(at, now), RecordDue::Now { late: Duration::ZERO });
                prop_assert!(is_due(now.plus(left)));
            }
        }
    }
}

#[test]
fn nothing_is_due_before_clients_have_come() {
    let mut player = Player::new(ReplaySpeed::Max, Hold::Clients(2), Nanos(0));
    assert_eq!(player.due(Duration::ZERO, Nanos(1_000_000_000)), RecordDue::Held);
    player.resume(Nanos(1_000_000_000));
    assert_eq!(player.due(Duration::ZERO, Nanos(1_000_000_000)), RecordDue::Now { late: Duration::ZERO });
}

#[test]
fn who_is_late_is_told_how_late() {
    let player = Player::new(ReplaySpeed::Times(10.0), Hold::No, Nanos(0));
    let due = player.due(Duration::from_secs(1), Nanos(103_000_000));
    assert_eq!(due, RecordDue::Now { late: Duration::from_millis(3) });
}
