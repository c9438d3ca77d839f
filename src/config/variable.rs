//! The names of the environment variables for keys. [`super::environment`] reads their values.

pub(super) const PREFIX: &str = "TICKCAST_";

/// Names the configuration file, if no flag does.
pub const CONFIG: &str = "TICKCAST_CONFIG";

/// A client's token, and the file of one. Commands that speak to a server read them; `serve` does not.
pub const TOKEN: &str = "TICKCAST_TOKEN";
pub const TOKEN_FILE: &str = "TICKCAST_TOKEN_FILE";

/// The variable of a key.
pub fn variable(key: &str) -> String {
    let mut name = PREFIX.to_owned();
    name.extend(key.chars().map(|c| if c == '.' { '_' } else { c.to_ascii_uppercase() }));
    name
}
