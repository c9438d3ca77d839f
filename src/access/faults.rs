//! What is wrong with a file of `[auth]`. Invariant: a fault names its file, and shows nothing of what is in it.

use std::{fmt, io, path::PathBuf};

use super::{
    api_keys::ApiKeyFault,
    keys::{KeyError, KeyWeakness},
    revoked::RevokedFault,
};
use crate::{escape::Escaped, files::FileError};

/// One fault, by the key of the configuration that names the file.
#[derive(Debug)]
pub struct AuthFault {
    pub key: &'static str,
    pub path: PathBuf,
    pub problem: AuthProblem,
}

/// What is taken, and should be replaced.
#[derive(Debug)]
pub struct AuthWarning {
    pub key: &'static str,
    pub path: PathBuf,
    pub weakness: KeyWeakness,
}

#[derive(Debug, thiserror::Error)]
pub enum AuthProblem {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Revoked(#[from] RevokedFault),
    #[error(transparent)]
    ApiKey(#[from] ApiKeyFault),
    #[error("it has no certificate in PEM that an authority's could be")]
    NoAuthority,
    #[error("it is not a directory that can be written to")]
    Cache(#[source] io::Error),
}

impl fmt::Display for AuthFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AuthFault { key, path, problem } = self;
        // A fault of the file system names the file itself.
        write!(f, "`{key}`: ")?;
        if !matches!(problem, AuthProblem::File(_)) {
            write!(f, "{}: ", Escaped(&path.to_string_lossy()))?;
        }
        write!(f, "{problem}")?;
        let mut cause = std::error::Error::source(problem);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for AuthFault {}

impl fmt::Display for AuthWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AuthWarning { key, path, weakness } = self;
        write!(f, "`{key}`: {}: {weakness}", Escaped(&path.to_string_lossy()))
    }
}
