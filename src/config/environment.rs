//! The layer of environment variables: `TICKCAST_` and the key in capitals, with `_` for `.`.
//!
//! A variable with the prefix but no key is a fault, since it is usually a mistyped key. The exceptions are
//! [`NO_KEYS`], which the command line reads, and what Kubernetes and Docker put into every container beside a service named
//! `tickcast` (`TICKCAST_SERVICE_HOST`, `TICKCAST_PORT_8080_TCP_ADDR`, …), since no operator chose these.

use std::{collections::HashMap, ffi::OsString};

use super::{
    fault::{ConfigFault, Problem},
    layer::{Given, Layer},
    origin::ConfigOrigin,
    suggest,
    table::KEYS,
    value::GivenValue,
    variable::{CONFIG, PREFIX, TOKEN, TOKEN_FILE, variable},
};

/// Variables that belong to no key.
const NO_KEYS: [&str; 3] = [CONFIG, TOKEN, TOKEN_FILE];

pub(super) fn read(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Layer {
    let keys: HashMap<String, &str> = KEYS.iter().map(|key| (variable(key.name), key.name)).collect();
    let mut ours: Vec<(String, OsString)> = environment
        .into_iter()
        .filter(|(name, _)| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()))
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .filter(|(name, value)| !NO_KEYS.contains(&&**name) && !is_service_link(name, value))
        .collect();
    // The order of the environment is random; that of the report is not.
    ours.sort();

    let mut layer = Layer::default();
    for (name, value) in ours {
        let origin = ConfigOrigin::Variable(name.clone());
        let outcome = match (keys.get(&name), value.into_string()) {
            (None, _) => Err(Problem::UnknownVariable { near: suggest::variable(&name) }),
            (_, Err(_)) => Err(Problem::NotText),
            (Some(key), Ok(text)) => Ok(((*key).to_owned(), GivenValue::Text(text))),
        };
        match outcome {
            Ok((key, raw)) => layer.given.push(Given { key, raw, origin }),
            Err(problem) => layer.faults.push(ConfigFault { origin, problem }),
        }
    }
    layer
}

/// Whether a container runtime made this variable for a service named `tickcast` or `tickcast-…`. The name alone does
/// not decide for `TICKCAST_PORT`, which an operator may well set: only the runtime's value is a URL.
fn is_service_link(name: &str, value: &OsString) -> bool {
    let is_url = value.to_str().is_some_and(|value| value.contains("://"));
    let words: Vec<&str> = name.split('_').collect();
    words.windows(2).skip(1).any(|pair| {
        let number = !pair[1].is_empty() && pair[1].bytes().all(|byte| byte.is_ascii_digit());
        pair == ["SERVICE", "HOST"] || pair == ["SERVICE", "PORT"] || (pair[0] == "PORT" && number)
    }) || (is_url && words.last() == Some(&"PORT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, expected: bool) {
        assert_eq!(is_service_link(name, &OsString::from(value)), expected, "{name}={value}");
    }

    #[test]
    fn what_a_container_runtime_sets_is_told_from_what_a_person_sets() {
        check("TICKCAST_SERVICE_HOST", "10.0.0.7", true);
        check("TICKCAST_SERVICE_PORT", "8080", true);
        check("TICKCAST_SERVICE_PORT_HTTP", "8080", true);
        check("TICKCAST_PORT", "tcp://10.0.0.7:8080", true);
        check("TICKCAST_PORT_8080_TCP", "tcp://10.0.0.7:8080", true);
        check("TICKCAST_PORT_8080_TCP_ADDR", "10.0.0.7", true);
        check("TICKCAST_METRICS_SERVICE_HOST", "10.0.0.7", true);
        check("TICKCAST_METRICS_PORT", "udp://10.0.0.7:8080", true);

        check("TICKCAST_PORT", "8080", false);
        check("TICKCAST_HOST", "10.0.0.7", false);
        check("TICKCAST_LISTEN", "tcp://10.0.0.7:8080", false);
        check("TICKCAST_PORT_", "8080", false);
    }

    #[test]
    fn no_key_can_be_taken_for_one_of_those() {
        for key in KEYS {
            let name = variable(key.name);
            assert!(
                !NO_KEYS.contains(&&*name) && !is_service_link(&name, &OsString::from("tcp://x")),
                "{name}"
            );
        }
    }

    #[test]
    fn every_key_has_a_variable_of_its_own() {
        let names: std::collections::HashSet<String> = KEYS.iter().map(|key| variable(key.name)).collect();
        assert_eq!(names.len(), KEYS.len());
        assert!(names.contains("TICKCAST_LIMITS_HEARTBEAT_MS"));
    }
}
