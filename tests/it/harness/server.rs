//! The server under test: the built binary, on a port of its own, ended with the test.
//!
//! Invariants: the address comes from the announcement on the first line of standard output; the process is killed by
//! its own id when the test drops it; its log is shown when the test fails.

use std::{
    future,
    io::{BufRead, BufReader, PipeWriter, Write},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use rustls::ClientConfig;
use serde_json::Value;

use super::{DEADLINE, Metrics, Reply, Request, eventually, program, socket, speaks_tls, within};

pub struct Server {
    pub address: SocketAddr,
    /// The line on standard output that announced the address.
    pub announcement: String,
    /// How clients speak TLS with it, if they do.
    pub tls: Option<Arc<ClientConfig>>,
    child: Child,
    stdin: Option<ChildStdin>,
    log: Arc<Mutex<Vec<String>>>,
    /// Reads the log until its writer has ended.
    log_reader: Option<thread::JoinHandle<()>>,
}

/// A server in the making; `push` is its feed unless another is named.
#[derive(Default)]
pub struct Builder {
    args: Vec<String>,
    feeds: Vec<String>,
    /// The configuration file has the feeds.
    has_feeds_in_file: bool,
    listen: Option<SocketAddr>,
    /// Where standard output and standard error go, instead of to the harness.
    output: Option<PipeWriter>,
    files: Option<u32>,
    tls: Option<Arc<ClientConfig>>,
}

/// What `POST /v1/publish` answered.
#[derive(Debug)]
pub struct Published {
    pub accepted: u64,
    /// Line number and reason.
    pub rejected: Vec<(u64, String)>,
}

// === impl Builder ===

impl Builder {
    /// `--set limits.KEY=VALUE`; times are in milliseconds, and their keys say so.
    pub fn limit(self, key: &str, value: u64) -> Self {
        self.args(&["--set", &format!("limits.{key}={value}")])
    }

    pub fn feed(mut self, source: &str) -> Self {
        self.feeds.push(source.to_owned());
        self
    }

    /// The configuration file has the feeds, so that a reload can change them.
    pub fn feeds_in_file(mut self) -> Self {
        self.has_feeds_in_file = true;
        self
    }

    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Both outputs go to this pipe, where the announcement cannot be read: so the address to listen on is given.
    pub fn output(mut self, pipe: PipeWriter, listen: SocketAddr) -> Self {
        (self.output, self.listen) = (Some(pipe), Some(listen));
        self
    }

    /// It speaks TLS with these certificates and keys; clients of the harness are `client`.
    pub fn tls(self, pairs: &[(&str, &str)], client: &Arc<ClientConfig>) -> Self {
        let given = pairs.iter().flat_map(|(cert, key)| ["--tls-cert", cert, "--tls-key", key]);
        let given: Vec<&str> = given.collect();
        Builder { tls: Some(Arc::clone(client)), ..self }.args(&given)
    }

    /// The system lets it have so many files open, and no more.
    pub fn files(mut self, files: u32) -> Self {
        self.files = Some(files);
        self
    }

    pub async fn start(self) -> Server {
        let (mut server, announced) = self.spawn();
        server.announcement = tokio::task::spawn_blocking(move || announced.recv_timeout(DEADLINE))
            .await
            .expect("a waiting thread")
            .unwrap_or_else(|_| panic!("the server announced no address:\n{}", server.log()));
        server.address = address_in(&server.announcement);
        server
    }

    /// Starts it, and does not wait until it serves.
    pub fn begin(self) -> Server {
        self.spawn().0
    }

    /// The server, and its first line of output, once that is there.
    fn spawn(mut self) -> (Server, mpsc::Receiver<String>) {
        if speaks_tls() && self.tls.is_none() {
            let common = socket::common();
            self = self.tls(&[(&common.cert, &common.key)], &common.client);
        }
        let binary = env!("CARGO_BIN_EXE_tickcast");
        let mut command = match self.files {
            None => Command::new(binary),
            Some(files) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\""), binary]);
                shell
            }
        };
        let address = self.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        command.args(["serve", "--listen", &address.to_string()]).args(&self.args);
        let feeds = if self.feeds.is_empty() && !self.has_feeds_in_file {
            vec!["push".to_owned()]
        } else {
            self.feeds
        };
        for feed in &feeds {
            command.args(["--feed", feed]);
        }
        command.stdin(Stdio::piped());
        match self.output {
            None => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
            Some(pipe) => command.stdout(pipe.try_clone().expect("a descriptor")).stderr(pipe),
        };
        let mut child = command.spawn().expect("the binary under test");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (announce, announced) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.into_iter().flat_map(|pipe| BufReader::new(pipe).lines()).map_while(Result::ok)
            {
                // Only the first line is awaited; the pipe is drained of the others.
                let _ = announce.send(line);
            }
        });
        let lines = Arc::clone(&log);
        let log_reader = thread::spawn(move || {
            for line in stderr.into_iter().flat_map(|pipe| BufReader::new(pipe).lines()).map_while(Result::ok)
            {
                lines.lock().expect("a log").push(line);
            }
        });
        let stdin = child.stdin.take();
        // From here on the drop ends the child, whatever happens.
        (
            Server {
                address,
                announcement: String::new(),
                tls: self.tls,
                child,
                stdin,
                log,
                log_reader: Some(log_reader),
            },
            announced,
        )
    }
}

