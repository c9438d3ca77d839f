//! Columns of tables that say what a trade affects, and that one is cancelled or corrected: read as the same line is.

use crate::feed::{
    formats::{self, DecoderOutput, Hints},
    ndjson::{NdjsonDecoder, write_line},
};

fn read(text: &str, columns: Option<&str>) -> DecoderOutput {
    let hints = Hints { columns: columns.map(|columns| columns.parse().unwrap()), ..Hints::default() };
    let (_, mut decoder) = formats::open("x", text.as_bytes(), true, &hints, 4_096).unwrap().unwrap();
    let mut out = DecoderOutput::default();
    decoder.feed(&mut text.as_bytes().to_vec(), &mut out);
    decoder.finish(&mut out);
    out
}

/// The only row of a table, as a line or as its fault.
fn row(text: &str, columns: Option<&str>) -> String {
    let out = read(text, columns);
    if let Some(reject) = out.rejects.first() {
        return reject.message.clone();
    }
    let mut line = Vec::new();
    write_line(&out.ticks[0].1, None, &mut line);
    String::from_utf8(line).unwrap().trim_end().to_owned()
}

const NAMES: &str = "symbol,bid,last,last_size,side,trade_id,volume,affects,cancel,correct,withdrawn";

#[test]
fn a_row_says_what_a_line_says() {
    for (cells, line) in [
        (
            ",5,1,buy,a,,none,,,",
            r#"{"symbol":"A","last":5,"last_size":1,"side":"buy","trade_id":"a","affects":[]}"#,
        ),
        (
            "4,5,1,,,, volume  last ,,,",
            r#"{"symbol":"A","bid":4,"last":5,"last_size":1,"affects":["last","volume"]}"#,
        ),
        (",5,1,,,,last high_low volume,,,", r#"{"symbol":"A","last":5,"last_size":1}"#),
        (",5,1,,,,,,,", r#"{"symbol":"A","last":5,"last_size":1}"#),
        (",,,,,,,a b,,", r#"{"symbol":"A","cancel":"a b"}"#),
        (",,,,,9,,7,,", r#"{"symbol":"A","cancel":"7","volume":9}"#),
        (",,,,,,,7,,volume", r#"{"symbol":"A","cancel":"7","volume":null}"#),
        (",5,,sell,,9,,,\"a,b\",", r#"{"symbol":"A","correct":"a,b","last":5,"side":"sell","volume":9}"#),
    ] {
        assert_eq!(row(&format!("{NAMES}\nA,{cells}\n"), None), line, "{cells}");
    }
    assert_eq!(row("symbol,cancel\nA,7\n", None), r#"{"symbol":"A","cancel":"7"}"#, "no other column");
}

#[test]
fn what_does_not_go_together_is_refused_as_in_a_line() {
    for (cells, line) in [
        ("4,,,,,,none,,,", r#""bid":4,"affects":[]"#),
        (",5,1,,,,none,7,,", r#""last":5,"last_size":1,"affects":[],"cancel":"7""#),
        (",5,1,,,,none,,7,", r#""last":5,"last_size":1,"affects":[],"correct":"7""#),
        (",5,,,,,,7,8,", r#""last":5,"cancel":"7","correct":"8""#),
        ("4,,,,,,,7,,", r#""bid":4,"cancel":"7""#),
        ("4,5,,,,,,,7,", r#""bid":4,"last":5,"correct":"7""#),
        (",5,,,a,,,,7,", r#""last":5,"trade_id":"a","correct":"7""#),
        (",,,,,9,,,7,", r#""volume":9,"correct":"7""#),
        (",5,,,,,,,7,side", r#""last":5,"side":null,"correct":"7""#),
    ] {
        let mut line = format!(r#"{{"symbol":"A",{line}}}"#).into_bytes();
        let fault = NdjsonDecoder::new(4_096).decode(&mut line).unwrap_err().to_string();
        assert_eq!(row(&format!("{NAMES}\nA,{cells}\n"), None), fault, "{cells}");
    }
}

#[test]
fn other_cells_are_refused() {
    let words = "affects: neither none nor last, high_low and volume, each at most once, with blanks between";
    for (cells, fault) in [
        (",5,1,,,,all,,,", words),
        (",5,1,,,,null,,,", words),
        (",5,1,,,, ,,,", words),
        (",5,1,,,,none last,,,", words),
        (",5,1,,,,last last,,,", words),
        (",5,1,,,,\"last,volume\",,,", words),
        (",,,,,,,a\\b,,", "cancel: no control character, quote or backslash, byte 1 is '\\\\'"),
        (
            ",5,,,,,,,123456789012345678901234567890123,",
            "correct: at most 32 bytes, or the 36 of a UUID, this has 33",
        ),
    ] {
        assert_eq!(row(&format!("{NAMES}\nA,{cells}\n"), None), fault, "{cells}");
    }
}

#[test]
fn columns_that_are_named_say_so_too() {
    let columns = "symbol:s,last:p,last_size:q,trade_id:i,affects:what,cancel:bust,correct:amend";
    let check = |cells: &str, shown: &str| {
        assert_eq!(row(&format!("s;p;q;i;what;bust;amend\nA;{cells}\n"), Some(columns)), shown, "{cells}");
    };
    check("5;1;NaN;none;NaN;", r#"{"symbol":"A","last":5,"last_size":1,"affects":[]}"#);
    check("5;1;; last ;;", r#"{"symbol":"A","last":5,"last_size":1,"affects":["last"]}"#);
    check("5;1;;None;;", r#"{"symbol":"A","last":5,"last_size":1}"#);
    check(
        ";;;;0b1e6d2a-0000-4000-8000-00000000000a;",
        r#"{"symbol":"A","cancel":"0b1e6d2a-0000-4000-8000-00000000000a"}"#,
    );
    check("5;;;;;7", r#"{"symbol":"A","correct":"7","last":5}"#);
    check(";;;;;7", "correct: without last, last_size or side");
    check(
        "5;1;;high;;",
        "affects: neither none nor last, high_low and volume, each at most once, with blanks between",
    );
}
