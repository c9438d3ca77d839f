//! A value that may be changed while the service runs, and reads as if it could not.
//!
//! Not for data: for settings, which an operator changes now and then. A reader takes no lock and holds a plain
//! reference, so that code that reads a limit looks the same whether it can change or not.
//!
//! Invariants: a reference that was taken stays what it was; two reads may stand for two values, so what must agree is
//! read through one reference. The price is that a value that was replaced is kept until the process ends: some
//! hundred bytes for each change that an operator makes.

use std::{fmt, ops::Deref, sync::Arc};

use arc_swap::ArcSwap;

pub struct Live<T: 'static>(ArcSwap<&'static T>);

impl<T> Live<T> {
    pub fn new(value: T) -> Self {
        Live(ArcSwap::from_pointee(kept(value)))
    }

    pub fn set(&self, value: T) {
        self.0.store(Arc::new(kept(value)));
    }
}

fn kept<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

impl<T> Deref for Live<T> {
    type Target = T;

    fn deref(&self) -> &T {
        let value: &'static T = **self.0.load();
        value
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_anew_sees_the_change_and_who_holds_a_reference_does_not() {
        let setting = Live::new("old".to_owned());
        let held: &String = &setting;
        setting.set("new".to_owned());
        assert_eq!((held.as_str(), setting.as_str()), ("old", "new"));
    }
}