/// The address of `… listening on http://ADDRESS …`, or `https`.
pub fn address_in(line: &str) -> SocketAddr {
    let after = line.split_once("listening on http").map(|(_, after)| after.trim_start_matches('s'));
    let after = after.and_then(|after| after.strip_prefix("://"));
    let after = after.unwrap_or_else(|| panic!("no announcement: {line}"));
    let text = after.split([' ', '/', '"', ',']).next().unwrap_or("");
    text.parse().unwrap_or_else(|_| panic!("no address: {line}"))
}

// === impl Server ===

impl Server {
    pub fn with() -> Builder {
        Builder::default()
    }

    /// A server that lets its clients stall as long as they like: for scenarios that are not about the deadlines, on
    /// machines that may be slow.
    pub fn patient() -> Builder {
        Builder::default().limit("progress_ms", 600_000).limit("ping_ms", 600_000)
    }

    /// A server with every default, fed by publishing.
    pub async fn start() -> Server {
        Builder::default().start().await
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        self.log.lock().expect("a log").join("\n")
    }

    /// The first line of the log, once it has been written.
    pub async fn first_log_line(&self) -> String {
        eventually("a first line of the log", async || !self.log().is_empty()).await;
        self.log().lines().next().unwrap_or_default().to_owned()
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path).over(self.tls.as_ref())
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.request("GET", path).send().await
    }

    /// Publishes lines as they are.
    pub async fn publish_any(&self, lines: &str) -> Published {
        let reply = self.request("POST", "/v1/publish").body(lines.to_owned()).send().await;
        assert_eq!(reply.status.as_u16(), 200, "a publish that was read is answered with 200: {reply:?}");
        Published::of(&reply.json())
    }

    /// Publishes lines that are all good.
    pub async fn publish<S: AsRef<str>>(&self, lines: &[S]) {
        // One body stays well below the limit on bodies.
        for part in lines.chunks(20_000) {
            let body: String = part.iter().flat_map(|line| [line.as_ref(), "\n"]).collect();
            let published = self.publish_any(&body).await;
            assert_eq!((published.accepted, &published.rejected[..]), (part.len() as u64, &[][..]));
        }
    }

    pub async fn metrics(&self) -> Metrics {
        let reply = self.get("/metrics").await;
        assert_eq!(reply.status.as_u16(), 200);
        assert!(reply.header("content-type").starts_with("text/plain"), "{:?}", reply.headers);
        Metrics::parse(&reply.body)
    }

    /// Waits until the metrics show what `shows` looks for.
    pub async fn until_metrics(&self, what: &str, shows: impl Fn(&Metrics) -> bool) -> Metrics {
        eventually(what, async || shows(&self.metrics().await)).await;
        self.metrics().await
    }

    /// Waits until nothing is on its way to any session, and checks that every tick is accounted for.
    pub async fn settled(&self) -> Metrics {
        let metrics = self
            .until_metrics("nothing pending", |metrics| metrics.sum("tickcast_updates_pending") == 0)
            .await;
        metrics.check_conservation();
        metrics
    }

    /// `/v1/symbols`: symbol, seq, state.
    pub async fn symbols(&self) -> Vec<(String, u64, String)> {
        let Value::Array(entries) = self.get("/v1/symbols").await.json() else {
            panic!("/v1/symbols is an array")
        };
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        entries
            .iter()
            .map(|entry| {
                (text(&entry["symbol"]), entry["seq"].as_u64().expect("a seq"), text(&entry["state"]))
            })
            .collect()
    }

    /// Writes lines to its standard input, for the feed `-`.
    pub fn feed_stdin<S: AsRef<str>>(&mut self, lines: &[S]) {
        let stdin = self.stdin.as_mut().expect("an open standard input");
        let text: String = lines.iter().flat_map(|line| [line.as_ref(), "\n"]).collect();
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).expect("a server that reads");
    }

    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status();
        assert!(status.is_ok_and(|status| status.success()), "a process that can be signalled");
    }

    /// Waits for the process to end of itself; its log is whole then.
    pub async fn exited(&mut self) -> ExitStatus {
        let mut ended = None;
        eventually("the server to end", || {
            ended = self.child.try_wait().expect("a child");
            future::ready(ended.is_some())
        })
        .await;
        // What it wrote last may still be in the pipe.
        if let Some(reader) = self.log_reader.take() {
            let read = tokio::task::spawn_blocking(move || reader.join());
            within("the end of the log", read).await.expect("a thread").expect("a log of lines");
        }
        ended.expect("an end")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        program::kill(&mut self.child);
        if thread::panicking() {
            eprintln!("--- the server's log\n{}\n---", self.log());
        }
    }
}

// === impl Published ===

impl Published {
    fn of(answer: &Value) -> Published {
        let rejected =
            answer["rejected"].as_array().unwrap_or_else(|| panic!("`rejected` is an array: {answer}"));
        let rejected = rejected.iter().map(|line| {
            let number =
                line["line"].as_u64().unwrap_or_else(|| panic!("a rejection names its line: {answer}"));
            let reason =
                line["reason"].as_str().unwrap_or_else(|| panic!("a rejection names its reason: {answer}"));
            (number, reason.to_owned())
        });
        Published { accepted: answer["accepted"].as_u64().expect("a count"), rejected: rejected.collect() }
    }
}
