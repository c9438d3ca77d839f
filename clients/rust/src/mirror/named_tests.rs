//! Several subscriptions to one symbol: each name has its own record and cursor.

use super::*;
use crate::field::Field;

#[test]
fn each_name_has_its_own_topic_and_resumes_by_itself() {
    let mut mirror = Mirror::new(Subscription::latest(["A"]));
    let tape = Subscription::every(["A"]).named("tape").with_texts();
    let commands = mirror.subscribe(tape);
    let expected =
        r#"{"op":"subscribe","id":1,"symbols":["A"],"mode":"every","as":"tape","numbers":"string"}"#;
    assert_eq!(commands, [expected]);
    let frame = r#"[{"type":"welcome","protocol":1,"epoch":"e","heartbeat_ms":5000},
        {"type":"subscribed","id":1,"results":[{"symbol":"A","as":"tape","status":"ok"}]},
        {"type":"snapshot","symbol":"A","seq":5,"ts":1,"rx":2,"bid":1.5},
        {"type":"snapshot","as":"tape","symbol":"A","seq":3,"ts":1,"rx":2,"bid":"0.000000012345"},
        {"type":"update","as":"tape","symbol":"A","seq":4,"ts":1,"rx":2,"last":"2"},
        {"type":"status","as":"tape","symbol":"A","state":"stale"}]"#;
    drop(mirror.receive(frame, 0));
    let (plain, tape) = (mirror.topic("A").unwrap(), mirror.topic_of("A", Some("tape")).unwrap());
    assert_eq!((plain.seq(), tape.seq(), mirror.totals().missing), (5, 4, 0));
    assert_eq!(plain.record.text(Field::Bid), Some("1.5"));
    // Text is read as the digits that it has.
    assert_eq!(tape.record.text(Field::Bid), Some("0.000000012345"));
    assert_eq!((plain.standing.as_str(), tape.standing.as_str()), ("live", "stale"));
    let commands = mirror.connect().concat();
    assert!(commands.contains(r#""resume":{"epoch":"e","last":{"A":5}}"#), "{commands}");
    assert!(
        commands.contains(r#""as":"tape","numbers":"string","resume":{"epoch":"e","last":{"A":4}}"#),
        "{commands}"
    );
    let ended = mirror.unsubscribe_of(&["A".to_owned()], Some("tape"));
    assert!(ended[0].contains(r#""symbols":["A"],"as":"tape""#), "{ended:?}");
    assert_eq!(mirror.connect().len(), 1);
}
