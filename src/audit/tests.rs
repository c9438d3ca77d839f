//! The laws of accounts: what is read is what was told, whatever the process and the disk do; a line that is not as it was
//! written is named; a report adds up to what clients received.

use std::{collections::BTreeMap, fs, path::PathBuf};

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{
    usage::{Usage, UsageKey},
    *,
};
use crate::tick::Nanos;

mod check;
mod products;
mod symbols;

/// A folder of this test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tickcast-audit-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    fn path(&self) -> PathBuf {
        self.0.join("audit.jsonl")
    }

    /// All files, in no order that matters.
    fn files(&self) -> Vec<PathBuf> {
        fs::read_dir(&self.0).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
    }

    fn read(&self) -> Result<(Vec<Event>, Chain), AuditFault> {
        let mut events = Vec::new();
        let chain = read_files(&self.files(), |record| events.push(record.event))?;
        Ok((events, chain))
    }

    /// What was told, without what the file says of itself.
    fn told(&self) -> Vec<Event> {
        let (events, _) = self.read().expect("every line follows");
        events
            .into_iter()
            .filter(|event| !matches!(event, Event::Begin { .. } | Event::Torn { .. }))
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn at(text: &str) -> Nanos {
    let time = humantime::parse_rfc3339(text).expect("a time");
    let since = time.duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Nanos(i64::try_from(since.as_nanos()).expect("before 2262"))
}

fn who(user: &str) -> AuditUser {
    AuditUser { user: Some(user.into()), class: Some("display".into()) }
}

fn ended(session: u64) -> Event {
    Event::Ended { session, reason: "normal".into() }
}

fn append_all(file: &mut AuditFile, events: &[(Nanos, Event)]) {
    let mut rest = events;
    while !rest.is_empty() {
        let count = file.append(rest).expect("room on the disk");
        rest = &rest[count..];
    }
}

/// A file of so many records.
fn written(folder: &Folder, records: u64) {
    let now = at("2026-11-30T12:00:00Z");
    let mut file = AuditFile::open(&folder.path(), 1 << 20, now).expect("a new file");
    append_all(&mut file, &(0..records).map(|session| (now, ended(session))).collect::<Vec<_>>());
}

#[test]
fn a_line_is_its_body_and_the_sha_256_of_the_hash_before_and_of_it() {
    let mut chain = Chain::default();
    let line = chain.seal(1_795_416_101_413_382, &ended(42));
    let body = r#"{"n":1,"ts":1795416101413382,"event":"ended","session":42,"reason":"normal""#;
    // Of 32 zeros and the body, by another implementation.
    let hash = "32d86810edb0bbea0af95f91eb11f7691c8485a8bdce4c6edc426b977cb75d70";
    assert_eq!(line, format!("{body},\"hash\":\"{hash}\"}}\n"));
    assert_eq!(chain::unhex(hash), Some(chain.hash));
}

#[test]
fn files_rotate_by_size_and_by_month_and_read_as_one() {
    let folder = Folder::new("rotate");
    let mut file = AuditFile::open(&folder.path(), 2_000, at("2026-11-30T12:00:00Z")).expect("a new file");
    let mut events: Vec<_> = (0..40).map(|session| (at("2026-11-30T23:59:59Z"), ended(session))).collect();
    events.extend((40..43).map(|session| (at("2026-12-01T00:00:00Z"), ended(session))));
    for pair in events.chunks(2) {
        append_all(&mut file, pair);
    }
    let names: Vec<_> = folder.files();
    assert!(names.len() > 3, "{names:?}");
    assert!(names.contains(&folder.path()), "the current file keeps its name");
    let current = fs::read_to_string(folder.path()).expect("it is text");
    assert!(
        current.lines().count() == 4 && current.contains("\"started\":false"),
        "a new month, a new file: {current}"
    );
    let told: Vec<Event> = events.into_iter().map(|(_, event)| event).collect();
    assert_eq!(folder.told(), told);
}

#[test]
fn a_restart_goes_on_and_a_record_that_was_only_begun_is_said_to_be() {
    let folder = Folder::new("restart");
    written(&folder, 3);
    let whole = fs::read(folder.path()).expect("it is there");
    for cut in [17, 60, 1] {
        let kept = fs::read(folder.path()).expect("it is there").len() - cut;
        fs::OpenOptions::new()
            .write(true)
            .open(folder.path())
            .expect("a file")
            .set_len(kept as u64)
            .expect("cut");
        assert!(folder.read().is_err(), "its last line has no end");
        written(&folder, 2);
        let (events, _) = folder.read().expect("it was closed");
        assert!(events.iter().any(|event| matches!(event, Event::Torn { .. })));
    }
    let kept = whole.len() - 17;
    assert_eq!(
        fs::read(folder.path()).expect("it is there")[..kept],
        whole[..kept],
        "it is only appended to"
    );
    assert_eq!(folder.told().len(), 3 - 1 + 2 - 1 + 2 + 2, "two records were cut, and one line end");
}

#[test]
fn what_is_no_audit_is_not_continued() {
    let folder = Folder::new("foreign");
    fs::write(folder.path(), "{\"tickcast\":\"recording\"}\n").expect("a disk");
    let opened = AuditFile::open(&folder.path(), 1_000, Nanos(1));
    assert!(matches!(opened, Err(AuditFileError::NoRecord { .. })));
}

#[test]
fn each_line_that_is_changed_left_out_moved_or_repeated_is_named() {
    let folder = Folder::new("changed");
    written(&folder, 20);
    let text = fs::read_to_string(folder.path()).expect("it is text");
    let lines: Vec<&str> = text.lines().collect();
    let check = |lines: &[String], line: usize, why: &str| {
        fs::write(folder.path(), lines.join("\n") + "\n").expect("a disk");
        let fault = folder.read().expect_err("it was changed");
        assert_eq!(fault.line, line as u64, "{fault}");
        assert!(fault.what.contains(why), "{fault}");
    };
    let owned = || lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
    for at in 1..20 {
        let mut changed = owned();
        changed[at] = changed[at].replace("\"session\":", "\"session\":9");
        check(&changed, at + 1, "hash");
        let mut without = owned();
        without.remove(at);
        check(&without, at + 1, "missing");
        let mut swapped = owned();
        swapped.swap(at, at + 1);
        check(&swapped, at + 1, "missing");
        let mut repeated = owned();
        repeated.insert(at, lines[at].to_owned());
        check(&repeated, at + 2, "repeated");
    }
}

#[test]
fn a_file_that_is_left_out_or_cut_shows_in_the_next() {
    let folder = Folder::new("cut");
    let mut file = AuditFile::open(&folder.path(), 500, at("2026-11-30T12:00:00Z")).expect("a new file");
    for session in 0..30 {
        append_all(&mut file, &[(at("2026-11-30T12:00:00Z"), ended(session))]);
    }
    let mut files = folder.files();
    files.sort();
    let (left, middle) = (files.clone(), files.remove(2));
    let fault = read_files(&files, |_| ()).expect_err("one is missing");
    assert!(fault.what.contains("missing") && fault.line == 1, "{fault}");
    // Without the first ones the rest still follows from itself.
    read_files(&left[3..], |_| ()).expect("a tail");
    let text = fs::read_to_string(&middle).expect("text");
    let cut = text.lines().next().map(|line| format!("{line}\n")).expect("a line");
    fs::write(&middle, cut).expect("a disk");
    assert!(read_files(&left, |_| ()).is_err_and(|fault| fault.file == left[3].display().to_string()));
}

#[test]
fn what_the_queue_does_not_take_is_counted_and_refuses_new_sessions_until_it_is_recorded() {
    let folder = Folder::new("overflow");
    let setup = AuditSetup { path: folder.path(), bytes_max: 1 << 30, on_failure: OnFailure::RefuseNew };
    let now = at("2026-11-30T12:00:00Z");
    let log = AuditLog::start(&setup, now).expect("a new file");
    let mut told = 0;
    while log.lost() == 0 {
        log.tell(now, ended(told));
        told += 1;
    }
    assert!(log.refuses());
    log.close(now);
    assert!(!log.refuses(), "all of it is recorded");
    let lost = log.lost();
    let events = folder.told();
    let recorded: u64 =
        events.iter().map(|event| if let Event::Lost { events } = event { *events } else { 0 }).sum();
    assert_eq!(
        (events.iter().filter(|event| matches!(event, Event::Ended { .. })).count() as u64, recorded),
        (told - lost, lost)
    );
    let go_on = AuditSetup { on_failure: OnFailure::GoOn, ..setup };
    assert!(!AuditLog::start(&go_on, now).expect("it goes on").refuses());
}

#[test]
fn beyond_a_hundred_a_second_refusals_are_counted_and_the_report_has_all() {
    let folder = Folder::new("refusals");
    let setup = AuditSetup { path: folder.path(), bytes_max: 1 << 30, on_failure: OnFailure::RefuseNew };
    let now = at("2026-11-30T12:00:00Z");
    let log = AuditLog::start(&setup, now).expect("a new file");
    let address = "192.0.2.1".parse().expect("an address");
    for second in 0..2 {
        for _ in 0..150 {
            log.tell_refused(
                Nanos(now.0 + second * 1_000_000_000),
                who("mallory"),
                address,
                "bad_token",
                None,
            );
        }
    }
    log.close(Nanos(now.0 + 1_000_000_000));
    let events = folder.told();
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Refused { .. })).count(), 200);
    let more: Vec<u64> = events
        .iter()
        .filter_map(|event| if let Event::RefusedMore { count } = event { Some(*count) } else { None })
        .collect();
    assert_eq!(more, [50, 50]);
    let mut usage = Usage::default();
    read_files(&folder.files(), |record| usage.take(record)).expect("whole files");
    assert_eq!(usage.months.values().map(|totals| totals.refused).sum::<u64>(), 300);
}

