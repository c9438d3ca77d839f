//! The client against the service: it depends on nothing of it, so what both must know alike is compared here.

use std::collections::BTreeSet;

use tickcast::{
    escape::escaped,
    fanout::{GapReason, Glob},
    limits::Limits,
    tick::{Field, State, Symbol},
    wire::{self, CloseReason, close::Retry, command::CommandReader},
};
use tickcast_client as client;
use tickcast_client::{
    Id, Message, Messages, Mirror, Standing, Subscription, close::Advice, encoding::Encoding,
};

use super::read;

#[test]
fn every_message_of_the_protocol_is_one_that_the_client_knows() {
    let page = read("docs/PROTOCOL.md");
    let mut seen = 0;
    for frame in page.lines().filter(|line| line.starts_with("[{\"type\":")) {
        for message in Messages::new(frame) {
            let message = message.unwrap_or_else(|error| panic!("{frame}: {error}"));
            assert!(!matches!(message, Message::Other { .. }), "{frame}: {message:?}");
            if let Message::Update(tick) | Message::Snapshot(tick) = &message {
                let values = tick.values().unwrap();
                assert!(values.iter().count() + values.withdrawn().count() > 0, "{frame}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 15, "{seen} examples");
}

#[test]
fn every_command_of_the_client_is_one_that_the_server_reads() {
    let symbols = ["BTCUSDT".to_owned(), "ETH*".to_owned()];
    let id = || Some(Id::Number(1));
    let mut mirror =
        Mirror::new(Subscription::latest(symbols.clone()).interval_ms(250).fields(client::Field::ALL));
    let frame = r#"[{"type":"welcome","protocol":1,"epoch":"e","heartbeat_ms":5000},
        {"type":"snapshot","symbol":"BTCUSDT","seq":53,"rx":1,"bid":1},{"type":"snapshot","symbol":"ETH1","seq":9,"rx":1,"bid":1}]"#;
    drop(mirror.receive(frame, 0));
    let mut commands = mirror.connect();
    assert!(commands[0].contains(r#""resume":{"epoch":"e","last":{"BTCUSDT":53,"ETH1":9}}"#), "{commands:?}");
    commands.extend(mirror.subscribe(Subscription::every(["A"]).without_snapshot()));
    commands.extend(mirror.subscribe(Subscription::new(client::Mode::Once, ["*"])));
    commands.extend(mirror.subscribe(Subscription::every(["A"]).named("tape").with_texts()));
    commands.extend(mirror.unsubscribe_of(&symbols, Some("tape")));
    commands.extend(mirror.unsubscribe(&symbols));
    commands.extend(mirror.ping(0));
    let fields = [client::Field::BidSize.into()];
    let more = [
        client::Command::Set {
            id: id(),
            symbols: &symbols,
            mode: Some(client::Mode::Every),
            interval_ms: Some(0),
            fields: Some(&fields),
            name: Some("tape"),
        },
        client::Command::List { id: Some(Id::Text("mine".into())) },
        client::Command::Auth { id: id(), token: "t" },
        client::Command::Ack { seen: 1_207 },
    ];
    commands.extend(more.iter().map(client::Command::to_json));
    for command in commands {
        let read = CommandReader::default().read(&mut command.clone().into_bytes(), &Limits::default());
        assert!(read.is_ok(), "{command}: {read:?}");
    }
}

#[test]
fn fields_and_words_are_the_services() {
    let fields: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
    assert_eq!(client::Field::ALL.map(client::Field::name).to_vec(), fields);
    for reason in GapReason::ALL.map(GapReason::label) {
        assert!(!matches!(client::GapReason::from(reason), client::GapReason::Other(_)), "{reason}");
    }
    for state in [State::Pending, State::Live, State::Stale, State::Halted, State::Closed] {
        let state = client::State::from(state.as_str());
        assert!(!matches!(Standing::from(&state), Standing::Other(_)), "{state}");
    }
    let known = Encoding::ALL.map(Encoding::subprotocol);
    assert!(wire::Encoding::subprotocols().all(|name| known.contains(&name)), "{known:?}");
}

#[test]
fn patterns_mean_what_the_service_takes_them_for() {
    let names = ["SAN-I*", "SAN-IX", "AAPL  250221C00250000", "币安人生USDT", "A?B", "AxB", "*", "**", "带"];
    let entries = names.iter().flat_map(|name| {
        let chars = || name.char_indices().map(|(at, _)| at).chain([name.len()]);
        let starred = chars().map(|at| format!("{}*{}", &name[..at], &name[at..]));
        let escaped = client::Pattern::spelled(name).into_owned();
        starred.chain([(*name).to_owned(), format!("*{escaped}*"), format!("{escaped}*"), escaped])
    });
    for entry in entries {
        let glob = Glob::new(&entry).unwrap_or_else(|error| panic!("{entry}: {error}"));
        assert_eq!(client::Pattern::is_pattern(&entry), glob.named().is_none(), "{entry}");
        if let Some(symbol) = glob.named() {
            assert_eq!(client::Pattern::named(&entry), symbol.as_str());
            assert_eq!(client::Pattern::spelled(symbol.as_str()), entry);
            assert_eq!(Glob::spelled(symbol.as_str()), entry);
        }
        let pattern = client::Pattern::new(&entry);
        for name in names {
            let symbol = Symbol::new(name).expect("a valid symbol");
            assert_eq!(pattern.matches(name), glob.matches(&symbol), "{entry} {name}");
        }
    }
}

#[test]
fn what_is_written_out_is_the_same_on_both_sides() {
    for char in ('\0'..=char::MAX).filter(|char| !matches!(char, '\n' | '\r' | '\t')) {
        let text = format!("A{char}B");
        assert_eq!(client::printable(&text), escaped(&text), "U+{:04X}", u32::from(char));
    }
}

#[test]
fn close_codes_advise_the_client_what_the_server_means() {
    for reason in CloseReason::ALL {
        let meant = match Advice::of(reason.code()) {
            Advice::Return => Retry::ComeBack,
            Advice::NewToken => Retry::WithNewToken,
            Advice::StayAway | Advice::Finished => Retry::DoNot,
        };
        assert_eq!(meant, reason.retry(), "{reason:?}");
    }
}

#[test]
fn the_client_depends_on_nothing_of_the_service() {
    let manifest = read("clients/rust/Cargo.toml");
    let names: BTreeSet<&str> = manifest.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
    assert!(names.contains("serde") && !names.contains("tickcast"), "{names:?}");
    assert!(!manifest.contains("path ="), "a package that others use has no paths into this tree");
    for path in super::files("clients/rust/src", "rs") {
        assert!(!read(&path).contains("tickcast::"), "{path} knows the service");
    }
}
