//! `tickcast check` and the command line as a person meets them: a process, its two streams, its exit code.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use rustix::process::Signal;

use crate::harness::{files, program};

/// A process of this crate's binary with an environment of its own.
struct Run {
    command: Command,
}

/// How a process ended.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn tickcast(arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    Run { command }
}

impl Run {
    fn variable(mut self, name: &str, value: &str) -> Run {
        self.command.env(name, value);
        self
    }

    fn ended(mut self) -> Ended {
        let Output { status, stdout, stderr } = program::output(&mut self.command);
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }
}

/// A file of this test's own.
fn file(name: &str, text: &str) -> PathBuf {
    let path = files::path(name);
    fs::write(&path, text).unwrap();
    path
}

/// The lines after the first, which counts them.
fn faults(stderr: &str) -> Vec<&str> {
    let mut lines = stderr.lines();
    let head = lines.next().unwrap_or_default().trim_start_matches("tickcast: ");
    let faults: Vec<&str> = lines.map(str::trim_start).collect();
    let plural = if faults.len() == 1 { "" } else { "s" };
    assert_eq!(head, format!("{} error{plural} in the configuration:", faults.len()));
    faults
}

#[test]
fn what_is_in_force_is_a_file_that_gives_it_again() {
    let config = file("in-force.toml", "feeds = [\"sim?seed=7\"]\n\n[limits]\nsessions = 200\n");
    let config = config.to_str().unwrap();
    let first = tickcast(&["check", "--config", config, "--listen", "[::1]:9000"])
        .variable("TICKCAST_LOG_FORMAT", "json")
        .ended();
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let lines: Vec<&str> = first.stdout.lines().collect();
    assert!(lines[0].starts_with("# configuration is valid"), "{}", lines[0]);
    for line in [
        "listen = \"[::1]:9000\"  # --listen".to_owned(),
        "log.format = \"json\"  # TICKCAST_LOG_FORMAT".to_owned(),
        format!("feeds = [\"sim?seed=7\"]  # {config}:1"),
        format!("limits.sessions = 200  # {config}:4"),
        "limits.topics = 100000".to_owned(),
    ] {
        assert!(lines.contains(&line.as_str()), "{line} in\n{}", first.stdout);
    }

    let kept = file("kept.toml", &first.stdout);
    let second = tickcast(&["check"]).variable("TICKCAST_CONFIG", kept.to_str().unwrap()).ended();
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    let settings = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split("  # ").next().unwrap_or(line).to_owned()).collect()
    };
    assert_eq!(settings(&second.stdout), settings(&first.stdout));
}

#[test]
fn every_fault_is_told_and_check_exits_with_1() {
    let config = file("faulty.toml", "listen = 80\nfeeds = [\"simm\", \"replay:/no/such/file\"]\n");
    let config = config.to_str().unwrap();
    let ended = tickcast(&["check", "--config", config, "--shards", "many", "--set", "limits.sesions=1"])
        .variable("TICKCAST_LOG_LEVEL", "loud")
        .variable("TICKCAST_SERVICE_HOST", "10.0.0.7")
        .ended();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    let starts = [
        format!("{config}:1: `listen` must be"),
        format!("{config}:2: the feed `simm` cannot be used: "),
        "TICKCAST_LOG_LEVEL: `log.level` must be".to_owned(),
        "--shards: `shards` must be".to_owned(),
        "--set limits.sesions: `limits.sesions` is not a configuration key; did you mean `limits.sessions`?"
            .to_owned(),
        format!(
            "{config}:2: the feed `replay:/no/such/file` cannot be opened: cannot read /no/such/file: No such file"
        ),
    ];
    let faults = faults(&ended.stderr);
    assert_eq!(faults.len(), starts.len(), "{}", ended.stderr);
    for (fault, start) in faults.iter().zip(&starts) {
        assert!(fault.starts_with(start.as_str()), "{fault}\nshould start with\n{start}");
    }
}

