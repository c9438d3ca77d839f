//! Who is let in, with which rights: by a token, an API key, or nothing.
//!
//! One for a node, shared by its shards. It is given keys, lists and policy as values, and does no I/O.
//! A change of any of these raises the generation, by which shards see that their sessions must be looked at
//! again.
//!
//! Invariants: with a token that is bad, nobody gets the rights of those without one; what was revoked before a call is
//! refused by it; nothing here prints a token or a key.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;

#[cfg(feature = "tls")]
use super::{
    api_keys::ApiKeys,
    keys::KeyRing,
    refused::BadToken,
    token::{self, TokenPolicy},
    verified::{TokenHash, VerifiedTokens},
};
use super::{
    refused::Refused,
    revoked::{RevokedHere, RevokedList},
    rights::{Granted, Rights},
};
use crate::tick::Nanos;

/// Admits, and takes back.
pub struct Authority {
    policy: ArcSwap<Policy>,
    /// The list of the file.
    listed: ArcSwap<RevokedList>,
    /// What requests have revoked. Its lock is held for one look-up or one entry, at an admission and at a sweep.
    here: Mutex<RevokedHere>,
    #[cfg(feature = "tls")]
    ring: ArcSwap<KeyRing>,
    #[cfg(feature = "tls")]
    api_keys: ArcSwap<ApiKeys>,
    /// Its lock is held for one look-up or one entry, at an admission.
    #[cfg(feature = "tls")]
    verified: Mutex<VerifiedTokens>,
    generation: AtomicU64,
    /// Called when the generation has changed. Set once, by the service.
    told: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// Tokens that no key here has signed: whoever can fetch keys may look.
    unknown_keys: AtomicU64,
}

/// What an operator has chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Neither tokens nor API keys nor a claim for anyone are configured: everybody may do everything.
    pub is_open: bool,
    /// The rights of those without a token; `None`: they need one.
    pub anonymous: Option<Arc<Rights>>,
    pub sessions_over: SessionsOver,
    #[cfg(feature = "tls")]
    pub tokens: TokenPolicy,
}

/// What happens to a user's session beyond those that the token allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SessionsOver {
    /// The new one is refused.
    #[default]
    Refuse,
    /// The user's oldest is closed.
    EvictOldest,
}

/// Delayed data is 15 minutes old, unless another time is configured.
pub const DELAY: Duration = Duration::from_secs(900);

// === impl Authority ===

impl Authority {
    /// Nothing is configured.
    pub fn open() -> Self {
        Authority::new(Policy::default())
    }

    pub fn new(policy: Policy) -> Self {
        Authority {
            policy: ArcSwap::from_pointee(policy),
            listed: ArcSwap::default(),
            here: Mutex::default(),
            #[cfg(feature = "tls")]
            ring: ArcSwap::default(),
            #[cfg(feature = "tls")]
            api_keys: ArcSwap::default(),
            #[cfg(feature = "tls")]
            verified: Mutex::default(),
            generation: AtomicU64::new(0),
            told: OnceLock::new(),
            unknown_keys: AtomicU64::new(0),
        }
    }

    /// Whether nothing is configured.
    pub fn is_open(&self) -> bool {
        self.policy.load().is_open
    }

    pub fn sessions_over(&self) -> SessionsOver {
        self.policy.load().sessions_over
    }

    /// The rights of whoever sends this token, or none.
    ///
    /// # Errors
    /// When it gives none, and why.
    pub fn admit(&self, token: Option<&str>, now: Nanos) -> Result<Arc<Rights>, Refused> {
        let policy = self.policy.load();
        if policy.is_open {
            return Ok(Rights::everything());
        }
        let Some(token) = token else { return policy.anonymous.clone().ok_or(Refused::Missing) };
        let rights = self.verified(token, &policy, now)?;
        if self.is_listed(&rights) {
            return Err(Refused::Revoked);
        }
        Ok(rights)
    }

    /// It changes whenever something may have been taken back. Whoever has seen this number asks [`Self::is_revoked`]
    /// for each session once it is another.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether rights that were given may not be used any more: the token or its user is revoked, or what gave them is no
    /// longer there. That they have expired is not asked here.
    pub fn is_revoked(&self, rights: &Rights) -> bool {
        !self.still_gives(rights) || self.is_listed(rights)
    }

    /// Has this called, from any thread, whenever something may have been taken back: so that sessions are looked at
    /// at once. It must not wait. Only the first one that is given counts.
    pub fn tell_changes(&self, told: impl Fn() + Send + Sync + 'static) {
        // A second one would be a second service, which looks by itself.
        let _ = self.told.set(Box::new(told));
    }

    /// Bars the tokens that a user has now, and has the user's sessions ended.
    pub fn revoke_user(&self, user: &str, now: Nanos) {
        self.bar_user(user, now);
        self.raise();
    }

    /// Bars a token by its name (`jti`, or the `sha256:…` it goes by) until it expires, and has its sessions ended.
    pub fn revoke_token(&self, token: &str, expires: Option<Nanos>, now: Nanos) {
        self.bar_token(token, expires, now);
        self.raise();
    }

    /// As [`Self::revoke_user`], for who ends the sessions, and then calls [`Self::raise`].
    pub fn bar_user(&self, user: &str, now: Nanos) {
        self.here().revoke_user(user, now);
    }

