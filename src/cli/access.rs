//! How the commands that speak to a server trust it and identify themselves: certificates and a token.
//!
//! Not for `serve`. Invariant: a token is given by a file or a variable, and never on the command line, where other users of
//! the machine can read it.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use tickcast_client::{
    Endpoint, Token, TokenError,
    tls::{TlsError, TlsOptions},
};

use crate::config::{TOKEN, TOKEN_FILE};

/// Flags of every command that speaks to a server.
#[derive(Args, Clone, Default, Debug)]
pub struct AccessArgs {
    /// Trust the authorities in this file (PEM) instead of the system's; for wss:// and https://
    #[arg(long, value_name = "FILE", help_heading = "Access")]
    ca: Option<PathBuf>,
    /// Client certificate (PEM), for servers that require one
    #[arg(long, value_name = "FILE", requires = "client_key", help_heading = "Access")]
    client_cert: Option<PathBuf>,
    /// The private key of --client-cert (PEM)
    #[arg(long, value_name = "FILE", requires = "client_cert", help_heading = "Access")]
    client_key: Option<PathBuf>,
    /// Send the token in this file, which is read again when it changes [default: the variable `TICKCAST_TOKEN_FILE`, or the
    /// token in `TICKCAST_TOKEN`]
    #[arg(long, value_name = "FILE", help_heading = "Access")]
    token: Option<PathBuf>,
    /// Send the token unencrypted to another machine, too: everyone on the way can read it
    #[arg(long, help_heading = "Access")]
    token_in_clear: bool,
}

