//! Dialects: the protocols of venues, as sessions of this service speak them. docs/EXCHANGES.md describes them for clients.
//!
//! A dialect is a [`Dialect`] for what its clients say and are answered, and one or more rows in the table of encodings for
//! its data. `session/dialect/` runs the first, and the fan-out writes by the second. [`DIALECTS`] has them all.
//!
//! Pure: no I/O, no session, no market. What is subscribed to is what any session could have.

pub mod alpaca;
pub mod assets;
pub mod binance;
pub mod coinbase;
pub mod coinbase_advanced;
pub mod coinbase_exchange;
pub mod conditions;
pub mod dialect;
pub mod iso;
pub mod kraken;
pub mod massive;
pub mod numbers;
pub mod percent;
pub mod quote;
pub mod rest;
pub mod row;
pub mod spelling;
pub mod stream;
#[cfg(test)]
pub(crate) mod testing;
pub mod trade;

pub use dialect::{Carried, Dialect, Leaving, Moment, NUMBER_PLACE, Rules, Wish, WishRefusal, Wishes};
pub use rest::{RestRefusal, RestRow};
pub use row::DialectRow;
pub use stream::{DialectStream, Whose};

/// Every dialect. A path belongs to the first that takes it.
pub const DIALECTS: &[DialectRow] = &[binance::ROW, coinbase::ROW, kraken::ROW, massive::ROW, alpaca::ROW];

/// The most dialects that there may be.
pub const DIALECTS_MAX: usize = 31;

/// The index of a dialect in [`DIALECTS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DialectId(u8);

/// The dialects that a service speaks, and whether it serves replays of one's own (`replays`), which are named with them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DialectSet(u32);

/// How replays of one's own are named.
const REPLAYS: &str = "tardis";

/// What is named as a dialect, and is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "`{}` is no dialect; write all, none, or some of {} with commas between",
    crate::escape::escaped(name),
    known()
)]
pub struct UnknownDialect {
    pub name: String,
}

fn known() -> String {
    named(DialectSet::ALL).collect::<Vec<_>>().join(", ")
}

/// What a set has, by name.
fn named(set: DialectSet) -> impl Iterator<Item = &'static str> {
    let dialects = DialectId::all().filter(move |id| set.contains(*id)).map(DialectId::name);
    dialects.chain(set.has_replays().then_some(REPLAYS))
}

const _: () = assert!(DIALECTS.len() <= DIALECTS_MAX, "a set has a bit for each");

impl DialectId {
    pub fn all() -> impl Iterator<Item = DialectId> {
        (0..).map(DialectId).take(DIALECTS.len())
    }

    pub fn name(self) -> &'static str {
        DIALECTS[self.index()].name
    }

    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl DialectSet {
    pub const NONE: DialectSet = DialectSet(0);
    pub const ALL: DialectSet = DialectSet(u32::MAX);
    const REPLAYS_BIT: u32 = 1 << DIALECTS_MAX;

    /// Of a list of names with commas between, or `none`, or `all`.
    ///
    /// # Errors
    /// With the first that is unknown.
    pub fn parse(text: &str) -> Result<Self, UnknownDialect> {
        match text.trim() {
            "none" => return Ok(DialectSet::NONE),
            "all" => return Ok(DialectSet::ALL),
            _ => {}
        }
        let mut set = DialectSet::NONE;
        for name in text.split(',').map(str::trim) {
            if name == REPLAYS {
                set.0 |= Self::REPLAYS_BIT;
                continue;
            }
            let found = DialectId::all().find(|id| id.name() == name);
            let found = found.ok_or_else(|| UnknownDialect { name: name.to_owned() })?;
            set.0 |= 1 << found.0;
        }
        Ok(if named(set).eq(named(DialectSet::ALL)) { DialectSet::ALL } else { set })
    }

    /// As [`Self::parse`] reads it.
    pub fn to_text(self) -> String {
        match self {
            DialectSet::NONE => "none".to_owned(),
            DialectSet::ALL => "all".to_owned(),
            _ => named(self).collect::<Vec<_>>().join(","),
        }
    }

    pub fn contains(self, id: DialectId) -> bool {
        self.0 & 1 << id.0 != 0
    }

    pub const fn has_replays(self) -> bool {
        self.0 & Self::REPLAYS_BIT != 0
    }

    /// The request of REST at this path, if one of these dialects answers it, and the symbol that the path names.
    pub fn rest(self, path: &str) -> Option<(&'static RestRow, Option<&str>)> {
        self.each_with(path).find_map(|(id, path)| {
            DIALECTS[id.index()].rest.iter().find_map(|row| Some((row, row.takes(path)?)))
        })
    }

    /// How one of these dialects refuses what it does not answer at this path, if the path is one of its venue's.
    pub fn refusal(self, path: &str) -> Option<RestRefusal> {
        let refusals = self.each_with(path).flat_map(|(id, path)| {
            let refusals = DIALECTS[id.index()].refusals.iter();
            refusals.filter(move |(below, _)| path.starts_with(below))
        });
        // The longest: one venue's paths may be below another's.
        refusals.max_by_key(|(below, _)| below.len()).map(|(_, refusal)| *refusal)
    }

    /// Each of these dialects, with the path as it has it: one that begins with its name is its alone.
    fn each_with(self, path: &str) -> impl Iterator<Item = (DialectId, &str)> {
        let own = DialectId::all().find_map(|id| {
            let rest = path.strip_prefix('/')?.strip_prefix(id.name())?;
            rest.starts_with('/').then_some((id, rest))
        });
        let all = own.is_none().then(|| DialectId::all().map(move |id| (id, path)));
        own.into_iter().chain(all.into_iter().flatten()).filter(move |(id, _)| self.contains(*id))
    }

    /// The session that an upgrade of this path and query begins, if one of these dialects takes it.
    pub fn begin(self, path: &str, query: &str) -> Option<(DialectId, Box<dyn Dialect>)> {
        // Bases that end with a slash are common, and paths that begin with one.
        let slashes = path.len() - path.trim_start_matches('/').len();
        let path = &path[slashes.saturating_sub(1)..];
        DialectId::all()
            .filter(|id| self.contains(*id))
            .find_map(|id| Some((id, (DIALECTS[id.index()].begin)(path, query)?)))
    }
}

