//! Law 3 at the end of a run: every client reaches the heads, and its records equal the server's.

use std::{cell::RefCell, rc::Rc, time::Duration};

use tickcast::tick::Symbol;
use tickcast_client::{Record, close};
use tokio::time::{Instant, sleep};

use super::{
    client::{Client, ClientStage},
    ledger::{Law, LawBreach, Ledger},
    plan::Class,
    server::{Server, ServerError},
};

/// How often a wait checks again. No measurement depends on it.
pub const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Symbols in one request for snapshots: a request line of 8 KiB holds their names.
const SNAPSHOTS_MAX: usize = 50;
/// How often a symbol's record is requested again when the client was not sent the same seq.
const TRIES: u32 = 5;
/// How long it may take until a client is sent a seq that the server has already.
const ONE_LOOK: Duration = Duration::from_secs(2);
/// The close codes of a client that reads nothing: no byte accepted for too long, and a ping not answered.
const CODES_DEAF: [u16; 2] = [4008, 4001];

/// The clients of a run.
pub type Clients = [Rc<RefCell<Client>>];

/// The result of waiting until every client reaches the heads.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Reached {
    pub expected: u32,
    pub reached: u32,
}

/// The result of comparing records.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Compared {
    pub equal: u64,
    /// The feed moved on each time before client and server had the same seq.
    pub not_met: u64,
}

/// The state of one client with regard to law 3.
#[derive(Clone, PartialEq, Eq, Debug)]
enum HeadStatus {
    /// Nothing is expected: it never connected, or the server closed it for a permitted reason.
    Excused,
    Reached,
    /// Not yet: the first symbol that is behind, its seq, and the seq that it has to reach.
    Behind {
        place: u32,
        seq: u64,
        head: u64,
    },
    /// It never will: the connection is gone.
    Lost {
        code: Option<u16>,
    },
}

/// Waits until every client holds at least `heads`, or until the deadline or `stop`, and notes those that do not.
pub async fn reach_heads(
    clients: &Clients,
    heads: &[u64],
    deadline: Instant,
    stop: impl Fn() -> bool,
    ledger: &RefCell<Ledger>,
) -> Reached {
    let mut waiting: Vec<&Rc<RefCell<Client>>> = clients.iter().collect();
    loop {
        waiting.retain(|client| {
            let client = client.borrow();
            // When the market is over, nothing more is sent.
            client.stage != ClientStage::Over && matches!(arrival(&client, heads), HeadStatus::Behind { .. })
        });
        if waiting.is_empty() || Instant::now() >= deadline || stop() {
            break;
        }
        sleep(LOOK_AGAIN).await;
    }
    judge(clients, heads, &mut ledger.borrow_mut())
}

fn judge(clients: &Clients, heads: &[u64], ledger: &mut Ledger) -> Reached {
    let mut found = Reached::default();
    for client in clients.iter().map(|client| client.borrow()) {
        let arrival = arrival(&client, heads);
        found.expected += u32::from(arrival != HeadStatus::Excused);
        let (place, what) = match arrival {
            HeadStatus::Excused => continue,
            HeadStatus::Reached => {
                found.reached += 1;
                continue;
            }
            HeadStatus::Behind { place, seq, head } => {
                (Some(place), format!("holds {seq}, the server's head was {head} when the time ended"))
            }
            HeadStatus::Lost { code: Some(code) } => (None, format!("was closed with {code} before the end")),
            HeadStatus::Lost { code: None } => (None, "lost its connection before the end".to_owned()),
        };
        let symbol = place.map(|place| ledger.symbols.name(place).to_string());
        ledger.faults.note(|| LawBreach { law: Law::LatestWins, client: Some(client.index), symbol, what });
    }
    found
}

