//! Keys and boards in, screens out.

mod names;
mod trades;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::{collection::vec, prelude::*};
use ratatui_core::{backend::TestBackend, buffer::Cell, style::Color, terminal::Terminal};

use super::*;
use crate::cli::{
    terminal::Act,
    watch::face::{Link, Rates},
};

/// A screen on a terminal of its own, and a board that messages are written on.
struct Stage {
    screen: Screen,
    board: Mirror,
    terminal: Terminal<TestBackend>,
    now: Nanos,
    up: bool,
}

const SECOND: i64 = 1_000_000_000;
const PLAIN: Theme = Theme { colour: false, unicode: true };
const ROWS: &str = r#"{"type":"welcome","protocol":1,"epoch":"e","heartbeat_ms":5000},{"type":"status","pace":"live"},
    {"type":"snapshot","symbol":"BTC-USD","seq":4,"rx":1000000,"bid":87000.1,"bid_size":0.5,"ask":87000.25,"ask_size":1,"open":80000,"last":87000.1,"volume":12.5},
    {"type":"snapshot","symbol":"ETH-USD","seq":9,"rx":500000,"bid":1.99,"open":2,"last":1.99},
    {"type":"snapshot","symbol":"SOL-EUR","seq":3,"rx":900000,"last":140}"#;

impl Stage {
    fn new(theme: Theme, (columns, lines): (u16, u16)) -> Self {
        let terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
        let board = Mirror::new(tickcast_client::Subscription::latest(["BTC-USD", "ETH-USD", "LATER"]));
        let mut stage = Stage { screen: Screen::new(theme), board, terminal, now: Nanos(SECOND), up: true };
        stage.screen.say("connected");
        stage
    }

    fn with_rows(columns: u16, lines: u16) -> Self {
        let mut stage = Stage::new(PLAIN, (columns, lines));
        stage.tell(ROWS);
        // What digits mean, and how far a page goes, is what was seen.
        stage.lines();
        stage
    }

    fn tell(&mut self, messages: &str) {
        let frame = format!("[{messages}]");
        let mut events = self.board.receive(&frame, 0);
        while let Some(event) = events.next_event().unwrap() {
            self.screen.changed(&event, self.now);
        }
    }

    fn keys(&mut self, keys: &str) -> Act {
        let mut act = Act::Show;
        for char in keys.chars() {
            let code = match char {
                '\n' => KeyCode::Enter,
                '\x1b' => KeyCode::Esc,
                '\x08' => KeyCode::Backspace,
                char => KeyCode::Char(char),
            };
            act = self.key(code, KeyModifiers::NONE);
        }
        act
    }

    fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) -> Act {
        self.screen.press(KeyEvent::new(code, modifiers), &self.board, self.now)
    }

    /// Draws, and reads what is there.
    fn lines(&mut self) -> Vec<String> {
        let rates = Rates {
            updates_per_second: 12.4,
            ticks_per_second: 30.0,
            bytes_per_second: 3_400.0,
            ..Rates::default()
        };
        let link = Link {
            url: "ws://host/v1/stream",
            up: self.up,
            asked: "latest",
            heard: Some(self.now),
            rates,
            now: self.now,
            server_now: self.now,
        };
        let (screen, board) = (&mut self.screen, &self.board);
        self.terminal
            .draw(|frame| {
                if let Some(cursor) = screen.paint(frame.buffer_mut(), board, &link) {
                    frame.set_cursor_position(cursor);
                }
            })
            .unwrap();
        let buffer = self.terminal.backend().buffer();
        let width = usize::from(buffer.area().width.max(1));
        let lines = buffer.content().chunks(width);
        lines.map(|line| line.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned()).collect()
    }

    /// The symbols of the rows, from above.
    fn symbols(&mut self) -> Vec<String> {
        let lines = self.lines();
        let title = lines.iter().position(|line| line.starts_with("SYMBOL")).unwrap();
        let rows = lines[title + 1..lines.len() - 1].iter().filter(|line| !line.is_empty());
        rows.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }

    fn selected(&self) -> Option<&str> {
        self.screen.selected.map(|place| self.board.topics()[place].symbol.as_str())
    }
}

