//! A view on a terminal: keys in, frames out, and no more of them than a slow line carries.
//!
//! Thin: what is shown is decided by the [`View`]. Invariants: at most one frame in [`FRAME`], and only when something
//! changed or an age may have grown; none while the terminal has not taken the last one, so that who looks through a
//! slow line sees the newest state and not a queue of old ones; a key that arrives is never lost when waiting is
//! cancelled.

use std::{collections::VecDeque, io, ops::ControlFlow, time::Duration};

use crossterm::event::{Event, KeyEventKind};
use ratatui_core::{backend::Backend, terminal::Terminal};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep_until},
};

use super::{Act, View};

/// What comes from the terminal and from the process's signals.
#[derive(Debug)]
pub enum TerminalInput {
    Event(Event),
    /// Somebody asks us to stop (`kill -TSTP`).
    Stop,
    /// We go on after we were stopped: others have used the terminal in the meantime.
    Continued,
    /// The terminal gives no more keys.
    Lost(io::Error),
}

/// Whom a stop is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopFor {
    /// All of our job, as the terminal itself does it when Ctrl-Z is pressed.
    Job,
    /// This process, as it was asked.
    Process,
}

/// A terminal that can be given back and taken again.
pub trait Tty {
    /// Whether it has taken what was drawn last.
    fn is_ready(&self) -> bool;

    /// Gives the terminal back, stops until we are continued, and takes it again.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn suspend(&mut self, stop: StopFor) -> io::Result<()>;

    /// Takes the terminal again, whatever others have made of it.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn retake(&mut self) -> io::Result<()>;
}

/// A view, the terminal that it is drawn on, and what waits to be done.
pub struct FullScreen<V, B: Backend, T> {
    pub view: V,
    terminal: Terminal<B>,
    tty: T,
    inputs: UnboundedReceiver<TerminalInput>,
    /// Input that has arrived, and is not handled yet.
    waiting: VecDeque<TerminalInput>,
    /// Whether something has changed since the last frame.
    changed: bool,
    /// When it was drawn last, or should have been.
    drawn: Option<Instant>,
}

/// The shortest time between two frames: 12 a second.
pub const FRAME: Duration = Duration::from_millis(80);
/// Ages are of whole seconds: when nothing changes, they are checked this often.
const IDLE: Duration = Duration::from_millis(500);

// === impl FullScreen ===

impl<V: View, B: Backend<Error = io::Error>, T: Tty> FullScreen<V, B, T> {
    /// # Errors
    /// When the terminal does not say how large it is.
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

    /// Does what is due; a break when the person has seen enough.
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

    /// Nothing of what we drew is there any more.
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
