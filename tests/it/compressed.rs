//! Answers over HTTP that are compressed where the request asks for it.

use std::io::Read;

use http_body_util::BodyExt;
use hyper::header::HeaderMap;

use crate::harness::{Server, bids, within};

/// An answer, and its body as it was before it was compressed.
struct Answer {
    status: u16,
    headers: HeaderMap,
    sent_bytes: usize,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn varies_by_encoding(&self) -> bool {
        self.headers.get_all("vary").iter().any(|value| value == "Accept-Encoding")
    }
}

async fn ask(server: &Server, method: &str, path: &str, accepted: &str) -> Answer {
    let request = server.request(method, path).header("accept-encoding", accepted);
    let response = within("an answer", request.start()).await.unwrap();
    let (parts, body) = response.into_parts();
    let sent = within("a body", body.collect()).await.unwrap().to_bytes();
    let coding = parts.headers.get("content-encoding").filter(|_| method == "GET");
    let mut text = String::new();
    let mut reader: Box<dyn Read> = match coding.map(|value| value.to_str().unwrap()) {
        Some("gzip") => Box::new(flate2::read::GzDecoder::new(&*sent)),
        Some("zstd") => Box::new(zstd::stream::read::Decoder::new(&*sent).unwrap()),
        Some(other) => panic!("{other} was not asked for"),
        None => Box::new(&*sent),
    };
    reader.read_to_string(&mut text).unwrap();
    drop(reader);
    Answer { status: parts.status.as_u16(), headers: parts.headers, sent_bytes: sent.len(), text }
}

/// A server that knows enough symbols for answers in several pieces.
async fn with_symbols(server: &Server) {
    let ticks: Vec<String> = (0..700).flat_map(|number| bids(&format!("S{number:03}"), [number])).collect();
    server.publish(&ticks).await;
}

#[tokio::test]
async fn answers_are_compressed_as_the_request_asks() {
    let server = Server::start().await;
    with_symbols(&server).await;
    let few = "/v1/snapshot?symbols=S001,S002,S003,S004,S005,S006";
    for path in ["/v1/symbols", "/v1/snapshot?symbols=S*", few, "/", "/assets/app.js"] {
        let plain = ask(&server, "GET", path, "identity").await;
        assert_eq!((plain.status, plain.header("content-encoding")), (200, ""), "{path}");
        assert!(plain.varies_by_encoding(), "{path}");
        for (accepted, expected) in
            [("gzip", "gzip"), ("gzip, zstd;q=0.9", "gzip"), ("gzip, deflate, br, zstd", "zstd"), ("br", "")]
        {
            let answer = ask(&server, "GET", path, accepted).await;
            assert_eq!(answer.header("content-encoding"), expected, "{path} {accepted}");
            assert_eq!(answer.text, plain.text, "{path} {accepted}");
            assert!(answer.varies_by_encoding());
            assert_eq!(answer.header("content-type"), plain.header("content-type"));
            assert_eq!(answer.sent_bytes * 2 < plain.sent_bytes, !expected.is_empty(), "{path} {accepted}");
            let head = ask(&server, "HEAD", path, accepted).await;
            assert_eq!(head.header("content-encoding"), expected, "{path}");
            assert_eq!(head.header("etag"), answer.header("etag"));
            assert_eq!(head.header("content-length"), answer.header("content-length"), "{path} {accepted}");
        }
    }
    let metrics = ask(&server, "GET", "/metrics", "gzip").await;
    assert!(metrics.header("content-encoding") == "gzip" && metrics.text.contains("tickcast_build_info"));
}

#[tokio::test]
async fn refusals_and_short_answers_are_not_compressed() {
    let server = Server::start().await;
    server.publish(&bids("A", [1])).await;
    let long_name = format!("/v1/snapshot?symbols={}", "x".repeat(600));
    for (path, status) in [
        ("/v1/snapshot?symbols=A", 200),
        ("/healthz", 200),
        ("/v1/snapshot", 400),
        (&long_name, 400),
        ("/nothing", 404),
    ] {
        let answer = ask(&server, "GET", path, "gzip, zstd").await;
        assert_eq!((answer.status, answer.header("content-encoding")), (status, ""), "{path}");
    }
    let off = Server::with().limit("deflate_bytes", 0).start().await;
    with_symbols(&off).await;
    for path in ["/v1/symbols", "/assets/app.js", "/metrics"] {
        assert_eq!(ask(&off, "GET", path, "gzip").await.header("content-encoding"), "", "{path}");
    }
}

#[tokio::test]
async fn each_form_of_a_file_is_asked_for_by_its_own_tag() {
    let server = Server::start().await;
    let mut tags = Vec::new();
    for accepted in ["identity", "gzip", "zstd"] {
        let answer = ask(&server, "GET", "/assets/app.js", accepted).await;
        tags.push((accepted, answer.header("etag").to_owned()));
    }
    for (accepted, own) in &tags {
        for (_, tag) in &tags {
            let request = server.request("GET", "/assets/app.js").header("accept-encoding", accepted);
            let again = within("an answer", request.header("if-none-match", tag).start()).await.unwrap();
            assert_eq!(again.status().as_u16(), if own == tag { 304 } else { 200 }, "{accepted} {tag}");
            assert!(again.headers().get_all("vary").iter().any(|value| value == "Accept-Encoding"));
        }
    }
}
