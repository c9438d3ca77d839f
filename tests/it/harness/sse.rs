//! A client of `/v1/sse`: the same messages over plain HTTP, held to the same laws.

use std::{collections::VecDeque, io::Write};

use flate2::write::GzDecoder;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{Encoding, Message, Server, Store, encoding, within};

pub struct Sse {
    body: Incoming,
    /// Of a stream that is compressed. What has come is decompressed at once: nothing waits for more.
    gzip: Option<GzDecoder<Vec<u8>>>,
    buffer: String,
    inbox: VecDeque<Message>,
    pub store: Store,
    /// The last `id` of an event, and the last `retry`, as a browser keeps them.
    pub last_id: String,
    pub retry_ms: Option<u64>,
}

impl Sse {
    pub async fn open(server: &Server, query: &str, symbols: &[&str]) -> Sse {
        Sse::coming_back(server, query, symbols, "").await
    }

    /// A stream whose request takes gzip, or none when that is not so.
    pub async fn coded(server: &Server, query: &str, symbols: &[&str], coding: &str) -> Sse {
        let sse = Sse::start(server, query, symbols, "", coding).await;
        assert_eq!(sse.gzip.is_some(), coding == "gzip");
        sse
    }

    /// As a browser comes back that holds this `id`.
    pub async fn coming_back(server: &Server, query: &str, symbols: &[&str], last_id: &str) -> Sse {
        let coding = if encoding() == Encoding::Compressed { "gzip" } else { "identity" };
        Sse::start(server, query, symbols, last_id, coding).await
    }

    async fn start(server: &Server, query: &str, symbols: &[&str], last_id: &str, coding: &str) -> Sse {
        let mut request =
            server.request("GET", &format!("/v1/sse?{query}")).header("accept-encoding", coding);
        if !last_id.is_empty() {
            request = request.header("last-event-id", last_id);
        }
        let response = within("an event stream", request.start()).await.expect("an HTTP answer");
        assert_eq!(response.status().as_u16(), 200);
        let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
        assert!(kind.starts_with("text/event-stream"), "an event stream says what it is, not `{kind}`");
        let gzip = response.headers().get("content-encoding").map(|coding| {
            assert_eq!(coding, "gzip");
            GzDecoder::new(Vec::new())
        });
        let mut store = Store::default();
        store.want(&symbols.iter().map(|symbol| (*symbol).to_owned()).collect::<Vec<_>>());
        let last_id = last_id.to_owned();
        let (body, buffer, inbox) = (response.into_body(), String::new(), VecDeque::new());
        Sse { body, gzip, buffer, inbox, store, last_id, retry_ms: None }
    }

    /// The next message; `None` when the server ended the stream.
    pub async fn next_or_end(&mut self) -> Option<Message> {
        while self.inbox.is_empty() {
            let Some(frame) = within("an event", self.body.frame()).await else {
                // A stream has a proper end, with the right checksum.
                let rest = self.gzip.take().map(|gzip| gzip.finish().expect("the end of gzip"));
                assert!(rest.is_none_or(|rest| rest.is_empty()));
                return None;
            };
            if let Ok(data) = frame.ok()?.into_data() {
                let data = self.gzip.as_mut().map_or_else(
                    || data.to_vec(),
                    |gzip| {
                        gzip.write_all(&data).and_then(|()| gzip.flush()).expect("gzip");
                        std::mem::take(gzip.get_mut())
                    },
                );
                self.buffer.push_str(std::str::from_utf8(&data).expect("events in UTF-8"));
            }
            while let Some(end) = self.buffer.find("\n\n") {
                let event: String = self.buffer.drain(..end + 2).collect();
                self.take(&event);
            }
        }
        self.inbox.pop_front()
    }

    fn take(&mut self, event: &str) {
        for line in event.lines() {
            if let Some(id) = line.strip_prefix("id: ") {
                id.clone_into(&mut self.last_id);
            }
            if let Some(retry) = line.strip_prefix("retry: ") {
                self.retry_ms = Some(retry.parse().expect("a retry is a number"));
            }
        }
        let data: Vec<&str> =
            event.lines().filter_map(|line| line.strip_prefix("data:").map(str::trim_start)).collect();
        // A named event does not reach listeners for messages; only the end has a name.
        if let Some(name) = event.lines().find_map(|line| line.strip_prefix("event:")) {
            assert_eq!(name.trim(), "close", "{event}");
            return;
        }
        // A comment keeps the connection open.
        if data.is_empty() {
            return;
        }
        for message in Message::of_frame(&data.join("\n")) {
            self.store.apply(&message);
            self.inbox.push_back(message);
        }
    }

    /// Whether every message of the last event was handed out.
    pub fn is_between_events(&self) -> bool {
        self.inbox.is_empty()
    }

    pub async fn until(&mut self, what: &str, matches: impl Fn(&Message) -> bool) -> Message {
        within(what, async {
            loop {
                let message =
                    self.next_or_end().await.unwrap_or_else(|| panic!("the stream ended before {what}"));
                if matches(&message) {
                    return message;
                }
            }
        })
        .await
    }

    pub async fn until_seq(&mut self, symbol: &str, seq: u64) {
        while self.store.cursor(symbol).is_none_or(|cursor| cursor < seq) {
            assert!(self.next_or_end().await.is_some(), "the stream ended before {symbol} stood at {seq}");
        }
    }
}
