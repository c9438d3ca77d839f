//! What is written to the terminal, by a thread of its own: a terminal that stalls (a link that is down, a multiplexer
//! that is stopped) blocks its writers, for any time.
//!
//! With a separate thread, the connection, keys and signals are still read meanwhile, and the process can end. If the
//! whole process blocked, the server would conflate for it, which is right too, but would close the session after
//! `limits.progress_ms`; and a process that is blocked in a write does not run its SIGTERM handler. Standard output is
//! not made non-blocking, because the shell that started the process shares it.
//!
//! Not a queue of frames: a view draws only when the pen is idle.

use std::{
    io::{self, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{self, Sender},
    },
    thread,
    time::Duration,
};

pub struct Pen {
    texts: Sender<Vec<u8>>,
    shared: Arc<SharedPen>,
}

#[derive(Default)]
struct SharedPen {
    state: Mutex<PenState>,
    written: Condvar,
}

#[derive(Default)]
struct PenState {
    /// Texts that are not written yet.
    waiting: usize,
    /// Why the terminal takes no more.
    failed: Option<io::ErrorKind>,
}

// === impl Pen ===

impl Pen {
    /// The one that writes to standard output.
    pub fn of_process() -> &'static Pen {
        static PEN: OnceLock<Pen> = OnceLock::new();
        PEN.get_or_init(|| Pen::new(io::stdout()))
    }

    fn new(mut out: impl Write + Send + 'static) -> Self {
        let (texts, received) = mpsc::channel::<Vec<u8>>();
        let shared = Arc::new(SharedPen::default());
        let pen = Pen { texts, shared: Arc::clone(&shared) };
        let write = move || {
            for text in received {
                let written = out.write_all(&text).and_then(|()| out.flush());
                let mut state = shared.lock();
                state.waiting -= 1;
                state.failed = written.err().map(|error| error.kind()).or(state.failed);
                shared.written.notify_all();
            }
        };
        if let Err(error) = thread::Builder::new().name("pen".to_owned()).spawn(write) {
            pen.shared.lock().failed = Some(error.kind());
        }
        pen
    }

    /// Whether all is written.
    pub fn is_idle(&self) -> bool {
        self.shared.lock().waiting == 0
    }

    /// Has the text written, in its turn.
    ///
    /// # Errors
    /// When something before it could not be.
    pub fn write(&self, text: Vec<u8>) -> io::Result<()> {
        let mut state = self.shared.lock();
        if let Some(kind) = state.failed {
            return Err(kind.into());
        }
        if !text.is_empty() && self.texts.send(text).is_ok() {
            state.waiting += 1;
        }
        Ok(())
    }

    /// As [`write`](Self::write), and waits until all is written, but no longer than this.
    ///
    /// # Errors
    /// When it cannot be written. That it takes longer is not an error: it will be written when the terminal moves.
    pub fn write_and_wait(&self, text: Vec<u8>, patience: Duration) -> io::Result<()> {
        self.write(text)?;
        let waits = |state: &mut PenState| state.waiting > 0 && state.failed.is_none();
        let waited = self.shared.written.wait_timeout_while(self.shared.lock(), patience, waits);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.failed.map_or(Ok(()), |kind| Err(kind.into()))
    }
}

// === impl SharedPen ===

impl SharedPen {
    fn lock(&self) -> MutexGuard<'_, PenState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal that takes a text when it is let.
    struct Gate(mpsc::Receiver<()>, Sender<Vec<u8>>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            self.1.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stalled_terminal_holds_nobody_and_gets_everything_in_order() {
        let (open, opened) = mpsc::channel();
        let (sent, received) = mpsc::channel();
        let pen = Pen::new(Gate(opened, sent));
        pen.write(b"frame".to_vec()).unwrap();
        assert!(!pen.is_idle());
        pen.write_and_wait(b"restore".to_vec(), Duration::ZERO).unwrap();
        assert!(!pen.is_idle());
        open.send(()).unwrap();
        open.send(()).unwrap();
        pen.write_and_wait(Vec::new(), Duration::MAX).unwrap();
        assert!(pen.is_idle());
        assert_eq!(received.try_iter().collect::<Vec<_>>().concat(), b"framerestore");
        drop(open);
        let gone = pen.write_and_wait(b"x".to_vec(), Duration::MAX).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::BrokenPipe);
        assert!(pen.write(b"y".to_vec()).is_err());
    }
}
