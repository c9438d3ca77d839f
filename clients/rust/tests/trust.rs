//! Clients over TLS, and with tokens, against a small server on loopback with certificates of the test's own.

use std::{fs, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tickcast_client::{
    Client, ClientError, Endpoint, EndpointError, Event, Mirror, Standing, Step, Subscription, Token,
    testing::{Mock, Script, Then},
    tls::{Tls, TlsFault, TlsOptions},
};

/// An authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, PEM.
struct Signed {
    certificate: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn signs(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Signed {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Signed { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn trusted(&self) -> Tls {
        TlsOptions::default().ca(self.0.pem()).build().unwrap()
    }
}

impl Signed {
    fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        (vec![certificate], PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap())
    }

    /// A server with this certificate, which asks its clients for one of `clients`.
    fn server(&self, clients: Option<&Authority>) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(Authority(issuer)) => {
                let mut roots = RootCertStore::empty();
                roots.add(issuer.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let (certificates, key) = self.parts();
        Arc::new(builder.with_single_cert(certificates, key).unwrap())
    }
}

async fn mock(tls: Arc<ServerConfig>, script: Script) -> Mock {
    Mock::start(Script { tls: Some(tls), ..script }).await
}

fn endpoint(mock: &Mock) -> Endpoint {
    Endpoint::parse(&mock.url()).unwrap()
}

fn client(endpoint: Endpoint) -> Client {
    Client::new(endpoint, Subscription::latest(["BTC-USD"])).without_pings()
}

/// Reads until the client ends by itself; the seqs that it was sent.
async fn seqs(client: &mut Client) -> Result<Vec<u64>, ClientError> {
    let mut seqs = Vec::new();
    loop {
        match client.next().await? {
            Step::Over => return Ok(seqs),
            Step::Frame => {
                let mut events = client.events();
                while let Some(event) = events.next_event().unwrap() {
                    if let Event::Record(change) = event {
                        seqs.push(change.topic.seq());
                    }
                }
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_trusted_server_is_spoken_to_and_its_sessions_are_resumed() {
    let authority = Authority::new("ours");
    let signed = authority.signs(&["127.0.0.1"], |_| {});
    let then = |connection| if connection < 2 { Then::Drop } else { Then::End };
    let mock = mock(signed.server(None), Script { then, ..Script::default() }).await;
    let endpoint = endpoint(&mock).with_tls(authority.trusted());
    assert_eq!(endpoint.to_string(), format!("wss://{}/v1/stream", mock.address));
    assert_eq!(seqs(&mut client(endpoint.clone())).await.unwrap(), [100, 101, 104, 106, 107]);
    assert_eq!(mock.resumed(), [false, true, true], "coming back is cheap");
    // Others of the same endpoint resume as well, and who is apart does not.
    endpoint.get(mock.address, "/v1/symbols").await.unwrap();
    endpoint.apart().unwrap().get(mock.address, "/v1/symbols").await.unwrap();
    assert_eq!(mock.resumed()[3..], [true, false]);
}

async fn refused(endpoint: Endpoint) -> EndpointError {
    let ClientError::Endpoint(error) = client(endpoint).next().await.map(|_| ()).unwrap_err() else {
        panic!("not the connection's fault")
    };
    error
}

#[tokio::test]
async fn a_server_that_cannot_be_trusted_is_not_spoken_to() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let yes = |_: &mut CertificateParams| {};
    let server = mock(theirs.signs(&["127.0.0.1"], yes).server(None), Script::default()).await;
    let error = refused(endpoint(&server).with_tls(ours.trusted())).await;
    assert!(matches!(&error, EndpointError::Tls { fault: TlsFault::UnknownIssuer, .. }), "{error:?}");
    assert!(error.is_final() && error.to_string().contains("`--ca`"), "{error}");
    assert!(error.to_string().starts_with(&format!("no encrypted connection to {}: its", server.address)));

    let server = mock(ours.signs(&["quotes.test", "10.1.2.3"], yes).server(None), Script::default()).await;
    let error = refused(endpoint(&server).with_tls(ours.trusted())).await;
    assert!(error.is_final());
    assert!(error.to_string().contains("not for 127.0.0.1, but for quotes.test, 10.1.2.3:"), "{error}");

    let expired = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let server = mock(ours.signs(&["127.0.0.1"], expired).server(None), Script::default()).await;
    let error = refused(endpoint(&server).with_tls(ours.trusted())).await;
    assert!(error.is_final() && error.to_string().contains("its certificate has expired"), "{error}");

    let authority = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    let server = mock(ours.signs(&["127.0.0.1"], authority).server(None), Script::default()).await;
    let error = refused(endpoint(&server).with_tls(ours.trusted())).await;
    assert!(matches!(&error, EndpointError::Tls { fault: TlsFault::IsAuthority, .. }), "{error:?}");
    assert!(server.tokens().is_empty(), "nothing was asked of a server that is not trusted");
}

/// A certificate that goes bad on a server that was good: the client that came back does not try for ever.
#[tokio::test]
async fn a_certificate_that_goes_bad_ends_a_client() {
    let authority = Authority::new("ours");
    let good = authority.signs(&["127.0.0.1"], |_| {});
    let then = |_| Then::Drop;
    let server = mock(good.server(None), Script { then, ..Script::default() }).await;
    let first = Endpoint::parse(&server.url()).unwrap().with_tls(authority.trusted());
    let mut client = client(first);
    while !matches!(client.next().await.unwrap(), Step::Lost { .. }) {}
    let bad = Authority::new("theirs").signs(&["127.0.0.1"], |_| {});
    server.set_tls(bad.server(None));
    let error = loop {
        if let Err(error) = client.next().await {
            break error;
        }
    };
    assert!(error.to_string().contains("not trusted here"), "{error}");
}

#[tokio::test]
async fn a_certificate_of_the_clients_is_shown_to_whom_asks_for_it() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let tls = ours.signs(&["127.0.0.1"], |_| {}).server(Some(&ours));
    let then = |_| Then::End;
    let server = mock(tls, Script { then, ..Script::default() }).await;
    let error = refused(endpoint(&server).with_tls(ours.trusted())).await;
    assert!(error.is_final() && error.to_string().contains("`--client-cert`"), "{error}");
    let shown = |by: &Authority| {
        let signed = by.signs(&["a client"], |_| {});
        let options = TlsOptions::default().ca(ours.0.pem()).identity(signed.certificate, signed.key);
        endpoint(&server).with_tls(options.build().unwrap())
    };
    let error = refused(shown(&theirs)).await;
    assert!(error.is_final() && error.to_string().contains("does not take this client's"), "{error}");
    assert_eq!(seqs(&mut client(shown(&ours))).await.unwrap().len(), 5);
}

#[tokio::test]
async fn the_wrong_scheme_is_told() {
    let authority = Authority::new("ours");
    let server = mock(authority.signs(&["127.0.0.1"], |_| {}).server(None), Script::default()).await;
    let plain = Endpoint::parse(&format!("ws://{}", server.address)).unwrap();
    let error = refused(plain).await;
    assert!(error.to_string().contains("use wss://"), "{error}");
    let server = Mock::start(Script::default()).await;
    let encrypted = Endpoint::parse(&format!("wss://{}", server.address)).unwrap();
    let error = refused(encrypted.with_tls(authority.trusted())).await;
    assert!(error.to_string().contains("use ws://"), "{error}");
}

/// A folder with a token's file.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tickcast-trust-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn token(&self, text: &str) -> Token {
        let path = self.0.join("token");
        // In one step, as whatever renews tokens should.
        fs::write(self.0.join("new"), text).unwrap();
        fs::rename(self.0.join("new"), &path).unwrap();
        Token::file(path).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ignored = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_token_goes_with_each_handshake_and_request_as_it_is_then() {
    let folder = Folder::new("each");
    let then = |connection| if connection == 0 { Then::Drop } else { Then::End };
    let server = Mock::start(Script { then, ..Script::default() }).await;
    let endpoint = endpoint(&server).with_token(folder.token("first"));
    endpoint.get(server.address, "/v1/symbols").await.unwrap();
    let mut client = client(endpoint);
    while !matches!(client.next().await.unwrap(), Step::Lost { .. }) {}
    folder.token("second");
    seqs(&mut client).await.unwrap();
    let sent: Vec<Option<&str>> = ["first", "first", "second"].map(Some).to_vec();
    let tokens = server.tokens();
    assert_eq!(tokens.iter().map(Option::as_deref).collect::<Vec<_>>(), sent);
    assert!(!format!("{client:?}").contains("second"));
}

#[tokio::test]
async fn a_token_that_changes_is_sent_on_the_connection_that_is_up() {
    let folder = Folder::new("changes");
    let server = Mock::start(Script::default()).await;
    let mut client = client(endpoint(&server).with_token(folder.token("first")));
    while !matches!(client.next().await.unwrap(), Step::Frame) {}
    folder.token("second");
    loop {
        assert!(matches!(client.next().await.unwrap(), Step::Frame));
        let mut events = client.events();
        let taken = std::iter::from_fn(|| {
            events
                .next_event()
                .unwrap()
                .map(|event| matches!(event, Event::Auth(auth) if auth.expires_us.is_some()))
        });
        if taken.into_iter().any(|is_auth| is_auth) {
            break;
        }
    }
    let command = server.commands().pop().unwrap();
    assert_eq!((&command["op"], &command["token"]), (&"auth".into(), &"second".into()));
    assert_eq!(server.tokens().len(), 1, "the connection has stayed");
}

/// An expired token is not tried again; the next one is, as soon as it is there.
#[tokio::test]
async fn a_client_comes_back_from_an_expired_token_with_a_new_one_alone() {
    let folder = Folder::new("expired");
    let admit = |token: Option<&str>| (token != Some("second")).then_some(4102);
    let then = |_| Then::End;
    let server = Mock::start(Script { admit, then, ..Script::default() }).await;
    let endpoint = endpoint(&server).with_token(folder.token("first"));
    let mut client = client(endpoint);
    while !matches!(client.next().await.unwrap(), Step::Lost { .. }) {}
    folder.token("second");
    assert_eq!(seqs(&mut client).await.unwrap().len(), 5);
    assert_eq!(server.tokens(), [Some("first".to_owned()), Some("second".to_owned())]);

    let fixed = Endpoint::parse(&server.url()).unwrap().with_token(Token::text("first").unwrap());
    let error = seqs(&mut self::client(fixed)).await.unwrap_err();
    assert!(error.to_string().starts_with("the server closed with 4102"), "{error}");
}

#[tokio::test]
async fn other_refusals_of_a_token_are_final_or_pass() {
    for (code, is_final) in [(4101, true), (4104, true), (4105, true), (1013, false)] {
        // The script has no captures, so the token carries the code.
        let admit = |token: Option<&str>| token.and_then(|token| token.parse().ok());
        let server = Mock::start(Script { admit, ..Script::default() }).await;
        let token = Token::text(&code.to_string()).unwrap();
        let mut client = client(endpoint(&server).with_token(token));
        let last = loop {
            match client.next().await {
                Ok(Step::Lost { .. }) => break None,
                Ok(_) => {}
                Err(error) => break Some(error),
            }
        };
        assert_eq!(last.is_some(), is_final, "{code}: {last:?}");
    }
}

/// What the new token does not allow ends without anybody having asked for it, and is not what a client has left.
#[test]
fn what_ends_with_a_token_is_refused_and_not_left() {
    let mut mirror = Mirror::new(Subscription::latest(["A", "B"]));
    let _commands = mirror.connect();
    let both = r#"[{"type":"subscribed","id":1,"results":[{"symbol":"A","status":"ok"},{"symbol":"B","status":"ok"}]}]"#;
    drop(mirror.receive(both, 0));
    let gone = r#"[{"type":"auth","id":"renewal","expires":1},{"type":"unsubscribed","results":[{"symbol":"A","status":"ok"}]},
        {"type":"unsubscribed","id":2,"results":[{"symbol":"B","status":"ok"}]}]"#;
    drop(mirror.receive(gone, 0));
    let standing = |symbol| mirror.topic(symbol).map(|topic| topic.standing.clone());
    assert_eq!(standing("A"), Some(Standing::Refused("not_entitled".into())));
    assert_eq!(standing("B"), Some(Standing::Left));
}

/// A symbol that the old token did not allow is asked for once the new one counts; what is there stays.
#[test]
fn a_new_token_is_asked_for_what_the_last_one_refused() {
    let mut mirror = Mirror::new(Subscription::latest(["A", "B", "C", "G*"]));
    let _commands = mirror.connect();
    let answer = r#"[{"type":"subscribed","id":1,"results":[{"symbol":"A","status":"ok"},{"symbol":"G*","status":"ok","matched":0},
        {"symbol":"B","status":"error","code":"not_entitled"},{"symbol":"C","status":"error","code":"bad_symbol"}]}]"#;
    drop(mirror.receive(answer, 0));
    assert_eq!(mirror.take_commands(), [""; 0]);
    // The new token allows B, and A no longer: that is not asked for again.
    let renewed = r#"[{"type":"auth","id":"renewal"},{"type":"unsubscribed","results":[{"symbol":"A","status":"ok"}]}]"#;
    drop(mirror.receive(renewed, 0));
    assert_eq!(mirror.take_commands(), [r#"{"op":"subscribe","id":2,"symbols":["B"],"mode":"latest"}"#]);
    assert_eq!(mirror.take_commands(), [""; 0], "once");
    let given = r#"[{"type":"subscribed","id":2,"results":[{"symbol":"B","status":"ok"}]}]"#;
    drop(mirror.receive(given, 0));
    assert_eq!(mirror.topic("B").map(|topic| topic.standing.clone()), Some(Standing::Live));
    // Another connection begins with all of them.
    drop(mirror.receive(r#"[{"type":"auth"}]"#, 0));
    mirror.disconnect();
    assert_eq!(mirror.connect().len(), 1);
    assert_eq!(mirror.take_commands(), [""; 0]);
}

#[test]
fn an_end_that_is_near_is_an_event() {
    let mut mirror = Mirror::new(Subscription::latest(["A"]));
    let mut events = mirror.receive(r#"[{"type":"status","expires":1795416160000000}]"#, 0);
    assert_eq!(events.next_event().unwrap(), Some(Event::Expiring(1_795_416_160_000_000)));
}

/// A client that has the server's own file takes that server, whatever its certificate is for, and no other.
#[tokio::test]
async fn a_server_can_be_known_by_its_certificate_alone() {
    let authority = Authority::new("ours");
    let expired = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let (own, other) = (authority.signs(&["quotes.test"], expired), authority.signs(&["127.0.0.1"], |_| {}));
    let then = |_| Then::End;
    let server = mock(own.server(None), Script { then, ..Script::default() }).await;
    let pinned = |files: &[&str]| {
        let options = files.iter().fold(TlsOptions::default(), |options, file| options.pin(*file));
        endpoint(&server).with_tls(options.build().unwrap())
    };
    // The chain behind the first certificate does not count.
    let chain = format!("{}{}", other.certificate, own.certificate);
    let error = refused(pinned(&[&chain])).await;
    assert!(matches!(&error, EndpointError::Tls { fault: TlsFault::NotPinned, .. }), "{error:?}");
    assert!(error.is_final() && error.to_string().contains("not the one of the given file"), "{error}");
    assert_eq!(seqs(&mut client(pinned(&[&chain, &own.certificate]))).await.unwrap().len(), 5);
    // Whoever shows the certificate needs its key.
    let thief = rustls::sign::CertifiedKey::new(
        own.parts().0,
        aws_lc_rs::sign::any_supported_type(&other.parts().1).unwrap(),
    );
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(thief)));
    server.set_tls(Arc::new(config));
    let error = refused(pinned(&[&own.certificate]).apart().unwrap()).await;
    assert!(error.to_string().contains("it has not the key of its certificate"), "{error}");
}
