//! The full-screen table as a face of a watch: events of the connection go to the screen.

use std::{io, ops::ControlFlow};

use crossterm::event::KeyEvent;
use ratatui_core::{backend::Backend, buffer::Buffer, layout::Position};
use tickcast::tick::Nanos;
use tickcast_client::{Event, Mirror};

use super::{
    face::{Link, WatchOutput},
    screen::Screen,
};
use crate::cli::terminal::{Act, FullScreen, TerminalView, Tty};

impl TerminalView for Screen {
    type Source<'a> = (&'a Mirror, &'a Link<'a>);

    fn key(&mut self, key: KeyEvent, (board, link): Self::Source<'_>) -> Act {
        self.press(key, board, link.now)
    }

    fn paste(&mut self, text: &str) {
        self.write_all(text);
    }

    fn resized(&mut self) {
        self.forget_widths();
    }

    fn draw(&mut self, buf: &mut Buffer, (board, link): Self::Source<'_>) -> Option<Position> {
        self.paint(buf, board, link)
    }
}

impl<B: Backend<Error = io::Error>, T: Tty> WatchOutput for FullScreen<Screen, B, T> {
    fn changed(&mut self, event: &Event<'_>, now: Nanos) -> io::Result<()> {
        self.view.changed(event, now);
        FullScreen::changed(self);
        Ok(())
    }

    fn say(&mut self, what: &str) {
        self.view.say(what);
        FullScreen::changed(self);
    }

    fn complain(&mut self, what: &str) {
        self.view.complain(what);
        FullScreen::changed(self);
    }

    async fn due(&mut self) {
        FullScreen::due(self).await;
    }

    fn step(&mut self, board: &Mirror, link: &Link<'_>) -> io::Result<ControlFlow<()>> {
        FullScreen::step(self, (board, link))
    }
}
