//! Laws over stages that know nothing of each other.

mod conditions;
mod read_back;
