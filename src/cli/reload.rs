//! Settings read again while the service runs: from the same places, validated as at the start, all or nothing.
//!
//! Invariant: settings with a fault change nothing; what needs a restart keeps its value until then, and is named.

use std::sync::Arc;

use tickcast::{
    feed::{Source, source::SourceKind},
    server::service::Service,
};
use tracing::Level;

use super::{
    log::Log,
    open_files,
    settings::{self, SettingsArgs},
};
use crate::config::{Changes, Config, KeyChange};

/// A service, and the settings that it runs by.
pub struct Running {
    pub args: SettingsArgs,
    pub config: Config,
    pub service: Service,
    pub log: Log,
}

impl Running {
    /// Reads the settings again, and takes over what can change; says all of it in the log.
    pub fn reload(&mut self) {
        let new = match self.args.again() {
            Ok(new) => new,
            Err(faults) => {
                for fault in &faults.0 {
                    tracing::error!("the new settings are faulty: {fault}");
                }
                tracing::error!(faults = faults.0.len(), "settings read again: all stay as they were");
                return;
            }
        };
        // Symbols of live feeds alone need no restart.
        let others =
            |feeds: &[String]| feeds.iter().filter(|feed| !is_live(feed)).cloned().collect::<Vec<_>>();
        if self.config.feeds != new.feeds
            && others(&self.config.feeds) == others(&new.feeds)
            && self.service.reload_symbols(&new.feeds)
        {
            self.config.feeds.clone_from(&new.feeds);
        }
        let Changes { config, applied, waiting } = Changes::between(&self.config, &new);
        // Before all others: settings whose files are faulty change nothing.
        let auth = settings::auth(&config.auth);
        let products = Arc::clone(&auth.products);
        if let Err(faults) = self.service.reload_auth(auth) {
            for fault in &faults {
                tracing::error!("a file of the new settings is faulty: {fault}");
            }
            tracing::error!(faults = faults.len(), "settings read again: all stay as they were");
            return;
        }
        // While both are reported, the more verbose level holds.
        let more = most_talkative(self.config.log_level, config.log_level);
        self.log.set_level(more);
        let old_sessions = self.config.limits.sessions;
        self.service.reload_delays(&products);
        self.service.reload(config.limits.clone(), &config.allowed_origins, &config.trusted_proxies);
        for KeyChange { key, old, new } in &applied {
            tracing::info!(key, %old, %new, "setting changed: {key} {old} → {new}");
        }
        for KeyChange { key, old, new } in &waiting {
            tracing::warn!(key, %old, %new, "setting needs a restart: {key} stays {old}, {new} is for later");
        }
        tracing::info!(changed = applied.len(), waiting = waiting.len(), "settings read again");
        if config.limits.sessions > old_sessions {
            make_room(&config);
        }
        self.log.set_level(config.log_level);
        self.config = config;
    }
}

/// Whether a feed is from a venue.
fn is_live(feed: &str) -> bool {
    Source::parse(feed).is_ok_and(|source| matches!(source.kind, SourceKind::Upstream(_)))
}

fn most_talkative(one: Level, other: Level) -> Level {
    // The more a level lets through, the greater it is.
    if one > other { one } else { other }
}

fn make_room(config: &Config) {
    let files = open_files::raise();
    if let Err(too_few) = open_files::check(config, files) {
        tracing::warn!("{too_few}");
    }
    open_files::make_room(config, files);
}
