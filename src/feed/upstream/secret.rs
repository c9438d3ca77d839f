//! Keys of venues: from a file or the environment, and never in the text of a feed, which logs and pages show.
//!
//! Invariant: a secret is not in `Debug`, and reaches only the venue.

use std::{env, fmt, fs, path::PathBuf};

use crate::feed::{SourceError, options::Options};

/// Where a secret is kept. It is read again for each connection, so that a new one in the file is used.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    place: SecretPlace,
    /// As it was read last.
    text: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum SecretPlace {
    File(PathBuf),
    Environment(&'static str),
}

/// The longest key, in bytes.
const SECRET_BYTES_MAX: u64 = 4_096;

// === impl Secret ===

impl Secret {
    /// From the file that `option` names, or from this variable of the environment.
    ///
    /// # Errors
    /// When neither is there, or the file cannot be read or holds nothing.
    pub fn take(
        options: &mut Options<'_>,
        source_name: &'static str,
        option: &'static str,
        variable: &'static str,
    ) -> Result<Self, SourceError> {
        let file = options.take(option, "a file", |file| (!file.is_empty()).then(|| PathBuf::from(file)));
        let place = file.map_or(SecretPlace::Environment(variable), SecretPlace::File);
        let text = place.read().map_err(|why| match &place {
            SecretPlace::File(_) => SourceError::Invalid { source_name, option, why },
            SecretPlace::Environment(_) => SourceError::Invalid {
                source_name,
                option,
                why: format!("{why}: name a file with {option}=FILE, or set {variable}"),
            },
        })?;
        Ok(Secret { place, text })
    }

    /// From the file that `option` names; `None` when it names none.
    ///
    /// # Errors
    /// When the file cannot be read, or holds nothing.
    pub fn take_file(
        options: &mut Options<'_>,
        source_name: &'static str,
        option: &'static str,
    ) -> Result<Option<Self>, SourceError> {
        let file = options.take(option, "a file", |file| (!file.is_empty()).then(|| PathBuf::from(file)));
        let Some(place) = file.map(SecretPlace::File) else { return Ok(None) };
        let text = place.read().map_err(|why| SourceError::Invalid { source_name, option, why })?;
        Ok(Some(Secret { place, text }))
    }

    /// As it is now; what was read last when it cannot be read any more.
    pub fn read(&self) -> String {
        self.place.read().unwrap_or_else(|_| self.text.clone())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secret").field(&self.place).finish()
    }
}

// === impl SecretPlace ===

impl SecretPlace {
    fn read(&self) -> Result<String, String> {
        let text = match self {
            SecretPlace::File(path) => {
                let told = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
                if fs::metadata(path).map_err(told)?.len() > SECRET_BYTES_MAX {
                    return Err(format!("{} is longer than a key", path.display()));
                }
                fs::read_to_string(path).map_err(told)?
            }
            SecretPlace::Environment(variable) => {
                env::var(variable).map_err(|_| "no key is configured".to_owned())?
            }
        };
        let text = text.trim();
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if plain {
            Ok(text.to_owned())
        } else {
            Err("it holds no key: one line of ASCII is expected".to_owned())
        }
    }
}