#[test]
fn every_fault_of_keys_and_lists_is_told_at_once() {
    let secret = file("auth-empty", "\n");
    let revoked = file("auth-revoked", "tiny-secret:alice\n");
    let config = file(
        "auth.toml",
        &format!(
            "[auth]\nkeys = [\"hs256:{}\", \"jwks:/no/such/file\", \"hs512:x\", \"jwks:http://a.example/\"]\nrevoked = \"{}\"\n\
             issuer = [\"\"]\ndelay_ms = -1\nsessions_over = \"drop\"\n[auth.anonymous]\nread = [\"A,B\"]\nreed = []\n",
            secret.display(),
            revoked.display()
        ),
    );
    let ended = tickcast(&["check", "--config", config.to_str().unwrap()]).ended();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    for fault in [
        "auth.toml:2: `auth.keys` has `hs512:x`: write hs256:FILE",
        "auth.toml:2: `auth.keys` has `jwks:http://a.example/`: a key server is asked over https alone",
        "auth.toml:4: `auth.issuer` has ``; write 1 to 256 bytes",
        "auth.toml:5: `auth.delay_ms` must be from 0 to 86400000 milliseconds, but is -1",
        "auth.toml:6: `auth.sessions_over` must be `refuse` or `evict_oldest`, but is `drop`",
        "auth.toml:8: `auth.anonymous.read` has a pattern that no symbol could match: \"A,B\"",
        "auth.toml:9: `auth.anonymous.reed` is not a configuration key; did you mean `auth.anonymous.read`?",
        "auth.toml:2: `auth.keys`: ",
        "a secret of HS256 must not be empty",
        "cannot read /no/such/file",
        "auth.toml:3: `auth.revoked`: ",
        "line 1 is neither user:NAME nor token:ID",
    ] {
        assert!(ended.stderr.contains(fault), "{fault} in\n{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("tiny-secret"), "{}", ended.stderr);
}

#[test]
fn the_page_shows_what_is_printed() {
    let page = include_str!("../../docs/CONFIGURATION.md");
    let command =
        "$ TICKCAST_LOG_LEVEL=loud tickcast check --set limits.sesions=5 --set limits.pong_ms=50000\n";
    let (_, shown) = page.split_once(command).expect("the command in docs/CONFIGURATION.md");
    let (shown, _) = shown.split_once("```").expect("the end of what is shown");
    let ended = tickcast(&["check", "--set", "limits.sesions=5", "--set", "limits.pong_ms=50000"])
        .variable("TICKCAST_LOG_LEVEL", "loud")
        .ended();
    assert_eq!(ended.stderr, shown);
}

#[test]
fn a_recording_must_be_one() {
    let path = file("no-recording.ndjson", "{\"symbol\":\"A\"}\n");
    let directory = files::folder("no-file");
    let feeds = [format!("replay:{}", path.display()), format!("replay:{}", directory.display())];
    let ended = tickcast(&["check", "--feed", &feeds[0], "--feed", &feeds[1]]).ended();
    assert_eq!(ended.code, Some(1));
    let faults = faults(&ended.stderr);
    assert_eq!(faults.len(), 2, "{}", ended.stderr);
    assert!(faults[0].contains("no-recording.ndjson is not a recording"), "{}", faults[0]);
    assert!(faults[1].contains("cannot read"), "{}", faults[1]);
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_among_others() {
    let ended =
        tickcast(&["check", "--shards", "x"]).variable("TICKCAST_CONFIG", "/no/such/file.toml").ended();
    assert_eq!(ended.code, Some(1));
    let faults = faults(&ended.stderr);
    assert!(faults[0].starts_with("TICKCAST_CONFIG: cannot read /no/such/file.toml: "), "{}", faults[0]);
    assert!(faults[1].starts_with("--shards: "), "{}", faults[1]);

    let long = file("long.toml", &"#".repeat(1024 * 1024 + 1));
    let ended = tickcast(&["check", "--config", long.to_str().unwrap()]).ended();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("is longer than the 1048576 bytes"), "{}", ended.stderr);
}

#[test]
fn more_sessions_than_files_is_a_warning() {
    let check = |sessions: &str| {
        // The system may allow a million files, or more; this shell's processes may have 500.
        let script =
            format!("ulimit -n 500; exec \"$0\" check --set limits.sessions={sessions} --set shards=1");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_tickcast")]).env_clear().stdin(Stdio::null());
        Run { command }.ended()
    };
    let enough = check("200");
    assert_eq!((enough.code, enough.stderr.as_str()), (Some(0), ""));
    let too_few = check("500");
    assert_eq!(too_few.code, Some(0));
    let start = "warning: limits.sessions = 500 needs 764 open files, the system allows 500; ";
    assert!(too_few.stderr.starts_with(start), "{}", too_few.stderr);
}

#[test]
fn serve_does_not_start_with_a_faulty_configuration_and_exits_with_2() {
    for arguments in [&["--shards", "x"][..], &["serve", "--shards", "x"]] {
        let ended = tickcast(arguments).variable("TICKCAST_LISTEN", "nowhere").ended();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
        assert_eq!(faults(&ended.stderr).len(), 2, "{}", ended.stderr);
    }
}

#[test]
fn a_line_that_cannot_be_understood_exits_with_2() {
    for arguments in [&["--lisen", "x"][..], &["chekc"], &["check", "--shards", "1", "--shards", "2"]] {
        let ended = tickcast(arguments).ended();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    }
}

#[test]
fn what_cannot_be_served_exits_with_1_and_says_why() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let ended = tickcast(&["--listen", &taken, "--feed", "push", "--log-format", "json"]).ended();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    let line: serde_json::Value = serde_json::from_str(&ended.stderr).unwrap();
    let message = line["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("cannot serve: cannot listen on {taken}: ")), "{message}");

    let ended = tickcast(&["--listen", "127.0.0.1:0", "--feed", "replay:/no/such/file"]).ended();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("cannot read /no/such/file: No such file"), "{}", ended.stderr);
}

#[test]
fn a_service_whose_log_nobody_reads_serves_and_drains() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut run = tickcast(&["--listen", "127.0.0.1:0", "--feed", "push"]);
    let mut child = run.command.stdout(Stdio::piped()).stderr(writer).spawn().unwrap();
    let mut announcement = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut announcement).unwrap();
    assert!(announcement.contains(" listening on http://127.0.0.1:"), "{announcement:?}");
    program::send(child.id(), Signal::TERM);
    assert_eq!(program::status(child).code(), Some(0));
}

