//! From the log to standard error: a bounded queue of lines, and the one thread that writes.
//!
//! A thread that logs must not wait for the reader of the log: a pipe without a reader would block a shard.
//!
//! Loss: a line that finds [`LOG_QUEUE_BYTES`] waiting is dropped whole and counted. When lines go out again the log
//! says how many were; the metric counts them all. What cannot be written, because the reader is gone, counts as
//! dropped too.
//!
//! Invariants: lines go out whole and in order; no thread but the writing one waits, and that holds no lock while it does.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tickcast::limits::LOG_QUEUE_BYTES;
use tracing_subscriber::fmt::MakeWriter;

/// The end of the log that lines are given to; clones share one queue.
#[derive(Clone, Default)]
pub struct LogLines {
    queue: Arc<LogQueue>,
    dropped: Arc<AtomicU64>,
}

#[derive(Default)]
struct LogQueue {
    state: Mutex<LogState>,
    /// Something waits.
    filled: Condvar,
    /// All that waited is out.
    emptied: Condvar,
}

#[derive(Default)]
struct LogState {
    waiting: Vec<u8>,
    /// What was taken from `waiting` is on its way out.
    writing: bool,
}

/// The pause before a writer that takes no bytes is tried again: standard error may be non-blocking.
const ASK_AGAIN: Duration = Duration::from_millis(20);
/// A buffer that grew beyond this in a flood is given back.
const KEPT_BYTES: usize = 64 * 1024;

impl LogLines {
    /// Begins to write to standard error. The descriptor is our own, so that no lock of the standard library is held while
    /// it takes nothing.
    ///
    /// # Errors
    /// When there is no standard error, or no thread to be had.
    pub fn to_stderr() -> io::Result<Self> {
        Self::to(File::from(io::stderr().as_fd().try_clone_to_owned()?))
    }

    fn to(out: impl Write + Send + 'static) -> io::Result<Self> {
        let lines = LogLines::default();
        let writing = lines.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || writing.run(out))?;
        Ok(lines)
    }

    /// Lines that were dropped, ever.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }

    /// Waits until all is out, but no longer than `most`.
    pub fn flush(&self, most: Duration) {
        let deadline = Instant::now() + most;
        let mut state = self.queue.lock();
        while state.writing || !state.waiting.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.queue.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn push(&self, line: &[u8]) {
        let mut state = self.queue.lock();
        if state.waiting.len() + line.len() > LOG_QUEUE_BYTES {
            drop(state);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.waiting.extend_from_slice(line);
        drop(state);
        self.queue.filled.notify_one();
    }

    fn run(&self, mut out: impl Write) {
        let mut batch = Vec::new();
        let mut told = 0;
        loop {
            self.take(&mut batch);
            let is_out = self.write(&batch, &mut out);
            batch.clear();
            batch.shrink_to(KEPT_BYTES);
            // A reader that is gone never gets this line: it is dropped as well, and would be counted for ever.
            if is_out {
                told = self.tell_dropped(told);
            }
        }
    }

    /// Takes all that waits, once there is something.
    fn take(&self, batch: &mut Vec<u8>) {
        let mut state = self.queue.lock();
        state.writing = false;
        while state.waiting.is_empty() {
            self.queue.emptied.notify_all();
            state = self.queue.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.writing = true;
        std::mem::swap(&mut state.waiting, batch);
    }

    /// Says whether all of it went out.
    fn write(&self, mut rest: &[u8], out: &mut impl Write) -> bool {
        while !rest.is_empty() {
            match out.write(rest) {
                Ok(bytes @ 1..) => rest = &rest[bytes..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(ASK_AGAIN),
                // The reader is gone; another may come, as a terminal does.
                Ok(0) | Err(_) => {
                    let lines = memchr::memchr_iter(b'\n', rest).count() as u64;
                    self.dropped.fetch_add(lines, Ordering::Relaxed);
                    return false;
                }
            }
        }
        true
    }

    /// Reports how many lines were dropped since the last report, once there is room for that line; returns the count.
    fn tell_dropped(&self, told: u64) -> u64 {
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped == told || self.queue.lock().waiting.len() > LOG_QUEUE_BYTES / 2 {
            return told;
        }
        tracing::warn!(
            lines = dropped - told,
            "lines of the log were dropped here: it is read too slowly, or was not read"
        );
        dropped
    }
}

impl LogQueue {
    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each call is given one whole line.
impl Write for LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for LogLines {
    type Writer = LogLines;

    fn make_writer(&'w self) -> LogLines {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// What is written goes into a pipe of the kernel.
    fn piped() -> (LogLines, io::PipeReader) {
        let (reader, writer) = io::pipe().unwrap();
        (LogLines::to(writer).unwrap(), reader)
    }

    #[test]
    fn lines_come_out_whole_and_in_order() {
        let (lines, reader) = piped();
        (0..1_000).for_each(|number| lines.push(format!("line {number}\n").as_bytes()));
        let read = io::BufRead::lines(io::BufReader::new(reader)).take(1_000).map(Result::unwrap);
        assert!(read.eq((0..1_000).map(|number| format!("line {number}"))));
        lines.flush(Duration::from_secs(60));
        assert_eq!(lines.dropped().load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_nobody_reads_is_dropped_and_counted_and_nobody_waits() {
        let (lines, mut reader) = piped();
        let line = [[b'x'; 1023].as_slice(), b"\n"].concat();
        let pushed = 3 * LOG_QUEUE_BYTES / line.len();
        (0..pushed).for_each(|_| lines.push(&line));
        lines.flush(Duration::ZERO);
        let dropped = lines.dropped().load(Ordering::Relaxed) as usize;
        assert!(dropped > 0, "the queue has an end");
        let mut read = vec![0; (pushed - dropped) * line.len()];
        reader.read_exact(&mut read).unwrap();
        assert!(read.chunks(line.len()).all(|read| read == line), "what is not dropped is whole");
    }

    #[test]
    fn a_reader_that_is_gone_costs_the_lines_and_no_more() {
        let (lines, reader) = piped();
        drop(reader);
        lines.push(b"one\n");
        lines.flush(Duration::from_secs(60));
        lines.push(b"two\n");
        lines.flush(Duration::from_secs(60));
        assert_eq!(lines.dropped().load(Ordering::Relaxed), 2);
    }
}
