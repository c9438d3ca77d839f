//! A view on a terminal: keys in, frames out, at a rate that a slow connection can carry.
//!
//! The [`TerminalView`] decides what is shown. Invariants: at most one frame in [`FRAME`], and only when something changed or an
//! age may have grown. No frame is drawn while the terminal has not taken the last one, so a slow connection shows the
//! newest state and not a queue of old ones. Cancelling a wait loses no key.

use std::{collections::VecDeque, io, ops::ControlFlow, time::Duration};

use crossterm::event::{Event, KeyEventKind};
use ratatui_core::{backend::Backend, terminal::Terminal};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep_until},
};

use super::{Act, TerminalView};

/// Events of the terminal and of the process's signals.
#[derive(Debug)]
pub enum TerminalInput {
    Event(Event),
    /// The process was sent SIGTSTP (`kill -TSTP`).
    Stop,
    /// The process continues after a stop. Other programs may have used the terminal in the meantime.
    Continued,
    /// The terminal has no more input.
    Lost(io::Error),
}

/// Which processes a stop is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopFor {
    /// The whole job of the shell, as when Ctrl-Z is pressed.
    Job,
    /// This process alone.
    Process,
}

/// A terminal that can be restored and taken again.
pub trait Tty {
    /// Whether it has accepted the last frame.
    fn is_ready(&self) -> bool;

    /// Restores the terminal, stops the process until it is continued, and takes the terminal again.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn suspend(&mut self, stop: StopFor) -> io::Result<()>;

    /// Takes the terminal again, whatever state other programs have left it in.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn retake(&mut self) -> io::Result<()>;
}

/// A view, its terminal, and the input that waits.
pub struct FullScreen<V, B: Backend, T> {
    pub view: V,
    terminal: Terminal<B>,
    tty: T,
    inputs: UnboundedReceiver<TerminalInput>,
    /// Input that is not handled yet.
    waiting: VecDeque<TerminalInput>,
    /// Whether something has changed since the last frame.
    changed: bool,
    /// When the last frame was drawn, or should have been.
    drawn: Option<Instant>,
}

/// The shortest time between two frames: 12 a second.
pub const FRAME: Duration = Duration::from_millis(80);
/// How often ages, in whole seconds, are checked when nothing changes.
const IDLE: Duration = Duration::from_millis(500);

// === impl FullScreen ===

impl<V: TerminalView, B: Backend<Error = io::Error>, T: Tty> FullScreen<V, B, T> {
    /// # Errors
    /// When the size of the terminal cannot be read.
    pub fn new(view: V, backend: B, tty: T, inputs: UnboundedReceiver<TerminalInput>) -> io::Result<Self> {
        Ok(FullScreen {
            view,
            terminal: Terminal::new(backend)?,
            tty,
            inputs,
            waiting: VecDeque::new(),
            changed: true,
            drawn: None,
        })
    }

    /// What is shown has changed.
    pub fn changed(&mut self) {
        self.changed = true;
    }

    /// Ends when there is something to do in [`step`](Self::step): a key was pressed, or it is time to draw. It may be
    /// cancelled at any moment.
    pub async fn due(&mut self) {
        let Some(drawn) = self.drawn.filter(|_| self.waiting.is_empty()) else { return };
        let pause = if self.changed { FRAME } else { IDLE };
        tokio::select! {
            // A receiver loses nothing when it is cancelled. Without senders there are no keys, but still frames.
            Some(input) = self.inputs.recv() => self.waiting.push_back(input),
            () = sleep_until(drawn + pause) => {}
        }
    }

    /// Does what is due; a break when the user quits.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn step(&mut self, seen: V::Source<'_>) -> io::Result<ControlFlow<()>> {
        while let Ok(input) = self.inputs.try_recv() {
            self.waiting.push_back(input);
        }
        while let Some(input) = self.waiting.pop_front() {
            if self.take(input, seen)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let pause = if self.changed { FRAME } else { IDLE };
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= pause) {
            self.drawn = Some(Instant::now());
            if self.tty.is_ready() {
                self.draw(seen)?;
            } else {
                self.changed = true;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn take(&mut self, input: TerminalInput, seen: V::Source<'_>) -> io::Result<ControlFlow<()>> {
        self.changed = true;
        let act = match input {
            TerminalInput::Event(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                self.view.key(key, seen)
            }
            TerminalInput::Event(Event::Paste(text)) => {
                self.view.paste(&text);
                Act::Show
            }
            TerminalInput::Event(Event::Resize(..)) => {
                self.view.resized();
                Act::Show
            }
            TerminalInput::Event(_) => Act::Show,
            TerminalInput::Stop => {
                self.tty.suspend(StopFor::Process)?;
                Act::Redraw
            }
            TerminalInput::Continued => {
                self.tty.retake()?;
                Act::Redraw
            }
            TerminalInput::Lost(error) => return Err(error),
        };
        match act {
            Act::Show => {}
            Act::Quit => return Ok(ControlFlow::Break(())),
            Act::Suspend => {
                self.tty.suspend(StopFor::Job)?;
                self.redraw()?;
            }
            Act::Redraw => self.redraw()?,
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The screen has lost everything that was drawn.
    fn redraw(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    fn draw(&mut self, seen: V::Source<'_>) -> io::Result<()> {
        let view = &mut self.view;
        self.terminal.draw(|frame| {
            if let Some(cursor) = view.draw(frame.buffer_mut(), seen) {
                frame.set_cursor_position(cursor);
            }
        })?;
        self.changed = false;
        Ok(())
    }
}
