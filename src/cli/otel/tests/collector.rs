//! Spans, sent to a small collector over loopback, which reads them as protobuf says.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use tickcast_otel::{Destination, OtelError, export};
use tracing_subscriber::{Layer, Registry, filter::filter_fn, layer::SubscriberExt};

/// A request as the collector has read it.
struct Received {
    head: String,
    body: Vec<u8>,
}

/// Answers each request by this status, and hands it over.
fn collector(status: &'static str) -> (String, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1/traces", listener.local_addr().expect("an address"));
    let (sender, received) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Some(request) = stream.ok().and_then(|stream| answer(stream, status)) else { continue };
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (url, received)
}

fn answer(mut stream: TcpStream, status: &str) -> Option<Received> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let (head, body_at) = loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break (String::from_utf8_lossy(&bytes[..at]).into_owned(), at + 4);
        }
    };
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())?;
    while bytes.len() < body_at + length {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
    }
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").ok()?;
    Some(Received { head, body: bytes.split_off(body_at) })
}

/// The fields of a message of protobuf: those with bytes, by their number.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (&byte, rest) = bytes.split_first().expect("a varint ends");
            *bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                let value = varint(&mut bytes);
                fields.push((key >> 3, value.to_string().into_bytes()));
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)).expect("a length"),
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (field, rest) = bytes.split_at(length);
        fields.push((key >> 3, field.to_vec()));
        bytes = rest;
    }
    fields
}

fn of(bytes: &[u8], number: u64) -> Vec<Vec<u8>> {
    fields(bytes).into_iter().filter(|(field, _)| *field == number).map(|(_, bytes)| bytes).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The attributes in a field of this number: text, or integers as text.
fn attributes(bytes: &[u8], number: u64) -> BTreeMap<String, String> {
    of(bytes, number)
        .into_iter()
        .map(|pair| {
            let value = of(&pair, 2).remove(0);
            let (_, value) = fields(&value).remove(0);
            (text(&of(&pair, 1)[0]), text(&value))
        })
        .collect()
}

/// Names of spans with their attributes, and the attributes of the resource.
fn read(body: &[u8]) -> (Vec<(String, BTreeMap<String, String>)>, BTreeMap<String, String>) {
    let mut spans = Vec::new();
    let mut resource = BTreeMap::new();
    for of_resource in of(body, 1) {
        resource.extend(of(&of_resource, 1).iter().flat_map(|bytes| attributes(bytes, 1)));
        for scope in of(&of_resource, 2) {
            for span in of(&scope, 2) {
                spans.push((text(&of(&span, 5)[0]), attributes(&span, 9)));
            }
        }
    }
    (spans, resource)
}

#[test]
fn spans_come_to_the_collector_with_their_names_and_attributes() {
    let (url, received) = collector("200 OK");
    let (layer, exporter) =
        export(&Destination { url, timeout: Duration::from_secs(10) }).expect("a collector");
    let layer = layer.with_filter(filter_fn(|metadata| metadata.target() == "tickcast::spans"));
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        let span = tracing::trace_span!(
            target: "tickcast::spans", parent: None, "command",
            otel.name = "command subscribe", symbols = 2_u64, outcome = tracing::field::Empty
        );
        span.record("outcome", "ok");
        drop(span);
        drop(tracing::trace_span!(target: "another", "not this one"));
        tracing::error!(target: "another", "a line of the log");
    });
    exporter.finish(Duration::from_secs(10));
    let Received { head, body } = received.try_recv().expect("sent before the exporter has finished");
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/x-protobuf"), "{head}");
    let (spans, resource) = read(&body);
    let [(name, attributes)] = &spans[..] else { panic!("one span: {spans:?}") };
    assert_eq!(name, "command subscribe");
    assert_eq!((attributes["symbols"].as_str(), attributes["outcome"].as_str()), ("2", "ok"));
    assert_eq!(resource["service.name"], "tickcast");
    assert!(received.try_recv().is_err(), "one request");
}

#[test]
fn a_collector_that_refuses_or_is_not_there_delays_nobody() {
    let (url, _received) = collector("400 Bad Request");
    for url in [url, "http://127.0.0.1:1/v1/traces".to_owned()] {
        let (layer, exporter) =
            export(&Destination { url, timeout: Duration::from_secs(1) }).expect("a collector");
        tracing::subscriber::with_default(Registry::default().with(layer), || {
            // More than may wait.
            for _ in 0..5_000 {
                drop(tracing::error_span!("command"));
            }
        });
        exporter.finish(Duration::from_millis(500));
    }
}

#[test]
fn the_environment_says_where_spans_go() {
    let read = |pairs: &[(&str, &str)]| {
        Destination::read(|name| {
            pairs.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned())
        })
    };
    let url = |pairs: &[(&str, &str)]| read(pairs).expect("no fault").map(|destination| destination.url);
    let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
    assert_eq!(url(&[]), None);
    assert_eq!(url(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), None);
    assert_eq!(url(&[all]).as_deref(), Some("http://collector:4318/v1/traces"));
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://other/path");
    assert_eq!(url(&[all, traces]).as_deref(), Some("http://other/path"));
    assert_eq!(url(&[all, ("OTEL_SDK_DISABLED", "TRUE")]), None);
    let timeout =
        read(&[all, ("OTEL_EXPORTER_OTLP_TIMEOUT", "250")]).expect("no fault").expect("an endpoint");
    assert_eq!(timeout.timeout, Duration::from_millis(250));
    assert!(matches!(read(&[all, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]), Err(OtelError::Protocol { .. })));
    assert!(matches!(read(&[all, ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")]), Err(OtelError::Timeout { .. })));
    for url in ["collector:4318", "ftp://collector/v1/traces", "http://"] {
        let destination = Destination { url: url.to_owned(), timeout: Duration::from_secs(1) };
        assert!(export::<Registry>(&destination).is_err(), "{url}");
    }
}
