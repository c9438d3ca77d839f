//! The key that names the proxies whose word is believed.

use tickcast::proxies::TrustedProxy;

use super::{
    fault::Problem,
    key::{Applies, ConfigKey, Kind},
    settings::Config,
};

pub(super) const TRUSTED: ConfigKey = ConfigKey {
    name: "trusted_proxies",
    applies: Applies::AtOnce,
    kind: Kind::List { get: |config| &config.trusted_proxies, set },
    doc: "Addresses or ranges of reverse proxies that are trusted to pass on the client's address: `10.0.0.7` or \
          `10.0.0.0/8` with the header `X-Forwarded-For`, `proxy:10.0.0.7` with the PROXY protocol, version 2, at \
          the start of each connection. Limits, the log and the audit then use the client's address, and such a \
          client never counts as local. From any other peer the header is ignored.",
};

fn set(config: &mut Config, proxies: Vec<String>, problems: &mut Vec<Problem>) {
    let (sound, faulty): (Vec<_>, Vec<_>) =
        proxies.into_iter().partition(|text| TrustedProxy::parse(text).is_some());
    problems.extend(faulty.into_iter().map(|found| Problem::Proxy { found }));
    config.trusted_proxies = sound;
}
