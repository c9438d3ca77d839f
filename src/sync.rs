//! What the code is built on that threads share, and that is checked in every order (`tests/loom`): loom's types replace these
//! there.

pub use std::sync::{Arc, Mutex, MutexGuard, atomic};
