//! The commands over the service's own TLS, with tokens that it asks for: what they are told, and what they do about it.

use std::{
    future,
    io::{BufRead, BufReader},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

use crate::harness::{
    Metrics, Reply, Server, eventually, in_tls, program,
    server::Builder,
    socket::{Authority, Files, common},
    tokens::{SECRET, admin, bearer, now_s, reads, token},
};

/// A server with TLS that asks for tokens, and files for those who come.
struct Secured {
    server: Server,
    files: Files,
    /// The authority of its certificate.
    ca: String,
}

/// A command under way.
struct Running {
    child: Child,
    told: Arc<Mutex<String>>,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// The exit code of a command, and all that it has written.
async fn ended(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = command(arguments);
    let ended = tokio::task::spawn_blocking(move || program::output(&mut command)).await;
    let Output { status, stdout, stderr } = ended.expect("a command that ends");
    (status.code(), String::from_utf8([stdout, stderr].concat()).expect("UTF-8"))
}

/// A command's words, with more behind its name.
fn line<'a>(words: &[&'a str], more: &[&'a str], url: &[&'a str]) -> Vec<&'a str> {
    [&words[..1], more, url, &words[1..]].concat()
}

// === impl Secured ===

impl Secured {
    async fn start(name: &str, change: impl FnOnce(Builder) -> Builder) -> Self {
        let files = Files::new(name);
        let key = files.write("key", std::str::from_utf8(SECRET).expect("UTF-8"));
        let ca = files.write("ca.pem", &common().authority.pem);
        let keys = format!("auth.keys=[\"hs256:{key}\"]");
        let server = change(Server::with().args(&["--set", &keys])).start().await;
        Secured { server, files, ca }
    }

    /// Names a server's address by this scheme.
    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.server.address)
    }

    /// A file with this token; replaced in one step, as whatever renews tokens should.
    fn token(&self, name: &str, token: &str) -> String {
        self.files.write(name, &format!("{token}\n"))
    }

    async fn publish(&self, lines: &str) {
        let request = self.server.request("POST", "/v1/publish").header("authorization", &bearer(&admin()));
        let reply: Reply = request.body(lines.to_owned()).send().await;
        assert_eq!(reply.json()["rejected"], json!([]), "{reply:?}");
    }

    async fn metrics(&self) -> Metrics {
        let request = self.server.request("GET", "/metrics").header("authorization", &bearer(&admin()));
        Metrics::parse(&request.send().await.body)
    }

    /// Watches these symbols with the token in a file.
    fn watch(&self, token: &str, symbols: &[&str]) -> Running {
        let url = self.url("wss");
        let flags = ["watch", "--plain", "--url", &url, "--ca", &self.ca, "--token", token];
        Running::start(&[&flags, symbols].concat())
    }
}

// === impl Running ===

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary of this crate");
        let told = Arc::new(Mutex::new(String::new()));
        let outputs: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("a pipe")), Box::new(child.stderr.take().expect("a pipe"))];
        for output in outputs {
            let told = Arc::clone(&told);
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    told.lock().expect("a text").push_str(&(line + "\n"));
                }
            });
        }
        Running { child, told }
    }

    fn told(&self) -> String {
        self.told.lock().expect("a text").clone()
    }

    async fn until(&self, part: &str) {
        eventually(&format!("{part:?} to be told"), async || self.told().contains(part)).await;
    }

    /// Ends it as Ctrl-C does; its exit code.
    async fn interrupted(mut self) -> (Option<i32>, String) {
        let id = i32::try_from(self.child.id()).expect("a process");
        let pid = rustix::process::Pid::from_raw(id).expect("its id");
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
        let mut code = None;
        eventually("the command to end", || {
            code = self.child.try_wait().expect("a child").map(|status| status.code());
            future::ready(code.is_some())
        })
        .await;
        (code.flatten(), self.told())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        program::kill(&mut self.child);
        if thread::panicking() {
            eprintln!("--- what the command told\n{}---", self.told());
        }
    }
}

