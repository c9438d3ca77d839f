//! A value that may be changed while the service runs, and is read like a constant.
//!
//! It is meant for settings, which an operator changes now and then, and not for data. A reader takes no lock and holds
//! a plain reference, so code that reads a limit looks the same whether the limit can change or not.
//!
//! Invariants: a reference keeps its value. Two reads may return two values, so settings that must agree are read
//! through one reference. The price is that a replaced value is kept until the process ends: some hundred bytes for
//! each change that an operator makes. Checked in every order under loom (`tests/loom`).

use std::{fmt, marker::PhantomData, ops::Deref};

use crate::sync::atomic::{AtomicPtr, Ordering};

/// A read costs one load, as through a plain reference.
pub struct Live<T: 'static> {
    /// Points to a value that was leaked, and so is never freed.
    current: AtomicPtr<T>,
    /// `Live<T>` may be sent and shared where `&'static T` may.
    reference: PhantomData<&'static T>,
}

impl<T> Live<T> {
    pub fn new(value: T) -> Self {
        Live { current: AtomicPtr::new(leak(value)), reference: PhantomData }
    }

    pub fn set(&self, value: T) {
        self.current.store(leak(value), Ordering::Release);
    }
}

fn leak<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

impl<T> Deref for Live<T> {
    type Target = T;

    fn deref(&self) -> &T {
        #[expect(
            unsafe_code,
            reason = "a safe pointer that can be replaced counts its readers, which costs more than all that they do with a limit"
        )]
        // SAFETY: the pointer is that of a value which was leaked whole before it was stored here, and which is never
        // changed or freed afterwards; `Release` and `Acquire` make the value visible with it.
        unsafe {
            &*self.current.load(Ordering::Acquire)
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
