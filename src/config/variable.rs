//! How environment variables are called that stand for keys. What is in them, [`super::environment`] reads.

pub(super) const PREFIX: &str = "TICKCAST_";

/// Names the configuration file, where no flag does.
pub const CONFIG: &str = "TICKCAST_CONFIG";

/// The variable that stands for a key.
pub fn variable(key: &str) -> String {
    let mut name = PREFIX.to_owned();
    name.extend(key.chars().map(|c| if c == '.' { '_' } else { c.to_ascii_uppercase() }));
    name
}
