//! What trades of US equities affect, by their sale conditions: one table for all formats that have conditions.
//!
//! A trade affects only what each of its conditions lets it affect. docs/CONDITIONS.md has the same table and its
//! sources; a test compares them.

use crate::tick::Affects;

/// A sale condition, as the consolidated tapes and others write it.
pub struct SaleCondition {
    pub name: &'static str,
    /// On the tapes: CTA's (networks A and B), and UTP's (network C).
    pub cta: &'static str,
    pub utp: &'static str,
    /// The number in Massive's (Polygon's) list.
    pub massive: Option<u16>,
    /// The bit in Lean's flags.
    pub lean: Option<u8>,
    pub affects: Affects,
}

const ALL: Affects = Affects::ALL;
const NO_LAST: Affects = Affects::HIGH_LOW.with(Affects::VOLUME);
const VOLUME: Affects = Affects::VOLUME;
const NO_VOLUME: Affects = Affects::LAST.with(Affects::HIGH_LOW);
const NONE: Affects = Affects::NONE;

const fn row(
    name: &'static str,
    cta: &'static str,
    utp: &'static str,
    massive: Option<u16>,
    lean: Option<u8>,
    affects: Affects,
) -> SaleCondition {
    SaleCondition { name, cta, utp, massive, lean, affects }
}

/// The table.
pub const SALE_CONDITIONS: [SaleCondition; 37] = [
    row("regular sale", "@", "@", Some(0), Some(0), ALL),
    row("acquisition", "", "A", Some(1), Some(16), ALL),
    row("average price trade", "B", "W", Some(2), Some(20), VOLUME),
    row("automatic execution", "E", "", Some(3), Some(28), ALL),
    row("bunched trade", "", "B", Some(4), Some(17), ALL),
    row("bunched sold trade", "G", "G", Some(5), None, NO_LAST),
    row("CAP election", "", "", Some(6), Some(27), ALL),
    row("cash sale", "C", "C", Some(7), Some(1), VOLUME),
    row("closing prints", "6", "6", Some(8), Some(7), ALL),
    row("cross trade", "X", "X", Some(9), Some(21), ALL),
    row("derivatively priced", "4", "4", Some(10), Some(9), NO_LAST),
    row("distribution", "", "D", Some(11), Some(19), ALL),
    row("form T (extended hours)", "T", "T", Some(12), Some(10), VOLUME),
    row("extended hours, sold out of sequence", "U", "U", Some(13), Some(13), VOLUME),
    row("intermarket sweep", "F", "F", Some(14), Some(5), ALL),
    row("market center official close", "M", "M", Some(15), Some(24), NONE),
    row("market center official open", "Q", "Q", Some(16), Some(26), NONE),
    row("next day", "N", "N", Some(20), Some(2), VOLUME),
    row("price variation trade", "H", "H", Some(21), Some(22), VOLUME),
    row("prior reference price", "P", "P", Some(22), Some(25), NO_LAST),
    row("rule 127 or 155 trade", "K", "K", Some(23), Some(23), ALL),
    row("opening prints", "O", "O", Some(25), Some(6), ALL),
    row("stopped stock, regular trade", "", "1", Some(27), Some(12), ALL),
    row("stopped stock, sold last", "", "2", None, None, ALL),
    row("stopped stock, sold out of sequence", "", "3", None, None, NO_LAST),
    row("reopening prints", "5", "5", Some(28), Some(8), ALL),
    row("seller", "R", "R", Some(29), Some(3), VOLUME),
    row("sold last", "L", "L", Some(30), Some(11), ALL),
    row("sold out of sequence", "Z", "Z", Some(33), Some(14), NO_LAST),
    row("split trade", "", "S", Some(34), Some(15), ALL),
    row("stock option trade", "", "", Some(35), Some(18), VOLUME),
    row("yellow flag", "", "Y", Some(36), Some(4), ALL),
    row("odd lot trade", "I", "I", Some(37), Some(31), VOLUME),
    row("corrected consolidated close", "9", "9", Some(38), None, NO_VOLUME),
    row("trade-through exempt", "", "", Some(41), Some(29), ALL),
    row("contingent trade", "V", "V", Some(52), None, VOLUME),
    row("qualified contingent trade", "7", "7", Some(53), None, VOLUME),
];