#[test]
fn the_screen_shows_prices_ages_and_what_is_missing() {
    let mut stage = Stage::with_rows(100, 10);
    stage.tell(
        r#"{"type":"update","symbol":"ETH-USD","seq":1250,"rx":500000,"last":2.015,"n":1235},
           {"type":"gap","symbol":"ETH-USD","from":1251,"to":1252},{"type":"status","symbol":"SOL-EUR","state":"stale"}"#,
    );
    stage.now = Nanos(4 * SECOND);
    let lines = stage.lines();
    assert_eq!(lines[0], format!(" {:<91} latest", "tickcast watch  ws://host/v1/stream"));
    assert_eq!(lines[1], "● connected  1 of 3 not live");
    assert!(lines[2].starts_with("12 updates/s for 30 ticks/s  3.4 kB/s  "), "{lines:#?}");
    let row = |symbol: &str| lines.iter().find(|line| line.starts_with(symbol)).unwrap().clone();
    for part in ["87000.1", "+8.75", "87000.25", "3s", "● live"] {
        assert!(row("BTC-USD").contains(part), "{part}: {lines:#?}");
    }
    for part in ["2.015", "+0.75", "1,235", "1 (2)", "3s"] {
        assert!(row("ETH-USD").contains(part), "{part}: {lines:#?}");
    }
    assert!(row("SOL-EUR").ends_with("◐ stale") && row("LATER").ends_with("○ asked"), "{lines:#?}");
    // Decimal points stand one below the other.
    assert_eq!(row("BTC-USD").find("87000.1").map(|at| at + 5), row("ETH-USD").find(".015"), "{lines:#?}");
    assert!(lines.last().unwrap().ends_with("1-4 of 4"), "{lines:#?}");
}

