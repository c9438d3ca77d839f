//! `/v1/faults`: the running scenario and the faults applied so far, so that testers can compare them with what a
//! client noticed.

use std::{rc::Rc, sync::Arc};

use hyper::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;

use super::response::{self, HttpResponse};
use crate::{
    scenario::RunningScenario,
    server::{failure::Failure, shard::Shard},
    session::inbound::query,
};

/// Maximum number of faults per answer; for more, ask again from `next` on.
const LISTED_MAX: usize = 1_000;

#[derive(Serialize)]
struct FaultsAnswer<'a> {
    scenario: &'a str,
    seed: u64,
    modelled_on: &'a str,
    sources: &'a [String],
    /// Applied faults, by kind.
    counts: serde_json::Map<String, serde_json::Value>,
    /// Messages that were never sent to clients.
    withheld: u64,
    /// The number of faults applied.
    done: u64,
    /// The number to continue from.
    next: u64,
    faults: Vec<Box<RawValue>>,
}

pub fn faults(shard: &Rc<Shard>, query: &str) -> Result<HttpResponse, Failure> {
    let Some(running) = &shard.node.faults else {
        let message =
            "no replay has a scenario: name one, as in --feed 'replay:bundled?scenario=mute-streams'";
        return Err(Failure::new(StatusCode::NOT_FOUND, "no_scenario", message.to_owned()));
    };
    let from = from_of(query)?;
    let internal = |error: serde_json::Error| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
    };
    answer(running, from).map(response::json).map_err(internal)
}

fn answer(running: &Arc<RunningScenario>, from: u64) -> serde_json::Result<String> {
    let mut lines = Vec::new();
    let next = running.write(from, LISTED_MAX, &mut lines);
    let faults = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let faults = faults.map(|line| RawValue::from_string(String::from_utf8_lossy(line).into_owned()));
    serde_json::to_string(&FaultsAnswer {
        scenario: &running.scenario.name,
        seed: running.seed,
        modelled_on: running.scenario.modelled_on.trim(),
        sources: &running.scenario.sources,
        counts: running.counts().map(|(kind, count)| (kind.to_owned(), count.into())).collect(),
        withheld: running.withheld(),
        done: running.recorded(),
        next,
        faults: faults.collect::<serde_json::Result<_>>()?,
    })
}

fn from_of(query: &str) -> Result<u64, Failure> {
    let mut from = 0;
    for (key, value) in query::singles(query).map_err(|name| Failure::given_twice(&name))? {
        if key != "from" {
            let message = format!("/v1/faults has no parameter {key:?}: it has from");
            return Err(Failure::bad_request("unknown_parameter", message));
        }
        from = value.parse().map_err(|_| {
            Failure::bad_request("bad_value", format!("from must be a whole number, got {value:?}"))
        })?;
    }
    Ok(from)
}