    /// As [`Self::revoke_token`], for who ends the sessions, and then calls [`Self::raise`].
    pub fn bar_token(&self, token: &str, expires: Option<Nanos>, now: Nanos) {
        self.here().revoke_token(token, expires.unwrap_or(Nanos(i64::MAX)), now);
    }

    /// Bars the token of a session.
    pub fn revoke(&self, rights: &Rights, now: Nanos) {
        if let Some(token) = &rights.token {
            self.revoke_token(token, rights.expires, now);
        }
    }

    pub fn set_policy(&self, policy: Policy) {
        if **self.policy.load() != policy {
            self.policy.store(Arc::new(policy));
            self.forget_verified();
            self.raise();
        }
    }

    pub fn set_revoked(&self, list: RevokedList) {
        self.listed.store(Arc::new(list));
        self.raise();
    }

    fn is_listed(&self, rights: &Rights) -> bool {
        let here = self.here();
        self.listed.load().bars(rights) || (!here.is_empty() && here.bars(rights))
    }

    fn here(&self) -> MutexGuard<'_, RevokedHere> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has every session looked at again. What was stored before is seen by whoever sees the new number.
    pub fn raise(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        if let Some(told) = self.told.get() {
            told();
        }
    }

    /// How many tokens no key here has signed, so that another one may be due.
    pub fn unknown_keys(&self) -> u64 {
        self.unknown_keys.load(Ordering::Relaxed)
    }

    /// Whether what gave the rights is still there.
    fn still_gives(&self, rights: &Rights) -> bool {
        let policy = self.policy.load();
        match rights.granted {
            Granted::ByNothing => true,
            Granted::ByDefault => policy.is_open,
            Granted::ToAnyone => policy.anonymous.as_deref() == Some(rights),
            Granted::ByKey(mark) => self.has_key(mark) && policy.trusts(rights),
            Granted::ByApiKey(_) => self.has_api_key(rights),
        }
    }
}

#[cfg(feature = "tls")]
impl Authority {
    /// The rights of whoever sends this API key.
    pub fn by_api_key(&self, key: &str) -> Option<Arc<Rights>> {
        self.api_keys.load().get(key).filter(|rights| !self.is_listed(rights))
    }

    /// Whether every key that is configured is here. Otherwise a node is not ready.
    pub fn has_keys(&self) -> bool {
        !self.ring.load().is_incomplete()
    }

    pub fn set_keys(&self, ring: KeyRing) {
        self.ring.store(Arc::new(ring));
        self.forget_verified();
        self.raise();
    }

    pub fn set_api_keys(&self, keys: ApiKeys) {
        self.api_keys.store(Arc::new(keys));
        self.raise();
    }

    fn verified(&self, token: &str, policy: &Policy, now: Nanos) -> Result<Arc<Rights>, Refused> {
        if let Some(rights) = self.api_keys.load().get(token) {
            return Ok(rights);
        }
        if token.len() > token::TOKEN_BYTES_MAX {
            return Err(BadToken::TooLong.into());
        }
        let hash = TokenHash::of(token);
        let (known, era) = {
            let mut verified = self.cache();
            (verified.get(hash), verified.era)
        };
        if let Some(rights) = known {
            return if rights.expires.is_some_and(|expires| token::is_over(expires, now)) {
                Err(Refused::Expired)
            } else {
                Ok(rights)
            };
        }
        let verified = token::verify(token, &self.ring.load(), &policy.tokens, now);
        if matches!(verified, Err(Refused::NoKeys | Refused::Bad(BadToken::NoSuchKey | BadToken::Signature)))
        {
            self.unknown_keys.fetch_add(1, Ordering::Relaxed);
        }
        let rights = Arc::new(verified?);
        self.cache().keep(hash, Arc::clone(&rights), era);
        Ok(rights)
    }

    fn has_key(&self, mark: u64) -> bool {
        self.ring.load().has(mark)
    }

    fn has_api_key(&self, rights: &Rights) -> bool {
        self.api_keys.load().gives(rights)
    }

    fn forget_verified(&self) {
        self.cache().clear();
    }

    fn cache(&self) -> MutexGuard<'_, VerifiedTokens> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without cryptography no token can be verified, and no key is ever here.
#[cfg(not(feature = "tls"))]
impl Authority {
    /// Whether every key that is configured is here.
    pub fn has_keys(&self) -> bool {
        true
    }

    fn verified(&self, _token: &str, _policy: &Policy, _now: Nanos) -> Result<Arc<Rights>, Refused> {
        Err(Refused::NoKeys)
    }

    fn has_key(&self, _mark: u64) -> bool {
        false
    }

    fn has_api_key(&self, _rights: &Rights) -> bool {
        false
    }

    fn forget_verified(&self) {}
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

// === impl Policy ===

impl Policy {
    /// Whether the issuer and the audience of a token that was verified are still those that are trusted.
    #[cfg(feature = "tls")]
    fn trusts(&self, rights: &Rights) -> bool {
        self.tokens.check(&rights.parties).is_ok()
    }

    #[cfg(not(feature = "tls"))]
    fn trusts(&self, _rights: &Rights) -> bool {
        false
    }
}

impl Default for Policy {
    /// Open.
    fn default() -> Self {
        Policy {
            is_open: true,
            anonymous: None,
            sessions_over: SessionsOver::default(),
            #[cfg(feature = "tls")]
            tokens: TokenPolicy::default(),
        }
    }
}
