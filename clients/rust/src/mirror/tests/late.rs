//! What is shown later than in real time.

use super::*;

#[test]
fn what_is_shown_delayed_is_old_by_its_delay_later() {
    let mut mirror = mirror(&["A"]);
    mirror.connect();
    let subscribed = r#"[{"type":"subscribed","id":1,"results":[
        {"symbol":"A","status":"ok","delay_ms":900000,"notice":"by at least 15 minutes"}]}]"#;
    let data = r#"[{"type":"snapshot","symbol":"A","seq":3,"rx":1000000,"delay_ms":900000,"bid":1}]"#;
    told(&mut mirror, &[WELCOME, subscribed, data]);
    let topic = &mirror.topics()[0];
    let late = topic.late.as_ref().expect("it is delayed");
    assert_eq!((late.delay_ms, late.notice.as_deref()), (900_000, Some("by at least 15 minutes")));
    assert_eq!(topic.standing_at(901_500_000).as_str(), "live");
    assert_eq!(topic.standing_at(907_000_000).as_str(), "old");
    // Another token moves it to real time.
    let moved = r#"[{"type":"subscribed","results":[{"symbol":"A","status":"ok"}]}]"#;
    told(&mut mirror, &[moved]);
    assert_eq!(mirror.topics()[0].late, None);
    assert_eq!(mirror.topics()[0].standing_at(907_000_000).as_str(), "old");
}
