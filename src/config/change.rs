//! Compares two configurations while the service runs: what changes at once, and what needs a restart.

use std::sync::Arc;

use super::{Applies, Config, ConfigValue, KEYS, Kind};

/// One key whose value differs from the one in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyChange {
    pub key: &'static str,
    pub old: ConfigValue,
    pub new: ConfigValue,
}

/// The effect of a new configuration on a service that runs with an old one.
#[derive(Debug)]
pub struct Changes {
    /// The old one with every change that applies at once: in force from now on.
    pub config: Config,
    pub applied: Vec<KeyChange>,
    /// What needs a restart, and keeps its old value until then.
    pub waiting: Vec<KeyChange>,
}

impl Changes {
    /// `new` must be without faults. Then the combination of both is, too: no relation between limits has both keys
    /// that apply at once and keys that need a restart.
    pub fn between(old: &Config, new: &Config) -> Changes {
        let mut changes = Changes { config: old.clone(), applied: Vec::new(), waiting: Vec::new() };
        for key in KEYS {
            let change = KeyChange { key: key.name, old: key.value(old), new: key.value(new) };
            if change.old == change.new {
                continue;
            }
            let is_of_same_symbols =
                matches!(key.kind, Kind::Products) && old.auth.has_products_of_same_symbols(&new.auth);
            match if is_of_same_symbols { Applies::AtOnce } else { key.applies } {
                Applies::AtRestart => changes.waiting.push(change),
                Applies::AtOnce => {
                    copy(&key.kind, new, &mut changes.config);
                    changes.applied.push(change);
                }
            }
        }
        changes
    }
}

/// Copies one key's value; it was validated by its own configuration.
fn copy(kind: &Kind, from: &Config, to: &mut Config) {
    match kind {
        Kind::Number { get, set, .. } => set(to, get(from)),
        Kind::Word { get, set, .. } => set(to, get(from)),
        Kind::Text { get, set } => drop(set(to, &get(from))),
        Kind::List { get, set } => set(to, get(from).to_vec(), &mut Vec::new()),
        Kind::Fields => to.fields = Arc::clone(&from.fields),
        Kind::Products => to.auth.products.clone_from(&from.auth.products),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, Gathered, key::ConfigKey, relation::Relation};

    #[test]
    fn what_applies_at_once_is_taken_over_and_the_rest_waits() {
        let old = Config::default();
        let mut new =
            Config { shards: 3, allowed_origins: vec!["https://a.example".to_owned()], ..old.clone() };
        new.limits.sessions = 7;
        new.limits.ring_ticks = 9;
        let Changes { config, applied, waiting } = Changes::between(&old, &new);
        let told = |changes: &[KeyChange]| -> Vec<String> {
            changes.iter().map(|KeyChange { key, old, new }| format!("{key}: {old} → {new}")).collect()
        };
        assert_eq!(
            told(&applied),
            ["allowed_origins: [] → [\"https://a.example\"]", "limits.sessions: 10000 → 7"]
        );
        assert_eq!(told(&waiting), ["shards: 0 → 3", "limits.ring_ticks: 1024 → 9"]);
        assert_eq!((config.limits.sessions, config.shards, config.limits.ring_ticks), (7, 0, 1024));
        assert_eq!(config.allowed_origins, new.allowed_origins);
        let nothing = Changes::between(&config, &config.clone());
        assert!(nothing.applied.is_empty() && nothing.waiting.is_empty());
    }

    #[test]
    fn products_of_the_same_symbols_change_at_once_and_others_wait() {
        let of = |text: &str| {
            let given = format!("[auth]\nproducts = [\"{text}\"]\n");
            Gathered::new(&Flags::default(), [], Some(("t.toml", &given))).into_config().unwrap()
        };
        let check = |new: &str, at_once: bool| {
            let Changes { config, applied, waiting } = Changes::between(&of("x;X.*;5;bid;late"), &of(new));
            assert_eq!(
                (applied.len(), waiting.len()),
                (usize::from(at_once), usize::from(!at_once)),
                "{new}"
            );
            assert_eq!(config.auth.products == of(new).auth.products, at_once, "{new}");
        };
        check("x;X.*;7;bid;late", true);
        check("x;X.*;;;", true);
        check("y;X.*;5;bid;late", false);
        check("x;X.*,Y;5;bid;late", false);
    }

    #[test]
    fn no_relation_is_between_what_applies_at_once_and_what_waits() {
        for relation in Relation::ALL {
            let mut applies: Vec<_> =
                relation.keys().iter().map(|name| ConfigKey::find(name).unwrap().applies).collect();
            applies.dedup();
            assert_eq!(applies.len(), 1, "{relation:?}");
        }
    }
}
