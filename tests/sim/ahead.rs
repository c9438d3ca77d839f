//! A scene of law 10, without chance: a feed that gives more than its readers take, each behind a proxy that takes a
//! megabyte for it. What is sent far ahead of them is old before it is read.

use tickcast::limits::DEFAULT;

use super::{
    judge::Encoding,
    network::LinkPlan,
    plan::{Act, Burst, ClientKind, ClientPlan, Plan, Reads, SubscribePlan},
    world::run,
};

/// In bytes: 200 KB/s to the proxy and on, of which its client reads 40 KB/s.
const LINK: LinkPlan = LinkPlan {
    delay_us: 5_000,
    bytes_a_ms: 200,
    send_buffer: 65_536,
    window: 65_536,
    proxy: 1 << 20,
    partial_percent: 0,
};
const READS: Reads = Reads::Slowly { bytes: 2_000, each_ms: 50 };
const ENDS_MS: u64 = 5_000;

/// 4,000 ticks a second, for one reader in each encoding.
pub fn proxied() -> Plan {
    let mut plan = Plan::bare(DEFAULT);
    (plan.symbols, plan.ends_ms) = (4, ENDS_MS);
    let bursts = (500..ENDS_MS).step_by(5);
    plan.feed = bursts.map(|at_ms| Burst { at_ms, ticks: 20, is_pushed: false }).collect();
    let encodings = [Encoding::Json, Encoding::Compressed, Encoding::Binary];
    plan.clients =
        encodings.into_iter().enumerate().map(|(number, encoding)| reader(number, encoding)).collect();
    plan
}

fn reader(number: usize, encoding: Encoding) -> ClientPlan {
    let subscribe = SubscribePlan {
        symbols: vec![0, 1, 2, 3],
        mode: "every",
        interval_ms: 0,
        fields: &[],
        snapshot: true,
        name: None,
        texts: false,
    };
    ClientPlan {
        number,
        address: 1,
        kind: ClientKind::WebSocket,
        encoding,
        connects_ms: 0,
        link: LINK,
        reads: READS,
        stalls: Vec::new(),
        acts: vec![(100, Act::Subscribe(subscribe))],
        comes_back: false,
    }
}

/// With `Fault::IgnoresWindow` it breaks `Law::Ahead`, as `faults.rs` holds.
#[test]
fn slow_readers_behind_proxies_are_not_sent_far_ahead() {
    assert_eq!(run(&proxied()).breach, None);
}
