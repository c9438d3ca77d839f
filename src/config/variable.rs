//! The names of the environment variables for keys. [`super::environment`] reads their values.

pub(super) const PREFIX: &str = "TICKCAST_";

/// Names the configuration file, if no flag does.
pub const CONFIG: &str = "TICKCAST_CONFIG";

/// The variable of a key.
pub fn variable(key: &str) -> String {
    let mut name = PREFIX.to_owned();
    name.extend(key.chars().map(|c| if c == '.' { '_' } else { c.to_ascii_uppercase() }));
    name
}
