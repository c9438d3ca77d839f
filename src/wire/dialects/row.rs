//! [`DialectRow`]: what the service knows of a dialect. Their table is `wire/dialects/mod.rs`.

use super::{
    dialect::Dialect,
    rest::{RestRefusal, RestRow},
};

/// A dialect, as the service knows it.
pub struct DialectRow {
    /// Its name in `--dialects`, in metrics, and before its paths.
    pub name: &'static str,
    /// The session that an upgrade of this path and query begins; `None` for paths of others.
    pub begin: fn(path: &str, query: &str) -> Option<Box<dyn Dialect>>,
    /// What its clients ask by REST, at these paths and below `/NAME`.
    pub rest: &'static [RestRow],
    /// What is answered to everything else below a path, and below it under `/NAME`.
    pub refusals: &'static [(&'static str, RestRefusal)],
}
