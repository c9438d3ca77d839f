//! The settings of `[auth]` as they were given, and as the service takes them. Their keys are `config/auth_keys.rs`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use compact_str::CompactString;
use tickcast::access::{
    Product, Products, SessionsOver, SymbolPatterns,
    authority::DELAY,
    claim::RightsClaim,
    settings::{AuthSettings, DELAYED_GRID, KeySource},
};

/// Texts that were validated one by one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthConfig {
    pub keys: Vec<String>,
    pub audience: Vec<String>,
    pub issuer: Vec<String>,
    pub anonymous: AnonymousConfig,
    pub sessions_over: SessionsOver,
    /// Of the symbols that no product has.
    pub delay: Duration,
    pub delayed_grid: Duration,
    pub products: Vec<ProductConfig>,
    /// Files and directories; empty for none.
    pub revoked: String,
    pub api_keys: String,
    pub jwks_ca: String,
    pub cache_dir: String,
}

/// A product; without a delay of its own it has that of all others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProductConfig {
    pub product: Product,
    /// Whether it has a delay of its own.
    pub has_delay: bool,
    /// The patterns as they were given.
    pub symbols: Vec<String>,
}

/// What those without a token may do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AnonymousConfig {
    pub read: Vec<String>,
    pub delayed: Vec<String>,
    pub publish: Vec<String>,
    pub fields: Vec<String>,
    pub class: String,
    pub min_interval: Duration,
}

// === impl AuthConfig ===

impl AuthConfig {
    /// As the service takes them. `state` is where its state is kept, if anywhere.
    pub fn settings(&self, state: Option<PathBuf>) -> AuthSettings {
        let path = |text: &String| (!text.is_empty()).then(|| PathBuf::from(text));
        AuthSettings {
            keys: self.keys.iter().filter_map(|text| KeySource::parse(text).ok()).collect(),
            audience: self.audience.clone(),
            issuer: self.issuer.clone(),
            anonymous: self.anonymous.claim(),
            sessions_over: self.sessions_over,
            products: Arc::new(self.products()),
            delayed_grid: self.delayed_grid,
            revoked: path(&self.revoked),
            api_keys: path(&self.api_keys),
            jwks_ca: path(&self.jwks_ca),
            cache: path(&self.cache_dir).or(state),
        }
    }

    /// Whether symbols have the same products, which are perhaps shown otherwise.
    pub(super) fn has_products_of_same_symbols(&self, other: &AuthConfig) -> bool {
        self.products().are_of_same_symbols(&other.products())
    }

    fn products(&self) -> Products {
        let named = self.products.iter().map(|config| {
            let delay = if config.has_delay { config.product.delay } else { self.delay };
            Product { delay, ..config.product.clone() }
        });
        Products::new(named.collect(), self.delay)
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        AuthConfig {
            keys: Vec::new(),
            audience: Vec::new(),
            issuer: Vec::new(),
            anonymous: AnonymousConfig::default(),
            sessions_over: SessionsOver::default(),
            delay: DELAY,
            delayed_grid: DELAYED_GRID,
            products: Vec::new(),
            revoked: String::new(),
            api_keys: String::new(),
            jwks_ca: String::new(),
            cache_dir: String::new(),
        }
    }
}

// === impl AnonymousConfig ===

impl AnonymousConfig {
    /// `None`: nothing is allowed, so a token is needed.
    fn claim(&self) -> Option<RightsClaim> {
        let patterns =
            |texts: &[String]| SymbolPatterns::new(texts.iter().map(String::as_str)).unwrap_or_default();
        let fields: Vec<CompactString> = self.fields.iter().map(CompactString::from).collect();
        let claim = RightsClaim {
            read: patterns(&self.read),
            delayed: patterns(&self.delayed),
            publish: patterns(&self.publish),
            fields: (!fields.is_empty()).then_some(fields),
            class: (!self.class.is_empty()).then(|| self.class.as_str().into()),
            min_interval: self.min_interval,
            ..RightsClaim::default()
        };
        let allows = !claim.read.is_empty() || !claim.delayed.is_empty() || !claim.publish.is_empty();
        allows.then_some(claim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_what_the_service_takes() {
        assert_eq!(AuthConfig::default().settings(None), AuthSettings::default());
        let config = AuthConfig {
            keys: vec!["hs256:secret".to_owned()],
            anonymous: AnonymousConfig {
                read: vec!["BTC*".to_owned()],
                fields: vec!["bid".to_owned()],
                class: "display".to_owned(),
                ..AnonymousConfig::default()
            },
            revoked: "revoked".to_owned(),
            ..AuthConfig::default()
        };
        let settings = config.settings(Some("/var/lib/tickcast".into()));
        let claim = RightsClaim::of_json(r#"{"read":["BTC*"],"fields":["bid"],"class":"display"}"#).unwrap();
        assert_eq!(settings.anonymous, Some(claim));
        assert_eq!((settings.keys.len(), settings.revoked), (1, Some("revoked".into())));
        assert_eq!(settings.cache, Some("/var/lib/tickcast".into()));
        let named = AuthConfig { cache_dir: "/cache".to_owned(), ..config };
        assert_eq!(named.settings(Some("/var/lib/tickcast".into())).cache, Some("/cache".into()));
    }

    #[test]
    fn without_a_token_nothing_is_allowed_unless_a_list_says_what() {
        let anonymous = AnonymousConfig { class: "x".to_owned(), ..AnonymousConfig::default() };
        assert_eq!(AuthConfig { anonymous, ..AuthConfig::default() }.settings(None).anonymous, None);
        for list in ["read", "delayed", "publish"] {
            let mut anonymous = AnonymousConfig::default();
            let texts = vec!["A".to_owned()];
            match list {
                "read" => anonymous.read = texts,
                "delayed" => anonymous.delayed = texts,
                _ => anonymous.publish = texts,
            }
            assert!(
                AuthConfig { anonymous, ..AuthConfig::default() }.settings(None).anonymous.is_some(),
                "{list}"
            );
        }
    }
}
