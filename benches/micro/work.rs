//! What a case is: work that is prepared outside of what is measured, done in iterations, and that checks its answer.

use std::{collections::VecDeque, fmt};

/// One benchmark. Its name says what one iteration is, at full scale.
pub struct Case {
    pub name: &'static str,
    make: fn(Scale) -> Box<dyn Work>,
}

/// How large the inputs are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    /// For tests: as small as still meets every branch that the full one meets.
    Small,
    /// As the case's name says.
    Full,
}

/// A case, made ready.
pub trait Work {
    /// Makes an iteration's input. May be called for several iterations ahead.
    fn prepare(&mut self);

    /// Does one iteration.
    fn run(&mut self) -> Done;

    /// Panics when something of all that was done is wrong, where an iteration cannot cheaply tell.
    fn audit(&mut self) {}
}

/// What an iteration did, for throughput.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Done {
    /// Ticks, messages or batches, whichever the case's name counts.
    pub items: u64,
    /// Bytes read or written; 0 where there are none.
    pub bytes: u64,
}

/// Iterations before one is measured: buffers have grown, and what is encoded once has been encoded.
pub const WARM_UP: usize = 3;

/// Inputs that are ready and inputs that are used up, so that neither making nor dropping one is measured.
pub struct Stock<I> {
    ready: VecDeque<I>,
    spent: Vec<I>,
}

/// Work whose iterations have nothing in common but their input.
struct Fed<I, M, R> {
    stock: Stock<I>,
    make: M,
    run: R,
}

/// Work whose iterations need no input.
struct Repeated<R>(R);

// === impl Case ===

impl Case {
    pub const fn new(name: &'static str, make: fn(Scale) -> Box<dyn Work>) -> Self {
        Case { name, make }
    }

    pub fn make(&self, scale: Scale) -> Box<dyn Work> {
        (self.make)(scale)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

// === impl Scale ===

impl Scale {
    /// So many things at full scale; few, and never none, at a small one.
    pub fn of(self, full: usize) -> usize {
        match self {
            Scale::Small => full.min((full / 20).max(20)),
            Scale::Full => full,
        }
    }

    pub fn parse(text: &str) -> Option<Scale> {
        match text {
            "small" => Some(Scale::Small),
            "full" => Some(Scale::Full),
            _ => None,
        }
    }
}

// === impl Work ===

impl dyn Work {
    /// Runs some iterations; says what the last one did.
    pub fn warm_up(&mut self) -> Done {
        let mut done = Done::default();
        for _ in 0..WARM_UP {
            self.prepare();
            done = self.run();
        }
        done
    }
}

// === impl Stock ===

impl<I> Default for Stock<I> {
    fn default() -> Self {
        Stock { ready: VecDeque::new(), spent: Vec::new() }
    }
}

impl<I> Stock<I> {
    /// An input that was used up, to be made anew in the same memory, or dropped.
    pub fn take_spent(&mut self) -> Option<I> {
        self.spent.pop()
    }

    pub fn put(&mut self, input: I) {
        // Room for it when it is used up, so that moving it there allocates nothing.
        self.spent.reserve(self.ready.len() + 1);
        self.ready.push_back(input);
    }

    /// The input of the next iteration.
    pub fn take(&mut self) -> &mut I {
        let input = self.ready.pop_front().expect("each iteration is prepared");
        self.spent.push(input);
        self.spent.last_mut().expect("it was just put there")
    }
}

// === impl Fed ===

/// `make` is given an input that was used up, when there is one.
pub fn fed<I: 'static>(
    make: impl FnMut(Option<I>) -> I + 'static,
    run: impl FnMut(&mut I) -> Done + 'static,
) -> Box<dyn Work> {
    Box::new(Fed { stock: Stock::default(), make, run })
}

impl<I, M: FnMut(Option<I>) -> I, R: FnMut(&mut I) -> Done> Work for Fed<I, M, R> {
    fn prepare(&mut self) {
        let spent = self.stock.take_spent();
        self.stock.put((self.make)(spent));
    }

    fn run(&mut self) -> Done {
        (self.run)(self.stock.take())
    }
}

// === impl Repeated ===

pub fn repeated(run: impl FnMut() -> Done + 'static) -> Box<dyn Work> {
    Box::new(Repeated(run))
}

impl<R: FnMut() -> Done> Work for Repeated<R> {
    fn prepare(&mut self) {}

    fn run(&mut self) -> Done {
        (self.0)()
    }
}
