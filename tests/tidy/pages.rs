//! The other pages against the code: metrics, invariants and the tests that hold them, links.

use std::{fmt::Write, path::Path};

use tickcast::{
    fanout::GapReason,
    feed::RejectReason,
    scenario::FaultKind,
    server::{
        admission::rejected::RejectedReason,
        metrics::{ALL, MetricKind},
        replays::stats::ReplayEnd,
        tls::stats::{KINDS, TlsRejected},
    },
    session::{refusals::RefusedAccess, stats::LimitHit},
    wire::{CloseReason, control::Pace, dialects::DialectId},
};

use super::{files, marked, read, root};

/// The pages that people read; licences aside.
pub fn pages() -> Vec<String> {
    let roots = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];
    let clients = ["clients/rust/README.md".to_owned()];
    roots.map(str::to_owned).into_iter().chain(files("docs", "md")).chain(clients).collect()
}

fn assert_same(page: &str, shown: &str, expected: &str) {
    assert!(shown.trim() == expected.trim(), "{page} has to say:\n{expected}");
}

#[test]
fn the_page_of_metrics_has_every_metric_as_it_is_declared() {
    let page = read("docs/METRICS.md");
    let mut expected = String::from("| name | type | labels | meaning |\n|---|---|---|---|\n");
    for def in ALL {
        let kind = match def.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let labels: Vec<String> = def.labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(expected, "| `{}` | {kind} | {} | {} |", def.name, labels.join(", "), def.help).unwrap();
    }
    assert_same("docs/METRICS.md", marked(&page, "metrics"), &expected);
}

#[test]
fn the_page_of_metrics_has_every_value_of_every_label() {
    let page = read("docs/METRICS.md");
    let paces = [Pace::Live, Pace::Conflating].map(|pace| serde_json::to_value(pace).unwrap());
    let paces: Vec<String> = paces.iter().map(|pace| pace.as_str().unwrap().to_owned()).collect();
    let own = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect::<Vec<_>>();
    let closed = [
        ("tickcast_ticks_rejected_total", "reason", own(&RejectReason::ALL.map(RejectReason::label))),
        ("tickcast_updates_gapped_total", "reason", own(&GapReason::ALL.map(GapReason::label))),
        (
            "tickcast_delayed_updates_total",
            "outcome",
            own(&["offered", "delivered", "conflated", "filtered", "gapped", "discarded"]),
        ),
        ("tickcast_sessions_closed_total", "reason", own(&CloseReason::ALL.map(CloseReason::label))),
        ("tickcast_sessions", "pace", paces),
        ("tickcast_dialect_sessions", "dialect", DialectId::all().map(|id| id.name().to_owned()).collect()),
        ("tickcast_venue_faults_total", "kind", own(&FaultKind::NAMES)),
        (
            "tickcast_handshakes_rejected_total",
            "reason",
            own(&RejectedReason::ALL.map(RejectedReason::label)),
        ),
        ("tickcast_access_refused_total", "reason", own(&RefusedAccess::ALL.map(RefusedAccess::label))),
        ("tickcast_tls_handshakes_total", "kind", own(&KINDS)),
        ("tickcast_tls_rejected_total", "reason", own(&TlsRejected::ALL.map(TlsRejected::label))),
        ("tickcast_replays_ended_total", "end", own(&ReplayEnd::ALL.map(ReplayEnd::label))),
        ("tickcast_limit_hits_total", "limit", own(&LimitHit::ALL.map(LimitHit::label))),
    ];
    let mut expected = String::from("| metric | label | values |\n|---|---|---|\n");
    for (metric, label, values) in &closed {
        let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
        writeln!(expected, "| `{metric}` | `{label}` | {} |", values.join(", ")).unwrap();
    }
    assert_same("docs/METRICS.md", marked(&page, "labels"), &expected);
    for def in ALL {
        let open = ["feed", "version", "certificate", "server", "delay_ms"];
        for label in def.labels.iter().filter(|label| !open.contains(label)) {
            let listed = closed.iter().any(|(metric, closed, _)| (metric, closed) == (&def.name, label));
            assert!(listed, "the values of {label} of {} are not listed", def.name);
        }
    }
}

#[test]
fn pages_boards_and_rules_name_only_metrics_that_exist() {
    let boards = [files("grafana", "json"), files("grafana", "yml")].concat();
    assert!(boards.len() > 6, "there are boards and rules: {boards:?}");
    for page in pages().into_iter().chain(boards) {
        let text = read(&page);
        for (at, _) in text.match_indices("tickcast_") {
            // A recorded name, as in job_instance:…:rate5m, is made in the rules; what it is made of is checked.
            if text[..at].ends_with(':') {
                continue;
            }
            let name: String =
                text[at..].chars().take_while(|char| char.is_ascii_lowercase() || *char == '_').collect();
            if name == "tickcast_client" {
                // The crate.
                continue;
            }
            let name =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            assert!(ALL.iter().any(|def| def.name == name), "{page} names {name}, which is not a metric");
        }
    }
}

