//! The terminal itself: taken, and always restored. `ansi.rs` draws on it.
//!
//! Invariant: when this process ends or stops, the terminal has the modes, the cursor and the contents that it had before,
//! except after SIGKILL.

use std::{io, panic, sync::Once, thread, time::Duration};

use crossterm::{
    cursor::{Hide, Show},
    event::{self, DisableBracketedPaste, EnableBracketedPaste},
    queue,
    style::{Attribute, SetAttribute},
    terminal::{
        self as tty, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    },
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc::{self, UnboundedSender},
    task::JoinHandle,
};

use super::{
    TerminalView,
    ansi::Ansi,
    fullscreen::{FullScreen, StopFor, TerminalInput, Tty},
    pen::Pen,
};

/// The terminal while a view has it; restored on drop.
pub struct TakenTerminal {
    /// The task that listens for stop signals; it ends on drop.
    listening: JoinHandle<()>,
}

/// A terminal that takes no bytes for this long is not written to any more.
const PATIENCE: Duration = Duration::from_secs(1);

/// Takes the terminal for a view. A thread that lives as long as the process reads keys, because a read of a terminal
/// cannot be cancelled.
///
/// # Errors
/// When standard output is not a terminal that can be used so, or there is none to read keys from.
pub fn open<V: TerminalView>(view: V) -> io::Result<FullScreen<V, Ansi, TakenTerminal>> {
    let (inputs, received) = mpsc::unbounded_channel();
    let taken = TakenTerminal::new(inputs.clone())?;
    read_keys(inputs)?;
    FullScreen::new(view, Ansi::default(), taken, received)
}

fn read_keys(inputs: UnboundedSender<TerminalInput>) -> io::Result<()> {
    let read = move || {
        loop {
            let (input, is_last) = match event::read() {
                Ok(event) => (TerminalInput::Event(event), false),
                Err(error) => (TerminalInput::Lost(error), true),
            };
            if inputs.send(input).is_err() || is_last {
                return;
            }
        }
    };
    thread::Builder::new().name("keys".to_owned()).spawn(read).map(drop)
}

// === impl TakenTerminal ===

impl TakenTerminal {
    fn new(inputs: UnboundedSender<TerminalInput>) -> io::Result<Self> {
        let mut stops = signal(SignalKind::from_raw(libc::SIGTSTP))?;
        let mut continues = signal(SignalKind::from_raw(libc::SIGCONT))?;
        restore_before_panics();
        take()?;
        let listening = tokio::spawn(async move {
            loop {
                let input = tokio::select! {
                    Some(()) = stops.recv() => TerminalInput::Stop,
                    Some(()) = continues.recv() => TerminalInput::Continued,
                    else => return,
                };
                if inputs.send(input).is_err() {
                    return;
                }
            }
        });
        Ok(TakenTerminal { listening })
    }
}

impl Tty for TakenTerminal {
    fn is_ready(&self) -> bool {
        Pen::of_process().is_idle()
    }

    fn suspend(&mut self, stop: StopFor) -> io::Result<()> {
        restore()?;
        stop_now(stop)?;
        take()
    }

    fn retake(&mut self) -> io::Result<()> {
        // A shell may have set its own modes in the meantime, so ours have to be set again.
        restore()?;
        take()
    }
}

impl Drop for TakenTerminal {
    fn drop(&mut self) {
        self.listening.abort();
        // The error cannot be reported anywhere.
        let _ignored = restore();
    }
}

fn take() -> io::Result<()> {
    tty::enable_raw_mode()?;
    let mut text = Vec::new();
    let taken = queue!(text, EnterAlternateScreen, Hide, EnableBracketedPaste, Clear(ClearType::All));
    let taken = taken.and_then(|()| Pen::of_process().write_and_wait(text, PATIENCE));
    if taken.is_err() {
        let _best_effort = tty::disable_raw_mode();
    }
    taken
}

fn restore() -> io::Result<()> {
    let mut text = Vec::new();
    let left = queue!(
        text,
        EndSynchronizedUpdate,
        SetAttribute(Attribute::Reset),
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    );
    let left = left.and_then(|()| Pen::of_process().write_and_wait(text, PATIENCE));
    // Even when nothing can be written, keys must be echoed again.
    tty::disable_raw_mode().and(left)
}

/// Restores the terminal before a panic's message is written, which would otherwise be lost with the screen.
fn restore_before_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let _best_effort = restore();
            before(info);
        }));
    });
}

/// Stops as if SIGTSTP had never been handled here; returns when we are continued.
///
/// Not SIGSTOP: the system ignores SIGTSTP when no process could continue this one, as in a session without a shell.
#[expect(unsafe_code, reason = "no safe wrapper puts a signal's default action back")]
fn stop_now(stop: StopFor) -> io::Result<()> {
    // SAFETY: both structures outlive the calls that read or write them, zeroes are a valid `sigaction` (the default
    // action, no flags), and the handler that is put back is the one that was there.
    unsafe {
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        let mut ours: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGTSTP, &raw const default, &raw mut ours) != 0 {
            return Err(io::Error::last_os_error());
        }
        let stopped = match stop {
            StopFor::Job => libc::kill(0, libc::SIGTSTP),
            StopFor::Process => libc::raise(libc::SIGTSTP),
        };
        let result = if stopped == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
        libc::sigaction(libc::SIGTSTP, &raw const ours, std::ptr::null_mut());
        result
    }
}
