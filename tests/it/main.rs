//! All integration tests, in one binary: the parts together, over files, processes and sockets.

mod check;
mod configuration;
