//! What an operator configures about access: where keys come from, what those without a token may do, and whom the lists
//! bar. Values alone: `server/keys` reads the files and asks the key servers.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use super::{
    algorithm::KeyAlgorithm,
    authority::{Policy, SessionsOver},
    claim::RightsClaim,
    products::Products,
    rights::{Granted, Rights},
};
use crate::web::{self, Host};

/// The keys of `[auth]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthSettings {
    pub keys: Vec<KeySource>,
    pub audience: Vec<String>,
    pub issuer: Vec<String>,
    /// What those without a token may do; `None`: they need one.
    pub anonymous: Option<RightsClaim>,
    pub sessions_over: SessionsOver,
    /// How symbols are reported, and how they are shown delayed.
    pub products: Arc<Products>,
    /// What waits to be shown delayed is merged to a grid of this; zero: nothing is shown delayed.
    pub delayed_grid: Duration,
    pub revoked: Option<PathBuf>,
    pub api_keys: Option<PathBuf>,
    /// The authorities of key servers' certificates, instead of the system's.
    pub jwks_ca: Option<PathBuf>,
    /// Where the last good copy of what key servers say is kept.
    pub cache: Option<PathBuf>,
}

/// Where keys come from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum KeySource {
    File(KeyAlgorithm, PathBuf),
    /// A set of keys in a file.
    SetFile(PathBuf),
    /// A set of keys that is fetched, again and again.
    SetServer(HttpsUrl),
}

/// An `https` URL, as far as a key server needs one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HttpsUrl {
    /// As it was given.
    text: String,
    /// The host's name, without port and brackets.
    pub host: String,
    pub port: u16,
    /// The path and the query.
    pub target: String,
}

/// Why a text names no keys.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeySourceError {
    #[error("write hs256:FILE, rs256:FILE, es256:FILE, ed25519:FILE, jwks:FILE or jwks:https://HOST/PATH")]
    Form,
    #[error("a key server is asked over https alone, or anybody on the way could change the keys")]
    Plain,
    #[error("the URL of a key server has a host, no user, no fragment and no space")]
    Url,
}

/// What waits to be shown delayed is merged to seconds, unless another time is configured.
pub const DELAYED_GRID: Duration = Duration::from_secs(1);

// === impl AuthSettings ===

impl AuthSettings {
    /// Whether nothing is configured, and everybody may do everything.
    pub fn is_open(&self) -> bool {
        self.keys.is_empty() && self.api_keys.is_none() && self.anonymous.is_none()
    }

    pub fn policy(&self) -> Policy {
        let of_anyone = |claim: RightsClaim| Rights { granted: Granted::ToAnyone, ..claim.into_rights() };
        Policy {
            is_open: self.is_open(),
            anonymous: self.anonymous.clone().map(of_anyone).map(Arc::new),
            sessions_over: self.sessions_over,
            #[cfg(feature = "tls")]
            tokens: super::token::TokenPolicy {
                audience: self.audience.clone(),
                issuer: self.issuer.clone(),
            },
        }
    }
}

impl Default for AuthSettings {
    /// Nothing is configured.
    fn default() -> Self {
        AuthSettings {
            keys: Vec::new(),
            audience: Vec::new(),
            issuer: Vec::new(),
            anonymous: None,
            sessions_over: SessionsOver::default(),
            products: Arc::default(),
            delayed_grid: DELAYED_GRID,
            revoked: None,
            api_keys: None,
            jwks_ca: None,
            cache: None,
        }
    }
}

// === impl KeySource ===

impl KeySource {
    /// # Errors
    /// When the text names no keys.
    pub fn parse(text: &str) -> Result<Self, KeySourceError> {
        let (scheme, place) = text.split_once(':').ok_or(KeySourceError::Form)?;
        if place.is_empty() {
            return Err(KeySourceError::Form);
        }
        if scheme == "jwks" {
            return match place.split_once("://") {
                None => Ok(KeySource::SetFile(place.into())),
                Some(("https", _)) => HttpsUrl::parse(place).map(KeySource::SetServer),
                Some(("http", _)) => Err(KeySourceError::Plain),
                Some(_) => Err(KeySourceError::Form),
            };
        }
        let algorithm = KeyAlgorithm::ALL.into_iter().find(|algorithm| algorithm.scheme() == scheme);
        Ok(KeySource::File(algorithm.ok_or(KeySourceError::Form)?, place.into()))
    }

