//! The keys of `[audit]`. Their place in the table is `config/table.rs`.

use tickcast::audit::OnFailure;

use super::{
    key::{Applies, ConfigKey, Kind},
    value::ValueUnit,
};

const KIB: u64 = 1024;
const GIB: u64 = 1024 * 1024 * KIB;

pub(super) const FILE: ConfigKey = ConfigKey {
    name: "audit.file",
    applies: Applies::AtRestart,
    kind: Kind::Text {
        get: |config| config.audit_file.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
        set: |config, text| {
            config.audit_file = (!text.is_empty()).then(|| text.into());
            Ok(())
        },
    },
    doc: "File of the usage audit: who was sent which data (docs/AUDIT.md). Empty: no audit.",
};

pub(super) const FILE_BYTES: ConfigKey = ConfigKey {
    name: "audit.file_bytes",
    applies: Applies::AtRestart,
    kind: Kind::Number {
        unit: ValueUnit::Bytes,
        min: 64 * KIB,
        max: 64 * GIB,
        get: |config| config.audit_file_bytes,
        set: |config, number| config.audit_file_bytes = number,
    },
    doc: "Size at which the audit file is rotated. It is also rotated each month.",
};

pub(super) const ON_FAILURE: ConfigKey = ConfigKey {
    name: "audit.on_failure",
    applies: Applies::AtRestart,
    kind: Kind::Word {
        words: &["refuse_new", "go_on"],
        get: |config| match config.audit_on_failure {
            OnFailure::RefuseNew => "refuse_new",
            OnFailure::GoOn => "go_on",
        },
        set: |config, word| {
            config.audit_on_failure = if word == "go_on" { OnFailure::GoOn } else { OnFailure::RefuseNew };
        },
    },
    doc: "What happens while the audit cannot be written: `refuse_new` refuses new sessions and snapshots and goes \
          on serving open sessions; `go_on` serves everyone without an audit.",
};
