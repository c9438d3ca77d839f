//! The scenarios that come with the program: each is played to a client of each protocol, from the bundled recording.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Spoken, recorded};

const READY: [(&str, &[&str]); 12] = [
    ("mute-streams", &["mute"]),
    ("retired-root", &["mute"]),
    ("day-close", &["close"]),
    ("server-shutdown", &["shutdown"]),
    ("failover-duplicates", &["again", "duplicate"]),
    ("two-servers-reorder", &["delay", "reorder"]),
    ("sequence-gap", &["jump", "lose"]),
    ("sequence-restart", &["restart"]),
    ("rate-limit", &["close"]),
    ("trading-halt", &["halt", "maintenance"]),
    ("crash-burst", &["burst", "close"]),
    ("old-ticks-stamped-now", &["stale"]),
];

#[tokio::test]
async fn each_does_what_it_says_to_clients_of_each_protocol_and_the_accounts_balance() {
    let recording = recorded("faults-ready.ndjson", 2_400);
    for (scenario, kinds) in READY {
        let mut done = BTreeSet::new();
        for spoken in Spoken::ALL {
            // With this seed one of the two streams with trades goes mute, in some of the protocols.
            let server = recording.with(scenario, "speed=max&start=clients:1&seed=11").await;
            let (messages, _) = spoken.subscribed(&server, true).await.rest().await;
            let told: Value = server.get("/v1/faults").await.json();
            assert_eq!(told["scenario"], scenario);
            let counts = told["counts"].as_object().expect("counts");
            done.extend(counts.iter().filter(|(_, count)| **count != 0).map(|(kind, _)| kind.clone()));
            let trades = spoken.all_told(&messages).len();
            assert_eq!(trades == 0, scenario == "retired-root", "{scenario}, {spoken:?}: {trades} trades");
            let metrics = server.settled().await;
            assert_eq!(
                metrics.sum("tickcast_venue_faults_withheld_total"),
                told["withheld"].as_u64().expect("a count")
            );
        }
        let expected: BTreeSet<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        assert_eq!(done, expected, "{scenario}");
    }
}
