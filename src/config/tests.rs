//! The laws of the configuration: precedence, every fault at once, no panics, what is printed can be read again.

use std::{ffi::OsString, fmt::Write};

use proptest::{prelude::*, sample::Index};
use tickcast::tick::Field;
use tracing::Level;

use super::{key::ConfigKey, relation::Relation, variable::variable, *};

fn gather(
    flags: &Flags,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    file: Option<(&str, &str)>,
) -> Result<Config, ConfigFaults> {
    Gathered::new(flags, environment, file).into_config()
}

fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

fn set(pairs: &[&str]) -> Flags {
    Flags { set: pairs.iter().map(|&pair| pair.to_owned()).collect(), ..Flags::default() }
}

fn from_file(text: &str) -> Result<Config, ConfigFaults> {
    gather(&Flags::default(), [], Some(("t.toml", text)))
}

fn lines(outcome: Result<Config, ConfigFaults>) -> Vec<String> {
    match outcome {
        Ok(config) => panic!("no fault in {config:?}"),
        Err(faults) => faults.0.iter().map(ToString::to_string).collect(),
    }
}

/// The only fault of a file.
fn check_file(text: &str, expected: &str) {
    assert_eq!(lines(from_file(text)), [expected], "{text}");
}

/// The only fault of `--set`.
fn check_set(pair: &str, expected: &str) {
    assert_eq!(lines(gather(&set(&[pair]), [], None)), [expected], "{pair}");
}

/// The only fault of a variable.
fn check_variable(name: &str, value: &str, expected: &str) {
    let outcome = gather(&Flags::default(), environment(&[(name, value)]), None);
    assert_eq!(lines(outcome), [expected], "{name}={value}");
}

#[test]
fn nothing_given_is_the_default() {
    let config = gather(&Flags::default(), environment(&[("PATH", "/bin")]), Some(("t.toml", "")));
    assert_eq!(config.unwrap(), Config::default());
}

#[test]
fn every_default_is_a_value_that_its_key_accepts() {
    let file = as_file(KEYS.iter().map(|key| (key.name, key.value(&Config::default()).to_string())));
    assert_eq!(from_file(&file).unwrap(), Config::default());
}

#[test]
fn each_layer_overrides_the_ones_below_it() {
    let file = "shards = 1\n[limits]\nsessions = 5000\ntopics = 7\n[log]\nlevel = \"debug\"";
    let variables = environment(&[("TICKCAST_SHARDS", "2"), ("TICKCAST_LIMITS_SESSIONS", "6000")]);
    let flags = Flags { shards: Some("3".to_owned()), ..Flags::default() };
    let gathered = Gathered::new(&flags, variables, Some(("t.toml", file)));
    assert!(gathered.faults.is_empty(), "{:?}", gathered.faults);

    let config = gathered.config;
    assert_eq!((config.shards, config.limits.sessions, config.limits.topics), (3, 6000, 7));
    assert_eq!(config.log_level, Level::DEBUG);
    let origins: Vec<String> =
        gathered.origins.iter().map(|(key, origin)| format!("{key} by {origin}")).collect();
    assert_eq!(
        origins,
        [
            "limits.sessions by TICKCAST_LIMITS_SESSIONS",
            "limits.topics by t.toml:4",
            "log.level by t.toml:6",
            "shards by --shards"
        ]
    );
}

