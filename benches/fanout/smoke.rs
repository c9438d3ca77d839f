//! The bench's check of itself, as `cargo test` runs it: small, short, and without peers that have to be installed.

use std::{io, panic, process::ExitCode};

use crate::{
    frames, machine,
    report::{Figure, Report},
    scenario::{Bench, Scenario, Size},
    servers::{Peer, Places},
};

/// Reports as test programs do, so that what counts tests counts these.
pub fn run() -> ExitCode {
    let checks: [(&str, fn()); 2] =
        [("frames_are_found_whole", frames::check), ("scenarios_run", scenarios_run)];
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

/// Every scenario that is short enough, with servers that need no installation: what was offered was delivered.
fn scenarios_run() {
    let report = quick().expect("the bench runs");
    for server in ["tickcast every", "tickcast latest", "naive", "floor"] {
        let rows: Vec<_> = report.rows.iter().filter(|row| row.server == server).collect();
        assert!(!rows.is_empty(), "{server} was measured");
        for row in rows {
            let Some(offered) = row.figures.get(&Figure::OfferedPerS) else { continue };
            let delivered = row.figures[&Figure::DeliveredPerS].median;
            let share = delivered / offered.median;
            // A slow machine may be late by a part of the window; what merges delivers less, and that is its purpose.
            let least = if server == "tickcast latest" { 0.01 } else { 0.5 };
            assert!(share > least && share < 1.5, "{} {server}: {delivered} of {offered:?}", row.case);
        }
    }
}

fn quick() -> io::Result<Report> {
    machine::raise_open_files()?;
    let target = env!("CARGO_TARGET_TMPDIR");
    let places = Places {
        tickcast: env!("CARGO_BIN_EXE_tickcast").into(),
        peers: target.into(),
        logs: [target, "fanout-logs"].iter().collect(),
    };
    let bench = Bench { places, peers: vec![Peer::Tickcast, Peer::Naive], size: Size::Quick };
    let mut report = Report::new();
    for scenario in Scenario::ALL {
        scenario.run(&bench, &mut report)?;
    }
    Ok(report)
}
