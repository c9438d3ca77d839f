//! Synchronization types of the code that loom checks in every order (`tests/loom`), where loom's own types replace them.

pub use std::sync::{Arc, Mutex, MutexGuard, atomic};