#[tokio::test]
async fn a_watch_is_told_which_symbols_its_token_does_not_allow() {
    in_tls(async {
        let secured = Secured::start("less", |builder| builder).await;
        secured.publish("{\"symbol\":\"A\",\"bid\":1.5}\n{\"symbol\":\"B\",\"bid\":2.5}\n").await;
        let watch = secured.watch(&secured.token("token", &reads(&["A"])), &["A", "B"]);
        watch.until("A  seq 1  bid 1.5").await;
        watch.until("B: not_entitled: ").await;
        let (code, told) = watch.interrupted().await;
        assert_eq!(code, Some(0), "{told}");
        assert!(!told.contains("2.5"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn every_command_says_which_authority_or_token_it_misses() {
    in_tls(async {
        let secured = Secured::start("wrong", |builder| builder.limit("auth_ms", 200)).await;
        let (wss, https) = (secured.url("wss"), secured.url("https"));
        // Of another name, too: the authorities of the harness share theirs.
        let other = Authority::new().certify_with(&[], |params| {
            params.distinguished_name.push(rcgen::DnType::CommonName, "a stranger");
        });
        let stranger = secured.files.write("stranger.pem", &other.cert);
        let token = secured.token("token", &admin());
        let recording = secured.files.path("recording.ndjson");
        let asked: [(&[&str], &str); 5] = [
            (&["watch", "--plain", "A"], "--url"),
            (&["record", "-o", &recording], "--url"),
            (&["load", "--clients", "1", "--duration", "1s"], "--url"),
            (&["replay"], "--url"),
            (&["health"], ""),
        ];
        for (words, flag) in asked {
            let url = if matches!(words[0], "replay" | "health") { &https } else { &wss };
            let url: &[&str] = if flag.is_empty() { &[url] } else { &[flag, url] };
            let (code, told) = ended(&line(words, &["--ca", &stranger, "--token", &token], url)).await;
            assert!(code > Some(0) && told.contains("an authority that is not trusted"), "{words:?}: {told}");
            assert!(told.contains("`--ca`") && !told.contains("panicked"), "{words:?}: {told}");
            let (code, told) = ended(&line(words, &["--ca", &secured.ca], url)).await;
            match words[0] {
                "health" => assert_eq!((code, &*told), (Some(0), ""), "it needs no token"),
                _ => assert!(
                    code > Some(0) && (told.contains("missing_token") || told.contains("4101")),
                    "{words:?}: {code:?}, {told}"
                ),
            }
        }
        // Nobody who was not trusted was asked for anything.
        eventually("an alert of each", async || {
            secured.metrics().await.sum_where("tickcast_tls_rejected_total", "alert") == 5
        })
        .await;
    })
    .await;
}

/// What the watch is told of the end that is near, the token that comes in time, and one that comes too late.
#[tokio::test]
async fn a_watch_goes_on_with_a_renewed_token_and_comes_back_with_a_late_one() {
    in_tls(async {
        let secured = Secured::start("renewed", |builder| builder).await;
        secured.publish("{\"symbol\":\"A\",\"bid\":1}\n{\"symbol\":\"B\",\"bid\":2}\n").await;
        let expiring = |symbols: &[&str], id: &str, seconds: u64| {
            token(&json!({"read": symbols}), &json!({"jti": id, "exp": now_s() + seconds}))
        };
        let path = secured.token("token", &expiring(&["A"], "first", 30));
        let watch = secured.watch(&path, &["A", "B"]);
        watch.until("the token expires in ").await;
        watch.until("B: not_entitled").await;
        // In time: the session goes on, and has what the new token allows.
        secured.token("token", &expiring(&["*"], "second", 12));
        watch.until("B  seq 1  bid 2").await;
        assert!(!watch.told().contains("again in"), "the session has stayed: {}", watch.told());
        // Too late: the session ends, and another one begins with the next token.
        watch.until("4102").await;
        secured.publish("{\"symbol\":\"A\",\"bid\":3}\n").await;
        secured.token("token", &expiring(&["*"], "third", 3_600));
        watch.until("A  seq 2  bid 3").await;
        let (code, told) = watch.interrupted().await;
        assert_eq!(code, Some(0), "{told}");
        assert_eq!(told.matches("again in").count(), 1, "{told}");
    })
    .await;
}

#[tokio::test]
async fn a_market_is_recorded_over_tls_with_a_token() {
    in_tls(async {
        let secured = Secured::start("record", |builder| builder).await;
        let token = secured.token("token", &reads(&["A*"]));
        let path = secured.files.path("recorded.ndjson");
        let url = secured.url("wss");
        let record =
            Running::start(&["record", "--url", &url, "--ca", &secured.ca, "--token", &token, "-o", &path]);
        let metric = async |name: &str| secured.metrics().await.sum(name);
        eventually("a session", async || metric("tickcast_sessions").await == 1).await;
        // The subscription is taken before the first tick that it is sent.
        secured.publish("{\"symbol\":\"A1\",\"bid\":0}\n").await;
        eventually("a delivery", async || metric("tickcast_updates_delivered_total").await > 0).await;
        for number in 1..=100 {
            secured
                .publish(&format!("{{\"symbol\":\"A1\",\"bid\":{number}}}\n{{\"symbol\":\"B\",\"bid\":9}}\n"))
                .await;
        }
        eventually("all of them", async || metric("tickcast_updates_delivered_total").await >= 100).await;
        let (code, told) = record.interrupted().await;
        assert_eq!(code, Some(0), "{told}");
        let (code, told) = ended(&["info", "--json", &path]).await;
        assert_eq!(code, Some(0), "{told}");
        let recorded = std::fs::read_to_string(&path).expect("a recording");
        assert!(
            recorded.contains("\"A1\"") && !recorded.contains("\"B\""),
            "what the token allows: {recorded}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_load_measures_an_encrypted_server_that_asks_for_tokens() {
    in_tls(async {
        let secured = Secured::start("load", |builder| builder.feed("sim?symbols=20&rate=500&seed=7")).await;
        let token = secured.token("token", &admin());
        let (url, seconds) = (secured.url("wss"), "2s");
        let flags = ["load", "--url", &url, "--ca", &secured.ca, "--token", &token, "--json"];
        let (code, told) = ended(&[&flags[..], &["--clients", "4", "--duration", seconds]].concat()).await;
        assert_eq!(code, Some(0), "{told}");
        let report = serde_json::Deserializer::from_str(&told).into_iter::<Value>().next();
        let report = report.expect("a report first").expect("JSON");
        assert_eq!(report["verdict"], "kept", "{report:#}");
        assert!(report["sums"]["updates"].as_u64() > Some(100), "{report:#}");
    })
    .await;
}

#[tokio::test]
async fn a_replay_is_held_by_those_who_may() {
    in_tls(async {
        let secured = Secured::start("replay", |builder| builder.feed("replay:bundled?loop=true")).await;
        let url = secured.url("https");
        let held = async |token: &str| {
            ended(&["replay", "--url", &url, "--ca", &secured.ca, "--token", token, "pause"]).await
        };
        let (code, told) = held(&secured.token("may", &token(&json!({"replay": true}), &json!({})))).await;
        assert!(code == Some(0) && told.contains("paused"), "{told}");
        let (code, told) = held(&secured.token("may-not", &reads(&["*"]))).await;
        assert!(code == Some(1) && told.contains("403"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn a_probe_knows_the_server_of_its_own_files_by_their_certificate() {
    let (authority, clients, files) = (Authority::new(), Authority::new(), Files::new("probe"));
    // It is for no address, as most are, and another certificate has the same name.
    let [own, other] = [0, 1].map(|_| authority.certify(&["quotes.example"]));
    let (cert, key) = (files.write("cert.pem", &own.cert), files.write("key.pem", &own.key));
    let (ca, more) = (files.write("ca.pem", &authority.pem), files.write("other.pem", &other.cert));
    let its_own_key = files.write("other-key.pem", &other.key);
    let client_ca = files.write("clients.pem", &clients.pem);
    let known = clients.certify(&["a probe"]);
    let (shown, its_key) = (files.write("probe.pem", &known.cert), files.write("probe-key.pem", &known.key));
    let secret = files.write("secret", std::str::from_utf8(SECRET).expect("UTF-8"));
    let probe = async |server: &Server, cert: &str, more: &[&str]| {
        let key = if cert.ends_with("other.pem") { &its_own_key } else { &key };
        let tls = format!("[tls]\ncerts = [\"{cert}\"]\nkeys = [\"{key}\"]\n");
        let config =
            files.write("probe.toml", &format!("listen = \"0.0.0.0:{}\"\n{tls}", server.address.port()));
        ended(&[&["health", "--config", &config], more].concat()).await
    };
    let client = Arc::new(authority.client_with(&known));
    let keys = format!("auth.keys=[\"hs256:{secret}\"]");
    let server = Server::with().tls(&[(&cert, &key)], &client).args(&["--set", &keys]).start().await;
    assert_eq!(probe(&server, &cert, &[]).await, (Some(0), String::new()), "neither a name nor a token");
    assert_eq!(probe(&server, &cert, &["--ready"]).await, (Some(0), String::new()));
    let (code, told) = probe(&server, &more, &[]).await;
    assert!(code == Some(1) && told.contains("not the one of the given file"), "{told}");
    let (code, told) = probe(&server, &cert, &["--ca", &ca]).await;
    assert!(code == Some(1) && told.contains("not for 127.0.0.1, but for quotes.example"), "{told}");
    let (code, told) = probe(&server, "/nowhere", &[]).await;
    assert!(
        code == Some(0) && told.contains("is not verified"),
        "the server goes on with the files of before: {told}"
    );
    let plain = format!("http://{}", server.address);
    let (code, told) = ended(&["health", &plain]).await;
    assert!(code == Some(1) && !told.is_empty(), "plain HTTP is not an answer: {told}");

    let server =
        Server::with().tls(&[(&cert, &key)], &client).args(&["--tls-client-ca", &client_ca]).start().await;
    let (code, told) = probe(&server, &cert, &[]).await;
    assert!(code == Some(1) && told.contains("`--client-cert`"), "{told}");
    let identified = ["--client-cert", &shown, "--client-key", &its_key];
    assert_eq!(probe(&server, &cert, &identified).await, (Some(0), String::new()));
}
