//! States and keys in, orders and screens out.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;
use ratatui_core::{
    buffer::{Buffer, Cell},
    layout::Rect,
};
use tickcast::tick::Nanos;

use super::{
    deck::Deck,
    order::ReplayOrder,
    state::{DeckSpan, DeckSpeed, ReplayPace, ReplayShown},
};
use crate::cli::terminal::{Act, TerminalView, Theme};

const FIRST: u64 = 1_742_860_800_000_000;
const SECOND: u64 = 1_000_000;

fn state(feed: &str) -> ReplayShown {
    ReplayShown {
        feed: feed.to_owned(),
        file: "a.ndjson".to_owned(),
        phase: "paused".to_owned(),
        paused: true,
        ended: false,
        speed: DeckSpeed::Times(1.0),
        position: 1_234,
        time: Some(FIRST + 25 * SECOND),
        next: Some(FIRST + 26 * SECOND),
        span: Some(DeckSpan { first: FIRST, last: FIRST + 100 * SECOND, records: 5_000 }),
        round: 1,
        records: 1_234,
        rejected: 2,
        waiting_for_clients: 0,
        waiting_for_readers: false,
        clients: 3,
        pace_error_us: ReplayPace { records: 3, p50: 1, p99: 20, max: 30 },
    }
}

fn deck(states: Vec<ReplayShown>) -> Deck {
    let mut deck = Deck::new(Theme { colour: false, unicode: true }, "http://host".to_owned());
    deck.take(states, Nanos(0));
    deck
}

fn press(deck: &mut Deck, keys: &str) -> Act {
    let mut act = Act::Show;
    for char in keys.chars() {
        let code = match char {
            '<' => KeyCode::Left,
            '>' => KeyCode::Right,
            'v' => KeyCode::Down,
            '^' => KeyCode::Up,
            '\x1b' => KeyCode::Esc,
            char => KeyCode::Char(char),
        };
        act = deck.press(KeyEvent::new(code, KeyModifiers::NONE));
    }
    act
}

fn orders(deck: &mut Deck) -> Vec<(String, ReplayOrder)> {
    std::iter::from_fn(|| deck.next_order()).collect()
}

fn lines(deck: &mut Deck, width: u16, height: u16) -> Vec<String> {
    let mut buf = Buffer::empty(Rect { x: 0, y: 0, width, height });
    deck.draw(&mut buf, Nanos(0));
    let cells = buf.content().chunks(usize::from(width.max(1)));
    cells.map(|line| line.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned()).collect()
}

#[track_caller]
fn check(shown: ReplayShown, keys: &str, expected: &[ReplayOrder]) {
    let mut deck = deck(vec![shown]);
    press(&mut deck, keys);
    let found: Vec<ReplayOrder> = orders(&mut deck).into_iter().map(|(_, order)| order).collect();
    assert_eq!(found, expected, "{keys:?}");
}

