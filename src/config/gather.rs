//! Combines all layers, the lowest first, so that each may override the one before.
//!
//! Invariants: all values are validated before any fault is reported, also those that a higher layer overrides;
//! settings without faults satisfy every [`Relation`] between their limits.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::{IpAddr, SocketAddr},
};

use tickcast::{tick::WantedFields, wire::message_bytes_max};

use super::{
    environment,
    fault::{ConfigFault, ConfigFaults, Problem},
    fields, file,
    flags::{self, Flags},
    key::{ConfigKey, Kind},
    layer::Given,
    origin::ConfigOrigin,
    products,
    relation::Relation,
    settings::Config,
    suggest,
    value::ConfigValue,
};

/// All layers together: the settings, the origin of each given value, and every fault.
#[derive(Debug)]
pub struct Gathered {
    /// Complete, but valid only when there are no faults.
    pub config: Config,
    /// The last origin of each key, valid or not; a key that is missing here has its default.
    pub origins: BTreeMap<&'static str, ConfigOrigin>,
    pub faults: Vec<ConfigFault>,
}

// === impl Gathered ===

impl Gathered {
    /// Flags over environment over file over defaults. `file` is the path, for messages, and the text.
    pub fn new(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        file: Option<(&str, &str)>,
    ) -> Gathered {
        let mut gathered =
            Gathered { config: Config::default(), origins: BTreeMap::new(), faults: Vec::new() };
        // The lowest layer first, so that each may override the one before.
        let layers = [
            file.map(|(path, text)| file::read(path, text)),
            Some(environment::read(environment)),
            Some(flags::read(flags)),
        ];
        let mut faulty = Vec::new();
        for layer in layers.into_iter().flatten() {
            gathered.faults.extend(layer.faults);
            for given in layer.given {
                gathered.take(given, &mut faulty);
            }
        }
        for relation in Relation::ALL {
            gathered.relate(relation, &faulty);
        }
        gathered.check_listeners(&faulty);
        gathered.check_frame(&faulty);
        gathered.check_tls(&faulty);
        gathered.check_products(&faulty);
        gathered.check_anonymous(&faulty);
        gathered
    }

    /// # Errors
    /// Every fault of every layer, at once.
    pub fn into_config(self) -> Result<Config, ConfigFaults> {
        if self.faults.is_empty() { Ok(self.config) } else { Err(ConfigFaults(self.faults)) }
    }