#[test]
fn the_version_is_that_of_the_crate() {
    let ended = tickcast(&["--version"]).ended();
    // After it comes the commit, or a note that the builder named none: these tests run in work trees and in archives.
    let expected = concat!("tickcast ", env!("CARGO_PKG_VERSION"), " (");
    let commit = ended.stdout.strip_prefix(expected).and_then(|rest| rest.strip_suffix(")\n"));
    let commit =
        commit.unwrap_or_else(|| panic!("{:?} is not {expected:?}, a commit and \")\"", ended.stdout));
    let none = "a work tree's build: no commit named";
    let is_hash = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(commit == none || commit.split(' ').next().is_some_and(is_hash), "{commit}");
    assert_eq!(ended.code, Some(0));
}

#[test]
fn nobody_reading_is_no_reason_to_panic() {
    for arguments in [&["check", "--feed", "push"][..], &["check", "--shards", "x"]] {
        // Both streams are pipes whose reader is gone before the process starts.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut run = tickcast(arguments);
        run.command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let code = program::status(run.command.spawn().unwrap()).code();
        assert!(matches!(code, Some(0 | 1)), "{arguments:?}: {code:?}");
    }
}

#[test]
fn more_connections_than_a_venue_allows_are_told_and_no_fault() {
    let feeds =
        ["--feed", "alpaca?symbols=AAPL&source=iex", "--feed", "alpaca?symbols=MSFT&source=iex&name=other"];
    let check = |feeds: &[&str]| {
        let arguments = [&["check"], feeds].concat();
        let run = tickcast(&arguments).variable("APCA_API_KEY_ID", "key");
        run.variable("APCA_API_SECRET_KEY", "secret").ended()
    };
    let one = check(&feeds[..2]);
    assert_eq!((one.code, one.stderr.as_str()), (Some(0), ""));
    let two = check(&feeds);
    let told = "alpaca allows 1 connections of an account, and 2 are needed (feeds alpaca, other)";
    assert!(two.code == Some(0) && two.stderr.contains(told), "{}", two.stderr);
    let wrong = tickcast(&["check", "--feed", "binance?symbols=A&ca=/no/such/file.pem"]).ended();
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.contains("option ca: cannot read /no/such/file.pem"), "{}", wrong.stderr);
}

#[test]
fn a_scenario_beside_another_feed_is_told_before_the_start_and_at_it() {
    let scenario = "replay:bundled?scenario=mute-streams";
    let ended = |command: &str, other: &str| {
        tickcast(&[command, "--listen", "127.0.0.1:0", "--feed", scenario, "--feed", other]).ended()
    };
    for other in ["sim", "replay:bundled?scenario=retired-root", "replay:bundled?clock=replay"] {
        let checked = ended("check", other);
        assert_eq!(checked.code, Some(1), "{other}");
        let told = faults(&checked.stderr).join("\n");
        let wanted = format!("must be the only feed beside push, but there is `{other}` too");
        assert!(told.contains(&format!("the feed `{scenario}` makes")) && told.contains(&wanted), "{told}");
        let served = ended("serve", other);
        assert!(served.code != Some(0) && served.stderr.contains(&wanted), "{}", served.stderr);
    }
    assert_eq!(ended("check", "push").code, Some(0));
}