// === reports ===

#[test]
fn who_could_see_who_did_and_how_many_at_once() {
    let mut usage = Usage::default();
    let mut n = 0;
    let mut take = |time: &str, event| {
        n += 1;
        usage.take(AuditRecord { n, ts: at(time).micros(), event });
    };
    let opened = |session, user: &str, expires: Option<&str>| Event::Opened {
        session,
        who: who(user),
        address: "192.0.2.1".parse().expect("an address"),
        agent: String::new(),
        via: AuditChannel::Stream,
        expires: expires.map(|time| at(time).micros()),
        products: vec![DEFAULT_PRODUCT.into()],
    };
    take("2026-10-30T00:00:00Z", opened(1, "alice", None));
    take("2026-10-30T00:00:01Z", opened(2, "alice", None));
    take("2026-10-30T00:00:02Z", opened(3, "bob", Some("2026-12-02T00:00:00Z")));
    take("2026-10-31T00:00:00Z", ended(3));
    take("2026-10-31T00:00:00Z", ended(2));
    // Its token is another user's from here on, for one of the devices that there are.
    let renewed = Event::Renewed {
        session: 1,
        who: who("erin"),
        expires: Some(at("2027-01-01T00:00:01Z").micros()),
        products: vec![DEFAULT_PRODUCT.into()],
    };
    take("2026-12-04T00:00:00Z", renewed);
    take("2026-12-05T00:00:00Z", ended(1));
    take("2026-12-05T00:00:01Z", opened(4, "carol", Some("2026-12-31T00:00:00Z")));
    // A process that died: whoever was there is gone.
    take("2026-12-06T00:00:00Z", Event::Begin { version: 1, started: true, prev: String::new() });
    take("2027-01-02T00:00:00Z", opened(1, "dave", None));
    let months: BTreeMap<String, _> = usage
        .months
        .iter()
        .map(|(month, totals)| {
            let held: Vec<_> = totals.held.iter().filter_map(|who| who.user.clone()).collect();
            (month.to_string(), (held.join(" "), totals.at_once.devices, totals.at_once.users))
        })
        .collect();
    let row = |held: &str, devices, users| (held.to_owned(), devices, users);
    assert_eq!(months["2026-10"], row("", 3, 2));
    assert_eq!(months["2026-11"], row("alice bob", 1, 1));
    assert_eq!(months["2026-12"], row("alice bob", 1, 1));
    assert_eq!(months["2027-01"], row("erin", 1, 1));
}