#[test]
fn every_fault_of_every_layer_is_told_at_once() {
    let file = "shards = \"many\"\nlisten = 8080\n[limits]\nsesions = 1\ntopics = 0\n";
    let variables = environment(&[
        ("TICKCAST_LOG_FORMAT", "xml"),
        ("TICKCAST_FEED", "sim"),
        // Overridden by the flag below, and validated all the same.
        ("TICKCAST_LISTEN", "localhost:8080"),
    ]);
    let mut flags = set(&["limits.pong_ms=20000", "limits.stale_ms"]);
    flags.listen = Some("0.0.0.0:80".to_owned());
    assert_eq!(
        lines(gather(&flags, variables, Some(("t.toml", file)))),
        [
            "t.toml:1: `shards` must be a whole number, without quotes, but is a text",
            "t.toml:2: `listen` must be a text in quotes, but is a number",
            "t.toml:4: `limits.sesions` is not a configuration key; did you mean `limits.sessions`?",
            "t.toml:5: `limits.topics` must be from 1 to 10000000, but is 0",
            "TICKCAST_FEED: no such variable; did you mean `TICKCAST_FEEDS`?",
            "TICKCAST_LISTEN: `localhost:8080` is not an address and port; write them as 127.0.0.1:8080, [::1]:8080 \
             or 0.0.0.0:8080",
            "TICKCAST_LOG_FORMAT: `log.format` must be `text` or `json`, but is `xml`",
            "--set: `limits.stale_ms` sets nothing; write --set KEY=VALUE, such as --set limits.sessions=500",
            "--set limits.pong_ms: limits.pong_ms must be below limits.ping_ms, so that a ping is answered \
             before the next one; here limits.pong_ms = 20000 (--set limits.pong_ms), limits.ping_ms = 20000 (default)",
        ]
    );
}

#[test]
fn numbers() {
    check_file(
        "shards = 1.5",
        "t.toml:1: `shards` must be a whole number, without quotes, but is a number with a fraction or exponent",
    );
    check_file(
        "shards = true",
        "t.toml:1: `shards` must be a whole number, without quotes, but is true or false",
    );
    check_file(
        "shards = [1]",
        "t.toml:1: `shards` must be a whole number, without quotes, but is a list with an entry that is not text",
    );
    check_file(
        "[shards]\nx = 1",
        "t.toml:1: `shards` must be a whole number, without quotes, but is a table",
    );
    check_file("shards = -1", "t.toml:1: `shards` must be from 0 to 1024, but is -1");
    check_set(
        "limits.line_bytes=1",
        "--set limits.line_bytes: `limits.line_bytes` must be from 256 to 16777216 bytes, but is 1",
    );
    check_set(
        "limits.drain_ms=99999999999999999999999999999999999999999999",
        "--set limits.drain_ms: `limits.drain_ms` must be from 0 to 3600000 milliseconds, but is \
         170141183460469231731687303715884105727",
    );
    check_variable("TICKCAST_SHARDS", "", "TICKCAST_SHARDS: `shards` must be a whole number, but is ``");
    check_variable(
        "TICKCAST_SHARDS",
        "4 x",
        "TICKCAST_SHARDS: `shards` must be a whole number, but is `4 x`",
    );
    let config = gather(&set(&["limits.topics= 1_000 "]), [], None).unwrap();
    assert_eq!(config.limits.topics, 1000);
}

