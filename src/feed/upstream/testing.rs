//! A conversation under test: what is heard, and what comes of it in words.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use compact_str::CompactString;

use super::venue::{Conversation, Dialer, Note, Number, Outgoing, Reaction, Stream, StreamGroup, Venue};
use crate::{
    feed::{ndjson::write_line, options::Options},
    tick::{CustomFields, Nanos},
};

/// One connection of a venue.
pub struct Talk {
    pub conversation: Box<dyn Conversation>,
    pub now: Nanos,
    out: Reaction,
}

/// A configured venue.
///
/// # Panics
/// When it refuses its options or symbols.
pub fn dialer(venue: &dyn Venue, query: &str, symbols: &[&str]) -> Arc<dyn Dialer> {
    let mut options = Options::parse(venue.name(), query).unwrap();
    let symbols: Vec<CompactString> = symbols.iter().map(CompactString::new).collect();
    let dialer = venue.configure(&mut options, &symbols);
    options.finish(dialer).unwrap()
}

/// A file that holds a key. It is written once, whichever test asks first.
///
/// # Panics
/// When it cannot be written.
pub fn key_file(key: &str) -> PathBuf {
    static WRITTEN: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    let mut written = WRITTEN.lock().unwrap();
    let files = written.get_or_insert_default();
    let write = || {
        let path = std::env::temp_dir().join(format!("tickcast-key-{}-{key}", std::process::id()));
        fs::write(&path, format!("{key}\n")).unwrap();
        path
    };
    files.entry(key.to_owned()).or_insert_with(write).clone()
}

/// The streams of these symbols.
pub fn group(dialer: &dyn Dialer, symbols: &[&str]) -> StreamGroup {
    let of = |symbol| dialer.kinds().iter().map(move |kind| Stream::new(symbol, *kind));
    StreamGroup { channel: "", streams: symbols.iter().flat_map(|symbol| of(*symbol)).collect() }
}

impl Talk {
    /// A connection that is open, and the messages that were sent on it.
    pub fn open(dialer: &dyn Dialer, symbols: &[&str]) -> (Talk, Vec<String>) {
        let conversation = dialer.connect(&group(dialer, symbols), &CustomFields::none());
        let mut talk = Talk { conversation, now: Nanos(1_000_000_000_000), out: Reaction::default() };
        talk.conversation.opened(talk.now, &mut talk.out);
        let sends = talk.sends();
        (talk, sends)
    }

    /// The lines of the ticks that a message brought, each with its number.
    #[track_caller]
    pub fn ticks(&mut self, message: &str) -> Vec<String> {
        self.hear(message);
        let ticks = std::mem::take(&mut self.out.ticks);
        assert_eq!((&self.out.sends, &self.out.notes), (&Vec::new(), &Vec::new()), "{message}");
        ticks
            .iter()
            .map(|one| {
                let mut line = Vec::new();
                write_line(&one.tick, None, &mut line);
                let line = String::from_utf8(line).unwrap();
                let number = match one.number {
                    Number::None => String::new(),
                    Number::Counted(number) => format!(" counted {number}"),
                    Number::Spanned { first, number } => format!(" from {first} to {number}"),
                    Number::Rising(number) => format!(" rising {number}"),
                    Number::Named(_) => " named".to_owned(),
                    Number::Placed { place, .. } => format!(" named at {place}"),
                };
                line.trim_end().to_owned() + &number
            })
            .collect()
    }

    /// What a message is told of, without ticks or sends.
    #[track_caller]
    pub fn notes(&mut self, message: &str) -> Vec<Note> {
        self.hear(message);
        assert_eq!((&self.out.ticks, &self.out.sends), (&Vec::new(), &Vec::new()), "{message}");
        std::mem::take(&mut self.out.notes)
    }

    /// Hears a message, which is told of in one way or another.
    pub fn hear(&mut self, message: &str) -> &mut Reaction {
        self.conversation.text(self.now, &mut message.as_bytes().to_vec(), &mut self.out);
        &mut self.out
    }

    /// The messages to be sent.
    pub fn sends(&mut self) -> Vec<String> {
        let text = |send| match send {
            Outgoing::Text(text) => text,
            Outgoing::Binary(bytes) => format!("{} bytes", bytes.len()),
            Outgoing::Ping(_) => "ping".to_owned(),
        };
        self.out.sends.drain(..).map(text).collect()
    }

    pub fn change(&mut self, add: &[Stream], remove: &[Stream]) -> Vec<String> {
        self.conversation.change(self.now, add, remove, &mut self.out);
        self.sends()
    }

    /// Waits until something is due; what was sent, and the notes.
    pub fn wake(&mut self) -> (Vec<String>, Vec<Note>) {
        self.now = self.conversation.due().expect("something is due");
        self.conversation.wake(self.now, &mut self.out);
        (self.sends(), std::mem::take(&mut self.out.notes))
    }

    pub fn told(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.out.notes)
    }
}