#[test]
fn a_report_is_a_table_csv_and_json_and_names_are_harmless() {
    let mut usage = Usage::default();
    let received = Event::Received {
        who: who("=cmd(),\"x\"\u{1b}[2J"),
        product: DEFAULT_PRODUCT.into(),
        symbols: vec!["A".into(), "B".into(), "A".into()],
        delayed: false,
        via: AuditChannel::Stream,
    };
    usage.take(AuditRecord { n: 1, ts: at("2026-11-30T12:00:00Z").micros(), event: received });
    let csv = usage.write(usage::ReportFormat::Csv);
    assert!(csv.contains("2026-11,default,display,\"'=cmd(),\"\"x\"\"\u{1b}[2J\",2,0,0,0,0\r\n"), "{csv}");
    let table = usage.write(usage::ReportFormat::Table);
    assert!(!table.contains('\u{1b}') && table.contains("2026-11  default  display"), "{table}");
    let json: serde_json::Value =
        serde_json::from_str(&usage.write(usage::ReportFormat::Json)).expect("JSON");
    assert_eq!(json["users"][0]["real_time"], serde_json::json!(["A", "B"]));
    assert_eq!(json["products"][0]["unique_users"], 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is told, in however many files and processes, is read again; and the report of what was read is that of
    /// what clients received.
    #[test]
    fn the_report_of_the_files_is_that_of_what_was_received(seed: u64, bytes_max in 400_u64..4_000) {
        let folder = Folder::new(&format!("law-{seed}"));
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut now = at("2026-10-29T00:00:00Z");
        let mut received: BTreeMap<UsageKey, usage::UsageRow> = BTreeMap::new();
        let mut file = AuditFile::open(&folder.path(), bytes_max, now).expect("a new file");
        for _ in 0..random.random_range(1..150) {
            now = Nanos(now.0 + random.random_range(0..20_000_000_000_000_i64));
            let key = UsageKey {
                month: Month::of(now),
                product: [DEFAULT_PRODUCT, "hkg", "us"][random.random_range(0..3)].into(),
                who: who(["alice", "bob", "carol"][random.random_range(0..3)]),
            };
            let row = received.entry(key.clone()).or_default();
            let via = [AuditChannel::Stream, AuditChannel::Sse, AuditChannel::Rest][random.random_range(0..3)];
            let event = if random.random_range(0..2) == 0 {
                let symbols: Vec<compact_str::CompactString> =
                    (0..random.random_range(1..4)).map(|_| format!("S{}", random.random_range(0..9)).into()).collect();
                let delayed = random.random_range(0..3) == 0;
                let seen = if delayed { &mut row.delayed } else { &mut row.real_time };
                seen.extend(symbols.clone());
                Event::Received { who: key.who, product: key.product, symbols, delayed, via }
            } else {
                let messages = random.random_range(0..1_000);
                let sum = match via {
                    AuditChannel::Stream => &mut row.messages,
                    AuditChannel::Sse => &mut row.events,
                    AuditChannel::Rest => &mut row.requests,
                };
                *sum += messages;
                Event::Used { who: key.who, product: key.product, messages, via }
            };
            append_all(&mut file, &[(now, event)]);
            match random.random_range(0..20) {
                0 => file = AuditFile::open(&folder.path(), bytes_max, now).expect("it goes on"),
                1 => {
                    // The process dies within a record.
                    drop(file);
                    let mut half = fs::OpenOptions::new().append(true).open(folder.path()).expect("a file");
                    std::io::Write::write_all(&mut half, b"{\"n\":7,\"ts\"").expect("a disk");
                    file = AuditFile::open(&folder.path(), bytes_max, now).expect("it goes on");
                }
                _ => {}
            }
        }
        let mut usage = Usage::default();
        let chain = read_files(&folder.files(), |record| usage.take(record)).expect("every line follows");
        prop_assert_eq!(chain, file.chain());
        prop_assert_eq!(usage.rows, received);
    }
}
