//! A market of a test: files of any name, configured fields, waits in vain.

use std::{
    env, fs,
    io::{Read, Write},
    net::TcpStream,
    process,
};

use super::*;
use crate::tick::custom::{CustomField, CustomKind, CustomMerge, CustomName};

#[test]
fn a_file_may_have_any_name_and_others_beside_it() {
    let line = "{\"symbol\":\"A\",\"rx\":1,\"bid\":\"1\"}\n";
    let named = |name: &str| env::temp_dir().join(format!("tickcast {} {name}", process::id()));
    let files = ["a?speed=x&b%20.ndjson", "+#.ndjson", "bundled"].map(named);
    for file in &files {
        fs::write(file, line).unwrap();
    }
    let play = files[1..].iter().fold(Play::file(&files[0]), |play, file| {
        play.option("file", file.to_str().expect("a name that is text"))
    });
    let market = TestMarket::start(play);
    for file in &files {
        fs::remove_file(file).unwrap();
    }
    assert_eq!(market.unwrap().step(9).unwrap().position, 3);
}

#[test]
fn fields_are_added_as_a_configuration_adds_them() {
    let file = env::temp_dir().join(format!("tickcast {} mark.ndjson", process::id()));
    fs::write(&file, "{\"symbol\":\"A\",\"rx\":1,\"bid\":\"1\",\"mark\":\"1.25\"}\n").unwrap();
    let mark = CustomField {
        name: CustomName::parse("mark").unwrap(),
        kind: CustomKind::Decimal,
        merge: CustomMerge::Last,
        symbols: Vec::new(),
    };
    let market = TestMarket::start(Play::file(&file).fields([mark]));
    fs::remove_file(&file).unwrap();
    let market = market.unwrap();
    market.step(9).unwrap();
    let mut stream = TcpStream::connect(market.address()).unwrap();
    stream.write_all(b"GET /v1/snapshot?symbols=A HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(r#""bid":1,"mark":1.25}"#), "{answer}");
}

#[tokio::test]
async fn a_wait_that_stopped_what_it_waited_for_says_so() {
    assert!(in_vain("a client").to_string().contains("multi_thread"));
    let elsewhere = thread::spawn(|| in_vain("a client").to_string()).join().unwrap();
    assert_eq!(elsewhere, "waited 60 s in vain for a client");
}
