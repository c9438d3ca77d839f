//! `tickcast health`: yes, no and why, by its exit code.

use std::process::{Command, Output};

use crate::harness::Server;

fn asked(arguments: &[&str], listen: Option<&str>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
    command.arg("health").args(arguments).env_clear().envs(listen.map(|listen| ("TICKCAST_LISTEN", listen)));
    let Output { status, stderr, .. } = command.output().expect("the binary of this crate");
    (status.code(), String::from_utf8(stderr).expect("UTF-8"))
}

#[tokio::test]
async fn alive_and_ready_are_two_questions() {
    // Standard input is a feed from which ticks are expected, and none has come.
    let mut server = Server::patient().feed("-").start().await;
    let (listen, url) = (server.address.to_string(), format!("http://{}", server.address));
    assert_eq!(asked(&[&url], None), (Some(0), String::new()));
    assert_eq!(asked(&[], Some(&listen)), (Some(0), String::new()), "the variable says where");
    let (code, said) = asked(&["--ready", &url], None);
    assert_eq!(code, Some(1));
    assert!(said.contains("503") && said.contains("feed_not_fresh"), "{said}");
    server.signal("TERM");
    assert_eq!(server.exited().await.code(), Some(0));
    let (code, said) = asked(&[&url], None);
    assert!(code == Some(1) && said.contains("cannot connect"), "{said}");
}

#[test]
fn what_cannot_be_asked_is_no_answer() {
    assert_eq!(asked(&["https://127.0.0.1"], None).0, Some(2), "TLS is not spoken here");
    let (code, said) = asked(&[], Some("nowhere"));
    assert!(code == Some(2) && said.contains("TICKCAST_LISTEN"), "{said}");
}
