//! What an operator is told: why a venue is dark, and that it allows fewer connections than are needed.

use super::*;

#[test]
fn why_a_venue_is_dark_is_known_until_it_is_not() {
    let mut stage = Stage::new(Facts { streams_max: 1, ..facts() }, &["A"]);
    assert_eq!(stage.upstream.why_dark(), None, "not tried yet");
    let links = stage.open_all();
    stage.breaks(links[0]);
    assert_eq!((links.len(), stage.upstream.why_dark()), (2, None), "one is open");
    stage.breaks(links[1]);
    assert!(stage.upstream.why_dark().is_some());
    stage.pass(60);
    stage.open_all();
    assert_eq!(stage.upstream.why_dark(), None);
}

#[test]
fn more_connections_than_the_venue_allows_are_told_once() {
    let mut stage = Stage::new(Facts { connections_max: 1, ..facts() }, &["A", "B", "C", "D", "E"]);
    assert_eq!(stage.open_all().len(), 1);
    stage.upstream.change_symbols(stage.now, &["F"], &[], &mut stage.out);
    stage.pass(5);
    let told: Vec<&LogLine> =
        stage.out.told.iter().filter(|told| matches!(told, LogLine::Alert(_))).collect();
    let line = "3 connections are needed and the venue allows 1: 6 streams have none. Name fewer symbols";
    assert_eq!(told, [&LogLine::Alert(line.to_owned())]);
}
