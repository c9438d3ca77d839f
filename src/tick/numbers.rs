//! How decimals stand in JSON.

/// A JSON number has the exact digits too, but many readers make a double of it, which holds 15 of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Numbers {
    /// As JSON numbers.
    #[default]
    Number,
    /// As JSON strings, with the same digits. Counts and times stay numbers.
    Text,
}

impl Numbers {
    pub const ALL: [Numbers; 2] = [Numbers::Number, Numbers::Text];

    /// Its word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Numbers::Number => "number",
            Numbers::Text => "string",
        }
    }

    pub fn parse(text: &str) -> Option<Numbers> {
        Numbers::ALL.into_iter().find(|numbers| numbers.as_str() == text)
    }
}