/// What a trade affects by its conditions in Massive's list: numbers with commas or blanks between. Numbers that the
/// table does not have take nothing away.
pub fn of_massive(conditions: &str) -> Affects {
    let numbers = conditions.split([',', ' ', ';']).filter_map(|number| number.trim().parse::<u16>().ok());
    let of = |number| SALE_CONDITIONS.iter().find(|row| row.massive == Some(number));
    numbers.filter_map(of).fold(ALL, |affects, row| affects.intersect(row.affects))
}

/// A consolidated tape, by whose letters conditions are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConditionTape {
    /// Networks A and B.
    Cta,
    /// Network C.
    Utp,
}

/// What a trade affects by the letters of its tape. Letters that the table does not have take nothing away.
pub fn of_tape<'a>(letters: impl Iterator<Item = &'a str>, tape: ConditionTape) -> Affects {
    let of = |letter: &'a str| {
        let is_of = |row: &&SaleCondition| match tape {
            ConditionTape::Cta => row.cta == letter,
            ConditionTape::Utp => row.utp == letter,
        };
        SALE_CONDITIONS.iter().filter(|_| !letter.is_empty()).find(is_of)
    };
    letters.filter_map(of).fold(ALL, |affects, row| affects.intersect(row.affects))
}

/// What a trade affects by Lean's flags, in hexadecimal. A single letter is a condition of some tape, and nothing says of
/// which: it takes nothing away.
pub fn of_lean(flags: &str) -> Affects {
    let is_letter = flags.len() == 1 && !flags.starts_with(|first: char| first.is_ascii_digit());
    let Ok(flags) = u64::from_str_radix(flags, 16) else { return ALL };
    let set = |row: &&SaleCondition| row.lean.is_some_and(|bit| flags >> bit & 1 == 1);
    let rows = SALE_CONDITIONS.iter().filter(|_| !is_letter).filter(set);
    rows.fold(ALL, |affects, row| affects.intersect(row.affects))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn a_trade_affects_what_all_of_its_conditions_let_it_affect() {
        for (conditions, affects) in [
            ("", ALL),
            ("14", ALL),
            ("14,41", ALL),
            ("37", VOLUME),
            ("12,37", VOLUME),
            ("10", NO_LAST),
            ("10, 38", Affects::HIGH_LOW),
            ("15", NONE),
            ("209", ALL),
            ("x", ALL),
        ] {
            assert_eq!(of_massive(conditions), affects, "{conditions}");
        }
        for (letters, tape, affects) in [
            (&["@", "I"][..], ConditionTape::Utp, VOLUME),
            (&["@", " "], ConditionTape::Cta, ALL),
            (&["B"], ConditionTape::Cta, VOLUME),
            (&["B"], ConditionTape::Utp, ALL),
            (&["Q"], ConditionTape::Utp, NONE),
            (&["", "?"], ConditionTape::Cta, ALL),
        ] {
            assert_eq!(of_tape(letters.iter().copied(), tape), affects, "{letters:?} of {tape:?}");
        }
        for (flags, affects) in [
            ("0", ALL),
            ("1", ALL),
            ("", ALL),
            ("@", ALL),
            ("F", ALL),
            ("80000000", VOLUME),
            ("80000021", VOLUME),
            ("4000", NO_LAST),
            ("1000000", NONE),
            ("400", VOLUME),
        ] {
            assert_eq!(of_lean(flags), affects, "{flags}");
        }
    }

    #[test]
    fn the_page_has_the_table() {
        let page =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CONDITIONS.md")).unwrap();
        let cell = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
        let number = |number: Option<u64>| number.map_or(String::new(), |number| number.to_string());
        let shown: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        let rows = SALE_CONDITIONS.iter().map(|row| {
            let words: Vec<String> = row.affects.words().map(cell).collect();
            let words = if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
            let (massive, lean) = (number(row.massive.map(u64::from)), number(row.lean.map(u64::from)));
            let cells = [row.name.to_owned(), cell(row.cta), cell(row.utp), massive, lean, words];
            let cells = cells.map(|cell| if cell.is_empty() { " ".to_owned() } else { format!(" {cell} ") });
            format!("|{}|", cells.join("|"))
        });
        let expected: Vec<String> = rows.collect();
        assert_eq!(shown, expected, "docs/CONDITIONS.md; it should be:\n{}", expected.join("\n"));
    }
}
