//! What is taken back, and when the last byte goes out: to the list, to an operator, whatever a session is doing.
//!
//! Law 11 has 250 ms for it. Here they are measured: each client is in a state of its own when its rights are taken, and the time of
//! each write to its socket is known.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;
use tickcast::{
    access::{
        Authority, Policy,
        keys::{Key, KeyRing},
        revoked::RevokedList,
    },
    limits::{DEFAULT, Limits},
    session::maintenance::admin::CloseTarget,
};

use super::{
    network::LinkPlan,
    stage::{AuditUser, NEAR, Stage, UPGRADE},
    websocket,
    world::BEGIN,
};

const SECRET: &[u8] = b"a secret of thirty-two bytes, or more";
const WITHIN: Duration = Duration::from_millis(250);
/// Enough for a frame, and for an answer, that take long.
const SYMBOLS: usize = 600;

/// A link on which a frame is under way for a second.
const THIN: LinkPlan = LinkPlan {
    delay_us: 1_000,
    bytes_a_ms: 4,
    send_buffer: 4_096,
    window: 2_048,
    proxy: 0,
    partial_percent: 60,
};

/// How rights are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    ListOfUser,
    ListOfToken,
    CloseUser,
    CloseToken,
}

/// What a client is doing when its rights are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Doing {
    /// It is written to without a pause.
    KeepsUp,
    Waits,
    /// A frame of it is partly out.
    HasHalfAFrame,
    /// An event of it is partly out.
    HasHalfAnEvent,
}

struct Scene {
    stage: Stage,
    authority: Arc<Authority>,
    bid: u64,
}

fn token(user: &str) -> String {
    let now_s = BEGIN.0 / 1_000_000_000;
    let claims = json!({
        "sub": user, "jti": format!("of {user}"), "iat": now_s, "exp": now_s + 3_600, "tickcast": {"read": ["*"]},
    });
    let key = EncodingKey::from_secret(SECRET).expect("a key");
    jsonwebtoken::encode(&Header::default(), &claims, &key).expect("a token")
}

impl Scene {
    fn new() -> Scene {
        let authority = Arc::new(Authority::new(Policy { is_open: false, ..Policy::default() }));
        let key = Key::secret(SECRET).expect("a secret");
        authority.set_keys(KeyRing::new(vec![key], false).expect("a key"));
        let limits = Limits { progress: Duration::from_secs(60), ..DEFAULT };
        let stage = Stage::with_authority(limits, Arc::clone(&authority), 20_000, 7, None);
        let mut scene = Scene { stage, authority, bid: 0 };
        scene.tick(SYMBOLS);
        scene
    }

