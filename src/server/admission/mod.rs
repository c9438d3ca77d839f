//! Admission: limits on connections and sessions, in all and of each address.

pub mod addresses;
pub mod balancer;
#[cfg(test)]
mod balancer_tests;
pub mod rejected;
pub mod sessions;
