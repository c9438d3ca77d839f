//! [`Play`]: what a market of a test plays, and how its service is set up.

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    feed::{Source, SourceError, recording::RecordingInput, source::SourceKind},
    limits::Limits,
    tick::{CustomFields, custom::CustomField},
};

/// What to play: a recording, and the options of its source (docs/REPLAY.md).
#[derive(Clone, Debug)]
pub struct Play {
    input: RecordingInput,
    options: Vec<(String, String)>,
    pub(super) shards: usize,
    pub(super) limits: Limits,
    pub(super) fields: Arc<CustomFields>,
}

/// Clients have this long to answer a close.
const GRACE: Duration = Duration::from_millis(250);

impl Play {
    /// This recording, paused, at speed `max` once it moves, with the recording's time.
    /// Its name is used as it is: characters that are special in `--feed replay:...` (`?`, `&`) are not special here.
    pub fn file(file: impl AsRef<Path>) -> Self {
        Play::input(RecordingInput::File(file.as_ref().to_owned()))
    }

    /// The bundled recording: three minutes of three symbols of Binance spot.
    pub fn bundled() -> Self {
        Play::input(RecordingInput::Bundled)
    }

    fn input(input: RecordingInput) -> Self {
        let play = Play {
            input,
            options: Vec::new(),
            shards: 1,
            // A test that ends does not wait for clients that have stopped reading.
            limits: Limits { close_grace: GRACE, drain: 4 * GRACE, ..Limits::default() },
            fields: CustomFields::none(),
        };
        play.option("speed", "max").option("clock", "replay").option("start", "paused")
    }

    /// Sets an option of the source: `speed`, `start`, `from`, `symbols`, ... It replaces the value set before, except
    /// for `file`: each is one more file.
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.retain(|(known, _)| known != name || name == "file");
        self.options.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The number of serving threads; 1 by default.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The fields that the server has beside the fixed ones, as its configuration would add them.
    pub fn fields(mut self, fields: impl IntoIterator<Item = CustomField>) -> Self {
        self.fields = CustomFields::new(fields.into_iter().collect());
        self
    }

    /// The feed that plays it.
    pub(super) fn source(&self) -> Result<Source, SourceError> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.options).finish();
        let mut source = Source::parse(&format!("replay:bundled?{query}"))?;
        if let SourceKind::Replay(config) = &mut source.kind {
            config.inputs[0] = self.input.clone();
        }
        Ok(source)
    }
}
