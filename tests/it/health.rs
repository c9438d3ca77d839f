//! `tickcast health`: yes, no and why, by its exit code.

use std::{
    fs,
    process::{Command, Output},
};

use crate::harness::{
    Server, files, program,
    socket::{Authority, Files, common},
};

fn asked(arguments: &[&str], listen: Option<&str>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
    command.arg("health").args(arguments).env_clear().envs(listen.map(|listen| ("TICKCAST_LISTEN", listen)));
    let Output { status, stderr, .. } = program::output(&mut command);
    (status.code(), String::from_utf8(stderr).expect("UTF-8"))
}

#[tokio::test]
async fn alive_and_ready_are_two_questions() {
    // Standard input is a feed from which ticks are expected, and none has come in the time that it has for its first.
    let mut server = Server::patient().feed("-").limit("stale_ms", 3_600_000).start().await;
    let (listen, url) = (server.address.to_string(), format!("http://{}", server.address));
    assert_eq!(asked(&[&url], None), (Some(0), String::new()));
    assert_eq!(asked(&[], Some(&listen)), (Some(0), String::new()), "the variable says where");
    let (code, said) = asked(&["--ready", &url], None);
    assert_eq!(code, Some(1));
    assert!(said.contains("503") && said.contains("starting"), "{said}");
    server.signal("TERM");
    assert_eq!(server.exited().await.code(), Some(0));
    let (code, said) = asked(&[&url], None);
    assert!(code == Some(1) && said.contains("cannot connect"), "{said}");
}

#[tokio::test]
async fn a_file_says_where_to_ask() {
    let server = Server::start().await;
    let path = files::path("health.toml");
    fs::write(&path, format!("listen = \"0.0.0.0:{}\"\n", server.address.port())).expect("a directory");
    let file = path.to_str().expect("UTF-8");
    assert_eq!(asked(&["--config", file], None), (Some(0), String::new()), "everywhere is here, too");
    assert_eq!(asked(&["--config", file, "--ready"], None), (Some(0), String::new()));
    // A variable wins over the file, as it does for the server.
    let (code, said) = asked(&["--config", file], Some("127.0.0.1:1"));
    assert!(code == Some(1) && said.contains("127.0.0.1:1"), "{said}");
    assert_eq!(asked(&["--config", file, "http://127.0.0.1:1"], None).0, Some(2), "one of the two");
    assert_eq!(asked(&["--config", "no/such/file"], None).0, Some(2));
}

/// The server goes on with the certificate of before, and a probe must not restart it for that.
#[tokio::test]
async fn while_the_files_of_certificates_are_faulty_whoever_listens_is_asked() {
    let (files, pair) = (Files::new("health"), Authority::new().certify(&["localhost", "127.0.0.1"]));
    let (cert, key) = (files.write("cert.pem", &pair.cert), files.write("key.pem", &pair.key));
    let server = Server::with().tls(&[(&cert, &key)], &common().client).start().await;
    let address = server.address;
    let settings = |certs: &str| {
        let text = format!("listen = \"{address}\"\ntls.certs = [\"{certs}\"]\ntls.keys = [\"{key}\"]\n");
        files.write("tickcast.toml", &text)
    };
    assert_eq!(asked(&["--config", &settings(&cert)], None), (Some(0), String::new()));
    // Half of a renewal: the new certificate is there, its key is not.
    let other = files.write("new.pem", &Authority::new().certify(&["localhost"]).cert);
    for faulty in [other, files.write("none.pem", "no certificate"), "/no/such/file.pem".to_owned()] {
        let (code, said) = asked(&["--config", &settings(&faulty)], None);
        assert!(code == Some(0) && said.contains("is not verified"), "{faulty}: {code:?} {said}");
    }
    drop(server);
    let (code, said) = asked(&["--config", &settings("/no/such/file.pem")], None);
    assert!(code == Some(1) && said.contains("cannot connect"), "{said}");
}

#[test]
fn what_cannot_be_asked_is_no_answer() {
    assert_eq!(asked(&["ftp://127.0.0.1"], None).0, Some(2), "only HTTP is asked, plain or over TLS");
    let (code, said) = asked(&[], Some("nowhere"));
    assert!(code == Some(2) && said.contains("TICKCAST_LISTEN"), "{said}");
}

#[tokio::test]
async fn a_load_on_a_closed_port_ends_at_once_and_says_why() {
    // Clients have an hour to settle, which this must not wait for.
    let mut load = Command::new(env!("CARGO_BIN_EXE_tickcast"));
    load.args(["load", "--url", "ws://127.0.0.1:1", "--clients", "1", "--settle", "1h"]);
    let ended = tokio::task::spawn_blocking(move || program::output(&mut load)).await;
    let Output { status, stderr, .. } = ended.expect("a program that ends");
    let said = String::from_utf8(stderr).expect("UTF-8");
    assert!(said.contains("no server listens at 127.0.0.1:1") && said.contains("--url"), "{said}");
    assert_eq!(status.code(), Some(2), "{said}");
}
