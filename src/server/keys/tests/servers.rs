//! Key servers: what they answer, when they are asked, and a start without them.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::runtime::Builder;

use super::{Directory, NOW, Signer, admit};
use crate::{
    access::{
        Refused,
        jwks::KeySet,
        settings::{AuthSettings, HttpsUrl, KeySource},
    },
    server::keys::{
        AuthWatch, FetchError,
        fetch::{Fetched, fetch, tls},
        last_good::LastGood,
        servers::{KeyServer, UNKNOWN_PAUSE},
    },
};

/// How long an event may take before a test calls it missing.
const DEADLINE: Duration = Duration::from_secs(60);

/// A key server on loopback, which answers as it is told, and says when it was asked.
struct KeyHost {
    address: SocketAddr,
    answer: Arc<Mutex<Vec<u8>>>,
    asked: Receiver<String>,
    /// The authority of its certificate.
    ca: PathBuf,
}

impl KeyHost {
    fn new(directory: &Directory) -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let own = own.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(Vec::new()));
        let (say, asked) = channel();
        let (config, answers) = (Arc::new(config), Arc::clone(&answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(connection, stream.unwrap());
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                    request.push(byte[0]);
                }
                let answer = answers.lock().unwrap().clone();
                let _ = stream.write_all(&answer);
                stream.conn.send_close_notify();
                let _ = stream.flush();
                if say.send(String::from_utf8_lossy(&request).into_owned()).is_err() {
                    return;
                }
            }
        });
        KeyHost { address, answer, asked, ca: directory.file("ca.pem", &ca_pem) }
    }

    fn url(&self) -> HttpsUrl {
        HttpsUrl::parse(&format!("https://localhost:{}/keys?v=1", self.address.port())).unwrap()
    }

    fn answers(&self, head: &str, body: &str) {
        let text = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        *self.answer.lock().unwrap() = text.into_bytes();
    }

    fn fetched(&self) -> Result<Fetched, FetchError> {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(fetch(&self.url(), &tls(Some(&self.ca)).unwrap()))
    }

    fn settings(&self, cache: Option<PathBuf>) -> AuthSettings {
        AuthSettings {
            keys: vec![KeySource::SetServer(self.url())],
            jwks_ca: Some(self.ca.clone()),
            cache,
            ..AuthSettings::default()
        }
    }
}

#[test]
fn a_set_is_fetched_with_how_long_it_holds() {
    let directory = Directory::new();
    let (host, signer) = (KeyHost::new(&directory), Signer::new());
    host.answers("200 OK\r\ncache-control: public, Max-Age=\"120\"", &signer.set("a"));
    let Fetched { set, body, max_age } = host.fetched().map_err(|error| error.told()).unwrap();
    assert_eq!((set.keys.len(), max_age), (1, Some(Duration::from_secs(120))));
    assert_eq!(body, signer.set("a"));
    let request = host.asked.recv_timeout(DEADLINE).unwrap();
    assert!(request.starts_with("GET /keys?v=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: localhost:{}\r\n", host.address.port())), "{request}");
}

#[test]
fn an_answer_that_has_no_keys_is_a_reason() {
    let directory = Directory::new();
    let host = KeyHost::new(&directory);
    let set = Signer::new().set("a");
    let check = |head: &str, body: &str, expected: &str| {
        host.answers(head, body);
        let error = host.fetched().err().expect(head).told();
        assert!(error.starts_with(expected), "{head}: {error}");
    };
    check("404 Not Found", &set, "it answered with status 404");
    check("302 Found\r\nlocation: https://localhost/", &set, "it answered with status 302");
    check("200 OK", "<html>", "it is not a JWKS");
    check("200 OK", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "it has a symmetric key");
    check("200 OK", &" ".repeat(1_100_000), "its answer is longer than 1 MiB");
    *host.answer.lock().unwrap() =
        format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{set}").into_bytes();
    assert!(
        host.fetched()
            .err()
            .unwrap()
            .told()
            .starts_with("its answer is longer than 1 MiB, or ends too early")
    );
    *host.answer.lock().unwrap() = b"nonsense\r\n\r\n".to_vec();
    assert!(matches!(host.fetched(), Err(FetchError::Http(_))));
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let (directory, other) = (Directory::new(), Directory::new());
    let (mut host, stranger) = (KeyHost::new(&directory), KeyHost::new(&other));
    host.answers("200 OK", &Signer::new().set("a"));
    host.ca.clone_from(&stranger.ca);
    assert!(matches!(host.fetched(), Err(FetchError::Tls(_))));
    // The name must be the certificate's too.
    let url = HttpsUrl::parse(&format!("https://127.0.0.1:{}/", stranger.address.port())).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(fetch(&url, &tls(Some(&stranger.ca)).unwrap()));
    assert!(matches!(answer, Err(FetchError::Tls(_))));
}