#[test]
fn keys_become_orders() {
    let playing = || ReplayShown { phase: "playing".to_owned(), paused: false, ..state("a") };
    let speed = |speed: &str| ReplayOrder::Speed(speed.to_owned());
    let seek = |time: &str| ReplayOrder::Seek(format!("2025-03-25T{time}.000000Z"));
    check(state("a"), " ", &[ReplayOrder::Resume]);
    check(playing(), " ", &[ReplayOrder::Pause]);
    check(playing(), "  ", &[ReplayOrder::Pause, ReplayOrder::Resume]);
    check(
        ReplayShown { phase: "waiting".to_owned(), paused: false, ..state("a") },
        " ",
        &[ReplayOrder::Resume],
    );
    check(state("a"), "s", &[ReplayOrder::Step(1)]);
    check(state("a"), "S", &[ReplayOrder::Step(100)]);
    check(state("a"), "ss25sn", &[ReplayOrder::Step(28)]);
    check(state("a"), "25\x1bs", &[ReplayOrder::Step(1)]);
    check(state("a"), "+", &[speed("2")]);
    check(state("a"), "---", &[speed("0.1")]);
    check(state("a"), "----", &[speed("0.1")]);
    check(state("a"), "++++++++", &[speed("max")]);
    check(ReplayShown { speed: DeckSpeed::Max, ..state("a") }, "-", &[speed("1000")]);
    check(ReplayShown { speed: DeckSpeed::Times(3.0), ..state("a") }, "+", &[speed("5")]);
    check(state("a"), ">", &[seek("00:00:35")]);
    check(state("a"), ">>>", &[seek("00:00:55")]);
    check(state("a"), "<", &[seek("00:00:15")]);
    // Within the recording.
    check(state("a"), "<<<<", &[seek("00:00:00")]);
    check(state("a"), "]]", &[seek("00:01:40")]);
    check(state("a"), "r", &[ReplayOrder::Restart]);
    check(state("a"), ">r>", &[seek("00:00:35"), ReplayOrder::Restart, seek("00:00:10")]);
    let ended = || ReplayShown {
        phase: "ended".to_owned(),
        ended: true,
        paused: false,
        time: None,
        next: None,
        ..state("a")
    };
    check(ended(), " ", &[]);
    check(ended(), "r ", &[ReplayOrder::Restart, ReplayOrder::Pause]);
    check(ended(), "<", &[seek("00:01:30")]);
    check(ReplayShown { phase: "failed".to_owned(), ..state("a") }, " sr>", &[]);
}

#[test]
fn what_was_ordered_holds_until_it_is_answered() {
    let mut deck = deck(vec![state("a")]);
    press(&mut deck, " ");
    assert_eq!(orders(&mut deck), [("a".to_owned(), ReplayOrder::Resume)]);
    // An answer to a question from before.
    deck.take(vec![state("a")], Nanos(0));
    press(&mut deck, " ");
    assert_eq!(orders(&mut deck), [("a".to_owned(), ReplayOrder::Pause)]);
    let playing = ReplayShown { phase: "playing".to_owned(), paused: false, span: None, ..state("a") };
    deck.answered("a", Ok(playing.clone()), Nanos(0));
    assert!(lines(&mut deck, 80, 24).concat().contains("paused…"), "the second is not answered");
    deck.answered("a", Ok(playing), Nanos(0));
    let text = lines(&mut deck, 80, 24).concat();
    assert!(text.contains("playing") && text.contains(" 25%"), "the span is kept: {text}");
    press(&mut deck, "ss");
    let _given = deck.next_order();
    press(&mut deck, "s>");
    deck.answered("a", Err("the replay has ended for good".to_owned()), Nanos(0));
    assert_eq!(orders(&mut deck), [], "what was built on it is void");
    let footing = lines(&mut deck, 80, 24).pop().unwrap();
    assert_eq!(footing, "! the replay has ended for good");
}

#[test]
fn each_replay_has_its_orders_and_the_selection_stays_with_it() {
    let mut deck = deck(vec![state("a"), state("b"), state("c")]);
    press(&mut deck, "vs^^^r");
    assert_eq!(
        orders(&mut deck),
        [("b".to_owned(), ReplayOrder::Step(1)), ("a".to_owned(), ReplayOrder::Restart)]
    );
    press(&mut deck, "vv");
    deck.take(vec![state("x"), state("c")], Nanos(0));
    press(&mut deck, "r");
    assert_eq!(orders(&mut deck), [("c".to_owned(), ReplayOrder::Restart)]);
}

#[test]
fn a_lost_server_is_told_and_given_no_orders() {
    let mut deck = deck(vec![state("a")]);
    press(&mut deck, "s");
    deck.lost("cannot connect; again in 1.0 s");
    press(&mut deck, "s");
    assert_eq!(orders(&mut deck), []);
    let lines = lines(&mut deck, 80, 24);
    assert_eq!(lines[1], "■ cannot connect; again in 1.0 s");
    assert_eq!(lines[23], "! there is no connection");
}

