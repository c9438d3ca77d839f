//! Tokens that are good, tokens of attackers, and what is taken back while a session is open.

mod attacks;
mod jwks;
mod life;
mod support;