fn good(max_age: Option<u64>) -> Fetched {
    let body = Signer::new().set("a");
    let set = KeySet::parse(body.as_bytes()).unwrap();
    Fetched { set, body: body.into(), max_age: max_age.map(Duration::from_secs) }
}

#[test]
fn a_server_is_asked_in_time_and_for_unknown_keys_once_in_30_s() {
    let url = HttpsUrl::parse("https://issuer.example/keys").unwrap();
    let begin = Instant::now();
    let at = |seconds: u64| begin + Duration::from_secs(seconds);
    let mut server = KeyServer::new(url, begin);
    assert!(server.is_due(begin, 0));
    assert_eq!(server.answered(Ok(good(None)), None, begin).map(|keys| keys.len()), Some(1));
    assert!(!server.is_due(at(599), 0) && server.is_due(at(600), 0));
    // What a server says is kept to a minute at least and an hour at most.
    for (says, keeps) in [(0, 60), (90, 90), (1_000_000, 3_600)] {
        server.answered(Ok(good(Some(says))), None, begin);
        assert!(!server.is_due(at(keeps - 1), 0) && server.is_due(at(keeps), 0), "{says}");
    }
    server.answered(Ok(good(None)), None, begin);
    assert!(!server.is_due(at(29), 1), "a stranger with unknown keys does not hurry it");
    assert!(server.is_due(begin + UNKNOWN_PAUSE, 1), "the wish is kept until then");
    server.answered(Ok(good(None)), None, at(30));
    assert!(!server.is_due(at(100), 1), "one wish, one question");
    assert!(server.is_due(at(100), 2));
}

#[test]
fn after_a_failure_it_is_asked_sooner_and_then_less_often() {
    let url = HttpsUrl::parse("https://issuer.example/keys").unwrap();
    let begin = Instant::now();
    let mut server = KeyServer::new(url, begin);
    let mut now = begin;
    for wait in [1, 2, 4, 8, 16, 30, 30] {
        assert!(server.answered(Err(FetchError::Status(500)), None, now).is_none());
        let (early, due) = (now + Duration::from_millis(1_000 * wait - 1), now + Duration::from_secs(wait));
        assert!(!server.is_due(early, 0) && server.is_due(due, 0), "{wait}");
        now = due;
    }
    server.answered(Ok(good(None)), None, now);
    server.answered(Err(FetchError::Status(500)), None, now);
    assert!(server.is_due(now + Duration::from_secs(1), 0), "it begins anew");
}

#[test]
fn a_copy_on_disk_is_whole_or_none() {
    let directory = Directory::new();
    let copies = LastGood::open(&directory.0.join("deep/cache")).unwrap();
    let (one, other) = (
        HttpsUrl::parse("https://a.example/keys").unwrap(),
        HttpsUrl::parse("https://a.example/keys?").unwrap(),
    );
    assert!(copies.read(&one).is_none());
    copies.keep(&one, Signer::new().set("a").as_bytes()).unwrap();
    assert_eq!(copies.read(&one).unwrap().keys.len(), 1);
    assert!(copies.read(&other).is_none(), "each URL has its own");
    copies.keep(&one, b"{\"keys\":").unwrap();
    assert!(copies.read(&one).is_none(), "a broken one is none");
    let names: Vec<_> = std::fs::read_dir(directory.0.join("deep/cache")).unwrap().collect();
    assert_eq!(names.len(), 1);
    assert!(LastGood::open(&directory.file("file", "")).is_err());
}

#[test]
fn a_start_without_its_key_server_says_come_back_and_the_copy_helps() {
    let directory = Directory::new();
    let (host, signer) = (KeyHost::new(&directory), Signer::new());
    let token = signer.token("alice");
    let cache = Some(directory.0.join("cache"));
    host.answers("503 Service Unavailable", "");
    let (authority, watch) = AuthWatch::start(host.settings(cache.clone())).unwrap();
    assert!(!authority.has_keys());
    assert_eq!(admit(&authority, &token), Err(Refused::NoKeys));
    assert_eq!(authority.admit(None, NOW), Err(Refused::Missing));
    host.answers("200 OK", &signer.set("a"));
    watch.watch().unwrap();
    host.asked.recv_timeout(DEADLINE).unwrap();
    // The answer is out: what is left is a write to disk and a lock.
    let most = Instant::now() + DEADLINE;
    while !authority.has_keys() {
        assert!(Instant::now() < most, "keys that were fetched are not used");
        thread::yield_now();
    }
    assert!(admit(&authority, &token).is_ok());
    drop(watch);
    // The server is gone, and the copy is there.
    let (authority, _watch) = AuthWatch::start(host.settings(cache)).unwrap();
    assert!(authority.has_keys() && admit(&authority, &token).is_ok());
    let (authority, watch) = AuthWatch::start(host.settings(None)).unwrap();
    assert_eq!(admit(&authority, &token), Err(Refused::NoKeys));
    watch.reload(host.settings(Some(directory.0.join("cache")))).unwrap();
    assert!(admit(&authority, &token).is_ok(), "a reload finds the copy too");
}