#[test]
fn every_alert_has_its_section_in_the_page_of_operations() {
    let rules = read("grafana/rules/alerts.yml");
    let named = |key: &str| -> Vec<String> {
        let values = rules.lines().filter_map(|line| line.trim().strip_prefix(key));
        values.map(|value| value.trim().trim_matches('\'').to_owned()).collect()
    };
    let (alerts, runbooks) = (named("- alert:"), named("runbook_url:"));
    let page = read("docs/OPERATIONS.md");
    let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### Tickcast")).collect();
    let expected: Vec<String> = sections.iter().map(|name| format!("Tickcast{name}")).collect();
    assert_eq!(alerts, expected, "alerts, and the sections of docs/OPERATIONS.md in the same order");
    for (alert, runbook) in alerts.iter().zip(&runbooks) {
        assert!(runbook.ends_with(&format!("docs/OPERATIONS.md#{}", alert.to_lowercase())), "{runbook}");
    }
    assert_eq!(alerts.len(), runbooks.len());
}

/// The spans of code of a page that name a test: `path/to/file.rs::name_of_the_test`.
pub fn named_tests(page: &str) -> Vec<(&str, &str)> {
    let spans = page.split('`').skip(1).step_by(2);
    spans.filter_map(|span| span.split_once(".rs::")).collect()
}

#[test]
fn every_test_that_holds_an_invariant_exists() {
    let page = read("ARCHITECTURE.md");
    let named = named_tests(&page);
    assert!(named.len() > 20, "invariants are held by tests: {named:?}");
    let mut faults = Vec::new();
    for (path, name) in named {
        let source = std::fs::read_to_string(root().join(format!("{path}.rs"))).unwrap_or_default();
        let is_there = source.contains(&format!("fn {name}("));
        if !is_there {
            faults.push(format!("{path}.rs::{name}"));
        }
    }
    assert!(faults.is_empty(), "ARCHITECTURE.md names tests that do not exist: {faults:#?}");
}

#[test]
fn the_code_map_has_every_module() {
    let page = read("ARCHITECTURE.md");
    for line in read("src/lib.rs").lines() {
        let Some(module) = line.strip_prefix("pub mod ").and_then(|line| line.strip_suffix(';')) else {
            continue;
        };
        let is_named =
            page.contains(&format!("`src/{module}.rs`")) || page.contains(&format!("`src/{module}/`"));
        assert!(is_named, "the code map does not have {module}");
    }
}

#[test]
fn what_a_plain_build_leaves_out_is_handed_out_and_tested() {
    let manifest = read("Cargo.toml");
    let features = manifest.split_once("[features]\n").unwrap().1.split("\n\n").next().unwrap();
    let (_, default) = features.lines().find_map(|line| line.split_once("default = ")).unwrap();
    let names = features.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    // Traces are for who has a collector: the packages are without.
    let names =
        names.filter(|name| !["default", "otel"].contains(name) && !default.contains(&format!("\"{name}\"")));
    let all = format!("--features {}", names.collect::<Vec<_>>().join(","));
    for page in ["deploy/static.sh", "tests/run.sh", "docs/RECORDINGS.md"] {
        assert!(read(page).contains(&all), "{page} has no {all}");
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    for page in pages() {
        let text = read(&page);
        let directory = Path::new(&page).parent().unwrap();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { Path::new(&page).to_owned() } else { directory.join(file) };
            let full = root().join(&file);
            assert!(full.exists(), "{page} links to {target}, which does not exist");
            if !heading.is_empty() {
                let there = std::fs::read_to_string(full).unwrap();
                let is_there = there.lines().any(|line| line.starts_with('#') && anchor(line) == heading);
                assert!(is_there, "{page} links to {target}, and there is no such heading");
            }
        }
    }
}

/// The anchor that a heading has where Markdown is shown.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
    kept.map(|char| if char == ' ' { '-' } else { char }).collect()
}

#[test]
fn the_readme_names_the_commands_and_they_are_there() {
    let page = read("README.md");
    assert!(page.contains("cargo run --release") && page.contains("tests/run.sh"));
    assert!(root().join("tests/run.sh").is_file());
    assert!(read(".ci/run").contains("tests/run.sh"), "CI runs the same command");
}
