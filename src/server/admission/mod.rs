//! Admission: limits on connections and sessions, in total and per address.

pub mod addresses;
pub mod balancer;
#[cfg(test)]
mod balancer_tests;
pub mod rejected;
pub mod sessions;
