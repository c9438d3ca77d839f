//! Accounts of use on the simulated clock: the turn of a month, and a disk that takes nothing.

use std::{fs, path::PathBuf, sync::Arc};

use serde_json::json;
use tickcast::{
    audit::{
        AuditChannel, AuditLog, AuditSetup, AuditUser as User, Month, OnFailure, read_files,
        usage::{Usage, UsageRow},
    },
    limits::DEFAULT,
    tick::Nanos,
};

use super::{
    stage::{NEAR, Stage, UPGRADE},
    world::BEGIN,
};

/// A file of accounts of this test's own.
fn setup(name: &str) -> AuditSetup {
    let folder = std::env::temp_dir().join(format!("tickcast-sim-audit-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    AuditSetup { path: folder.join("audit.jsonl"), bytes_max: 1 << 30, on_failure: OnFailure::RefuseNew }
}

/// What its files add up to; they are removed.
fn usage(setup: &AuditSetup) -> Usage {
    let folder = setup.path.parent().expect("a folder");
    let files: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    assert!(files.len() > 1 || folder.ends_with("refuses"), "a month has its own file: {files:?}");
    let mut usage = Usage::default();
    read_files(&files, |record| usage.take(record)).expect("whole files");
    let _ = fs::remove_dir_all(folder);
    usage
}

#[test]
fn what_goes_on_into_a_month_counts_in_it_if_it_was_sent_something() {
    let month = Month::of(BEGIN);
    // A second before the next one.
    let begin = Nanos((month.next().begin_micros() - 1_000_000) * 1_000);
    let setup = setup("month");
    let audit = Arc::new(AuditLog::start(&setup, begin).expect("a new file"));
    let mut stage = Stage::audited(DEFAULT, begin, Arc::clone(&audit));
    let client = stage.websocket(&NEAR);
    stage.subscribe(client, &["A", "B", "NEVER"], &json!({}));
    for symbol in ["A", "B"] {
        stage.bid(symbol, 1);
        stage.run_for(10);
    }
    stage.run_for(2_000);
    // It ends, so what it was sent since then is told.
    stage.bid("A", 2);
    stage.run_for(10);
    stage.hang_up(client);
    stage.run_for(1_000);
    audit.close(stage.clock.now());
    let usage = usage(&setup);
    let row =
        |messages| UsageRow { real_time: ["A", "B"].map(Into::into).into(), messages, ..UsageRow::default() };
    let found: Vec<_> = usage.rows.into_iter().map(|(key, row)| (key.month, key.who, row)).collect();
    assert_eq!(found, [(month, User::default(), row(2)), (month.next(), User::default(), row(1))]);
    assert_eq!(usage.months[&month.next()].held.len(), 1, "its session was open as the month began");
}

#[test]
fn while_events_are_lost_new_sessions_are_refused_and_open_ones_go_on() {
    let setup = setup("refuses");
    let audit = Arc::new(AuditLog::start(&setup, BEGIN).expect("a new file"));
    let mut stage = Stage::audited(DEFAULT, BEGIN, Arc::clone(&audit));
    let open = stage.websocket(&NEAR);
    stage.subscribe(open, &["A"], &json!({}));
    // Its writer has ended, so nothing that is told from here on is recorded, as with a disk that is full.
    audit.close(stage.clock.now());
    audit.tell_used(stage.clock.now(), User::default(), "default".into(), AuditChannel::Rest, 1);
    assert!(audit.refuses());
    let late = stage.connect(&NEAR);
    stage.send(late, UPGRADE.as_bytes());
    assert_eq!(stage.closed(late).1, 1011);
    stage.bid("A", 1);
    stage.message(open, |message| message.is("snapshot") || message.is("update"));
    let _ = fs::remove_dir_all(setup.path.parent().expect("a folder"));
}
