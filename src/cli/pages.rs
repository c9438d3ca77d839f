//! Tests that docs/CONFIGURATION.md and the help say of the flags what the code does.

use std::{fs, path::Path};

use clap::CommandFactory;

use super::Cli;
use crate::config::{Config, ConfigValue, key::ConfigKey, variable::variable};

const PAGE: &str = "docs/CONFIGURATION.md";

#[test]
fn the_page_names_every_flag_and_what_it_says_of_variables_is_true() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap();
    let command = Cli::command();
    let flags = command
        .get_arguments()
        .filter_map(|flag| flag.get_long())
        .filter(|flag| !matches!(*flag, "help" | "version"));
    let mut seen = 0;
    for flag in flags {
        assert!(page.contains(&format!("| `--{flag} ")), "--{flag} is missing in {PAGE}");
        seen += 1;
    }
    assert_eq!(seen, page.matches("| `--").count(), "{PAGE} has a flag that is none");
    assert!(page.contains(&format!("`{}=500`", variable("limits.sessions"))));
}

#[test]
fn the_defaults_that_the_help_tells_are_the_defaults() {
    let help = Cli::command().render_long_help().to_string();
    // Lines may break anywhere.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for name in ["listen", "shards", "log.format", "log.level"] {
        let default = match ConfigKey::find(name).unwrap().value(&Config::default()) {
            ConfigValue::Text(text) => text,
            other => other.to_string(),
        };
        assert!(help.contains(&format!("[default: {default}]")), "{name} = {default} in:\n{help}");
    }
    assert!(help.contains(&format!("[default: {}]", Config::default().feeds.join(" "))), "{help}");
}
