//! Law 11 for long answers: one that waits for its client is not finished once its rights have ended.

use std::{fs, net::SocketAddr};

use serde_json::json;
use socket2::{Domain, Socket, Type};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::entitled::Guarded;
use crate::harness::{
    bids, eventually,
    tokens::{admin, bearer, token},
};

/// A connection whose client takes little before it reads.
fn connect(server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a size");
    socket.connect(&server.into()).expect("a server");
    socket.set_nonblocking(true).expect("a socket");
    TcpStream::from_std(socket.into()).expect("a runtime")
}

/// Whether the server's end of a client's connection is open, as the kernel says.
fn is_open(server: SocketAddr, client: SocketAddr) -> bool {
    const ESTABLISHED: &str = "01";
    let table = fs::read_to_string("/proc/net/tcp").expect("a table");
    let port = |address: &str| u16::from_str_radix(address.split_once(':').expect("a port").1, 16).ok();
    table.lines().skip(1).any(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let (Some(local), Some(remote), Some(state)) = (columns.next(), columns.next(), columns.next())
        else {
            return false;
        };
        port(local) == Some(server.port()) && port(remote) == Some(client.port()) && state == ESTABLISHED
    })
}

#[tokio::test]
async fn an_answer_that_waits_for_its_client_ends_with_its_rights() {
    let guarded = Guarded::start(&["--set", "limits.progress_ms=600000"]).await;
    for hundred in 0..80 {
        let lines = (0..100).flat_map(|number| bids(&format!("LONGNAME{}", hundred * 100 + number), [1]));
        guarded.publish(&(lines.collect::<Vec<_>>().join("\n") + "\n")).await;
    }
    let of = |user: &str| token(&json!({"read": ["*"]}), &json!({"sub": user, "jti": user}));
    let server = guarded.server.address;
    let mut clients = Vec::new();
    for (user, path) in
        [("alice", "/v1/snapshot?symbols=*"), ("alice", "/v1/symbols"), ("bob", "/v1/snapshot?symbols=*")]
    {
        let mut client = connect(server);
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nAuthorization: {}\r\n\r\n", bearer(&of(user)));
        client.write_all(head.as_bytes()).await.expect("room");
        let mut first = [0; 1];
        client.readable().await.expect("an answer");
        assert_eq!(client.peek(&mut first).await.expect("an answer"), 1);
        let address = client.local_addr().expect("an address");
        clients.push((user, address, client));
    }
    assert!(clients.iter().all(|(_, client, _)| is_open(server, *client)));
    let request =
        guarded.server.request("POST", "/v1/admin/close").header("authorization", &bearer(&admin()));
    let reply = request.body(json!({"user": "alice"}).to_string()).send().await;
    assert_eq!(reply.status.as_u16(), 200, "{reply:?}");
    eventually("answers that were cut", async || {
        clients.iter().all(|(user, client, _)| is_open(server, *client) == (*user == "bob"))
    })
    .await;
}
