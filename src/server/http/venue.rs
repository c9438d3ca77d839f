//! A dialect's REST requests, which venue clients make at startup. Routes and rows are the dialect's
//! (`wire/dialects/rest.rs`); symbols, rights and pacing are here.

use std::{collections::HashSet, rc::Rc, sync::Arc, time::Duration};

use hyper::{Request, StatusCode, body::Incoming};

use super::{
    answered::AnsweredSymbols,
    app::App,
    body, bulk,
    caller::Caller,
    response::{self, HttpResponse},
    walk::{Walk, WalkBody},
};
use crate::{
    access::SharedRights,
    audit::AuditLog,
    server::{failure::Failure, shard::Shard},
    session::node::NodeState,
    tick::Symbol,
    topic::Record,
    wire::dialects::{
        Moment, assets,
        rest::{NamedSymbols, RestAnswer, RestList, RestRefusal, RestRow},
        spelling,
    },
};

/// Maximum number of symbols in a request.
const NAMED_MAX: usize = 512;
/// Maximum body size: more than that many symbols need.
const FORM_BYTES_MAX: usize = 64 * 1024;
/// Symbols looked up per piece of a long answer.
const A_PIECE: usize = 64;

pub fn answer(
    app: &App,
    shard: &Rc<Shard>,
    caller: &Caller,
    row: &RestRow,
    named: NamedSymbols,
    rights: SharedRights,
) -> Result<HttpResponse, Failure> {
    let node = &shard.node;
    if node.audit.as_deref().is_some_and(AuditLog::refuses) {
        return Err(Failure::unaudited());
    }
    let machine = node.clock.now();
    let at = Moment { machine, market: node.market.at(machine) };
    let list = match row.answer {
        RestAnswer::Fixed(write) => return Ok(response::json(write(at))),
        RestAnswer::Listing { list, .. } | RestAnswer::Records { list, .. } => list,
    };
    let may_show = may_show(node, row.answer, &rights);
    let (named, is_alone) = match named {
        NamedSymbols::All => {
            let permit = bulk::permit(&app.bulk, shard, &caller.activity)?;
            let walk = VenueWalk::new(node, row.answer, at, &rights, may_show);
            let body = WalkBody::new(shard, Box::new(walk), permit).under(rights);
            return Ok(response::walk(body.between((list.head)(at).into(), list.brackets, list.tail)));
        }
        NamedSymbols::NoneOfKind => return Ok(whole(list, at, Vec::new())),
        NamedSymbols::InPath(symbol) => (vec![symbol], true),
        NamedSymbols::One(symbol) => (vec![symbol], list.one_alone),
        NamedSymbols::Some(symbols) => (symbols, false),
    };
    let is_spelled = row.symbols.is_spelled;
    let named = named.iter().take(NAMED_MAX + 1);
    let found = named.map(|text| find(node, text, is_spelled, &rights)).collect::<Option<Vec<_>>>();
    let Some(symbols) = found.filter(|found| may_show && !found.is_empty() && found.len() <= NAMED_MAX)
    else {
        return Ok(refuse(row.no_symbol));
    };
    let mut rows = Vec::new();
    let mut answered = AnsweredSymbols::new(node, &rights);
    write_rows(node, row.answer, at, &mut answered, &symbols, RowsOf::Named, &mut rows);
    // Replaces the first comma.
    rows.remove(0);
    Ok(if is_alone { response::whole("application/json", rows.into()) } else { whole(list, at, rows) })
}

/// A list with these rows.
fn whole(list: RestList, at: Moment, mut rows: Vec<u8>) -> HttpResponse {
    let mut out = (list.head)(at).into_bytes();
    out.push(list.brackets[0]);
    out.append(&mut rows);
    out.push(list.brackets[1]);
    out.extend_from_slice(list.tail.as_bytes());
    response::whole("application/json", out.into())
}

/// The symbols in a request's body.
pub async fn named_by_form(
    request: Request<Incoming>,
    row: &RestRow,
    time: Duration,
) -> Result<NamedSymbols, Failure> {
    let form = body::receive(request, FORM_BYTES_MAX, time).await?.text()?;
    Ok(NamedSymbols::of(&String::from_utf8_lossy(&form), row.symbols))
}