#[test]
fn a_card_shows_everything() {
    let mut deck = deck(vec![state("a")]);
    let lines = lines(&mut deck, 80, 24);
    let bar = format!("  {}▊{}  25%", "█".repeat(17), "░".repeat(53));
    let expected = [
        " tickcast replay  http://host",
        "● connected",
        "",
        "> a  ‖ paused  1x                                   2025-03-25T00:00:25.000000Z",
        &bar,
        "  record 1,234 of 5,000  round 1  2 rejected  3 clients          late p99 20 us",
        "  a.ndjson                                       to 2025-03-25T00:01:40.000000Z",
    ];
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected.trim_end()), "{line:?} is not {expected:?}");
    }
    assert_eq!(press(&mut deck, "?"), Act::Show);
    assert!(self::lines(&mut deck, 80, 24).concat().contains("begin again"));
    assert_eq!(press(&mut deck, "q"), Act::Show, "it leaves the help");
    assert_eq!(press(&mut deck, "q"), Act::Quit);
    assert_eq!(deck.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Act::Quit);
}

#[test]
fn a_bar_goes_from_nothing_to_all() {
    let percent =
        |shown: ReplayShown| lines(&mut deck(vec![shown]), 80, 24)[4].rsplit(' ').next().unwrap().to_owned();
    assert_eq!(percent(ReplayShown { position: 0, time: None, ..state("a") }), "0%");
    assert_eq!(percent(ReplayShown { time: Some(FIRST + 100 * SECOND - 1), ..state("a") }), "99%");
    assert_eq!(percent(ReplayShown { ended: true, ..state("a") }), "100%");
    assert_eq!(percent(ReplayShown { span: None, ..state("a") }), "?");
    let at_once = Some(DeckSpan { first: FIRST, last: FIRST, records: 2_468 });
    assert_eq!(percent(ReplayShown { span: at_once, ..state("a") }), "50%");
}

#[test]
fn a_line_tells_where_the_replay_stands() {
    let stands = |time, next, position| ReplayShown { position, time, next, ..state("a") }.line();
    assert!(
        stands(None, Some(FIRST), 7).contains("  before 2025-03-25T00:00:00.000000Z  record 7"),
        "after a seek"
    );
    assert!(stands(None, None, 7).contains("  at the end  record 7"));
    assert!(stands(None, Some(FIRST), 0).contains("  before the first record  record 0"));
}

#[test]
fn a_state_is_one_line() {
    let state = br#"{"feed":"replay","file":"a.ndjson","phase":"waiting","paused":false,"waiting_for_clients":2,"ended":false,"speed":"max","position":3,"time":1742860800000001,"round":1,"records":3,"waiting_for_readers":false,"pace_error_us":{"records":3,"p50":1,"p99":2,"max":3},"rejected":0,"clients":1}"#;
    let shown = ReplayShown::read(state).unwrap();
    assert_eq!(
        shown[0].line(),
        "replay waiting for clients: 1 of 2  2025-03-25T00:00:00.000001Z  record 3  round 1  max  3 played, 0 rejected  late p50 1 us p99 2 us max 3 us  a.ndjson"
    );
    assert_eq!(ReplayShown::read(&[b"[", &state[..], b",", &state[..], b"]"].concat()).unwrap().len(), 2);
    assert!(ReplayShown::read(b"{}").is_err());
}

proptest! {
    #[test]
    fn it_draws_into_any_room(width in 0u16..140, height in 0u16..45, count in 0usize..30, keys in "[ sv^<>+?-]{0,12}") {
        let mut deck = deck((0..count).map(|place| state(&format!("feed-{place}"))).collect());
        press(&mut deck, &keys);
        lines(&mut deck, width, height);
    }

    #[test]
    fn the_selected_replay_is_in_sight(height in 3u16..45, count in 1usize..60, down in 0usize..70) {
        let mut deck = deck((0..count).map(|place| state(&format!("feed-{place:02}"))).collect());
        press(&mut deck, &"v".repeat(down));
        let name = format!("feed-{:02}", down.min(count - 1));
        prop_assert!(lines(&mut deck, 80, height).concat().contains(&name));
    }
}
