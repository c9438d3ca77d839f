//! The files of `[auth]`: read at startup, and again when they change.
//!
//! Invariant: a file that is broken or missing leaves its previous content in force; this is logged once, and so is its
//! end.

use std::path::PathBuf;

use crate::{
    access::{
        Authority,
        api_keys::ApiKeys,
        faults::{AuthFault, AuthProblem, AuthWarning},
        jwks::{JWKS_BYTES_MAX, KeySet},
        keys::{Key, KeyError, KeyRing},
        revoked::RevokedList,
        settings::{AuthSettings, HttpsUrl, KeySource},
    },
    files::{FileError, WatchedFile},
};

/// All files, with their last valid content.
pub(super) struct AuthFiles {
    pub settings: AuthSettings,
    /// One per source of keys, in the order of the settings.
    parts: Vec<SourceKeys>,
    revoked: Option<WatchedFile>,
    api_keys: Option<WatchedFile>,
    /// The initial revocation list and API keys, until the authority has received them.
    first: Option<(RevokedList, ApiKeys)>,
}

struct SourceKeys {
    source: KeySource,
    /// `None` for a key server.
    file: Option<WatchedFile>,
    /// `None` when a key server has not answered yet.
    keys: Option<Vec<Key>>,
}

/// A longer file cannot be a secret or a PEM key.
const KEY_BYTES_MAX: u64 = 64 * 1024;
const LIST_BYTES_MAX: u64 = 16 * 1024 * 1024;

// === impl AuthFiles ===

impl AuthFiles {
    /// Reads every file.
    ///
    /// # Errors
    /// All errors of all files.
    pub fn open(settings: AuthSettings) -> Result<Self, Vec<AuthFault>> {
        let mut faults = Vec::new();
        let parts: Vec<SourceKeys> =
            settings.keys.iter().map(|source| SourceKeys::open(source, &mut faults)).collect();
        let watched =
            |path: &Option<PathBuf>| path.as_ref().map(|path| WatchedFile::new(path, LIST_BYTES_MAX));
        let (mut revoked, mut api_keys) = (watched(&settings.revoked), watched(&settings.api_keys));
        let first = (
            revoked.as_mut().and_then(|file| taken(file.read(), file, REVOKED, list, &mut faults)),
            api_keys.as_mut().and_then(|file| taken(file.read(), file, API_KEYS, api, &mut faults)),
        );
        let first = Some((first.0.unwrap_or_default(), first.1.unwrap_or_default()));
        let files = AuthFiles { settings, parts, revoked, api_keys, first };
        if let (Err(error), Some(last)) = (files.ring(), files.settings.keys.last()) {
            faults.push(AuthFault { key: KEYS, path: last.path(), problem: error.into() });
        }
        if faults.is_empty() { Ok(files) } else { Err(faults) }
    }

    /// Accepted keys that should be replaced.
    pub fn warnings(&self) -> Vec<AuthWarning> {
        self.parts.iter().flat_map(SourceKeys::warnings).collect()
    }

    /// Passes everything that was read to the authority.
    pub fn give(&mut self, authority: &Authority) {
        authority.set_policy(self.settings.policy());
        if let Some((list, keys)) = self.first.take() {
            authority.set_revoked(list);
            authority.set_api_keys(keys);
        }
        self.give_keys(authority);
    }

    /// Checks each file, and passes changes to the authority.
    pub fn poll(&mut self, authority: &Authority) {
        let mut faults = Vec::new();
        if let Some(file) = &mut self.revoked
            && let Some(read) = file.changed()
            && let Some(list) = taken(read, file, REVOKED, list, &mut faults)
        {
            tracing::info!(entries = list.len(), "the list of what is revoked was read again");
            authority.set_revoked(list);
        }
        if let Some(file) = &mut self.api_keys
            && let Some(read) = file.changed()
            && let Some(keys) = taken(read, file, API_KEYS, api, &mut faults)
        {
            tracing::info!(keys = keys.len(), "the API keys were read again");
            authority.set_api_keys(keys);
        }
        let changed = self.parts.iter_mut().filter_map(|part| part.poll(&mut faults)).count();
        if changed > 0 {
            tracing::info!(sources = changed, "keys of tokens were read again");
            self.give_keys(authority);
        }
        for fault in faults {
            tracing::error!("what was read before stays in force: {fault}");
        }
    }

    /// Whether there are files that could change.
    pub fn has_files(&self) -> bool {
        let has_file = self.parts.iter().any(|part| part.file.is_some());
        has_file || self.revoked.is_some() || self.api_keys.is_some()
    }

    /// The key servers.
    pub fn servers(&self) -> impl Iterator<Item = &HttpsUrl> {
        self.settings.keys.iter().filter_map(|source| match source {
            KeySource::SetServer(url) => Some(url),
            _ => None,
        })
    }

    /// Whether a key server has given keys, now or earlier.
    pub fn has_keys_of(&self, server: &HttpsUrl) -> bool {
        self.parts.iter().any(|part| part.is_of(server) && part.keys.is_some())
    }

