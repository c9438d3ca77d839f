//! Queues that are nearly right, for the checks to find.

use super::{
    Queue, TakenBatches,
    sync::{Arc, Mutex},
};

/// Overflows without a word.
pub struct Silent(Mutex<Vec<Arc<u64>>>, Mutex<bool>);

/// Records that the reader sleeps after it has unlocked the queue: a push in between does not wake it.
pub struct SleepsLate(Mutex<Vec<Arc<u64>>>, Mutex<bool>);

/// Never notes that the reader came.
pub struct WakesOnce(Mutex<Vec<Arc<u64>>>, Mutex<bool>);

impl Silent {
    pub fn new() -> Self {
        Silent(Mutex::new(Vec::new()), Mutex::new(false))
    }
}

impl SleepsLate {
    pub fn new() -> Self {
        SleepsLate(Mutex::new(Vec::new()), Mutex::new(false))
    }
}

impl WakesOnce {
    pub fn new() -> Self {
        WakesOnce(Mutex::new(Vec::new()), Mutex::new(false))
    }
}

fn swap(queue: &Mutex<Vec<Arc<u64>>>, batches: &mut Vec<Arc<u64>>) {
    std::mem::swap(&mut *queue.lock().unwrap(), batches);
}

fn is_first(woken: &Mutex<bool>) -> bool {
    !std::mem::replace(&mut *woken.lock().unwrap(), true)
}

impl Queue for Silent {
    fn push(&self, batch: &Arc<u64>, _: usize) -> bool {
        let mut queue = self.0.lock().unwrap();
        if !queue.is_empty() {
            queue.clear();
        }
        queue.push(Arc::clone(batch));
        is_first(&self.1)
    }

    fn take(&self, batches: &mut Vec<Arc<u64>>) -> TakenBatches {
        *self.1.lock().unwrap() = false;
        swap(&self.0, batches);
        TakenBatches { missed: false }
    }
}

impl Queue for SleepsLate {
    fn push(&self, batch: &Arc<u64>, _: usize) -> bool {
        self.0.lock().unwrap().push(Arc::clone(batch));
        is_first(&self.1)
    }

    fn take(&self, batches: &mut Vec<Arc<u64>>) -> TakenBatches {
        swap(&self.0, batches);
        *self.1.lock().unwrap() = false;
        TakenBatches { missed: false }
    }
}

impl Queue for WakesOnce {
    fn push(&self, batch: &Arc<u64>, _: usize) -> bool {
        self.0.lock().unwrap().push(Arc::clone(batch));
        is_first(&self.1)
    }

    fn take(&self, batches: &mut Vec<Arc<u64>>) -> TakenBatches {
        swap(&self.0, batches);
        TakenBatches { missed: false }
    }
}