#[test]
fn lists_are_flags_that_repeat_or_words_or_toml() {
    let check = |flags: &Flags, variable: &str, expected: &[&str]| {
        let variables = environment(&[("TICKCAST_FEEDS", variable)]);
        assert_eq!(gather(flags, variables, None).unwrap().feeds, expected);
    };
    let flags = Flags { feeds: vec!["replay:a b.ndjson".to_owned(), "push".to_owned()], ..Flags::default() };
    check(&flags, "sim", &["replay:a b.ndjson", "push"]);
    check(&Flags::default(), " sim  push ", &["sim", "push"]);
    check(&Flags::default(), r#"["replay:a b.ndjson"]"#, &["replay:a b.ndjson"]);
    check(&set(&["feeds=sim?seed=7&rate=2 push"]), "sim", &["sim?seed=7&rate=2", "push"]);

    check(&set(&[r#"feeds="replay:a b.ndjson""#]), "sim", &["replay:a b.ndjson"]);

    check_variable(
        "TICKCAST_FEEDS",
        "[sim]",
        "TICKCAST_FEEDS: `feeds` must be a list, such as feeds = [\"a\", \"b\"], but is brackets that do not hold a TOML \
         list of texts",
    );
    check_file(
        "feeds = \"sim\"",
        "t.toml:1: `feeds` must be a list of texts, such as feeds = [\"a\", \"b\"], but is a text",
    );
}

#[test]
fn two_feeds_of_venues_cannot_name_one_symbol() {
    let faults = lines(from_file(
        "feeds = [\"binance?symbols=BTCUSDT,ETHUSDT\", \"binance-usdm?symbols=ETHUSDT\", \"binance-usdm?symbols=BTCUSDT&prefix=F:\"]",
    ));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("both name ETHUSDT; give one of them a `prefix`"), "{faults:?}");
    let faults = lines(from_file("feeds = [\"binanc?symbols=A\", \"binance?symbols=btcusdt\"]"));
    assert!(faults[0].contains("cannot be used") && faults[1].contains("BTCUSDT"), "{faults:?}");
}

#[test]
fn feeds_are_judged_one_by_one() {
    check_file(
        "feeds = []",
        "t.toml:1: no feed is left; write `push` for a service whose ticks all come by POST /v1/publish",
    );
    let faults = lines(from_file("feeds = [\"sim\", \"simm\", \"push\", \"sim\", \"sim?rate=fast\"]"));
    assert_eq!(faults.len(), 3, "{faults:?}");
    for (fault, start) in faults.iter().zip([
        "t.toml:1: the feed `simm` cannot be used: unknown source",
        "t.toml:1: the feed `sim` stands twice in the list; give it once",
        "t.toml:1: the feed `sim?rate=fast` cannot be used: sim: option rate must be",
    ]) {
        assert!(fault.starts_with(start), "{fault}");
    }
}

#[test]
fn a_mark_before_the_file_is_no_part_of_it() {
    assert_eq!(from_file("\u{feff}shards = 2").unwrap().shards, 2);
    let fault = lines(from_file("\u{feff}shards = \"two\""));
    assert!(fault.len() == 1 && fault[0].starts_with("t.toml:1: "), "{fault:?}");
}

#[test]
fn web_origins_are_scheme_host_and_port() {
    let flags = Flags {
        allowed_origins: ["https://a.example", "http://[::1]:3000", "HTTPS://B.example:8443", "*"]
            .map(str::to_owned)
            .to_vec(),
        ..Flags::default()
    };
    assert_eq!(gather(&flags, [], None).unwrap().allowed_origins, flags.allowed_origins);
    for wrong in [
        "a.example",
        "https://a.example/",
        "https://a.example/x",
        "https://u@a.example",
        "null",
        "",
        "https://",
    ] {
        let flags = Flags { allowed_origins: vec![wrong.to_owned()], ..Flags::default() };
        let start = format!("--allow-origin: `{wrong}` is not a web origin; ");
        let faults = lines(gather(&flags, [], None));
        assert!(faults.len() == 1 && faults[0].starts_with(&start), "{faults:?}");
    }
}

#[test]
fn an_epoch_is_short_and_plain_and_none_when_empty() {
    assert_eq!(from_file("epoch = \"\"").unwrap().epoch, None);
    assert_eq!(from_file("epoch = \"e-1\"").unwrap().epoch.as_deref(), Some("e-1"));
    check_file("epoch = \"a b\"", "t.toml:1: `a b` is not an epoch; write 1 to 32 of A-Z a-z 0-9 . _ -");
}

#[test]
fn a_text_in_quotes_is_as_in_the_file() {
    let api_keys = |given: &str| gather(&set(&[given]), [], None).map(|config| config.auth.api_keys);
    assert_eq!(api_keys("auth.api_keys=/a b").unwrap(), "/a b");
    assert_eq!(api_keys(r#"auth.api_keys="/a\u0062c""#).unwrap(), "/abc");
    assert_eq!(api_keys("auth.api_keys='/a\"b'").unwrap(), "/a\"b");
    assert_eq!(api_keys("auth.api_keys=/it's").unwrap(), "/it's");
    assert_eq!(gather(&set(&["log.level=\"debug\""]), [], None).unwrap().log_level, Level::DEBUG);
    assert_eq!(
        gather(&set(&["auth.products=\"hkg;XHKG.*;5\""]), [], None).unwrap().auth.products[0].symbols,
        ["XHKG.*"]
    );
    assert_eq!(gather(&set(&["fields=\"mark\""]), [], None).unwrap().fields.len(), 1);
    for given in ["auth.api_keys=\"/a", "listen='127.0.0.1:1", "feeds=\"sim\" \"push\"", "fields='mark"] {
        let faults = lines(gather(&set(&[given]), [], None));
        assert!(faults[0].contains("quotes that do not hold a TOML text"), "{given}: {faults:?}");
    }
    // A number has none, as in the file.
    let faults = lines(gather(&set(&["shards=\"1\""]), [], None));
    assert!(
        faults[0].contains("must be a whole number") || faults[0].contains("is not a number"),
        "{faults:?}"
    );
}

#[test]
fn fields_of_those_without_a_token_are_fields() {
    let given = ["auth.anonymous.read=*", "auth.anonymous.fields=bid bdi mark", "fields=mark"];
    assert_eq!(
        lines(gather(&set(&given), [], None)),
        ["--set auth.anonymous.fields: `auth.anonymous.fields` has `bdi`, which is not a field"]
    );
}

#[test]
fn a_key_that_two_flags_give_is_a_fault() {
    let mut flags = set(&["listen=0.0.0.0:2", "shards=1", "shards=2"]);
    flags.listen = Some("0.0.0.0:1".to_owned());
    assert_eq!(
        lines(gather(&flags, [], None)),
        [
            "--set listen: `listen` is already given by --listen; give it once",
            "--set shards: `shards` is already given by --set shards; give it once",
        ]
    );
}

/// The faults of a file, by line, distinguished by how they start.
fn check_faults(text: &str, expected: &[&str]) {
    let faults = lines(from_file(text));
    let matches =
        faults.iter().zip(expected).all(|(fault, start)| fault.starts_with(&format!("t.toml:{start}")));
    assert!(matches && faults.len() == expected.len(), "{text}\n{faults:#?}\nnot\n{expected:#?}");
}

#[test]
fn a_syntax_error_hides_no_other_fault() {
    check_faults(
        "shards = = 2\n[limits]\nsesions = 1\ntopics 5\nring_ticks = 0\n",
        &[
            "1: not valid TOML (column 10): ",
            "4: not valid TOML (column 8): ",
            "3: `limits.sesions` is not a configuration key",
            "5: `limits.ring_ticks`",
        ],
    );
    // No line is reported twice, nor as another fault.
    check_faults("listen = localhost:8080\nshards = \"x\"\n", &["1: not valid TOML", "2: `shards`"]);
    check_faults("listen = 'abc\nshards = \"x\"\n", &["1: not valid TOML", "2: `shards`"]);
    check_faults(
        "feeds = [\"sim\"\nshards = x\nepoch = \"x y\"\n",
        &["2: not valid TOML", "3: `x y` is not an epoch"],
    );
    check_faults("[limits\nsessions = 0\n[log]\nlevel = 1\n", &["1: not valid TOML", "4: `log.level`"]);
    check_faults("shards = 1\nshards = 2\nepoch = 1", &["2: not valid TOML", "3: `epoch`"]);
    check_faults("epoch = \"\"\"\nshards = \"x\"\n", &["3: not valid TOML"]);
    check_faults("feeds = [", &["1: not valid TOML"]);
    check_faults("é = = 1\r\nshards = \"x\"\r\n", &["1: not valid TOML", "2: `shards`"]);
}

#[test]
fn a_file_of_another_kind_is_not_judged_line_by_line() {
    let faults = lines(from_file(&"{ \"listen\": 80 }\n".repeat(1000)));
    assert_eq!(faults.len(), 20, "{faults:#?}");
}

#[test]
fn tables_that_are_no_tables_of_keys_are_faults() {
    assert_eq!(from_file("[limits]\n[log]\n").unwrap(), Config::default());
    check_file("[limit]", "t.toml:1: `limit` is not a configuration key; did you mean `limits.sessions`?");
    check_file(
        "[server.tls]\nport = 1",
        "t.toml:2: `server.tls.port` is not a configuration key; docs/CONFIGURATION.md lists them all",
    );
    check_file("log = \"json\"", "t.toml:1: `log` is not a configuration key; did you mean `log.format`?");
}

#[test]
fn a_feed_with_the_markets_clock_is_the_only_one_beside_push() {
    let told =
        |feeds: &str| from_file(&format!("feeds = [{feeds}]\n")).err().map(|faults| faults.to_string());
    let (timed, scenario) = ("'replay:a?clock=replay'", "'replay:b?scenario=mute-streams'");
    for alone in [
        timed.to_owned(),
        format!("{timed}, 'push'"),
        format!("'push', {scenario}"),
        "'sim', 'replay:a?clock=wall'".to_owned(),
    ] {
        assert_eq!(told(&alone), None, "{alone}");
    }
    for (feeds, driver, other) in [
        (format!("'sim', {scenario}"), "replay:b?scenario=mute-streams", "sim"),
        (format!("{timed}, 'push', '-'"), "replay:a?clock=replay", "-"),
        (format!("{scenario}, {timed}"), "replay:b?scenario=mute-streams", "replay:a?clock=replay"),
        (format!("'binance?symbols=A', {timed}"), "replay:a?clock=replay", "binance?symbols=A"),
    ] {
        let told = told(&feeds).expect("a fault");
        let says = format!("t.toml:1: the feed `{driver}` makes the market's time its recording's");
        assert!(told.contains(&says), "{told}");
        assert!(told.contains(&format!("beside push, but there is `{other}` too")), "{told}");
    }
}

#[test]
fn a_contradiction_is_told_where_the_highest_layer_made_it() {
    let file = "[limits]\nping_ms = 5000\n";
    let outcome = gather(&Flags::default(), [], Some(("t.toml", file)));
    assert_eq!(
        lines(outcome),
        [
            "t.toml:2: limits.pong_ms must be below limits.ping_ms, so that a ping is answered before the next one; here \
          limits.pong_ms = 10000 (default), limits.ping_ms = 5000 (t.toml:2)"
        ]
    );
    // Whether a faulty limit contradicts another is undecided.
    let outcome = gather(&set(&["limits.pong_ms=x"]), [], Some(("t.toml", file)));
    assert_eq!(
        lines(outcome),
        ["--set limits.pong_ms: `limits.pong_ms` must be a whole number of milliseconds, but is `x`"]
    );
}

#[test]
fn each_relation_is_broken_by_some_configuration() {
    let breakers = [
        "limits.frame_bytes=65536",
        "limits.commands_per_second=201",
        "limits.commands_burst=1001",
        "limits.message_bytes=131073",
        "limits.sessions=99",
        "limits.ring_ticks=65537",
        "limits.pong_ms=20000",
    ];
    for (relation, pair) in Relation::ALL.into_iter().zip(breakers) {
        let faults = gather(&set(&[pair]), [], None).unwrap_err().0;
        let found = faults.iter().map(|fault| match &fault.problem {
            Problem::Contradiction { relation, .. } => Some(*relation),
            _ => None,
        });
        assert_eq!(found.collect::<Vec<_>>(), [Some(relation)], "{pair}");
    }
}

#[test]
fn a_message_is_one_line_whatever_the_outside_wrote() {
    let flags = set(&["a\nb=1", "shards=\x1b[2J\n", "\n"]);
    let variables = environment(&[("TICKCAST_A\nB", "1")]);
    for fault in lines(gather(&flags, variables, None)) {
        assert!(!fault.contains(char::is_control), "{fault:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_a_fault() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = OsString::from_vec(vec![0xff]);
    let outcome = gather(&Flags::default(), [(OsString::from("TICKCAST_LISTEN"), bytes.clone())], None);
    assert_eq!(lines(outcome), ["TICKCAST_LISTEN: the value is not UTF-8 text"]);
    // Other programs' variables are ignored.
    let config = gather(&Flags::default(), [(bytes.clone(), bytes)], None);
    assert_eq!(config.unwrap(), Config::default());
}

/// A value that `key` accepts, as TOML.
fn a_value_of(key: &ConfigKey, index: Index) -> String {
    match &key.kind {
        Kind::Number { min, max, .. } => {
            let span = usize::try_from(max - min).unwrap_or(usize::MAX).saturating_add(1);
            (min + index.index(span) as u64).to_string()
        }
        Kind::Word { words, .. } => format!("\"{}\"", index.get(words)),
        Kind::Text { .. } if key.name.ends_with("listen") => format!("\"127.0.0.1:{}\"", index.index(65_536)),
        Kind::Text { .. } if key.name == "dialects" => {
            format!("{:?}", ["all", "none", "binance"][index.index(3)])
        }
        Kind::Text { .. } => format!("\"e{}\"", index.index(1000)),
        Kind::List { .. } if key.name == "feeds" => format!("[\"sim?seed={}\", \"push\"]", index.index(1000)),
        Kind::List { .. } if key.name == "auth.keys" => format!("[\"hs256:k{}\"]", index.index(1000)),
        Kind::List { .. } if key.name == "trusted_proxies" => {
            format!("[\"10.0.{}.0/24\", \"proxy:10.1.0.{}\"]", index.index(256), index.index(256))
        }
        Kind::List { .. } if key.name == "auth.anonymous.fields" => {
            format!("[{:?}]", index.get(&Field::ALL).name())
        }
        Kind::List { .. } => format!("[\"https://h{}.example\"]", index.index(1000)),
        Kind::Fields => format!("[\"f{}:integer:sum:A*\"]", index.index(1000)),
        Kind::Products => format!("[\"p{};A*,B;5\"]", index.index(1000)),
    }
}

fn as_file(settings: impl Iterator<Item = (&'static str, String)>) -> String {
    settings.fold(String::new(), |mut file, (key, value)| {
        writeln!(file, "{key} = {value}").unwrap();
        file
    })
}

/// The text of a flag or variable for a value in TOML.
fn as_text(toml: &str) -> String {
    toml.trim_matches('"').to_owned()
}

proptest! {
    /// Of the layers that give a key, the highest one's value is in force, and its origin is reported.
    #[test]
    fn precedence(which in any::<Index>(), values in any::<[Index; 3]>(), layers in any::<[bool; 3]>()) {
        let key = which.get(KEYS);
        let [low, middle, high] = values.map(|index| a_value_of(key, index));
        let file = if layers[0] { format!("{} = {low}", key.name) } else { String::new() };
        let name = variable(key.name);
        let variables = if layers[1] { environment(&[(&name, &as_text(&middle))]) } else { Vec::new() };
        let pair = format!("{}={}", key.name, as_text(&high));
        let flags = if layers[2] { set(&[&pair]) } else { Flags::default() };

        let gathered = Gathered::new(&flags, variables, Some(("t.toml", &file)));
        let contradictions = |fault: &ConfigFault| {
            let alone = matches!(fault.problem, Problem::TlsUnpaired { .. } | Problem::TlsClientsAlone);
            alone || matches!(fault.problem, Problem::Contradiction { .. })
        };
        prop_assert!(gathered.faults.iter().all(contradictions), "{:?}", gathered.faults);

        let (expected, rank) = match layers {
            [_, _, true] => (Some(high), 3),
            [_, true, _] => (Some(middle), 2),
            [true, _, _] => (Some(low), 1),
            _ => (None, 0),
        };
        let expected = expected.unwrap_or_else(|| key.value(&Config::default()).to_string());
        prop_assert_eq!(key.value(&gathered.config).to_string(), expected);
        prop_assert_eq!(gathered.origins.get(key.name).map_or(0, ConfigOrigin::rank), rank);
    }

    /// The output of `check` is a file that gives the same configuration again.
    #[test]
    fn values_print_as_they_are_read(values in proptest::collection::vec(any::<Index>(), KEYS.len())) {
        let file = as_file(KEYS.iter().zip(&values).map(|(key, index)| (key.name, a_value_of(key, *index))));
        let gathered = Gathered::new(&Flags::default(), [], Some(("t.toml", &file)));
        let printed = as_file(KEYS.iter().map(|key| (key.name, key.value(&gathered.config).to_string())));
        prop_assert_eq!(file, printed);
    }

    /// No text panics, in any layer, and accepted settings satisfy every relation.
    #[test]
    fn nothing_from_outside_panics(
        file in "(\\PC|\n|[\\[\\]=\".0-9a-z_])*",
        tail in "[A-Z_]{0,12}",
        text in "\\PC{0,40}",
        which in any::<Index>(),
    ) {
        let key = which.get(KEYS).name;
        let variables = environment(&[(&format!("TICKCAST_{tail}"), &text), (&variable(key), &text)]);
        let mut flags = set(&[&text, &format!("{key}={text}")]);
        flags.feeds = vec![text];
        if let Ok(config) = gather(&flags, variables, Some(("t.toml", &file))) {
            prop_assert!(Relation::ALL.iter().all(|relation| relation.holds(&config.limits)));
        }
    }

    /// The relations are checked on the values in force, and on nothing else.
    #[test]
    fn what_is_accepted_holds_every_relation(values in proptest::collection::vec((any::<Index>(), any::<Index>()), 1..4)) {
        let mut file = String::new();
        let mut seen = Vec::new();
        for (which, index) in &values {
            let key = which.get(KEYS);
            if !seen.contains(&key.name) {
                seen.push(key.name);
                writeln!(file, "{} = {}", key.name, a_value_of(key, *index)).unwrap();
            }
        }
        let gathered = Gathered::new(&Flags::default(), [], Some(("t.toml", &file)));
        let broken = Relation::ALL.iter().filter(|relation| !relation.holds(&gathered.config.limits)).count();
        let is_relation = |fault: &&ConfigFault| matches!(fault.problem, Problem::Contradiction { .. });
        let found = gathered.faults.iter().filter(is_relation).count();
        prop_assert_eq!(found, broken, "{:?}", gathered.faults);
        let Config { tls_certs, tls_keys, tls_client_ca, .. } = &gathered.config;
        let is_fit = tls_certs.len() == tls_keys.len() && (tls_client_ca.is_empty() || !tls_certs.is_empty());
        prop_assert_eq!(gathered.faults.len() - found, usize::from(!is_fit), "{:?}", gathered.faults);
    }
}

#[test]
fn certificates_and_keys_come_in_pairs() {
    check_file(
        "[tls]\ncerts = [\"a\", \"b\"]\nkeys = [\"c\"]",
        "t.toml:3: `tls.certs` has 2 files and `tls.keys` has 1; give one key for each certificate, in the same order",
    );
    check_file(
        "[tls]\nclient_ca = \"a\"",
        "t.toml:2: `tls.client_ca` is given without `tls.certs`: clients' certificates need TLS, and TLS a certificate of its own",
    );
    check_file("[tls]\ncerts = [\"\"]\nkeys = [\"c\"]", "t.toml:2: `tls.certs` has an empty name of a file");
}

#[test]
fn two_listeners_have_two_addresses() {
    for (listen, admin, may) in [
        ("127.0.0.1:8080", "127.0.0.1:8080", false),
        ("0.0.0.0:8080", "127.0.0.1:8080", false),
        ("127.0.0.1:8080", "[::]:8080", false),
        ("0.0.0.0:8080", "[::1]:8080", true),
        ("127.0.0.1:8080", "127.0.0.2:8080", true),
        ("127.0.0.1:8080", "127.0.0.1:9090", true),
        ("127.0.0.1:0", "127.0.0.1:0", true),
    ] {
        let file = format!("listen = \"{listen}\"\nadmin_listen = \"{admin}\"\n");
        let outcome = gather(&Flags::default(), [], Some(("t.toml", &file)));
        assert_eq!(outcome.is_ok(), may, "{listen} {admin}: {outcome:?}");
    }
    check_file(
        "admin_listen = \"127.0.0.1:8080\"",
        "t.toml:1: `admin_listen` is 127.0.0.1:8080, where `listen` is 127.0.0.1:8080: give operators a port of their own, or leave it out",
    );
}