    /// The file, or what a server's URL has instead.
    pub fn path(&self) -> PathBuf {
        match self {
            KeySource::File(_, path) | KeySource::SetFile(path) => path.clone(),
            KeySource::SetServer(url) => url.text.as_str().into(),
        }
    }
}

// === impl HttpsUrl ===

impl HttpsUrl {
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, KeySourceError> {
        let rest = text.strip_prefix("https://").ok_or(KeySourceError::Plain)?;
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let is_plain =
            text.bytes().all(|byte| (0x21..0x7f).contains(&byte)) && !text.contains(['#', '@', '\\']);
        let host = Host::parse(authority).filter(|host| is_plain && !host.name.is_empty());
        let host = host.ok_or(KeySourceError::Url)?;
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(HttpsUrl {
            text: text.to_owned(),
            host: host.name.to_owned(),
            port: host.port.unwrap_or(443),
            target,
        })
    }

    /// The value of `Host`.
    pub fn authority(&self) -> String {
        web::authority(&self.host, self.port, 443)
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_keys_are_read() {
        let check = |text, expected| assert_eq!(KeySource::parse(text), Ok(expected), "{text}");
        check("hs256:/run/secrets/key", KeySource::File(KeyAlgorithm::Hs256, "/run/secrets/key".into()));
        check("rs256:a:b.pem", KeySource::File(KeyAlgorithm::Rs256, "a:b.pem".into()));
        check("es256:k", KeySource::File(KeyAlgorithm::Es256, "k".into()));
        check("ed25519:k", KeySource::File(KeyAlgorithm::Ed25519, "k".into()));
        check("jwks:keys.json", KeySource::SetFile("keys.json".into()));
        for text in ["", "key.pem", "hs256:", "hs512:k", "HS256:k", "none:k", "jwks:", "jwks:ftp://a/b"] {
            assert_eq!(KeySource::parse(text), Err(KeySourceError::Form), "{text}");
        }
        assert_eq!(KeySource::parse("jwks:http://issuer.example/keys"), Err(KeySourceError::Plain));
        for text in
            ["https://", "https:///keys", "https://u@h/k", "https://h/k#x", "https://h/ k", "https://h:x/"]
        {
            assert_eq!(KeySource::parse(&format!("jwks:{text}")), Err(KeySourceError::Url), "{text}");
        }
    }

    #[test]
    fn a_url_has_its_parts() {
        let check = |text, host: &str, port, target: &str, authority: &str| {
            let url = HttpsUrl::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port, url.target.as_str()), (host, port, target), "{text}");
            assert_eq!((url.authority().as_str(), url.to_string().as_str()), (authority, text));
        };
        check("https://issuer.example/keys?v=1", "issuer.example", 443, "/keys?v=1", "issuer.example");
        check("https://issuer.example", "issuer.example", 443, "/", "issuer.example");
        check("https://issuer.example:8443?x", "issuer.example", 8443, "/?x", "issuer.example:8443");
        check("https://[::1]:9/k", "::1", 9, "/k", "[::1]:9");
    }

    #[test]
    fn nothing_configured_is_open_and_a_list_of_revoked_alone_is_too() {
        let open = AuthSettings { revoked: Some("r".into()), ..AuthSettings::default() };
        assert!(open.is_open() && open.policy() == Policy::default());
        let keys = vec![KeySource::SetFile("k".into())];
        assert!(!AuthSettings { keys, ..AuthSettings::default() }.is_open());
        let anyone = Some(RightsClaim::default());
        assert!(!AuthSettings { anonymous: anyone, ..AuthSettings::default() }.is_open());
    }
}