    /// A tick of each of the first symbols.
    fn tick(&mut self, symbols: usize) {
        self.bid += 1;
        let bid = self.bid;
        let lines: Vec<String> = (0..symbols)
            .map(|at| format!(r#"{{"symbol":"S{at}","bid":{bid},"ask":{},"last":{bid}}}"#, bid + 1))
            .collect();
        self.stage.feed(&lines);
    }

    fn runs(&mut self, millis: u64) {
        for _ in 0..millis / 5 {
            self.tick(3);
            self.stage.run_for(5);
        }
    }

    fn stream(&mut self, link: &LinkPlan, user: &str, query: &str) -> AuditUser {
        let who = self.stage.connect(link);
        let path = format!("/v1/stream?{query}&token={}", token(user));
        self.stage.send(who, UPGRADE.replace("/v1/stream", &path).as_bytes());
        who
    }

    fn get(&mut self, link: &LinkPlan, user: &str, path: &str) -> AuditUser {
        let who = self.stage.connect(link);
        let head = format!("GET {path}&token={} HTTP/1.1\r\nHost: sim\r\n\r\n", token(user));
        self.stage.send(who, head.as_bytes());
        who
    }

    fn take_back(&mut self, way: Way, user: &str) {
        let now = self.stage.clock.now();
        let list = |text: String| RevokedList::parse(text.as_bytes()).expect("a list");
        match way {
            Way::ListOfUser => self.authority.set_revoked(list(format!("user:{user}\n"))),
            Way::ListOfToken => self.authority.set_revoked(list(format!("token:of {user}\n"))),
            Way::CloseUser => {
                self.authority.bar_user(user, now);
                self.stage.node.close(&CloseTarget::User(user.into()));
            }
            Way::CloseToken => {
                self.authority.bar_token(&format!("of {user}"), None, now);
                self.stage.node.close(&CloseTarget::Token(format!("of {user}").into()));
            }
        }
    }
}

/// Each client of the user, and what it is doing.
fn clients(scene: &mut Scene, user: &str) -> Vec<(&'static str, AuditUser, Doing)> {
    let symbols = "symbols=S0,S1,S2";
    let every = format!("{symbols}&mode=every");
    let mut clients = vec![
        ("latest", scene.stream(&NEAR, user, symbols), Doing::KeepsUp),
        ("every", scene.stream(&NEAR, user, &every), Doing::KeepsUp),
        ("interval", scene.stream(&NEAR, user, &format!("{symbols}&interval_ms=200")), Doing::Waits),
        ("thin", scene.stream(&THIN, user, "symbols=*"), Doing::HasHalfAFrame),
        ("events", scene.get(&NEAR, user, &format!("/v1/sse?{symbols}")), Doing::KeepsUp),
        ("thin events", scene.get(&THIN, user, "/v1/sse?symbols=*"), Doing::HasHalfAnEvent),
    ];
    let venue = scene.stage.venue(&NEAR, &format!("/ws/s0@bookTicker?token={}", token(user)));
    clients.push(("venue", venue, Doing::KeepsUp));
    let venue = scene.stage.venue(&THIN, &format!("/ws/!bookTicker?token={}", token(user)));
    clients.push(("thin venue", venue, Doing::Waits));
    for path in ["stream", "sse"] {
        let who = match path {
            "stream" => scene.stream(&NEAR, user, "symbols=*"),
            _ => scene.get(&NEAR, user, "/v1/sse?symbols=*"),
        };
        scene.stage.run_for(20);
        scene.stage.reads(who, false);
        clients.push(("takes no byte", who, Doing::Waits));
    }
    clients
}

/// Whether what was written ends within a frame.
fn ends_within_frame(bytes: &[u8]) -> bool {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer");
    let mut rest = &bytes[head + 4..];
    while let Some(frame) = websocket::read(rest, 0) {
        rest = &rest[frame.bytes..];
    }
    !rest.is_empty()
}

fn check(way: Way) {
    let mut scene = Scene::new();
    let of_alice = clients(&mut scene, "alice");
    let of_bob = scene.stream(&NEAR, "bob", "symbols=S0");
    scene.runs(1_500);
    scene.take_back(way, "alice");
    let taken = scene.stage.clock.now();
    scene.runs(1_500);
    for (what, who, doing) in of_alice {
        let writes = scene.stage.writes(who);
        assert!(!writes.is_empty(), "{way:?}: {what}: it was written to");
        let last = writes.last().map(|(at, _)| *at).unwrap_or_default();
        let bytes: Vec<u8> = writes.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        let was_so = match doing {
            Doing::KeepsUp => last.plus(WITHIN) > taken,
            Doing::Waits => true,
            Doing::HasHalfAFrame => ends_within_frame(&bytes),
            Doing::HasHalfAnEvent => !bytes.ends_with(b"\n\n"),
        };
        assert!(was_so, "{way:?}: {what}: it was doing something else, so nothing is shown");
        let late = last.since(taken.plus(WITHIN)) / 1_000;
        assert!(last <= taken.plus(WITHIN), "{way:?}: {what}: something was written {late} us too late");
    }
    let last = scene.stage.writes(of_bob).last().map(|(at, _)| *at).unwrap_or_default();
    assert!(last > taken.plus(Duration::from_secs(1)), "{way:?}: who kept its rights is written to");
}

#[test]
fn nothing_is_written_250_ms_after_the_list_names_a_user_or_a_token() {
    check(Way::ListOfUser);
    check(Way::ListOfToken);
}

#[test]
fn nothing_is_written_250_ms_after_an_operator_has_closed_a_user_or_a_token() {
    check(Way::CloseUser);
    check(Way::CloseToken);
}
