//! How far feeds may go after what readers noted, on one thread. Not in `readers.rs`, which `tests/loom` includes.

use std::sync::Arc;

use super::readers::{Readers, WINDOW_TICKS_MAX};
use crate::wakeup::Wakeup;

#[test]
fn a_feed_goes_no_further_than_a_window_ahead_of_the_slowest() {
    let readers = Readers::new(2, 1_024);
    assert_eq!(readers.room(0), WINDOW_TICKS_MAX);
    readers.note(0, 500);
    assert_eq!(readers.room(500), 0, "the other shard has noted nothing");
    let wakeup = Wakeup::default();
    readers.listen(&wakeup);
    readers.note(1, 480);
    assert!(wakeup.wait(std::time::Duration::ZERO), "the waiting thread is notified");
    assert_eq!(readers.room(500), WINDOW_TICKS_MAX - 20);
    readers.note(1, 500);
    assert!(!wakeup.wait(std::time::Duration::ZERO), "nobody waits");
}

#[test]
fn a_small_ring_makes_a_small_window() {
    assert_eq!(Readers::new(1, 1).room(0), 1);
    assert_eq!(Readers::new(1, 16).room(4), 8);
}

#[test]
fn who_has_left_is_counted_no_more() {
    let readers = Arc::new(Readers::new(1, 1));
    let joined = readers.join();
    assert_eq!(readers.clients(), 1);
    drop(joined);
    assert_eq!(readers.clients(), 0);
}
