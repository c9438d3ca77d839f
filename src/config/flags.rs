//! The layer of flags: some keys have their own flag, `--set KEY=VALUE` sets any key.
//!
//! Flags do not override each other: a key that is given twice is a fault, since one of the two is a mistake.

use std::collections::HashMap;

use super::{
    fault::{ConfigFault, Problem},
    layer::{Given, Layer},
    origin::ConfigOrigin,
    value::GivenValue,
};

/// The flags as they were typed. Values are texts, since the keys validate them.
#[derive(Clone, Default, Debug)]
pub struct Flags {
    /// `--listen`
    pub listen: Option<String>,
    /// `--admin-listen`
    pub admin_listen: Option<String>,
    /// `--feed`, each
    pub feeds: Vec<String>,
    /// `--field`, each
    pub fields: Vec<String>,
    /// `--recordings`
    pub recordings: Option<String>,
    /// `--shards`
    pub shards: Option<String>,
    /// `--log-format`
    pub log_format: Option<String>,
    /// `--log-level`
    pub log_level: Option<String>,
    /// `--allow-origin`, each
    pub allowed_origins: Vec<String>,
    /// `--dialects`
    pub dialects: Option<String>,
    /// `--tls-cert`, each
    pub tls_certs: Vec<String>,
    /// `--tls-key`, each
    pub tls_keys: Vec<String>,
    /// `--tls-client-ca`
    pub tls_client_ca: Option<String>,
    /// `--set`, each
    pub set: Vec<String>,
}

pub(super) fn read(flags: &Flags) -> Layer {
    let mut layer = Layer::default();
    let one = |flag: &'static str, key: &'static str, value: &Option<String>| {
        value.clone().map(|text| (flag, key, GivenValue::Text(text)))
    };
    let many = |flag: &'static str, key: &'static str, values: &[String]| {
        (!values.is_empty()).then(|| (flag, key, GivenValue::Entries(values.to_vec())))
    };
    let own = [
        one("--listen", "listen", &flags.listen),
        one("--admin-listen", "admin_listen", &flags.admin_listen),
        many("--feed", "feeds", &flags.feeds),
        many("--field", "fields", &flags.fields),
        one("--recordings", "recordings", &flags.recordings),
        one("--shards", "shards", &flags.shards),
        one("--log-format", "log.format", &flags.log_format),
        one("--log-level", "log.level", &flags.log_level),
        many("--allow-origin", "allowed_origins", &flags.allowed_origins),
        one("--dialects", "dialects", &flags.dialects),
        many("--tls-cert", "tls.certs", &flags.tls_certs),
        many("--tls-key", "tls.keys", &flags.tls_keys),
        one("--tls-client-ca", "tls.client_ca", &flags.tls_client_ca),
    ];
    for (flag, key, raw) in own.into_iter().flatten() {
        layer.given.push(Given { key: key.to_owned(), raw, origin: ConfigOrigin::Flag(flag.to_owned()) });
    }
    for text in &flags.set {
        match text.split_once('=') {
            Some((key, value)) => layer.given.push(Given {
                key: key.trim().to_owned(),
                raw: GivenValue::Text(value.to_owned()),
                origin: ConfigOrigin::Flag(format!("--set {}", key.trim())),
            }),
            None => layer.faults.push(ConfigFault {
                origin: ConfigOrigin::Flag("--set".to_owned()),
                problem: Problem::NotAssigned { text: text.clone() },
            }),
        }
    }
    reject_twice(&mut layer);
    layer
}

/// Removes every second value of a key, and reports it.
fn reject_twice(layer: &mut Layer) {
    let mut first_by_key: HashMap<String, ConfigOrigin> = HashMap::new();
    let mut once = Vec::new();
    for given in layer.given.drain(..) {
        match first_by_key.get(&given.key) {
            Some(first) => layer.faults.push(ConfigFault {
                origin: given.origin,
                problem: Problem::Twice { key: given.key, first: first.clone() },
            }),
            None => {
                first_by_key.insert(given.key.clone(), given.origin.clone());
                once.push(given);
            }
        }
    }
    layer.given = once;
}
