//! A token: where it comes from, and its text, which is shown nowhere.
//!
//! Not what a token means, which the server alone knows. Invariants: no error, no `Debug` and no `Display` of this crate has
//! a token's text in it; a text that could end a header's line is not a token.

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use hyper::header::HeaderValue;

/// Where a client's token comes from. It is read anew for each connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token(Source);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Source {
    Text(Secret),
    File(PathBuf),
}

/// A token's text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    #[error("cannot read the token in {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{from} holds no token")]
    Empty { from: String },
    #[error("{from} is longer than the {TOKEN_BYTES_MAX} bytes that a token may have")]
    TooLong { from: String },
    #[error(
        "{from} is not a token: byte {at} is none of A-Z a-z 0-9 - . _ ~ + / =; the token alone is expected there"
    )]
    Character { from: String, at: usize },
}

/// The longest token. Servers take heads of 16 KiB in all.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

// === impl Token ===

impl Token {
    /// A token that stays as it is. Blanks and line ends around it do not count.
    ///
    /// # Errors
    /// When the text cannot be a token.
    pub fn text(text: &str) -> Result<Self, TokenError> {
        Secret::of(text.as_bytes(), || "the text".to_owned()).map(Source::Text).map(Token)
    }

    /// The token in a file, which is read again at each connection, and every few seconds on a connection that is up. A pipe
    /// is read once.
    ///
    /// # Errors
    /// When there is no token in it now.
    pub fn file(path: impl Into<PathBuf>) -> Result<Self, TokenError> {
        let path = path.into();
        let secret = read(&path)?;
        Ok(Token(if path.is_file() { Source::File(path) } else { Source::Text(secret) }))
    }

    /// Whether it may be another one later.
    pub fn may_change(&self) -> bool {
        matches!(self.0, Source::File(_))
    }

    /// The token as it is now.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no token.
    pub fn read(&self) -> Result<Secret, TokenError> {
        match &self.0 {
            Source::Text(secret) => Ok(secret.clone()),
            Source::File(path) => read(path),
        }
    }
}

fn read(path: &Path) -> Result<Secret, TokenError> {
    let fault = |source| TokenError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(fault)?;
    // One more than a token with a line end may have, so that a longer one is seen.
    file.take(TOKEN_BYTES_MAX as u64 + 16).read_to_end(&mut bytes).map_err(fault)?;
    Secret::of(&bytes, || path.display().to_string())
}

// === impl Secret ===

impl Secret {
    fn of(bytes: &[u8], from: impl Fn() -> String) -> Result<Self, TokenError> {
        let token = bytes.trim_ascii();
        if token.is_empty() {
            return Err(TokenError::Empty { from: from() });
        }
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong { from: from() });
        }
        // As RFC 6750 has it.
        let is_fit = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
        match (token.iter().position(|byte| !is_fit(byte)), str::from_utf8(token)) {
            (None, Ok(text)) => Ok(Secret(text.into())),
            (at, _) => Err(TokenError::Character { from: from(), at: at.unwrap_or(0) + 1 }),
        }
    }

    /// The token itself. It belongs on the wire and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value of the header `Authorization`, marked as one that is not to be shown.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, hyper::http::Error> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A path and its query with the value of `token` left out.
pub(crate) fn without_token(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let shown: Vec<&str> =
        query.split('&').map(|parameter| if is_token(parameter) { "token=..." } else { parameter }).collect();
    format!("{path}?{}", shown.join("&"))
}

/// Whether a path's query has a token.
pub(crate) fn has_token(path: &str) -> bool {
    path.split_once('?').is_some_and(|(_, query)| query.split('&').any(is_token))
}

fn is_token(parameter: &str) -> bool {
    // A name may be escaped; one that decodes to another length than it has is none of ours unless it does so to this.
    let name = parameter.split('=').next().unwrap_or_default();
    name == "token" || (name.contains('%') && unescaped(name) == b"token")
}

fn unescaped(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let [first, more @ ..] = rest {
        let code = more.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let found = Token::text(text).and_then(|token| token.read());
        match (&found, expected) {
            (Ok(secret), Ok(token)) => assert_eq!(secret.expose(), token),
            (Err(error), Err(part)) => {
                let shown = format!("{error} {error:?}");
                assert!(error.to_string().contains(part), "{error}");
                assert!(text.trim().len() < 2 || !shown.contains(text.trim()), "{shown}");
            }
            _ => panic!("{found:?}"),
        }
    }

    #[test]
    fn a_token_is_one_word_that_a_header_takes() {
        check("abc.DEF-_9~+/=", Ok("abc.DEF-_9~+/="));
        check("  abc\r\n", Ok("abc"));
        check("", Err("holds no token"));
        check(" \n", Err("holds no token"));
        check("abc\r\nHost: evil", Err("byte 4 is none of"));
        check("Bearer abc", Err("byte 7"));
        check("{\"token\":1}", Err("the token alone is expected"));
        check("töken", Err("byte 2"));
        check(&"a".repeat(TOKEN_BYTES_MAX), Ok(&"a".repeat(TOKEN_BYTES_MAX)));
        check(&"a".repeat(TOKEN_BYTES_MAX + 1), Err("longer than the 8192 bytes"));
    }

    #[test]
    fn a_file_is_read_each_time_and_shown_never() {
        let folder = std::env::temp_dir().join(format!("tickcast-token-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("token");
        let missing = Token::file(&path).unwrap_err().to_string();
        assert!(missing.starts_with(&format!("cannot read the token in {}: ", path.display())), "{missing}");
        fs::write(&path, "first-secret\n").unwrap();
        let token = Token::file(&path).unwrap();
        assert!(token.may_change());
        let first = token.read().unwrap();
        fs::write(&path, "second-secret").unwrap();
        let second = token.read().unwrap();
        assert_eq!((first.expose(), second.expose()), ("first-secret", "second-secret"));
        let shown = format!("{token:?} {first:?} {:?}", Token::text("third-secret").unwrap());
        assert!(!shown.contains("-secret"), "{shown}");
        let header = second.authorization().unwrap();
        assert_eq!(header, "Bearer second-secret");
        assert!(!format!("{header:?}").contains("secret"));
        fs::write(&path, "").unwrap();
        assert_eq!(token.read().unwrap_err().to_string(), format!("{} holds no token", path.display()));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_querys_token_is_seen_and_left_out() {
        let check = |path: &str, shown: &str, has: bool| {
            assert_eq!((without_token(path).as_str(), has_token(path)), (shown, has), "{path}");
        };
        check("/v1/stream", "/v1/stream", false);
        check("/v1/stream?tx=true", "/v1/stream?tx=true", false);
        check("/a?token=abc&tx=true", "/a?token=...&tx=true", true);
        check("/a?x=1&%74oken=abc", "/a?x=1&token=...", true);
        check("/a?tokens=abc&x=token", "/a?tokens=abc&x=token", false);
    }
}
