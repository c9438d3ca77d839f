//! What happens in a run: everything, chosen by one seed, before anything happens.
//!
//! A plan is lists that something can be left out of, so that a run that fails can be made smaller. Each client has
//! random numbers of its own, by its number: without one of them the others do what they did.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tickcast::limits::{DEFAULT, Limits};

use super::{judge::Encoding, network::LinkPlan, views};

/// Milliseconds since the run began.
pub type Ms = u64;

#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    pub seed: u64,
    pub shards: usize,
    pub limits: Limits,
    pub symbols: usize,
    /// Symbols that tick once and that no client requests by name; they make commands with globs long.
    pub crowd: usize,
    /// What a write costs the shard's thread.
    pub call_nanos: u64,
    /// The feed goes no further than its readers in mode `every`.
    pub is_lossless: bool,
    /// The market has a time of its own, as that of a replay.
    pub is_driven: bool,
    pub feed: Vec<Burst>,
    pub node: Vec<(Ms, NodeAct)>,
    pub clients: Vec<ClientPlan>,
    /// Beside them, one that asks by HTTP.
    pub asker: Option<AskerPlan>,
    /// When the last of it happens. What follows is the time in which everything must come to rest.
    pub ends_ms: Ms,
}

/// So many ticks, of symbols at random.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Burst {
    pub at_ms: Ms,
    pub ticks: usize,
    /// It is published, and does not ask whether there is room.
    pub is_pushed: bool,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum NodeAct {
    Drain,
    FrameBytes(usize),
    Subscriptions(usize),
    Heartbeat(Ms),
    Stale(Ms),
    Progress(Ms),
    Sessions(usize),
    /// From now on the market's time runs at so many hundredths of the machine's; first it jumps, as at the break of a day.
    Drive {
        percent: u32,
        jump_ms: Ms,
    },
    /// Every feed has ended.
    Over,
    Shrink,
}

#[derive(Clone, PartialEq, Debug)]
pub struct ClientPlan {
    pub number: usize,
    pub address: u8,
    pub kind: ClientKind,
    /// An event stream has no binary one.
    pub encoding: Encoding,
    pub connects_ms: Ms,
    pub link: LinkPlan,
    pub reads: Reads,
    /// It reads nothing between these times.
    pub stalls: Vec<(Ms, Ms)>,
    pub acts: Vec<(Ms, Act)>,
    pub comes_back: bool,
}

