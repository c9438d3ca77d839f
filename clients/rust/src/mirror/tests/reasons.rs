//! Why a symbol is in the state that the server reported.

use super::*;

#[test]
fn a_reason_holds_for_the_state_that_it_came_with() {
    let mut mirror = Mirror::default();
    let status = |rest: &str| format!(r#"[{{"type":"status","symbol":"A",{rest}}}]"#);
    for (rest, expected) in [
        (r#""state":"stale","reason":"no connection to the venue""#, Some("no connection to the venue")),
        (r#""state":"live""#, None),
        (r#""state":"halted","reason":"cancel_only""#, Some("cancel_only")),
        (r#""state":"halted""#, None),
    ] {
        told(&mut mirror, &[&status(rest)]);
        assert_eq!(mirror.topics()[0].reason(), expected, "{rest}");
    }
}
