//! Tests of the fields that a configuration adds: each fault has its own line, and says what to do.

use std::ffi::OsString;

use super::{Changes, Config, Flags, Gathered};

fn read(flags: &[&str], variable: Option<&str>, file: &str) -> Gathered {
    let flags = Flags { fields: flags.iter().map(ToString::to_string).collect(), ..Flags::default() };
    let variable = variable.map(|value| (OsString::from("TICKCAST_FIELDS"), OsString::from(value)));
    Gathered::new(&flags, variable, Some(("t.toml", file)))
}

/// The fields as texts, of a configuration without faults.
fn fields(gathered: Gathered) -> Vec<String> {
    let config = gathered.into_config().unwrap();
    config.fields.iter().map(|(_, field)| field.to_string()).collect()
}

fn faults(gathered: &Gathered) -> Vec<String> {
    gathered.faults.iter().map(ToString::to_string).collect()
}

const TWO: &str = "[[fields]]\nname = \"mark\"\nkind = \"decimal\"\nmerge = \"last\"\nsymbols = [\"*-PERP\", \"X:Y\"]\n\
                   [[fields]]\nname = \"venue\"\nkind = \"text\"\n";

#[test]
fn every_layer_has_its_form() {
    let two = ["mark:decimal:last:*-PERP,X:Y", "venue:text:last"];
    assert_eq!(fields(read(&[], None, TWO)), two);
    assert_eq!(
        fields(read(&[], None, "fields = [{ name = \"a\" }, { name = \"b\", merge = \"sum\" }]")),
        ["a:decimal:last", "b:decimal:sum"]
    );
    assert_eq!(fields(read(&two, None, "")), two);
    assert_eq!(fields(read(&[], Some("mark iv:decimal:max"), TWO)), ["mark:decimal:last", "iv:decimal:max"]);
    assert_eq!(
        fields(read(&[], Some("[{ name = \"mark\", kind = \"integer\" }]"), "")),
        ["mark:integer:last"]
    );
    assert_eq!(fields(read(&["nav"], Some("mark"), TWO)), ["nav:decimal:last"]);
    assert!(fields(read(&[], Some(""), TWO)).is_empty());
    // What `check` prints gives the same again.
    let printed = super::KEYS.iter().find(|key| key.name == "fields").unwrap();
    let config = read(&[], None, TWO).into_config().unwrap();
    let again = format!("fields = {}", printed.value(&config));
    assert_eq!(read(&[], None, &again).into_config().unwrap().fields, config.fields);
}

#[test]
fn every_fault_is_told_at_once_where_it_is() {
    let file = "[[fields]]\nname = \"Mark\"\nkind = \"decmal\"\nmerge = \"lats\"\nsymbols = [\"a,b\", \"*\"]\n\
                [[fields]]\nnmae = \"x\"\n\
                [[fields]]\nname = \"bid\"\n\
                [[fields]]\nname = \"trade\"\n\
                [[fields]]\nname = \"index\"\nkind = \"text\"\nmerge = \"sum\"\n\
                [[fields]]\nname = \"iv\"\n\
                [[fields]]\nname = \"iv\"\nsymbols = []\n\
                [[fields]]\nname = 7\nkind = true\nsymbols = [1]\n";
    assert_eq!(
        faults(&read(&[], None, file)),
        [
            "t.toml:2: `Mark` is not a name of a field; write 1 to 32 of a-z 0-9 _, a letter first",
            "t.toml:3: `kind` of a field must be `decimal`, `integer` or `text`, but is `decmal`; did you mean `decimal`?",
            "t.toml:4: `merge` of a field must be `last`, `sum`, `min`, `max` or `first`, but is `lats`; did you mean `last`?",
            "t.toml:5: `a,b` is not a pattern of symbols, such as *-PERP: a symbol has no control character, quote, \
         backslash or comma, byte 1 is ','",
            "t.toml:6: a field has no name; give it one, such as name = \"mark\"",
            "t.toml:7: `nmae` is not a key of a field; did you mean `name`?",
            "t.toml:9: every record has the field `bid` already; give this one another name",
            "t.toml:11: `trade` has another meaning in messages or recordings; give the field another name",
            "t.toml:15: texts cannot be merged by `sum`; write `last` or `first`, or another kind",
            "t.toml:19: the field `iv` is already given by t.toml:17; give it once",
            "t.toml:20: `symbols` of a field is an empty list; leave it out for every symbol",
            "t.toml:22: `name` of a field must be a text in quotes, but is a number",
            "t.toml:23: `kind` of a field must be a text in quotes, but is true or false",
            "t.toml:24: `symbols` of a field must be a list of patterns, such as [\"*-PERP\"], but is a list with an entry \
         that is not text",
        ]
    );
    assert_eq!(
        faults(&read(&["mark:decimal", "mark:int"], None, "")),
        [
            "--field: the field `mark` is already given by --field; give it once",
            "--field: `kind` of a field must be `decimal`, `integer` or `text`, but is `int`; did you mean `integer`?",
        ]
    );
    for (file, found) in [
        ("fields = 5", "a number"),
        ("[fields]\nname = \"mark\"", "a table"),
        ("fields = \"mark\"", "a text"),
    ] {
        let expected = format!(
            "t.toml:1: `fields` must be a table [[fields]] for each field, or a list such as \
             [\"mark:decimal:last:*-PERP\"], but is {found}"
        );
        assert_eq!(faults(&read(&[], None, file)), [expected], "{file}");
    }
}

#[test]
fn a_broken_line_hides_no_fault_of_other_fields() {
    let file =
        "[[fields]]\nname = \"Mark\"\n[[fields]]\nname = = 1\n[[fields]]\nname = \"iv\"\nkind = \"x\"\n";
    let faults = faults(&read(&[], None, file));
    assert!(faults[0].starts_with("t.toml:4: not valid TOML (column 8)"), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.starts_with("t.toml:2: `Mark`")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.starts_with("t.toml:7: `kind`")), "{faults:?}");
}

#[test]
fn there_are_as_many_as_a_set_has_bits_and_a_frame_has_room_for_them() {
    let of = |count: usize, kind: &str| -> Vec<String> {
        (0..count).map(|number| format!("a_field_with_a_long_name_{number}:{kind}")).collect()
    };
    let read = |texts: &[String], file: &str| {
        read(&texts.iter().map(String::as_str).collect::<Vec<_>>(), None, file)
    };
    assert_eq!(fields(read(&of(64, "decimal"), "")).len(), 64);
    assert_eq!(
        faults(&read(&of(65, "decimal"), "")),
        ["--field: 65 fields are too many; configure at most 64"]
    );
    let small = faults(&read(&of(64, "text"), ""));
    let expected = "limits.frame_bytes must be at least 22636 with these 64 fields, for two of the longest messages, but is 16384";
    assert_eq!(small, [format!("--field: {expected}")]);
    assert!(read(&of(64, "text"), "[limits]\nframe_bytes = 22636").faults.is_empty());
    // Without fields, nothing is asked of it.
    assert!(read(&[], "[limits]\nframe_bytes = 1024").faults.is_empty());
}

#[test]
fn they_change_with_a_restart_alone() {
    let (old, new) = (Config::default(), read(&[], None, TWO).into_config().unwrap());
    let Changes { config, applied, waiting } = Changes::between(&old, &new);
    assert!(applied.is_empty() && config.fields.is_empty());
    let told: Vec<String> =
        waiting.iter().map(|change| format!("{}: {} → {}", change.key, change.old, change.new)).collect();
    assert_eq!(told, ["fields: [] → [\"mark:decimal:last:*-PERP,X:Y\", \"venue:text:last\"]"]);
}
