//! A feed that waits for its readers is woken by what they note: with the service's own `Readers`, and with one that is
//! nearly right, for the check to find.

use loom::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use super::{failure, readers::Readers, sync::Arc, wakeup::Wakeup};

trait Waits: Send + Sync + 'static {
    fn new(wakeup: &Wakeup) -> Self;
    fn room(&self, order: u64) -> usize;
    fn note(&self, mark: u64);
}

impl Waits for Readers {
    fn new(wakeup: &Wakeup) -> Self {
        // A ring of one tick: a feed goes one tick ahead.
        let readers = Readers::new(1, 1);
        readers.listen(wakeup);
        readers.watch();
        readers
    }

    fn room(&self, order: u64) -> usize {
        Readers::room(self, order)
    }

    fn note(&self, mark: u64) {
        Readers::note(self, 0, mark);
    }
}

/// Checks first, and registers as waiting afterwards: a mark between the two wakes no reader.
struct LooksFirst {
    waiting: AtomicBool,
    mark: AtomicU64,
    wakeup: Wakeup,
}

impl Waits for LooksFirst {
    fn new(wakeup: &Wakeup) -> Self {
        LooksFirst { waiting: AtomicBool::new(false), mark: AtomicU64::new(0), wakeup: wakeup.clone() }
    }

    fn room(&self, order: u64) -> usize {
        let room = usize::from(self.mark.load(Ordering::SeqCst) >= order);
        self.waiting.store(room == 0, Ordering::SeqCst);
        room
    }

    fn note(&self, mark: u64) {
        if self.mark.swap(mark, Ordering::SeqCst) != mark && self.waiting.load(Ordering::SeqCst) {
            self.wakeup.notify();
        }
    }
}

/// A shard notes each tick that it has sent; the feed goes on when there is room. Were a wakeup lost, it would wait for
/// ever, which loom reports.
fn feed_goes_on<W: Waits>() {
    loom::model(|| {
        let wakeup = Wakeup::new();
        let readers = Arc::new(W::new(&wakeup));
        let shard = {
            let readers = Arc::clone(&readers);
            thread::spawn(move || (1..=2).for_each(|mark| readers.note(mark)))
        };
        for order in 1..=2 {
            while readers.room(order) == 0 {
                wakeup.wait();
            }
        }
        shard.join().unwrap();
    });
}

#[test]
fn a_feed_that_waits_for_its_readers_is_woken() {
    feed_goes_on::<Readers>();
}

#[test]
fn a_feed_that_looks_before_it_waits_is_found() {
    let text = failure(feed_goes_on::<LooksFirst>);
    assert!(text.contains("deadlock"), "{text}");
}