impl Default for DialectSet {
    fn default() -> Self {
        DialectSet::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_a_list_of_names_or_none_or_all() {
        let parse = |text: &str| DialectSet::parse(text).unwrap();
        let binance = DialectId::all().next().unwrap();
        assert!(parse("all").contains(binance) && parse(" binance ").contains(binance));
        assert!(!parse("none").contains(binance));
        assert_eq!(parse("binance,binance"), parse("binance"));
        assert!(parse("all").has_replays() && !parse("none").has_replays() && !parse("kraken").has_replays());
        assert!(parse("kraken, tardis").has_replays() && !parse("tardis").contains(binance));
        assert_eq!(parse("binance,coinbase,kraken,massive,alpaca,tardis"), DialectSet::ALL);
        for text in ["", "binnance", "binance,", "none,binance"] {
            assert!(DialectSet::parse(text).is_err_and(|fault| fault.to_string().contains("binance")));
        }
        for text in ["all", "none", "kraken,tardis", "binance,coinbase,kraken,massive,alpaca", "tardis"] {
            assert_eq!(parse(text).to_text(), text);
        }
    }

    #[test]
    fn a_path_may_begin_with_two_slashes() {
        for path in ["/ws/a@trade", "//ws/a@trade", "///binance/stream"] {
            assert!(DialectSet::ALL.begin(path, "").is_some(), "{path}");
        }
        for path in ["", "ws", "/", "//", "//v1/stream"] {
            assert!(DialectSet::parse("binance").unwrap().begin(path, "").is_none(), "{path}");
        }
    }

    #[test]
    fn a_refusal_is_of_the_venue_whose_path_it_is() {
        let body = |path: &str| DialectSet::ALL.refusal(path).map_or("", |refusal| refusal.body);
        for (path, words) in [
            ("/api/v3/klines", "-1000"),
            ("/api/v3/brokerage/accounts", "NOT_FOUND"),
            ("/binance/api/v3/brokerage", "-1000"),
            ("/0/private/Balance", "EAPI:Invalid key"),
            ("/0/public/OHLC", "EGeneral"),
            ("/accounts/x", "Invalid API Key"),
            ("/api/v3/account", "-2015"),
            ("/sapi/v1/account/status", "-2015"),
            ("/v2/account", "endpoint not found"),
            ("/alpaca/v2/account", "endpoint not found"),
            ("/massive/v3/reference/tickers", "Data not found"),
        ] {
            assert!(body(path).contains(words), "{path}: {}", body(path));
        }
        for path in [
            "/v1/stream/x",
            "/account",
            "/v2/stream",
            "/v2",
            "/api",
            "/kraken/v2/account",
            "/x/api/v3/klines",
        ] {
            assert!(DialectSet::ALL.refusal(path).is_none(), "{path}");
        }
        assert!(DialectSet::NONE.refusal("/api/v3/klines").is_none());
    }

    #[test]
    fn names_are_distinct_and_fit_into_paths() {
        for (index, id) in DialectId::all().enumerate() {
            assert!(id.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", id.name());
            assert!(DialectId::all().skip(index + 1).all(|other| other.name() != id.name()));
        }
    }
}
