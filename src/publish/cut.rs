//! A command `publish`, cut in two: its head, whose `ticks` are an empty array, and the places of its ticks.
//!
//! The ticks of a message are not parsed here, only told apart: a fault within one is a fault of that tick alone. What is
//! no such command, or malformed outside its ticks, is not cut; the reader of commands then says what is wrong with it.
//!
//! Invariant: each byte is looked at once.

use std::ops::Range;

use crate::text::without_bom;

/// The parts of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The command without its ticks.
    pub head: Vec<u8>,
    /// Where each tick is in the text; at most as many as were asked for.
    pub ticks: Vec<Range<u32>>,
    /// How many ticks there are.
    pub count: usize,
}

/// Whether a text may be a command that publishes: it has the word. It costs less than reading the command.
pub fn may_publish(text: &[u8]) -> bool {
    memchr::memmem::find(text, b"\"publish\"").is_some()
}

/// Cuts a command that publishes; keeps the places of `most` ticks.
pub fn cut(text: &[u8], most: usize) -> Option<Cut> {
    let mark = text.len() - without_bom(text).len();
    let mut scan = Scan { text, at: mark };
    let mut op = None;
    let mut ticks: Option<(Range<usize>, Vec<Range<u32>>, usize)> = None;
    scan.token(b'{')?;
    loop {
        let name = scan.string()?;
        scan.token(b':')?;
        scan.blanks();
        if &text[name.clone()] == b"\"ticks\"" && scan.peek() == Some(b'[') {
            if ticks.is_some() {
                return None;
            }
            let begin = scan.at + 1;
            let (places, count) = scan.items(most)?;
            ticks = Some((begin..scan.at - 1, places, count));
        } else {
            let value = scan.value()?;
            if &text[name] == b"\"op\"" {
                op = Some(value);
            }
        }
        match scan.next_token()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    if &text[op?] != b"\"publish\"" {
        return None;
    }
    let (within, ticks, count) = ticks?;
    let head = [&text[..within.start], &text[within.end..]].concat();
    Some(Cut { head, ticks, count })
}

/// A position in a text.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The next byte that is not blank.
    fn next_token(&mut self) -> Option<u8> {
        self.blanks();
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn token(&mut self, expected: u8) -> Option<()> {
        (self.next_token()? == expected).then_some(())
    }

    /// The place of a string, with its quotes.
    fn string(&mut self) -> Option<Range<usize>> {
        self.blanks();
        let begin = self.at;
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            self.at += memchr::memchr2(b'"', b'\\', self.text.get(self.at..)?)?;
            match self.text[self.at] {
                b'\\' => self.at += 2,
                _ => break,
            }
        }
        self.at += 1;
        Some(begin..self.at)
    }

    /// The place of a value, whatever is in it.
    fn value(&mut self) -> Option<Range<usize>> {
        self.blanks();
        let begin = self.at;
        match self.peek()? {
            b'"' => return self.string(),
            b'{' | b'[' => self.nested()?,
            _ => {
                while !matches!(self.peek()?, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' | b'"') {
                    self.at += 1;
                }
            }
        }
        (self.at > begin).then_some(begin..self.at)
    }

    /// Goes behind an object or an array.
    fn nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Goes behind an array; returns the places of its first items, and how many it has.
    fn items(&mut self, most: usize) -> Option<(Vec<Range<u32>>, usize)> {
        let (mut places, mut count) = (Vec::new(), 0);
        self.token(b'[')?;
        self.blanks();
        if self.peek()? == b']' {
            self.at += 1;
            return Some((places, 0));
        }
        loop {
            let place = self.value()?;
            if count < most {
                places.push(u32::try_from(place.start).ok()?..u32::try_from(place.end).ok()?);
            }
            count += 1;
            match self.next_token()? {
                b',' => {}
                b']' => return Some((places, count)),
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, head: &str, ticks: &[&str]) {
        let found = cut(text.as_bytes(), 100).expect("a command that publishes");
        assert_eq!(String::from_utf8_lossy(&found.head), head, "{text}");
        let texts = found.ticks.iter().map(|place| &text[place.start as usize..place.end as usize]);
        assert_eq!(texts.collect::<Vec<_>>(), ticks, "{text}");
        assert_eq!(found.count, ticks.len(), "{text}");
    }

    #[test]
    fn ticks_are_told_apart_whatever_is_in_them() {
        check(r#"{"op":"publish","ticks":[]}"#, r#"{"op":"publish","ticks":[]}"#, &[]);
        check(
            r#" { "ticks" : [ {"a":"]}"} , [1,{"b":2}] , 7, "x\"," ] , "op" : "publish" , "id" : 3 } "#,
            r#" { "ticks" : [] , "op" : "publish" , "id" : 3 } "#,
            &[r#"{"a":"]}"}"#, r#"[1,{"b":2}]"#, "7", r#""x\",""#],
        );
    }

    #[test]
    fn another_command_is_left_to_the_reader_of_commands() {
        for text in [
            r#"{"op":"subscribe","symbols":["publish"]}"#,
            r#"{"op":"publish"}"#,
            r#"{"op":"publish","ticks":7}"#,
            r#"{"op":"publish","ticks":[{"a":1},]}"#,
            r#"{"op":"publish","ticks":[{"a":1} {"a":1}]}"#,
            r#"{"op":"publish","ticks":[],"ticks":[]}"#,
            r#"{"op":"publish","ticks":[{"a":1}"#,
            r#"["publish"]"#,
            "",
        ] {
            assert_eq!(cut(text.as_bytes(), 100), None, "{text}");
        }
    }

    #[test]
    fn no_more_places_are_kept_than_asked_for() {
        let found = cut(br#"{"op":"publish","ticks":[1,2,3,4]}"#, 2).expect("a command");
        assert_eq!((found.ticks.len(), found.count), (2, 4));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[{}\[\]"\\,: a1]{0,40}"#, within in r#"[{}\[\]"\\,: a1]{0,40}"#) {
            let _ = cut(text.as_bytes(), 3);
            let _ = cut(format!(r#"{{"op":"publish","ticks":[{within}]}}"#).as_bytes(), 3);
        }

        #[test]
        fn what_serde_writes_is_cut_as_serde_reads_it(
            texts in prop::collection::vec(".{0,12}", 0..6), before: bool, id: u32,
        ) {
            let ticks: Vec<_> = texts.iter().map(|text| serde_json::json!({"symbol": text, "n": [text]})).collect();
            let ticks_text = serde_json::to_string(&ticks).expect("text");
            let text = if before {
                format!(r#"{{"ticks":{ticks_text},"op":"publish","id":{id}}}"#)
            } else {
                format!(r#"{{"op":"publish","id":{id},"ticks":{ticks_text}}}"#)
            };
            let found = cut(text.as_bytes(), usize::MAX).expect("a command");
            let read = found.ticks.iter().map(|place| {
                serde_json::from_str::<serde_json::Value>(&text[place.start as usize..place.end as usize]).expect("JSON")
            });
            prop_assert_eq!(read.collect::<Vec<_>>(), ticks);
        }
    }
}
