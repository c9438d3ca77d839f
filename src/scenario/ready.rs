//! The scenarios that come with the program: files of `examples/scenarios/`.

/// A scenario within the program.
#[derive(Clone, Copy, Debug)]
pub struct ReadyScenario {
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! ready {
    ($($name:literal),* $(,)?) => {
        &[$(ReadyScenario {
            name: $name,
            text: include_str!(concat!("../../examples/scenarios/", $name, ".toml")),
        }),*]
    };
}

/// All of them.
pub const READY: &[ReadyScenario] = ready![
    "mute-streams",
    "retired-root",
    "day-close",
    "server-shutdown",
    "failover-duplicates",
    "two-servers-reorder",
    "sequence-gap",
    "sequence-restart",
    "rate-limit",
    "trading-halt",
    "crash-burst",
    "old-ticks-stamped-now",
];

/// Their names, for people.
pub fn names() -> String {
    READY.iter().map(|ready| ready.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::read;

    #[test]
    fn each_is_a_scenario_of_its_name_that_says_what_it_is_modelled_on() {
        for ready in READY {
            let scenario = read::parse(ready.name, ready.text).unwrap_or_else(|fault| panic!("{fault}"));
            assert_eq!(scenario.name, ready.name);
            assert!(scenario.modelled_on.len() > 40 && !scenario.sources.is_empty(), "{}", ready.name);
        }
        assert_eq!(READY.len(), 12);
    }

    #[test]
    fn every_kind_is_in_one_of_them() {
        let kinds: std::collections::BTreeSet<_> = READY
            .iter()
            .filter_map(|ready| read::parse(ready.name, ready.text).ok())
            .flat_map(|scenario| scenario.faults)
            .map(|fault| fault.kind.name())
            .collect();
        assert_eq!(kinds.len(), crate::scenario::FaultKind::NAMES.len(), "{kinds:?}");
    }
}