    /// Takes over what key servers have answered before.
    pub fn take_over(&mut self, old: &AuthFiles) {
        for part in self.parts.iter_mut().filter(|part| part.file.is_none()) {
            let before = old.parts.iter().find(|before| before.source == part.source);
            part.keys = before.and_then(|before| before.keys.clone());
        }
    }

    /// Takes in a key server's answer. Unchanged keys have no effect.
    pub fn take_keys_of(&mut self, server: &HttpsUrl, keys: &[Key], authority: &Authority) {
        let name = |key: &Key| (key.mark, key.id.clone());
        for part in self.parts.iter_mut().filter(|part| part.is_of(server)) {
            let is_same =
                part.keys.as_ref().is_some_and(|old| old.iter().map(name).eq(keys.iter().map(name)));
            if is_same {
                return;
            }
            part.keys = Some(keys.to_vec());
        }
        tracing::info!(server = %server, keys = keys.len(), "a key server has other keys now");
        self.give_keys(authority);
    }

    fn give_keys(&self, authority: &Authority) {
        match self.ring() {
            Ok(ring) => authority.set_keys(ring),
            Err(error) => tracing::error!("the keys before stay in force: {error}"),
        }
    }

    fn ring(&self) -> Result<KeyRing, KeyError> {
        let is_incomplete = self.parts.iter().any(|part| part.keys.is_none());
        KeyRing::new(
            self.parts.iter().filter_map(|part| part.keys.clone()).flatten().collect(),
            is_incomplete,
        )
    }
}

const KEYS: &str = "auth.keys";
const REVOKED: &str = "auth.revoked";
const API_KEYS: &str = "auth.api_keys";

fn list(content: &[u8]) -> Result<RevokedList, Vec<AuthProblem>> {
    RevokedList::parse(content).map_err(|faults| faults.into_iter().map(AuthProblem::from).collect())
}

fn api(content: &[u8]) -> Result<ApiKeys, Vec<AuthProblem>> {
    ApiKeys::parse(content).map_err(|faults| faults.into_iter().map(AuthProblem::from).collect())
}

/// The usable keys of a set; logs which others it had.
pub(super) fn keys_of(set: KeySet, source: &str) -> Vec<Key> {
    let mut skipped = set.skipped;
    skipped.sort_unstable();
    for why in skipped.chunk_by(|a, b| a == b) {
        tracing::info!(source, keys = why.len(), "keys of a set verify nothing here: {}", why[0]);
    }
    set.keys
}

/// Parses a file's content, or collects its errors.
fn taken<T>(
    read: Result<Vec<u8>, FileError>,
    file: &WatchedFile,
    key: &'static str,
    parse: impl FnOnce(&[u8]) -> Result<T, Vec<AuthProblem>>,
    faults: &mut Vec<AuthFault>,
) -> Option<T> {
    let parsed = read.map_err(|error| vec![error.into()]).and_then(|mut content| {
        let parsed = parse(&content);
        // It may be a secret; the key holds its own copy, which it wipes.
        content.fill(0);
        std::hint::black_box(&content);
        parsed
    });
    let fault = |problem| AuthFault { key, path: file.path().to_owned(), problem };
    parsed.map_err(|problems| faults.extend(problems.into_iter().map(fault))).ok()
}

// === impl SourceKeys ===

impl SourceKeys {
    fn open(source: &KeySource, faults: &mut Vec<AuthFault>) -> Self {
        let bytes_max = if matches!(source, KeySource::File(..)) { KEY_BYTES_MAX } else { JWKS_BYTES_MAX };
        let file = match source {
            KeySource::File(_, path) | KeySource::SetFile(path) => Some(WatchedFile::new(path, bytes_max)),
            KeySource::SetServer(_) => None,
        };
        let mut part = SourceKeys { source: source.clone(), file, keys: None };
        part.poll(faults);
        part
    }

    fn is_of(&self, server: &HttpsUrl) -> bool {
        matches!(&self.source, KeySource::SetServer(url) if url == server)
    }

    fn warnings(&self) -> impl Iterator<Item = AuthWarning> {
        self.keys.iter().flatten().filter_map(|key| {
            Some(AuthWarning { key: KEYS, path: self.source.path(), weakness: key.weakness? })
        })
    }

    /// `Some` when the keys have changed.
    fn poll(&mut self, faults: &mut Vec<AuthFault>) -> Option<()> {
        let file = self.file.as_mut()?;
        let read = file.changed()?;
        let parse = |content: &[u8]| match &self.source {
            KeySource::File(algorithm, _) => Key::of_file(*algorithm, content).map(|key| vec![key]),
            source => KeySet::parse(content).map(|set| keys_of(set, &source.path().to_string_lossy())),
        };
        let parse = |content: &[u8]| parse(content).map_err(|error| vec![AuthProblem::from(error)]);
        self.keys = Some(taken(read, file, KEYS, parse, faults)?);
        for warning in self.warnings() {
            tracing::warn!("{warning}");
        }
        Some(())
    }
}