    /// A frame must have room for two of the longest messages, which the fields make longer.
    fn check_frame(&mut self, faulty: &[&'static str]) {
        const KEYS: [&str; 2] = ["fields", "limits.frame_bytes"];
        let Config { fields, limits, .. } = &self.config;
        let (frame_bytes, least) = (limits.frame_bytes, 2 * message_bytes_max(fields));
        if fields.is_empty() || frame_bytes >= least || KEYS.iter().any(|key| faulty.contains(key)) {
            return;
        }
        let origin =
            KEYS.iter().filter_map(|key| self.origins.get(*key).cloned()).max_by_key(ConfigOrigin::rank);
        let problem = Problem::FrameTooSmall { frame_bytes, least, fields: fields.len() };
        self.faults.push(ConfigFault { origin: origin.unwrap_or(ConfigOrigin::Default), problem });
    }

    /// A field that is shown delayed must be one that a record may have: a word with a slip would hide it for good.
    fn check_products(&mut self, faulty: &[&'static str]) {
        if faulty.contains(&"auth.products") || faulty.contains(&"fields") {
            return;
        }
        let Config { auth, fields: table, .. } = &self.config;
        let origin = self.origins.get("auth.products").cloned().unwrap_or(ConfigOrigin::Default);
        for product in &auth.products {
            for field in product.product.fields.iter().flatten() {
                if WantedFields::NONE.with_name(field, table).is_none() {
                    let product = product.product.name.to_string();
                    let problem = Problem::ProductField { product, field: field.to_string() };
                    self.faults.push(ConfigFault { origin: origin.clone(), problem });
                }
            }
        }
    }

    /// As with those that are shown delayed: a word with a slip would hide it for good.
    fn check_anonymous(&mut self, faulty: &[&'static str]) {
        const KEY: &str = "auth.anonymous.fields";
        if faulty.contains(&KEY) || faulty.contains(&"fields") {
            return;
        }
        let Config { auth, fields: table, .. } = &self.config;
        let origin = self.origins.get(KEY).cloned().unwrap_or(ConfigOrigin::Default);
        let unknown =
            auth.anonymous.fields.iter().filter(|field| WantedFields::NONE.with_name(field, table).is_none());
        self.faults.extend(unknown.map(|field| ConfigFault {
            origin: origin.clone(),
            problem: Problem::AnonymousField { field: field.clone() },
        }));
    }

    /// Certificates and keys come in pairs.
    fn check_tls(&mut self, faulty: &[&'static str]) {
        const KEYS: [&str; 3] = ["tls.certs", "tls.keys", "tls.client_ca"];
        let Config { tls_certs, tls_keys, tls_client_ca, .. } = &self.config;
        let problem = if tls_certs.len() != tls_keys.len() {
            Problem::TlsUnpaired { certs: tls_certs.len(), keys: tls_keys.len() }
        } else if tls_certs.is_empty() && !tls_client_ca.is_empty() {
            Problem::TlsClientsAlone
        } else {
            return;
        };
        if KEYS.iter().any(|key| faulty.contains(key)) {
            return;
        }
        let origins = KEYS.iter().filter_map(|key| self.origins.get(*key).cloned());
        let origin = origins.max_by_key(ConfigOrigin::rank).unwrap_or(ConfigOrigin::Default);
        self.faults.push(ConfigFault { origin, problem });
    }

    /// Two listeners cannot share an address.
    fn check_listeners(&mut self, faulty: &[&'static str]) {
        const KEYS: [&str; 2] = ["listen", "admin_listen"];
        let Config { listen, admin_listen, .. } = self.config;
        let Some(admin) = admin_listen.filter(|admin| overlap(*admin, listen)) else { return };
        if KEYS.iter().any(|key| faulty.contains(key)) {
            return;
        }
        let origins = KEYS.iter().filter_map(|key| self.origins.get(*key).cloned());
        let origin = origins.max_by_key(ConfigOrigin::rank).unwrap_or(ConfigOrigin::Default);
        self.faults.push(ConfigFault { origin, problem: Problem::SameAddress { listen, admin } });
    }

    /// Lets the key validate the given value; a faulty key is recorded in `faulty`.
    fn take(&mut self, given: Given, faulty: &mut Vec<&'static str>) {
        let Given { key: name, raw, origin } = given;
        let Some(key) = ConfigKey::find(&name) else {
            let near = suggest::key(&name);
            self.faults.push(ConfigFault { origin, problem: Problem::UnknownKey { key: name, near } });
            return;
        };
        let before = self.faults.len();
        if matches!(key.kind, Kind::Fields | Kind::Products) {
            if matches!(key.kind, Kind::Fields) {
                self.config.fields = fields::read(raw, &origin, &mut self.faults);
            } else {
                self.config.auth.products = products::read(raw, &origin, &mut self.faults);
            }
            if self.faults.len() > before {
                faulty.push(key.name);
            }
            self.origins.insert(key.name, origin);
            return;
        }
        let mut problems = Vec::new();
        key.apply(raw, &mut self.config, &mut problems);
        if !problems.is_empty() {
            faulty.push(key.name);
        }
        self.faults
            .extend(problems.into_iter().map(|problem| ConfigFault { origin: origin.clone(), problem }));
        self.origins.insert(key.name, origin);
    }

    /// Checks one relation between limits, unless one of them is faulty: then it is undecided.
    fn relate(&mut self, relation: Relation, faulty: &[&'static str]) {
        let keys = relation.keys();
        if relation.holds(&self.config.limits) || keys.iter().any(|key| faulty.contains(key)) {
            return;
        }
        let origin_of = |key: &&str| self.origins.get(*key).cloned().unwrap_or(ConfigOrigin::Default);
        let values = keys
            .iter()
            .map(|name| {
                let value =
                    ConfigKey::find(name).map_or(ConfigValue::Number(0), |key| key.value(&self.config));
                (*name, value, origin_of(name))
            })
            .collect();
        // The operator looks first at the highest layer that set one of them.
        let origin =
            keys.iter().map(origin_of).max_by_key(ConfigOrigin::rank).unwrap_or(ConfigOrigin::Default);
        self.faults.push(ConfigFault { origin, problem: Problem::Contradiction { relation, values } });
    }
}

/// Whether one socket would take the connections of the other.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let holds = |all: IpAddr, one: IpAddr| all.is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    let (one_ip, other_ip) = (one.ip(), other.ip());
    // Port 0 is any free port.
    one.port() == other.port()
        && one.port() != 0
        && (one_ip == other_ip || holds(one_ip, other_ip) || holds(other_ip, one_ip))
}