/// A client that asks by HTTP, about that often.
#[derive(Clone, PartialEq, Debug)]
pub struct AskerPlan {
    pub seed: u64,
    pub link: LinkPlan,
    pub each_ms: Ms,
    pub publishes: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientKind {
    WebSocket,
    Events,
    /// It connects and says nothing.
    Silent,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reads {
    AsItComes,
    /// So many bytes, that often.
    Slowly {
        bytes: usize,
        each_ms: Ms,
    },
}

#[derive(Clone, PartialEq, Debug)]
pub enum Act {
    Subscribe(SubscribePlan),
    /// Globs, most of which match nothing: much work and few answers.
    SubscribeGlobs(usize),
    Unsubscribe(Targets),
    SetInterval(Targets, Ms),
    SetMode(Targets, &'static str),
    SetFields(Targets, &'static [&'static str]),
    /// Whether its decimals are text.
    SetTexts(Targets, bool),
    List,
    Ping,
    Auth,
    /// A command with a fault.
    Faulty(usize),
    /// In fragments, with a ping of the WebSocket between them.
    Fragments,
    WebSocketPing,
    /// It answers no ping from here on.
    Deaf,
    Close,
    Reset,
    Vanish,
    HalfClose,
    Hostile(Hostile),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hostile {
    Binary,
    BadUtf8,
    TooBig,
    Unmasked,
    Noise,
    FrameFlood,
    ByteFlood,
    CommandFlood,
}

#[derive(Clone, PartialEq, Debug)]
pub struct SubscribePlan {
    pub symbols: Vec<usize>,
    pub mode: &'static str,
    pub interval_ms: Ms,
    pub fields: &'static [&'static str],
    pub snapshot: bool,
    pub name: Option<&'static str>,
    /// With decimals as text.
    pub texts: bool,
}

/// Whose subscriptions a command is about.
#[derive(Clone, PartialEq, Debug)]
pub struct Targets {
    pub symbols: Vec<usize>,
    pub name: Option<&'static str>,
}

impl Hostile {
    pub const ALL: [Hostile; 8] = [
        Hostile::Binary,
        Hostile::BadUtf8,
        Hostile::TooBig,
        Hostile::Unmasked,
        Hostile::Noise,
        Hostile::FrameFlood,
        Hostile::ByteFlood,
        Hostile::CommandFlood,
    ];

    /// The codes that it may be closed with.
    pub fn codes(self) -> &'static [u16] {
        match self {
            Hostile::Binary => &[1003],
            Hostile::BadUtf8 => &[1007],
            Hostile::TooBig => &[1009],
            Hostile::Unmasked => &[1002],
            Hostile::Noise => &[1002, 1003, 1007, 1008, 1009],
            Hostile::FrameFlood | Hostile::ByteFlood => &[1008],
            Hostile::CommandFlood => &[],
        }
    }
}

pub const FIELDS: [&[&str]; 4] = [&[], &[], &["bid", "ask"], &["last", "volume"]];

pub fn pick<T: Copy>(random: &mut impl Rng, from: &[T]) -> T {
    from[random.random_range(0..from.len())]
}

pub fn chance(random: &mut impl Rng, percent: u32) -> bool {
    random.random_range(0..100) < percent
}

impl Plan {
    pub fn of(seed: u64) -> Plan {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let random = &mut random;
        let limits = limits(random);
        let symbols = random.random_range(1..=12);
        let crowd = if chance(random, 15) { 4_000 } else { 0 };
        let ends_ms = pick(random, &[3_000, 10_000, 30_000, 60_000]);
        let is_lossless = chance(random, 15);
        let feed = feed(random, ends_ms, limits.shard_queue_ticks);
        // Apart, so that what was chosen before there were these stays what it is.
        let mut apart = Pcg64Mcg::seed_from_u64(seed ^ 0xD1_5A);
        let is_driven = chance(&mut apart, 20);
        let mut node = node(random, ends_ms);
        node.extend(changes(&mut apart, ends_ms, is_driven));
        node.sort_by_key(|(at_ms, _)| *at_ms);
        let clients = random.random_range(1..=6);
        let clients = (0..clients).map(|number| client(seed, number, ends_ms, symbols, crowd)).collect();
        let asker = chance(&mut apart, 25).then(|| AskerPlan {
            seed: seed ^ 0xA5_4E,
            link: link(&mut apart),
            each_ms: pick(&mut apart, &[20, 300, 2_000]),
            // What is published does not ask whether there is room.
            publishes: !is_lossless,
        });
        Plan {
            seed,
            shards: random.random_range(1..=3),
            limits,
            symbols,
            crowd,
            call_nanos: pick(random, &[0, 2_000, 20_000, 200_000]),
            is_lossless,
            is_driven,
            feed,
            node,
            clients,
            asker,
            ends_ms,
        }
    }

    /// One shard, and nothing that happens.
    pub fn bare(limits: Limits) -> Plan {
        Plan {
            seed: 0,
            shards: 1,
            limits,
            symbols: 1,
            crowd: 0,
            call_nanos: 0,
            is_lossless: false,
            is_driven: false,
            feed: Vec::new(),
            node: Vec::new(),
            clients: Vec::new(),
            asker: None,
            ends_ms: 0,
        }
    }

    /// Whether the run ends with a service that serves.
    pub fn stays_up(&self) -> bool {
        !self.node.iter().any(|(_, act)| matches!(act, NodeAct::Drain | NodeAct::Over))
    }

    /// Whether something is published beside the feed.
    pub fn has_push(&self) -> bool {
        self.feed.iter().any(|burst| burst.is_pushed)
    }