#[test]
fn a_wrong_scenario_is_told_with_its_line() {
    let wrong = file(
        "wrong-scenario.toml",
        "name = \"x\"\nmodelled_on = \"y\"\n\n[[fault]]\nkind = \"mute\"\nbehind = 3\n",
    );
    let check = |scenario: &str| {
        tickcast(&["check", "--feed", &format!("replay:bundled?scenario={scenario}")]).ended()
    };
    let ended = check(&wrong.display().to_string());
    assert_eq!(ended.code, Some(1));
    let told = faults(&ended.stderr).join("\n");
    assert!(told.contains("line 4: fault 1 (mute): behind is not an option of this kind"), "{told}");
    let told = faults(&check("mute-stream").stderr).join("\n");
    assert!(
        told.contains("there is no scenario \"mute-stream\"; ready ones are mute-streams, retired-root"),
        "{told}"
    );
    assert_eq!(check("mute-streams").code, Some(0));
}

#[test]
fn the_ready_scenarios_are_listed_and_each_can_be_kept_as_a_file() {
    let listed = tickcast(&["scenarios"]).ended().stdout;
    let names: Vec<&str> =
        listed.lines().filter(|line| !line.starts_with(' ') && !line.contains(':')).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
    assert_eq!(names.len(), 12, "{listed}");
    for name in names {
        let text = tickcast(&["scenarios", name]).ended().stdout;
        let kept = file(&format!("kept-{name}.toml"), &text);
        let feed = format!("replay:bundled?scenario={}", kept.display());
        assert_eq!(tickcast(&["check", "--feed", &feed]).ended().code, Some(0), "{name}");
    }
    assert_eq!(tickcast(&["scenarios", "none"]).ended().code, Some(2));
}

/// Of each source: what is written wrong, and what is told of it before a connection is made.
#[test]
fn a_wrong_venue_symbol_or_key_of_every_source_is_told() {
    let key = file("venue.key", "key\n").display().to_string();
    let keys = format!("key_file={key}&secret_file={key}");
    let cases = [
        (
            "binanse?symbols=BTCUSDT".to_owned(),
            "unknown source \"binanse?symbols=BTCUSDT\"; did you mean binance?",
        ),
        ("binance".to_owned(), "at least one is needed"),
        (
            "binance?symbols=BTC-USDT".to_owned(),
            "is not a symbol of Binance, which writes them as in BTCUSDT",
        ),
        ("binance?symbols=BTCUSDT&url=http://127.0.0.1:9".to_owned(), "write ws://"),
        ("binance-usdm?symbols=btcusdt".to_owned(), "is not a symbol of Binance"),
        ("binance-usdm?symbols=BTCUSDT&trades=each".to_owned(), "must be each or agg, got"),
        ("coinbase?symbols=BTCUSD".to_owned(), "is not a product such as BTC-USD"),
        ("kraken?symbols=XBT/USD".to_owned(), "XBT/USD is BTC/USD here"),
        ("bybit?symbols=BTC/USDT".to_owned(), "is not a symbol such as BTCUSDT"),
        ("bybit?symbols=BTCUSDT&category=inverse".to_owned(), "must be spot or linear, got"),
        ("okx?symbols=BTCUSDT".to_owned(), "is not an instrument such as BTC-USDT"),
        ("hyperliquid?symbols=btc".to_owned(), "is not a coin such as BTC"),
        (format!("alpaca?symbols=aapl&{keys}"), "is not a symbol such as AAPL"),
        (format!("alpaca?symbols=BTCUSD&source=crypto&{keys}"), "is not a pair such as BTC/USD"),
        ("alpaca?symbols=AAPL&key_file=/no/such/key".to_owned(), "option key_file: cannot read /no/such/key"),
        (format!("alpaca?symbols=AAPL&key_file={key}"), "option secret_file: no key is configured"),
        ("massive?symbols=AAPL".to_owned(), "or set MASSIVE_API_KEY"),
        (
            format!("massive?symbols=aapl&{}", &keys[..keys.find('&').expect("two")]),
            "is not a symbol such as AAPL",
        ),
        (format!("massive?symbols=BTCUSD&market=crypto&key_file={key}"), "is not a pair such as BTC-USD"),
        (format!("massive?symbols=EURUSD&market=forex&key_file={key}"), "is not a pair such as EUR/USD"),
        (format!("massive?symbols=SPY&market=options&key_file={key}"), "is not a contract such as O:SPY"),
        (
            "tickcast?url=ws://127.0.0.1:1&token_file=/no/such/token".to_owned(),
            "option token_file: cannot read",
        ),
        ("https://other.example".to_owned(), "write wss://"),
    ];
    let mut arguments = vec!["check"];
    for (feed, _) in &cases {
        arguments.extend(["--feed", feed]);
    }
    let ended = tickcast(&arguments).ended();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let told = faults(&ended.stderr);
    assert_eq!(told.len(), cases.len(), "{}", ended.stderr);
    for ((feed, part), told) in cases.iter().zip(told) {
        // A long one is cut.
        let source = feed.split('&').next().unwrap_or_default();
        assert!(told.contains(part) && told.contains(source), "{feed}: {told}");
    }
}
