//! Requests that do not come in time, over real sockets. At what time a deadline ends what it should is in
//! `tests/sim/deadlines.rs`.

use crate::harness::{Server, raw::RawClient};

#[tokio::test]
async fn a_handshake_that_never_finishes_is_cut() {
    let server = Server::with().limit("handshake_ms", 500).start().await;
    for beginning in ["", "G", "GET /v1/stream HTTP/1.1\r\nHost: x\r\n"] {
        let mut client = RawClient::connect(&server).await;
        client.write(beginning.as_bytes()).await;
        let answer = client.read_to_end().await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{beginning:?} is answered by {answer}"
        );
    }
}

#[tokio::test]
async fn a_body_that_never_comes_is_cut() {
    let server = Server::with().limit("handshake_ms", 500).start().await;
    let mut client = RawClient::connect(&server).await;
    client.write(b"POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{").await;
    client.read_to_end().await;
}