    /// How much there is in it.
    pub fn size(&self) -> usize {
        let acts: usize = self.clients.iter().map(|client| client.acts.len() + client.stalls.len() + 1).sum();
        acts + self.feed.len() + self.node.len()
    }
}

fn limits(random: &mut impl Rng) -> Limits {
    use std::time::Duration;
    let ms = Duration::from_millis;
    let mut limits = Limits { ring_ticks: pick(random, &[16, 256, 1_024]), ..DEFAULT };
    limits.shard_queue_ticks = pick(random, &[64, 1_024, 65_536]).max(limits.ring_ticks);
    limits.frame_bytes = pick(random, &[2_048, 16_384]);
    limits.progress = ms(pick(random, &[2_000, 5_000]));
    (limits.ping, limits.pong) =
        pick(random, &[(ms(1_500), ms(1_000)), (ms(5_000), ms(1_000)), (ms(5_000), ms(3_000))]);
    limits.heartbeat = ms(pick(random, &[500, 2_000, 5_000]));
    limits.stale = ms(pick(random, &[1_000, 5_000]));
    limits.close_grace = ms(pick(random, &[1_000, 3_000]));
    limits.handshake = ms(pick(random, &[1_000, 4_000]));
    limits.drain = ms(pick(random, &[4_000, 10_000]));
    limits.pause = ms(pick(random, &[0, 1, 5]));
    limits.sessions = pick(random, &[3, 1_000]);
    limits.sessions_per_address = pick(random, &[4, 100]).min(limits.sessions);
    limits.connections_per_address = pick(random, &[20, 256]);
    limits.control_bytes = pick(random, &[128 * 1024, 1024 * 1024]);
    limits
}

fn feed(random: &mut impl Rng, ends_ms: Ms, queue_ticks: usize) -> Vec<Burst> {
    let mut feed = Vec::new();
    let mut at_ms = random.random_range(0..200);
    let pushed_percent = pick(random, &[0, 0, 30]);
    let usual_pause = pick(random, &[5, 40, 300, 1_500]);
    while at_ms < ends_ms && feed.len() < 400 {
        let ticks = match random.random_range(0..20) {
            0 => random.random_range(1..=200),
            1 => (queue_ticks * 2).min(600),
            _ => random.random_range(1..=4),
        };
        feed.push(Burst { at_ms, ticks, is_pushed: chance(random, pushed_percent) });
        at_ms += random.random_range(0..=usual_pause * 2);
        if chance(random, 2) {
            at_ms += 6_000;
        }
    }
    feed
}

fn node(random: &mut impl Rng, ends_ms: Ms) -> Vec<(Ms, NodeAct)> {
    let mut acts = Vec::new();
    for _ in 0..random.random_range(0..3) {
        let act = match random.random_range(0..4) {
            0 => NodeAct::FrameBytes(pick(random, &[2_048, 8_192])),
            1 => NodeAct::Subscriptions(pick(random, &[2, 5])),
            2 => NodeAct::Heartbeat(pick(random, &[400, 3_000])),
            _ => NodeAct::Shrink,
        };
        acts.push((random.random_range(0..ends_ms), act));
    }
    match random.random_range(0..6) {
        0 => acts.push((random.random_range(ends_ms / 2..ends_ms), NodeAct::Drain)),
        1 => acts.push((ends_ms, NodeAct::Over)),
        _ => {}
    }
    acts.sort_by_key(|(at_ms, _)| *at_ms);
    acts
}

/// More limits that are reloaded, and what moves the market's time.
fn changes(random: &mut impl Rng, ends_ms: Ms, is_driven: bool) -> Vec<(Ms, NodeAct)> {
    let mut acts = Vec::new();
    if chance(random, 30) {
        let act = match random.random_range(0..3) {
            0 => NodeAct::Stale(pick(random, &[700, 8_000])),
            1 => NodeAct::Progress(pick(random, &[1_500, 8_000])),
            _ => NodeAct::Sessions(pick(random, &[1, 2, 500])),
        };
        acts.push((random.random_range(0..ends_ms), act));
    }
    if is_driven {
        for _ in 0..random.random_range(1..6) {
            let percent = pick(random, &[0, 10, 100, 100, 1_000, 6_000]);
            let jump_ms = pick(random, &[0, 0, 3_000, 17 * 3_600_000]);
            acts.push((random.random_range(0..ends_ms), NodeAct::Drive { percent, jump_ms }));
        }
    }
    acts
}

fn client(seed: u64, number: usize, ends_ms: Ms, symbols: usize, crowd: usize) -> ClientPlan {
    let mut random = Pcg64Mcg::seed_from_u64(seed ^ (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let random = &mut random;
    let kind = match random.random_range(0..12) {
        0 => ClientKind::Silent,
        1..=3 => ClientKind::Events,
        _ => ClientKind::WebSocket,
    };
    let reads = if chance(random, 25) {
        Reads::Slowly { bytes: random.random_range(100..3_000), each_ms: random.random_range(20..400) }
    } else {
        Reads::AsItComes
    };
    let connects_ms = random.random_range(0..ends_ms / 2);
    let mut stalls = Vec::new();
    if chance(random, 25) {
        let from = random.random_range(connects_ms..ends_ms);
        stalls.push((from, from + pick(random, &[500, 2_500, 9_000, 60_000])));
    }
    let mut acts = vec![(connects_ms, Act::Subscribe(subscription(random, symbols)))];
    if kind == ClientKind::WebSocket {
        let count = random.random_range(0..12);
        for _ in 0..count {
            let at_ms = random.random_range(connects_ms..=ends_ms);
            acts.push((at_ms, act(random, symbols, crowd)));
        }
    }
    let is_flapping = chance(random, 20);
    if is_flapping {
        let each = pick(random, &[150, 1_000, 3_000]);
        let mut at_ms = connects_ms + each;
        while at_ms < ends_ms && acts.len() < 60 {
            acts.push((at_ms, pick(random, &[Act::Close, Act::Reset, Act::Close].each_ref()).clone()));
            at_ms += random.random_range(each / 2..=each * 2);
        }
    }
    views::vary(seed, number, kind, ends_ms, &mut acts);
    acts.sort_by_key(|(at_ms, _)| *at_ms);
    ClientPlan {
        number,
        address: random.random_range(1..=3),
        kind,
        encoding: views::encoding(seed, number, kind),
        connects_ms,
        link: link(random),
        reads,
        stalls,
        acts,
        comes_back: is_flapping || chance(random, 60),
    }
}

fn link(random: &mut impl Rng) -> LinkPlan {
    LinkPlan {
        delay_us: pick(random, &[20, 1_000, 40_000, 150_000]),
        bytes_a_ms: pick(random, &[20, 500, 50_000, 50_000]),
        send_buffer: pick(random, &[4_096, 16_384, 131_072]),
        window: pick(random, &[2_048, 16_384, 131_072]),
        proxy: pick(random, &[0, 0, 0, 65_536]),
        partial_percent: pick(random, &[0, 5, 50]),
    }
}

fn some(random: &mut impl Rng, symbols: usize) -> Vec<usize> {
    // One beyond those that tick: a name that never comes.
    let mut chosen: Vec<usize> = (0..=symbols).filter(|_| chance(random, 50)).collect();
    if chosen.is_empty() {
        chosen.push(random.random_range(0..symbols));
    }
    chosen
}

fn subscription(random: &mut impl Rng, symbols: usize) -> SubscribePlan {
    SubscribePlan {
        symbols: some(random, symbols),
        mode: pick(random, &["latest", "latest", "every", "every", "once"]),
        interval_ms: pick(random, &[0, 0, 0, 50, 250, 1_000]),
        fields: pick(random, &FIELDS),
        snapshot: chance(random, 85),
        name: None,
        texts: false,
    }
}

fn targets(random: &mut impl Rng, symbols: usize) -> Targets {
    Targets { symbols: some(random, symbols), name: None }
}

fn act(random: &mut impl Rng, symbols: usize, crowd: usize) -> Act {
    match random.random_range(0..38) {
        0..=6 => Act::Subscribe(subscription(random, symbols)),
        7 | 8 => Act::Unsubscribe(targets(random, symbols)),
        9 => Act::SetInterval(targets(random, symbols), pick(random, &[0, 100, 500])),
        10 => Act::SetMode(targets(random, symbols), pick(random, &["latest", "every"])),
        11 => Act::SetFields(targets(random, symbols), pick(random, &[&["bid", "ask"], &["last", "volume"]])),
        12..=14 => Act::List,
        15..=20 => Act::Ping,
        21 => Act::Auth,
        22 => Act::Faulty(random.random_range(0..6)),
        23 => Act::Fragments,
        24 | 25 => Act::WebSocketPing,
        26 => Act::Deaf,
        27 => Act::Close,
        28 => Act::Reset,
        29 => Act::Vanish,
        30 => Act::HalfClose,
        31 => Act::Hostile(pick(random, &Hostile::ALL)),
        _ if crowd > 0 => Act::SubscribeGlobs(random.random_range(2..=20)),
        _ => Act::Ping,
    }
}
