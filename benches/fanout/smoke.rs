//! The bench's check of itself, as `cargo test` runs it: small and short. Peers that have to be installed take part in
//! the count of ticks where they are; where one is not, a line says so.

use std::{
    io, panic,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use crate::{
    events, frames,
    generator::{Detail, Plan, binary, inflate},
    lines::symbol,
    machine,
    report::{Figure, GENERATOR_LIMIT, Report, Row},
    rig::{Rig, symbols, wish, zipf_choices},
    scenario::{Bench, Scenario, Size},
    servers::{Books, Contender, Encoding, Mode, Peer, Places, Records, Wish},
};

/// Reports as test programs do, so that what counts tests counts these.
pub fn run() -> ExitCode {
    let checks: [(&str, fn()); 8] = [
        ("frames_are_found_whole", frames::check),
        ("events_are_found_whole", events::check),
        ("binary_messages_are_found_whole", binary::check),
        ("binary_vectors_are_read", binary::check_vectors),
        ("compressed_messages_are_inflated", inflate::check),
        ("every_tick_is_counted", every_tick_is_counted),
        ("frames_that_nobody_inflates_are_counted", frames_that_nobody_inflates_are_counted),
        ("scenarios_run", scenarios_run),
    ];
    println!("\nrunning {} tests", checks.len());
    let mut failed = 0;
    for (name, check) in checks {
        let passed = panic::catch_unwind(check).is_ok();
        failed += usize::from(!passed);
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    let passed = checks.len() - failed;
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out\n"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every scenario, with servers that need no installation. How fast anything is, is not asked.
fn scenarios_run() {
    let report = quick().expect("the bench runs");
    // A generator that is near its limit says how fast something is, and letting clients in is all that it does then.
    let warnings = report.warnings.iter().filter(|warning| !warning.ends_with(GENERATOR_LIMIT));
    assert_eq!(warnings.collect::<Vec<_>>(), Vec::<&String>::new());
    for row in report.rows.iter().filter(|row| row.server.starts_with("tickcast")) {
        let (at, of) =
            (format!("{} {} {}", row.scenario, row.case, row.server), |figure| median(row, figure));
        assert!(of(Figure::Residual).is_none_or(|residual| residual == 0.0), "{at}: the accounts balance");
        assert!(of(Figure::Gone).is_none_or(|gone| gone == 0.0), "{at}: nobody is cut off");
        assert!(of(Figure::FinalRight).is_none_or(|share| share >= 1.0), "{at}: final values are right");
    }
    for scenario in Scenario::ALL {
        let name = scenario.name();
        let rows = report.rows.iter().filter(|row| row.scenario == name);
        // Too short a window may miss its messages on a busy machine, but not all of them do.
        let counted = rows.flat_map(|row| row.figures.values()).filter(|spread| spread.median > 0.0).count();
        assert!(counted > 3, "{name} measures something");
        assert!(report.goals.iter().any(|goal| goal.scenario == name), "{name} has goals");
    }
}

/// What is fed reaches every client of every server once, and the generator counts it exactly.
fn every_tick_is_counted() {
    for peer in Peer::ALL {
        if let Some(missing) = peer.missing(&places()) {
            println!("{missing}");
            continue;
        }
        let contender = Contender::other(peer);
        if peer.has_web_sockets() {
            for encoding in Encoding::of(peer) {
                let contender = contender.encoded(*encoding);
                counted(contender, |wish| contender.plan(wish));
            }
            if peer.has_tls() {
                let contender = contender.over_tls();
                counted(contender, |wish| contender.plan(wish));
            }
        }
        if peer.has_events() {
            counted(contender, |wish| contender.reader(wish));
        }
    }
}

fn counted(contender: Contender, plan: impl Fn(&Wish<'_>) -> Plan) {
    const CLIENTS: usize = 20;
    const SYMBOLS: usize = 7;
    const EACH: usize = 3;
    const ROUNDS: usize = 40;
    let rig = Rig::start(contender, SYMBOLS, &places()).expect("the server starts");
    let choices = zipf_choices(CLIENTS, EACH, SYMBOLS);
    let plan = |chosen: &Vec<String>| {
        let (detail, records) = (Detail::Heads, Records::Awaited);
        plan(&Wish { detail, records, ..wish(chosen, 0, CLIENTS) })
    };
    rig.connect(choices.iter().map(plan).collect()).expect("clients connect");
    rig.generator.mark().expect("the generator answers");
    rig.feeder.now(SYMBOLS * ROUNDS).expect("the server takes ticks");
    let (expected, mut found, mut aged) = ((CLIENTS * EACH * ROUNDS) as u64, 0, 0);
    let deadline = Instant::now() + Duration::from_secs(60);
    while found < expected && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
        let mark = rig.generator.mark().expect("the generator answers");
        found += mark.groups[0].messages;
        assert_eq!(mark.groups[0].out_of_order, 0, "{}", contender.name());
        aged += mark.groups[0].ages_us.len();
    }
    assert_eq!((found, aged), (expected, expected), "{}", contender.name());
    let fed = rig.feeder.take().heads_us;
    for heads in rig.generator.heads(0).expect("the generator answers") {
        assert_eq!(heads.len(), EACH);
        assert!(heads.iter().all(|(name, ts)| (0..SYMBOLS).any(|at| symbol(at) == *name && fed[at] == *ts)));
    }
}

/// tickcast's account of its frames is what clients receive, which the count of messages in compressed frames rests on.
fn frames_that_nobody_inflates_are_counted() {
    const CLIENTS: usize = 5;
    const SYMBOLS: usize = 20;
    const ROUNDS: usize = 30;
    let contender = Contender::tickcast(Mode::Every, 0).encoded(Encoding::Deflate);
    let rig = Rig::start(contender, SYMBOLS, &places()).expect("the server starts");
    let wanted = symbols(SYMBOLS);
    let plan =
        contender.plan(&Wish { detail: Detail::Count, records: Records::Awaited, ..wish(&wanted, 0, 1) });
    rig.connect(vec![plan; CLIENTS]).expect("clients connect");
    rig.generator.mark().expect("the generator answers");
    let scrape = || Books::scrape(&rig.server).expect("the server answers");
    let before = scrape();
    rig.feeder.now(SYMBOLS * ROUNDS).expect("the server takes ticks");
    let deadline = Instant::now() + Duration::from_secs(60);
    let (mut read, mut unread) = (0, 0);
    loop {
        let mark = rig.generator.mark().expect("the generator answers");
        (read, unread) = (read + mark.groups[0].frames, unread + mark.groups[0].unread);
        let books = scrape().since(&before);
        let messages = books.get("tickcast_updates_delivered_total");
        if messages as usize == CLIENTS * SYMBOLS * ROUNDS
            && read + unread == books.get("tickcast_frames_sent_total") as u64
        {
            break;
        }
        assert!(Instant::now() < deadline, "{read} and {unread} frames, {messages} messages");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(unread > 0, "no frame was compressed");
}

fn median(row: &Row, figure: Figure) -> Option<f64> {
    row.figures.get(&figure).map(|spread| spread.median)
}

fn places() -> Places {
    let target = env!("CARGO_TARGET_TMPDIR");
    Places {
        tickcast: env!("CARGO_BIN_EXE_tickcast").into(),
        shards: 1,
        cores: vec![machine::SERVER_CORE],
        peers: [env!("CARGO_MANIFEST_DIR"), "target/bench/peers"].iter().collect(),
        logs: [target, "fanout-logs"].iter().collect(),
    }
}

fn quick() -> io::Result<Report> {
    machine::raise_open_files()?;
    let peers = vec![Peer::Tickcast, Peer::Naive];
    let bench = Bench {
        places: places(),
        peers,
        modes: Mode::ALL.to_vec(),
        rates: Vec::new(),
        with_floor: true,
        size: Size::Smoke,
    };
    let mut report = Report::new();
    for scenario in Scenario::ALL {
        scenario.run(&bench, &mut report)?;
        scenario.judge(&mut report);
    }
    Ok(report)
}