fn arrival(client: &Client, heads: &[u64]) -> HeadStatus {
    match client.stage {
        ClientStage::Waiting | ClientStage::Failed | ClientStage::Lost { code: Some(close::AWAY) } => {
            HeadStatus::Excused
        }
        // A server cannot send a reason to a client that reads nothing, because its buffers are full. What it had sent may
        // be followed by a close frame, by an end, or by a reset.
        ClientStage::Lost { code }
            if client.class == Class::Stalled && code.is_none_or(|code| CODES_DEAF.contains(&code)) =>
        {
            HeadStatus::Excused
        }
        ClientStage::Lost { code } => HeadStatus::Lost { code },
        // Before `end` a client is sent everything that is due to it.
        ClientStage::Subscribing | ClientStage::Ready | ClientStage::Left | ClientStage::Over => {
            match client.behind(heads) {
                None => HeadStatus::Reached,
                Some((place, seq, head)) => HeadStatus::Behind { place, seq, head },
            }
        }
    }
}

/// Compares the records of the sampled clients with the server's. A client that did not reach the heads is skipped, since
/// that breach is reported already.
///
/// # Errors
/// When the server does not answer with records.
pub async fn compare_records(
    clients: &Clients,
    heads: &[u64],
    server: &Server,
    ledger: &RefCell<Ledger>,
    stop: impl Fn() -> bool,
) -> Result<Compared, ServerError> {
    let mut compared = Compared::default();
    let arrived = |client: &Client| client.is_served() && client.behind(heads).is_none();
    for client in clients.iter().filter(|client| arrived(&client.borrow())) {
        let mut open: Vec<u32> =
            client.borrow().records().filter(|(_, held)| held.seq() > 0).map(|(place, _)| place).collect();
        for _ in 0..TRIES {
            let mut next = Vec::new();
            for places in open.chunks(SNAPSHOTS_MAX) {
                if stop() {
                    return Ok(compared);
                }
                next.extend(compare_some(client, places, server, ledger, &mut compared).await?);
            }
            open = next;
        }
        compared.not_met += open.len() as u64;
    }
    Ok(compared)
}

/// Compares some of one client's records; the answer is those that could not be met at the server's seq.
async fn compare_some(
    client: &RefCell<Client>,
    places: &[u32],
    server: &Server,
    ledger: &RefCell<Ledger>,
    compared: &mut Compared,
) -> Result<Vec<u32>, ServerError> {
    let names: Vec<Symbol> =
        places.iter().map(|&place| ledger.borrow().symbols.name(place).clone()).collect();
    let records = server.records(&names.iter().collect::<Vec<_>>()).await?;
    let mut not_met = Vec::new();
    for name in names.iter().filter(|name| !records.iter().any(|(found, _)| found == name.as_str())) {
        ledger.borrow_mut().faults.note(|| LawBreach {
            law: Law::LatestWins,
            client: Some(client.borrow().index),
            symbol: Some(name.to_string()),
            what: "is held, and the server has no record of it".to_owned(),
        });
    }
    for (name, theirs) in records {
        let Some(place) = ledger.borrow().symbols.place(&name) else { continue };
        let deadline = Instant::now() + ONE_LOOK;
        while held_seq(client, place).is_some_and(|seq| seq < theirs.seq) && Instant::now() < deadline {
            sleep(LOOK_AGAIN).await;
        }
        match compare(&client.borrow(), place, &theirs) {
            Comparison::NotMet => not_met.push(place),
            Comparison::Equal => compared.equal += 1,
            Comparison::Differs(what) => ledger.borrow_mut().faults.note(|| LawBreach {
                law: Law::LatestWins,
                client: Some(client.borrow().index),
                symbol: Some(name),
                what: format!("at seq {} holds {what}", theirs.seq),
            }),
        }
    }
    Ok(not_met)
}

fn held_seq(client: &RefCell<Client>, place: u32) -> Option<u64> {
    let client = client.borrow();
    let (_, held) = client.records().find(|(held, _)| *held == place)?;
    client.is_connected().then(|| held.seq())
}

/// The result of comparing one record of a client with the server's.
enum Comparison {
    /// The client was never sent that seq.
    NotMet,
    Equal,
    /// The first value that differs.
    Differs(String),
}

fn compare(client: &Client, place: u32, theirs: &Record) -> Comparison {
    let held = client.records().find(|(held, _)| *held == place);
    match held.and_then(|(_, held)| held.at(theirs.seq)) {
        None => Comparison::NotMet,
        Some(ours) => match ours.difference(theirs) {
            None => Comparison::Equal,
            Some(difference) => Comparison::Differs(difference.to_string()),
        },
    }
}
