//! What wakes a feed, as the service has it, on loom's primitives.

use std::sync::Arc;

use loom::sync::Notify;

#[derive(Clone, Debug)]
pub struct Wakeup(Arc<Notify>);

impl Wakeup {
    pub fn new() -> Self {
        Wakeup(Arc::new(Notify::new()))
    }

    pub fn notify(&self) {
        self.0.notify();
    }

    pub fn wait(&self) {
        self.0.wait();
    }
}
