//! Keys and lists as an operator has them: files beside the program, replaced while it runs.

use std::{fs, path::PathBuf};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::{
    harness::{Request, Server, eventually, files, now_micros},
    recordings::succeeds,
};

const SECRETS: [&str; 2] =
    ["the first secret, of more than thirty-two bytes", "the second secret, of as many or more bytes"];

/// The files of one test, in a directory of their own.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Files {
        let files = Files(files::folder(name));
        files.put("secret", SECRETS[0]);
        files.put("revoked", "# nobody\n");
        files
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }

    /// Replaces a file as an operator should: by renaming.
    fn put(&self, name: &str, content: &str) {
        let new = self.0.join("new");
        fs::write(&new, content).expect("a file");
        fs::rename(new, self.0.join(name)).expect("a file");
    }

    /// A configuration with these files, and these lines more.
    fn config(&self, more: &str) -> String {
        let [secret, revoked] = ["secret", "revoked"].map(|name| self.path(name));
        let text = format!("[auth]\nkeys = [\"hs256:{secret}\"]\nrevoked = \"{revoked}\"\n{more}");
        self.put("tickcast.toml", &text);
        self.path("tickcast.toml")
    }
}

fn payload(user: &str) -> Value {
    let expires = now_micros() / 1_000_000 + 3_600;
    json!({"sub": user, "exp": expires, "tickcast": {"read": ["*"], "admin": true}})
}

fn token(secret: &str, user: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes()).expect("a secret");
    jsonwebtoken::encode(&Header::default(), &payload(user), &key).expect("a token")
}

/// Of an issuer whose key nobody has.
fn foreign_token() -> String {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let key = EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).expect("a key");
    jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &payload("alice"), &key).expect("a token")
}

/// What a request for the symbols is answered with.
async fn status(server: &Server, token: Option<&str>) -> u16 {
    let request = Request::new(server.address, "GET", "/v1/symbols");
    let request = match token {
        Some(token) => request.header("authorization", &format!("Bearer {token}")),
        None => request,
    };
    request.send().await.status.as_u16()
}

async fn becomes(server: &Server, token: Option<&str>, expected: u16) {
    eventually("another answer", async || status(server, token).await == expected).await;
}

#[tokio::test]
async fn files_are_read_again_when_they_change_and_a_broken_one_keeps_the_old() {
    let files = Files::new("change");
    let server = Server::with().args(&["--config", &files.config("")]).start().await;
    let [first, second] = SECRETS.map(|secret| token(secret, "alice"));
    assert_eq!(status(&server, None).await, 401);
    assert_eq!(status(&server, Some(&first)).await, 200);
    assert_eq!(status(&server, Some(&second)).await, 401);
    files.put("revoked", "user:alice\n");
    becomes(&server, Some(&first), 401).await;
    assert_eq!(status(&server, Some(&token(SECRETS[0], "bob"))).await, 200);
    files.put("revoked", "group:nonsense\n");
    eventually("the fault to be told", async || server.log().contains("revoked: line 1 is neither")).await;
    assert_eq!(status(&server, Some(&first)).await, 401, "a broken list lets nobody back in");
    files.put("revoked", "");
    becomes(&server, Some(&first), 200).await;
    files.put("secret", "\n");
    eventually("the fault to be told", async || server.log().contains("a secret of HS256 must not be empty"))
        .await;
    assert_eq!(status(&server, Some(&first)).await, 200);
    files.put("secret", SECRETS[1]);
    becomes(&server, Some(&second), 200).await;
    assert_eq!(status(&server, Some(&first)).await, 401);
    let log = server.log();
    assert!(!log.contains("eyJ") && !SECRETS.iter().any(|secret| log.contains(secret)), "{log}");
}

/// Issuers have such keys. It is said at the start, and by `check`.
#[tokio::test]
async fn a_short_secret_is_taken_and_warned_of() {
    let files = Files::new("weak");
    files.put("secret", "tiny-secret\n");
    let config = files.config("");
    let server = Server::with().args(&["--config", &config]).start().await;
    assert_eq!(status(&server, Some(&token("tiny-secret", "alice"))).await, 200);
    assert_eq!(status(&server, Some(&token(SECRETS[0], "alice"))).await, 401);
    let warning = format!("`auth.keys`: {}: a secret of HS256 with 11 bytes", files.path("secret"));
    assert!(server.log().contains(&warning), "{}", server.log());
    let checked = succeeds(&["check", "--config", &config]);
    let told = String::from_utf8_lossy(&checked.stderr);
    assert!(told.starts_with(&format!("warning: {warning}")) && !told.contains("tiny"), "{told}");
}

#[tokio::test]
async fn a_reload_changes_who_needs_a_token_and_a_fault_changes_nothing() {
    let files = Files::new("reload");
    let config = files.config("[auth.anonymous]\nread = [\"*\"]\n");
    let server = Server::with().args(&["--config", &config]).start().await;
    assert_eq!(status(&server, None).await, 200);
    let reload = async |times: usize| {
        server.signal("HUP");
        eventually("the settings to be read again", async || {
            server.log().matches("settings read again").count() == times
        })
        .await;
    };
    files.put("tickcast.toml", "[auth]\nkeys = [\"jwks:/no/such/file\"]\n");
    reload(1).await;
    assert!(server.log().contains("`auth.keys`: cannot read /no/such/file"), "{}", server.log());
    assert_eq!(status(&server, None).await, 200);
    files.config("");
    reload(2).await;
    assert_eq!(status(&server, None).await, 401);
    assert_eq!(status(&server, Some(&token(SECRETS[0], "alice"))).await, 200);
}

#[tokio::test]
async fn a_key_server_that_cannot_be_reached_is_a_reason_to_wait() {
    // Nobody listens on the discard port of loopback.
    let server = Server::with().args(&["--set", "auth.keys=jwks:https://127.0.0.1:9/keys"]).start().await;
    let ready = Request::new(server.address, "GET", "/readyz").send().await;
    assert_eq!(ready.expect_error(503), "no_keys");
    let asked = async |token: &str| {
        let request = Request::new(server.address, "GET", "/v1/symbols");
        request.header("authorization", &format!("Bearer {token}")).send().await
    };
    assert_eq!(asked(&foreign_token()).await.expect_error(503), "no_keys");
    // No key server gives secrets, so this one will never be good.
    assert_eq!(asked(&token(SECRETS[0], "alice")).await.expect_error(401), "bad_token");
    eventually("the reason to be told", async || {
        server.log().contains("a key server gives no keys, those before stay in force: it cannot be reached")
    })
    .await;
}
