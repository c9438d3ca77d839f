//! What a plan's subscriptions show, and how: several to one symbol, by their names, mode `trades`, decimals as text, the
//! encoding of the client.
//!
//! Chosen from random numbers of their own, so that what was chosen before there were these stays what it is.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{
    judge::Encoding,
    plan::{Act, ClientKind, Ms, SubscribePlan, Targets, chance, pick},
};

const NAMES: [Option<&str>; 4] = [None, None, Some("tape"), Some("row 2")];

/// Gives names, modes and forms of numbers to what a client does, and adds subscriptions to what it has others to.
pub fn vary(seed: u64, number: usize, kind: ClientKind, ends_ms: Ms, acts: &mut Vec<(Ms, Act)>) {
    let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0xA5_0A5 ^ (number as u64 + 1) << 40);
    let random = &mut random;
    let has_names = chance(random, 60);
    let mut more = Vec::new();
    for (at_ms, act) in acts.iter_mut() {
        match act {
            Act::Subscribe(plan) => {
                if chance(random, 25) {
                    plan.mode = "trades";
                }
                plan.texts = chance(random, 30);
                if has_names {
                    plan.name = pick(random, &NAMES);
                    more.push((*at_ms, Act::Subscribe(beside(random, plan))));
                }
            }
            Act::SetMode(targets, mode) => {
                targets.name = name(random, has_names);
                if chance(random, 35) {
                    *mode = "trades";
                }
            }
            Act::Unsubscribe(targets) | Act::SetInterval(targets, _) | Act::SetFields(targets, _) => {
                targets.name = name(random, has_names);
            }
            _ => {}
        }
    }
    let Some((begins_ms, Act::Subscribe(first))) = acts.first().cloned() else { return };
    if kind != ClientKind::WebSocket {
        return;
    }
    for _ in 0..random.random_range(0..3) {
        let targets = Targets { symbols: first.symbols.clone(), name: name(random, has_names) };
        let at_ms = random.random_range(begins_ms..=ends_ms);
        more.push((at_ms, Act::SetTexts(targets, random.random())));
    }
    acts.extend(more);
}

/// What a client speaks, and whether it takes it compressed.
pub fn encoding(seed: u64, number: usize, kind: ClientKind) -> Encoding {
    let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0xB1_4A3 ^ (number as u64 + 1) << 40);
    let is_binary = kind == ClientKind::WebSocket && chance(&mut random, 50);
    if is_binary {
        return Encoding::Binary;
    }
    if chance(&mut random, 50) { Encoding::Compressed } else { Encoding::Json }
}

fn name(random: &mut Pcg64Mcg, has_names: bool) -> Option<&'static str> {
    has_names.then(|| pick(random, &NAMES)).flatten()
}

/// A subscription of another name to the same symbols.
fn beside(random: &mut Pcg64Mcg, plan: &SubscribePlan) -> SubscribePlan {
    let others = NAMES.into_iter().filter(|name| *name != plan.name).collect::<Vec<_>>();
    SubscribePlan {
        mode: pick(random, &["latest", "every", "trades", "trades"]),
        interval_ms: pick(random, &[0, 0, 250]),
        name: pick(random, &others),
        texts: chance(random, 50),
        ..plan.clone()
    }
}