/// Why the flags or variables cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    TlsFile { path: PathBuf, source: TlsError },
    #[error(transparent)]
    Tls(TlsError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("{variable}: {source}")]
    Variable { variable: &'static str, source: TokenError },
    #[error("{variable} is not text")]
    NotText { variable: &'static str },
    #[error("{TOKEN} and {TOKEN_FILE} are both set, and only one can count: unset one of them")]
    TwoVariables,
    #[error("{flag} is for wss:// and https://, and {endpoint} is not encrypted")]
    NotEncrypted { flag: &'static str, endpoint: String },
}

// === impl AccessArgs ===

impl AccessArgs {
    /// The endpoint, with all that these flags and the variables say.
    ///
    /// # Errors
    /// When a file cannot be read or is not what it should be, or a flag is in vain.
    pub fn apply(&self, endpoint: Endpoint) -> Result<Endpoint, AccessError> {
        self.with(endpoint, |name| env::var_os(name))
    }

    fn with(
        &self,
        endpoint: Endpoint,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Endpoint, AccessError> {
        let endpoint = self.trusting(endpoint)?;
        let token = match &self.token {
            Some(path) => Some(Token::file(path)?),
            None => token_of(variable)?,
        };
        let endpoint = if self.token_in_clear { endpoint.with_token_in_clear() } else { endpoint };
        Ok(match token {
            Some(token) => endpoint.with_token(token),
            None => endpoint,
        })
    }

    /// As [`apply`](Self::apply), for a second server of the same operator, which need not be encrypted.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), but for flags that are in vain.
    pub fn apply_to_admin(&self, endpoint: Endpoint) -> Result<Endpoint, AccessError> {
        if endpoint.is_tls() {
            return self.apply(endpoint);
        }
        let plain = AccessArgs { ca: None, client_cert: None, client_key: None, ..self.clone() };
        plain.apply(endpoint)
    }

    /// As [`apply`](Self::apply), for the server that is configured here: unless an authority is named, one of its own
    /// certificates is trusted, and nothing else. The variables' token stays here, for a probe needs none.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_to_own(
        &self,
        endpoint: Endpoint,
        certificates: &[impl AsRef<Path>],
    ) -> Result<Endpoint, AccessError> {
        if self.ca.is_some() || !endpoint.is_tls() {
            return self.with(endpoint, |_| None);
        }
        let mut options = self.identified(TlsOptions::default())?;
        for path in certificates {
            let path = path.as_ref();
            let pem = read(path)?;
            let fault = |source| AccessError::TlsFile { path: path.to_owned(), source };
            // By itself first, so that an error names the file.
            TlsOptions::default().pin(pem.clone()).build().map_err(fault)?;
            options = options.pin(pem);
        }
        let tls = options.build().map_err(|source| self.fault(source))?;
        let plain = AccessArgs { client_cert: None, client_key: None, ..self.clone() };
        plain.with(endpoint.with_tls(tls), |_| None)
    }

    /// As [`apply_to_own`](Self::apply_to_own), while the files of its certificates are faulty: it may still use those of
    /// before, which nobody else has. Whoever listens there is asked, and is sent no token.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_to_faulty(&self, endpoint: Endpoint) -> Result<Endpoint, AccessError> {
        let options = self.identified(TlsOptions::default().unverified())?;
        Ok(endpoint.with_tls(options.build().map_err(|source| self.fault(source))?))
    }

    /// Whether authorities were named.
    pub fn has_ca(&self) -> bool {
        self.ca.is_some()
    }

    fn trusting(&self, endpoint: Endpoint) -> Result<Endpoint, AccessError> {
        let flag = match (&self.ca, &self.client_cert) {
            (Some(_), _) => "--ca",
            (None, Some(_)) => "--client-cert",
            (None, None) => return Ok(endpoint),
        };
        if !endpoint.is_tls() {
            return Err(AccessError::NotEncrypted { flag, endpoint: endpoint.to_string() });
        }
        let mut options = TlsOptions::default();
        if let Some(ca) = &self.ca {
            options = options.ca(read(ca)?);
        }
        let options = self.identified(options)?;
        Ok(endpoint.with_tls(options.build().map_err(|source| self.fault(source))?))
    }

    fn identified(&self, options: TlsOptions) -> Result<TlsOptions, AccessError> {
        Ok(match (&self.client_cert, &self.client_key) {
            (Some(certificate), Some(key)) => options.identity(read(certificate)?, read(key)?),
            _ => options,
        })
    }

    fn fault(&self, source: TlsError) -> AccessError {
        let path = match &source {
            TlsError::NoAuthority | TlsError::Authority(_) | TlsError::Root { .. } => &self.ca,
            TlsError::Key(_) => &self.client_key,
            TlsError::NoCertificate | TlsError::Certificate(_) | TlsError::Identity(_) => &self.client_cert,
            _ => &None,
        };
        match path.clone() {
            Some(path) => AccessError::TlsFile { path, source },
            None => AccessError::Tls(source),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, AccessError> {
    fs::read(path).map_err(|source| AccessError::Read { path: path.to_owned(), source })
}

/// The token of the variables. An empty one counts as none, as it is in many shells' scripts.
fn token_of(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<Token>, AccessError> {
    let given = |name| variable(name).filter(|value| !value.is_empty());
    match (given(TOKEN), given(TOKEN_FILE)) {
        (Some(_), Some(_)) => Err(AccessError::TwoVariables),
        (Some(text), None) => {
            let text = text.into_string().map_err(|_| AccessError::NotText { variable: TOKEN })?;
            let token = Token::text(&text);
            token.map(Some).map_err(|source| AccessError::Variable { variable: TOKEN, source })
        }
        (None, Some(path)) => {
            let token = Token::file(PathBuf::from(path));
            token.map(Some).map_err(|source| AccessError::Variable { variable: TOKEN_FILE, source })
        }
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        access: AccessArgs,
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = env::temp_dir().join(format!("tickcast-access-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Folder(folder)
        }

        fn file(&self, name: &str, text: &str) -> String {
            fs::write(self.0.join(name), text).unwrap();
            self.0.join(name).display().to_string()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ignored = fs::remove_dir_all(&self.0);
        }
    }

    /// The token that is sent, or the error.
    fn sent(url: &str, flags: &[&str], variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let words = ["command"].into_iter().chain(flags.iter().copied());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        let variable = |name: &str| {
            variables.iter().find(|(set, _)| *set == name).map(|(_, value)| OsString::from(value))
        };
        let applied = line.access.with(Endpoint::parse(url).unwrap(), variable);
        let endpoint = applied.map_err(|error| error.to_string())?;
        Ok(endpoint.token().map(|token| token.read().unwrap().expose().to_owned()))
    }

    #[test]
    fn a_token_comes_by_a_flag_or_by_one_variable() {
        let folder = Folder::new("token");
        let file = folder.file("token", "of-the-file\n");
        let ws = "ws://127.0.0.1:1";
        assert_eq!(sent(ws, &[], &[]), Ok(None));
        assert_eq!(sent(ws, &[], &[(TOKEN, "")]), Ok(None));
        assert_eq!(sent(ws, &[], &[(TOKEN, "of-a-variable")]), Ok(Some("of-a-variable".to_owned())));
        assert_eq!(sent(ws, &[], &[(TOKEN_FILE, &file)]), Ok(Some("of-the-file".to_owned())));
        assert_eq!(sent(ws, &["--token", &file], &[(TOKEN, "x")]), Ok(Some("of-the-file".to_owned())));
        let error = sent(ws, &[], &[(TOKEN, "x"), (TOKEN_FILE, &file)]).unwrap_err();
        assert!(error.contains("TICKCAST_TOKEN and TICKCAST_TOKEN_FILE are both set"), "{error}");
        let error = sent(ws, &[], &[(TOKEN, "two words")]).unwrap_err();
        assert!(
            error.starts_with("TICKCAST_TOKEN: the text is not a token") && !error.contains("two words"),
            "{error}"
        );
        let error = sent(ws, &[], &[(TOKEN_FILE, "/nowhere/token")]).unwrap_err();
        assert!(
            error.starts_with("TICKCAST_TOKEN_FILE: cannot read the token in /nowhere/token: "),
            "{error}"
        );
        // Whoever gives the token itself is told so, and not shown it.
        let error = sent(ws, &["--token", "eyJhbGciOi.J9.abc"], &[]).unwrap_err();
        assert!(error.starts_with("cannot read the token in "), "{error}");
    }

    #[test]
    fn a_flag_of_certificates_is_never_in_vain() {
        let folder = Folder::new("certificates");
        let empty = folder.file("empty", "");
        let check = |url: &str, flags: &[&str], part: &str| {
            let error = sent(url, flags, &[]).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check(
            "ws://a",
            &["--ca", &empty],
            "--ca is for wss:// and https://, and ws://a/v1/stream is not encrypted",
        );
        check("wss://a", &["--ca", &empty], "empty: the authorities' file holds no certificate");
        check("wss://a", &["--ca", "/nowhere/ca"], "cannot read /nowhere/ca: ");
        check("wss://a", &["--client-cert", &empty], "--client-key");
        check("wss://a", &["--client-key", &empty], "--client-cert");
    }
}