/// A failure in the venue's format.
pub fn refuse(refusal: RestRefusal) -> HttpResponse {
    let mut response = response::json(refusal.body.to_owned());
    *response.status_mut() = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::NOT_FOUND);
    response
}

/// Whether all fields of the rows may be read. If not, no symbol exists for the client, as with streams.
fn may_show(node: &NodeState, answer: RestAnswer, rights: &SharedRights) -> bool {
    match answer {
        RestAnswer::Fixed(_) | RestAnswer::Listing { .. } => true,
        RestAnswer::Records { needs, .. } => rights.readable_fields(&node.fields).fixed.contains_all(needs),
    }
}

/// The symbol that a text names in any case, and if `is_spelled` in any spelling; only if it may be read.
fn find(node: &NodeState, text: &str, is_spelled: bool, rights: &SharedRights) -> Option<Symbol> {
    let mut names = vec![text.to_ascii_uppercase(), text.to_owned(), text.to_ascii_lowercase()];
    if is_spelled {
        let joined = spelling::joined(text);
        let (base, quote) = assets::split(text);
        names.extend(["", "-", "/", "_"].map(|between| format!("{base}{between}{quote}")));
        names.push(joined.into());
    }
    let symbols = names.iter().filter_map(|text| Symbol::new(text).ok());
    symbols.filter(|symbol| rights.may_read(symbol)).find(|symbol| node.ingest.is_known(symbol))
}

/// Whether a symbol without a tick gets a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RowsOf {
    Named,
    All,
}

/// Appends a row per symbol, each preceded by a comma.
fn write_rows(
    node: &NodeState,
    answer: RestAnswer,
    at: Moment,
    answered: &mut AnsweredSymbols,
    symbols: &[Symbol],
    rows: RowsOf,
    out: &mut Vec<u8>,
) {
    match answer {
        RestAnswer::Fixed(_) => {}
        RestAnswer::Listing { row, .. } => {
            for symbol in symbols {
                out.push(b',');
                row(symbol, out);
            }
        }
        RestAnswer::Records { row, .. } => {
            let mut shown = Vec::new();
            let nothing = Record::default();
            for (symbol, image) in symbols.iter().zip(node.ingest.records(symbols)) {
                let record = image.map(|image| image.record).filter(|record| record.seq > 0);
                if record.is_none() && rows == RowsOf::All {
                    continue;
                }
                shown.extend(record.is_some().then_some(symbol));
                out.push(b',');
                row(symbol, record.as_ref().unwrap_or(&nothing), at, out);
            }
            answered.shows(&shown, false);
        }
    }
}

/// All symbols: first those that feeds declare, then the others with ticks.
struct VenueWalk {
    node: Arc<NodeState>,
    answer: RestAnswer,
    at: Moment,
    rights: SharedRights,
    may_show: bool,
    answered: AnsweredSymbols,
    declared: std::vec::IntoIter<Symbol>,
    /// Declared symbols, whose rows were written already.
    seen: HashSet<Symbol>,
    from: usize,
    until: usize,
}

impl VenueWalk {
    fn new(
        node: &Arc<NodeState>,
        answer: RestAnswer,
        at: Moment,
        rights: &SharedRights,
        may_show: bool,
    ) -> Self {
        let declared = node.ingest.declared();
        let seen = declared.iter().cloned().collect();
        VenueWalk {
            answer,
            at,
            rights: SharedRights::clone(rights),
            may_show,
            answered: AnsweredSymbols::new(node, rights),
            declared: declared.into_iter(),
            seen,
            from: 0,
            until: node.ingest.topics(),
            node: Arc::clone(node),
        }
    }
}

impl Walk for VenueWalk {
    fn piece(&mut self, out: &mut Vec<u8>) -> bool {
        let mut symbols: Vec<Symbol> = self.declared.by_ref().take(A_PIECE).collect();
        if symbols.is_empty() {
            let count = A_PIECE.min(self.until - self.from);
            symbols = self.node.ingest.symbols(self.from, count);
            self.from += count;
            symbols.retain(|symbol| !self.seen.contains(symbol));
        }
        symbols.retain(|symbol| self.may_show && self.rights.may_read(symbol));
        write_rows(&self.node, self.answer, self.at, &mut self.answered, &symbols, RowsOf::All, out);
        self.declared.len() > 0 || self.from < self.until
    }
}
