//! What `handover` and `readers` are built on. The model check (`tests/loom`) replaces it with loom's types.

pub use std::sync::{Arc, Mutex, MutexGuard, atomic};
