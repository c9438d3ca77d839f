//! A setting that is replaced while others read it: with the service's own `Live`, and with two that are nearly right,
//! for the checks to find.

#[path = "../../src/live.rs"]
mod service;

use std::ops::Deref;

use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicPtr, AtomicU64, Ordering},
    thread,
};
use service::Live;

use super::{failure, sync::Arc};

/// Two limits that must agree. Loom sees when one is read that was not made visible with the pointer.
struct Limits([UnsafeCell<u64>; 2]);

// SAFETY of sharing is what is checked: loom panics on a read beside a write.
#[expect(unsafe_code, reason = "loom's cells are not `Sync`; the check is whether they are shared rightly")]
unsafe impl Sync for Limits {}

impl Limits {
    fn new(value: u64) -> Limits {
        let limit = || {
            let cell = UnsafeCell::new(0);
            #[expect(unsafe_code, reason = "a write that loom sees")]
            // SAFETY: no other thread has it yet.
            cell.with_mut(|limit| unsafe { *limit = value });
            cell
        };
        Limits([limit(), limit()])
    }

    fn read(&self) -> [u64; 2] {
        #[expect(unsafe_code, reason = "a read that loom sees")]
        // SAFETY: loom panics when this is not right.
        let read = |cell: &UnsafeCell<u64>| cell.with(|limit| unsafe { *limit });
        [read(&self.0[0]), read(&self.0[1])]
    }
}

trait Setting: Send + Sync + 'static {
    fn new() -> Self;
    fn set(&self, value: u64);
    /// Both limits, as one reader takes them.
    fn read(&self) -> [u64; 2];
}

impl Setting for Live<Limits> {
    fn new() -> Self {
        Live::new(Limits::new(0))
    }

    fn set(&self, value: u64) {
        Live::set(self, Limits::new(value));
    }

    fn read(&self) -> [u64; 2] {
        self.deref().read()
    }
}

/// Replaces the pointer without making visible what it points to.
struct Unordered(AtomicPtr<Limits>);

#[expect(unsafe_code, reason = "as the service's own does it")]
impl Setting for Unordered {
    fn new() -> Self {
        Unordered(AtomicPtr::new(Box::into_raw(Box::new(Limits::new(0)))))
    }

    fn set(&self, value: u64) {
        self.0.store(Box::into_raw(Box::new(Limits::new(value))), Ordering::Relaxed);
    }

    fn read(&self) -> [u64; 2] {
        // SAFETY: what it points to is never freed; that it may not be visible is what loom must find.
        unsafe { &*self.0.load(Ordering::Acquire) }.read()
    }
}

/// Two settings, each by itself.
struct Apart([AtomicU64; 2]);

impl Setting for Apart {
    fn new() -> Self {
        Apart([AtomicU64::new(0), AtomicU64::new(0)])
    }

    fn set(&self, value: u64) {
        self.0.iter().for_each(|limit| limit.store(value, Ordering::Release));
    }

    fn read(&self) -> [u64; 2] {
        [self.0[0].load(Ordering::Acquire), self.0[1].load(Ordering::Acquire)]
    }
}

/// Two readers beside an operator that reloads twice: what a reader takes agrees, and is never older than what it had.
fn readers_agree<S: Setting>() {
    loom::model(|| {
        let setting = Arc::new(S::new());
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let setting = Arc::clone(&setting);
                thread::spawn(move || {
                    let mut last = 0;
                    for _ in 0..2 {
                        let [first, second] = setting.read();
                        assert_eq!(first, second, "limits of two reloads");
                        assert!(first >= last, "an older setting came back");
                        last = first;
                    }
                })
            })
            .collect();
        (1..=2).for_each(|value| setting.set(value));
        for reader in readers {
            reader.join().unwrap();
        }
        assert_eq!(setting.read(), [2, 2]);
    });
}

#[test]
fn a_reloaded_setting_is_read_whole() {
    readers_agree::<Live<Limits>>();
}

#[test]
fn settings_that_are_published_wrongly_are_found() {
    let text = failure(readers_agree::<Unordered>);
    assert!(text.contains("Causality violation"), "{text}");
    let text = failure(readers_agree::<Apart>);
    assert!(text.contains("limits of two reloads"), "{text}");
}

#[test]
fn a_new_read_sees_the_change_and_a_held_reference_does_not() {
    loom::model(|| {
        let setting = Live::new("old".to_owned());
        let held: &String = &setting;
        setting.set("new".to_owned());
        assert_eq!((held.as_str(), setting.as_str()), ("old", "new"));
    });
}
