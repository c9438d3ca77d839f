//! Tasks without a runtime: the world polls a task when it has been woken.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
};

pub type Task = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
pub struct Tasks {
    tasks: Vec<Option<(Task, Waker)>>,
    ready: Arc<Mutex<Vec<usize>>>,
}

struct Flag {
    number: usize,
    is_queued: AtomicBool,
    ready: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::Relaxed) {
            self.ready.lock().expect("one thread").push(self.number);
        }
    }
}

impl Tasks {
    pub fn spawn(&mut self, task: Task) {
        let number = self.tasks.len();
        let ready = Arc::clone(&self.ready);
        let flag = Arc::new(Flag { number, is_queued: AtomicBool::new(false), ready });
        let waker = Waker::from(flag);
        waker.wake_by_ref();
        self.tasks.push(Some((task, waker)));
    }

    pub fn ready(&self) -> usize {
        self.ready.lock().expect("one thread").len()
    }

    /// Polls one of those that are ready.
    pub fn poll(&mut self, which: usize) {
        let number = self.ready.lock().expect("one thread").swap_remove(which);
        let Some((task, waker)) = &mut self.tasks[number] else { return };
        // As a runtime does: what wakes it while it runs has it run again.
        let flag =
            Arc::new(Flag { number, is_queued: AtomicBool::new(false), ready: Arc::clone(&self.ready) });
        *waker = Waker::from(flag);
        let waker = waker.clone();
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.tasks[number] = None;
        }
    }
}