#[test]
fn a_price_is_live_by_its_age_whatever_the_server_says() {
    let mut stage = Stage::with_rows(100, 12);
    stage.tell(r#"{"type":"welcome","protocol":1,"epoch":"e","heartbeat_ms":5000,"limits":{"stale_ms":2000}},{"type":"status","pace":"live"}"#);
    let states =
        |stage: &mut Stage, state: &str| stage.lines().iter().filter(|line| line.ends_with(state)).count();
    assert_eq!((stage.lines()[1].as_str(), states(&mut stage, "● live")), ("● connected  pace live", 3));
    stage.now = Nanos(32 * SECOND);
    assert_eq!((states(&mut stage, "● live"), states(&mut stage, "◐ old")), (0, 3));
    assert_eq!(stage.lines()[1], "◐ connected  prices 31s old");
    stage.tell(r#"{"type":"update","symbol":"ETH-USD","seq":99,"n":1,"rx":31000000,"last":2.5}"#);
    assert_eq!((states(&mut stage, "● live"), states(&mut stage, "◐ old")), (1, 2));
    assert_eq!(stage.lines()[1], "● connected  2 of 3 not live");
}

#[test]
fn a_name_that_nobody_knows_and_quotes_alone_say_so() {
    let mut stage = Stage::with_rows(100, 12);
    stage.tell(
        r#"{"type":"subscribed","results":[{"symbol":"LATER","status":"pending","known":false}]},
           {"type":"snapshot","symbol":"EUR-USD","seq":1,"rx":900000,"bid":1.0850,"ask":1.0851}"#,
    );
    let lines = stage.lines();
    let row = |symbol: &str| lines.iter().find(|line| line.starts_with(symbol)).unwrap();
    assert!(row("LATER").ends_with("! unknown"), "{lines:#?}");
    assert!(row("EUR-USD").contains("1.08505 mid"), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("VS OPEN %")), "{lines:#?}");
}

#[test]
fn rows_are_sorted_by_any_column_both_ways() {
    let mut stage = Stage::with_rows(200, 12);
    let seen_first = ["BTC-USD", "ETH-USD", "LATER", "SOL-EUR"];
    assert_eq!(stage.symbols(), seen_first);
    // The second column is the last price; what has none is last both ways.
    stage.keys("2");
    assert_eq!(stage.symbols(), ["BTC-USD", "SOL-EUR", "ETH-USD", "LATER"]);
    assert!(stage.lines()[3].contains("LAST ▼"));
    stage.keys("2");
    assert_eq!(stage.symbols(), ["ETH-USD", "SOL-EUR", "BTC-USD", "LATER"]);
    assert!(stage.lines()[3].contains("LAST ▲"));
    stage.keys("r");
    assert_eq!(stage.symbols()[0], "BTC-USD");
    stage.keys("0s");
    assert_eq!(stage.symbols(), seen_first);
    stage.keys("S");
    assert_eq!(stage.symbols(), seen_first);
    // Any column from the list of all.
    stage.keys("cG\n\x1b");
    assert_eq!(stage.symbols()[0], "LATER");
    assert_eq!(stage.screen.sort, Some((Column::State, true)));
}

#[test]
fn rows_change_places_at_most_once_a_second_and_the_selected_one_stays_selected() {
    let mut stage = Stage::with_rows(100, 12);
    stage.keys("2");
    assert_eq!(stage.symbols()[..2], ["BTC-USD", "SOL-EUR"]);
    stage.keys("jj");
    assert_eq!(stage.selected(), Some("SOL-EUR"));
    stage.tell(r#"{"type":"update","symbol":"SOL-EUR","seq":4,"rx":1000000,"last":99999}"#);
    stage.now = Nanos(SECOND + SECOND / 2);
    assert_eq!(stage.symbols()[..2], ["BTC-USD", "SOL-EUR"]);
    stage.now = Nanos(2 * SECOND);
    assert_eq!(stage.symbols()[..2], ["SOL-EUR", "BTC-USD"]);
    assert_eq!(stage.selected(), Some("SOL-EUR"));
}

#[test]
fn the_filter_narrows_with_each_key_and_globs() {
    let mut stage = Stage::with_rows(100, 12);
    stage.keys("/u");
    assert_eq!(stage.symbols(), ["BTC-USD", "ETH-USD", "SOL-EUR"]);
    stage.keys("SD");
    assert_eq!(stage.symbols(), ["BTC-USD", "ETH-USD"]);
    assert!(stage.lines().last().unwrap().starts_with("/uSD"));
    assert!(stage.terminal.backend().cursor_visible());
    assert!(stage.lines().last().unwrap().ends_with("1-2 of 2 (4 in all)"));
    stage.keys("\x08\x08\x08s*r\n");
    assert_eq!(stage.symbols(), ["SOL-EUR"]);
    // Behind Enter a q is a key again.
    assert!(!stage.terminal.backend().cursor_visible());
    stage.keys("\x1b");
    assert_eq!(stage.symbols().len(), 4);
    stage.keys("/zzz\n");
    assert!(stage.lines().iter().any(|line| line.contains("no symbol matches")));
    assert_eq!(stage.keys("q"), Act::Quit);
}

#[test]
fn while_paused_values_stand_still_and_ages_and_states_do_not() {
    let mut stage = Stage::with_rows(100, 12);
    stage.keys("p");
    stage.now = Nanos(31 * SECOND);
    stage.tell(
        r#"{"type":"update","symbol":"BTC-USD","seq":5,"rx":30000000,"last":99000.5},{"type":"status","symbol":"ETH-USD","state":"halted"},
           {"type":"snapshot","symbol":"NEW","seq":1,"rx":30000000,"last":1}"#,
    );
    let lines = stage.lines().join("\n");
    assert!(lines.contains("PAUSED for 30 s, 1 updates not shown"), "{lines}");
    assert!(lines.contains("87000.1") && !lines.contains("99000.5"), "{lines}");
    assert!(lines.contains("30s") && lines.contains("■ halted"), "{lines}");
    assert!(!lines.contains("NEW"), "{lines}");
    stage.keys("p");
    let lines = stage.lines().join("\n");
    assert!(!lines.contains("PAUSED") && lines.contains("99000.5") && lines.contains("NEW"), "{lines}");
}

#[test]
fn nothing_looks_alive_without_a_connection() {
    let mut stage = Stage::with_rows(100, 12);
    stage.board.disconnect();
    stage.up = false;
    stage.screen.say("the server closed; again in 1.0 s");
    stage.screen.complain("bad_symbol: no\x1b[2J");
    let lines = stage.lines();
    assert_eq!(lines[1], "■ the server closed; again in 1.0 s  prices <1s old");
    assert_eq!(lines.iter().filter(|line| line.ends_with("■ offline")).count(), 4, "{lines:#?}");
    assert!(lines.last().unwrap().starts_with("! bad_symbol: no\\u{1b}[2J"), "{lines:#?}");
}

#[test]
fn help_detail_and_columns_stand_over_the_table_and_go() {
    let mut stage = Stage::with_rows(80, 24);
    let plain = stage.lines();
    for (keys, shown) in [("?", "filter: part of a name"), ("c", "[x] SYMBOL"), ("\n", "gaps (ticks lost)")] {
        stage.keys(keys);
        let lines = stage.lines();
        assert!(lines.iter().any(|line| line.contains(shown)), "{keys:?}: {lines:#?}");
        stage.keys("\x1b\x1b");
        assert_eq!(stage.lines(), plain, "{keys:?}");
    }
    // Small as it is, all of the help can be read.
    let mut stage = Stage::with_rows(50, 15);
    stage.keys("?");
    assert!(!stage.lines().join("").contains("GAPS    announced"));
    stage.keys("jjjjjjjjjjjjjjj");
    assert!(stage.lines().join("").contains("GAPS    announced"));
}

#[test]
fn columns_that_were_put_away_give_their_room_to_others() {
    let mut stage = Stage::with_rows(50, 15);
    let title = |stage: &mut Stage| stage.lines()[3].clone();
    let narrow = title(&mut stage);
    assert!(narrow.contains("LAST") && narrow.contains("AGE") && narrow.contains("STATE"), "{narrow}");
    assert!(!narrow.contains("VOLUME") && stage.lines()[14].contains(" columns "), "{:#?}", stage.lines());
    // Trend, change and bid are put away.
    stage.keys("cjj jj");
    assert_eq!(stage.screen.mode, ScreenMode::Columns(4));
    stage.keys(" k \x1b");
    assert!(!title(&mut stage).contains("CHG %"));
    // A column that is sorted by is shown, whatever has to go.
    stage.keys("cgjjjjjjjj\n\x1b");
    assert!(title(&mut stage).contains("VOLUME ▼"), "{}", title(&mut stage));
}

#[test]
fn thousands_of_rows_are_scrolled_and_stay_in_sight() {
    let mut stage = Stage::new(PLAIN, (80, 24));
    stage.board = Mirror::default();
    let rows: Vec<String> = (0..5_000)
        .map(|index| format!(r#"{{"type":"snapshot","symbol":"S{index:04}","seq":1,"rx":1,"last":{index}}}"#))
        .collect();
    stage.tell(&rows.join(","));
    assert_eq!(stage.symbols()[0], "S0000");
    stage.keys("G");
    assert_eq!(stage.selected(), Some("S4999"));
    assert_eq!(stage.symbols().last().unwrap(), "S4999");
    stage.key(KeyCode::PageUp, KeyModifiers::NONE);
    assert_eq!(stage.selected(), Some("S4980"));
    assert!(stage.symbols().contains(&"S4980".to_owned()));
    stage.keys("g");
    assert_eq!((stage.symbols()[0].as_str(), stage.selected()), ("S0000", Some("S0000")));
    stage.keys("2");
    assert!(stage.symbols().contains(&"S0000".to_owned()), "the selected row is followed");
    stage.keys("\x1b");
    assert_eq!(stage.symbols()[0], "S4999");
}

#[test]
fn a_few_keys_are_for_the_shell_whatever_is_shown() {
    for before in ["", "?", "c", "\n", "/"] {
        let mut stage = Stage::with_rows(80, 24);
        stage.lines();
        stage.keys(before);
        assert_eq!(stage.key(KeyCode::Char('c'), KeyModifiers::CONTROL), Act::Quit);
        assert_eq!(stage.key(KeyCode::Char('z'), KeyModifiers::CONTROL), Act::Suspend);
        assert_eq!(stage.key(KeyCode::Char('l'), KeyModifiers::CONTROL), Act::Redraw);
    }
    assert_eq!(Stage::with_rows(80, 24).keys("q"), Act::Quit);
}

#[test]
fn colours_are_only_where_they_are_wanted_and_signs_everywhere() {
    let coloured = |colour, unicode| {
        let mut stage = Stage::new(Theme { colour, unicode }, (120, 12));
        stage.tell(ROWS);
        stage.lines();
        stage.tell(r#"{"type":"update","symbol":"BTC-USD","seq":5,"rx":1,"last":87001},{"type":"update","symbol":"SOL-EUR","seq":4,"rx":1,"last":139}"#);
        let text = stage.lines().join("\n");
        let buffer = stage.terminal.backend().buffer();
        (text, buffer.content().iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset))
    };
    let (text, has_colour) = coloured(true, true);
    assert!(has_colour && text.contains("87001    ▲") && text.contains("139    ▼"), "{text}");
    let (text, has_colour) = coloured(false, true);
    assert!(!has_colour && text.contains('▲') && text.contains('▼'), "{text}");
    let (text, _) = coloured(true, false);
    assert!(text.is_ascii(), "{text}");
}

fn any_key() -> impl Strategy<Value = KeyCode> {
    prop_oneof![
        4 => proptest::sample::select("qhjkgGsrcpx/?0123456789 SaU*-".chars().collect::<Vec<_>>()).prop_map(KeyCode::Char),
        1 => any::<char>().prop_map(KeyCode::Char),
        3 => proptest::sample::select(vec![
            KeyCode::Up, KeyCode::Down, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home, KeyCode::End,
            KeyCode::Enter, KeyCode::Esc, KeyCode::Backspace,
        ]),
    ]
}

proptest! {
    /// Whatever is pressed in whatever room, there is a screen, its rows are rows of the board, none twice, and the
    /// selected one is in sight unless the filter hides it.
    #[test]
    fn any_keys_in_any_room_leave_a_screen(
        keys in vec((any_key(), any::<bool>()), 0..40), columns in 0u16..130, lines in 0u16..40, unicode: bool,
    ) {
        let mut stage = Stage::new(Theme { colour: true, unicode }, (columns, lines));
        stage.tell(ROWS);
        for (index, (key, looks)) in keys.into_iter().enumerate() {
            stage.now = Nanos(SECOND + index as i64 * SECOND / 3);
            stage.key(key, KeyModifiers::NONE);
            if looks {
                stage.lines();
            }
        }
        stage.lines();
        let screen = &stage.screen;
        let mut places = screen.places.clone();
        places.sort_unstable();
        places.dedup();
        prop_assert_eq!(places.len(), screen.places.len());
        if let Some(at) = screen.selected_at() {
            prop_assert!((screen.top..screen.top + screen.page).contains(&at));
        }
    }
}
