//! `POST /v1/publish`: ingests ticks as lines. Done off the shard's thread, so that no session waits for it.

use std::{
    rc::Rc,
    sync::{Arc, atomic::Ordering},
};

use hyper::{
    Request, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
};
use serde_json::{Value, json};

use super::{
    body,
    response::{self, HttpResponse},
};
use crate::{
    access::{Refused, Rights, SharedRights},
    feed::{
        RefusedTick, RejectCounts, RejectReason,
        ndjson::{NdjsonDecoder, RejectedLine, decode_block},
    },
    planted::{Fault, is_planted},
    publish::{
        Begun, NumberFault, NumberedMessage, Outcome, PublishSink, Publisher, PublisherName, REJECTED_KEPT,
        RejectedEntry,
    },
    server::{access::NoAccess, failure::Failure, shard::Shard},
    session::{inbound::query, node::NodeState},
    tick::Tick,
    wire::ErrorCode,
};

/// Rejected lines described in the answer; more are only counted.
const REJECTED_SHOWN: usize = 1_000;
/// Ticks ingested under one hold of the market's lock.
const TICKS_A_SUBMIT: usize = 1_024;

/// Receives a body, and ingests its lines.
///
/// # Errors
/// In a drain, when the body cannot be received or decompressed, when the token has expired meanwhile, and when the
/// message number is not the publisher's next.
pub async fn publish(
    shard: &Rc<Shard>,
    request: Request<Incoming>,
    rights: SharedRights,
) -> Result<HttpResponse, Failure> {
    let numbered = numbered(request.uri().query().unwrap_or_default(), &rights)?;
    refuse_in_drain(shard)?;
    let limits = &shard.node.limits;
    let body = body::receive(request, limits.publish_bytes, limits.handshake).await?;
    // A request completed after the start of the drain is too late: its feed is stopping.
    refuse_in_drain(shard)?;
    still_allowed(shard, &rights)?;
    let node = Arc::clone(&shard.node);
    let taken = tokio::task::spawn_blocking(move || {
        // Decompression is CPU-intensive.
        let mut text = body.text()?;
        let outcome =
            take_once(&node, &mut text, numbered.as_ref(), &rights).map_err(|fault| refused(&fault))?;
        Ok(to_json(&outcome, numbered.as_ref()))
    })
    .await;
    let taken = taken
        .map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))?;
    taken.map(response::json)
}

/// From the start of a drain no tick is accepted; the publisher must learn this and use another server.
fn refuse_in_drain(shard: &Shard) -> Result<(), Failure> {
    if shard.server.draining.load(Ordering::Relaxed) { Err(Failure::draining()) } else { Ok(()) }
}

/// The token may have expired while the body arrived.
fn still_allowed(shard: &Shard, rights: &Rights) -> Result<(), Failure> {
    let node = &shard.node;
    let refused = if rights.is_expired(node.clock.now()) {
        Refused::Expired
    } else if node.authority.is_revoked(rights) {
        Refused::Revoked
    } else {
        return Ok(());
    };
    node.refused.count((&refused).into());
    Err(NoAccess::from(refused).into())
}

/// The publisher and message number in a query. A misspelt parameter would make a retry count twice, so it is refused.
fn numbered(query: &str, rights: &Rights) -> Result<Option<NumberedMessage>, Failure> {
    let bad = |name: &str, value: &str, expected: &str| {
        Failure::bad_request("bad_value", format!("{name} must be {expected}, got {value:?}"))
    };
    let (mut publisher, mut number) = (None, None);
    for (key, value) in query::singles(query).map_err(|name| Failure::given_twice(&name))? {
        match &*key {
            "publisher" => {
                let name = PublisherName::new(&value);
                publisher = Some(name.ok_or_else(|| bad("publisher", &value, PublisherName::EXPECTED))?);
            }
            "number" => {
                let parsed = value.parse().ok().filter(|&number: &u64| number > 0);
                number = Some(parsed.ok_or_else(|| bad("number", &value, "a whole number from 1 on"))?);
            }
            // A known parameter of every path.
            "token" => {}
            key => {
                let message = format!("/v1/publish has no parameter {key:?}: it has publisher and number");
                return Err(Failure::bad_request("unknown_parameter", message));
            }
        }
    }
    match (publisher, number) {
        (Some(name), Some(number)) => {
            let publisher = Publisher { user: rights.user.clone(), name };
            Ok(Some(NumberedMessage { publisher, number }))
        }
        (None, None) => Ok(None),
        _ => {
            let message = "publisher and number go together: a publisher numbers its requests, from 1";
            Err(Failure::bad_request("missing_parameter", message))
        }
    }
}

fn refused(fault: &NumberFault) -> Failure {
    let failure = Failure::new(StatusCode::CONFLICT, ErrorCode::from(fault).as_str(), fault.to_string());
    match fault {
        NumberFault::Busy { .. } | NumberFault::TooMany => {
            failure.with(header::RETRY_AFTER, HeaderValue::from_static("1"))
        }
        NumberFault::Gap { .. } | NumberFault::Old { .. } => failure,
    }
}

/// Ingests the lines of a body, unless its number was ingested before: then returns the first outcome.
///
/// # Errors
/// When the number is not the publisher's next; nothing is ingested then.
pub fn take_once(
    node: &NodeState,
    body: &mut [u8],
    numbered: Option<&NumberedMessage>,
    rights: &Rights,
) -> Result<Arc<Outcome>, NumberFault> {
    let Some(numbered) = numbered else {
        let mut outcome = Outcome::default();
        take(node, body, rights, &mut outcome);
        outcome.keep_rejected(REJECTED_SHOWN);
        return Ok(Arc::new(outcome));
    };
    match node.publishers.begin(numbered, node.clock.now())? {
        Begun::Repeated(outcome) => Ok(outcome.told(|symbol| rights.may_publish(symbol))),
        Begun::First(mut turn) => {
            turn.begin_taking();
            take(node, body, rights, &mut turn.outcome);
            turn.outcome.keep_rejected(REJECTED_KEPT);
            Ok(turn.finish())
        }
    }
}

fn take(node: &NodeState, body: &mut [u8], rights: &Rights, outcome: &mut Outcome) {
    let Some(push) = node.push.as_deref() else { return };
    let decoder = NdjsonDecoder::new(node.limits.line_bytes);
    let mut decoder = decoder.with_fields(Arc::clone(&node.fields));
    let (mut ticks, mut lines, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    let counts = decode_block(&mut decoder, body, &mut ticks, &mut lines, &mut rejected);
    push.count_rejected(&counts);
    let described = rejected.into_iter().map(|RejectedLine { line, reason, message }| RejectedEntry {
        at: line,
        reason,
        message,
    });
    outcome.reject_counted(described.collect(), &counts);
    refuse(push, &mut ticks, &mut lines, rights, outcome);
    let mut ticks = ticks.into_iter();
    for chunk in lines.chunks(TICKS_A_SUBMIT) {
        let mut part: Vec<_> = ticks.by_ref().take(chunk.len()).collect();
        let lost = usize::from(is_planted(Fault::LosesPublished) && part.pop().is_some());
        let taking = push.take(&mut part);
        for RefusedTick { index, reason, message } in taking.refused {
            outcome.reject(RejectedEntry { at: chunk[index], reason, message });
        }
        outcome.add(taking.taken + lost, taking.seqs);
    }
}

/// Removes the ticks of symbols that may not be published.
fn refuse(
    push: &dyn PublishSink,
    ticks: &mut Vec<Tick>,
    lines: &mut Vec<u64>,
    rights: &Rights,
    outcome: &mut Outcome,
) {
    let (all, all_lines) = (std::mem::take(ticks), std::mem::take(lines));
    let mut counts = RejectCounts::default();
    for (tick, line) in all.into_iter().zip(all_lines) {
        if rights.may_publish(&tick.symbol) {
            ticks.push(tick);
            lines.push(line);
            continue;
        }
        counts.add(RejectReason::NotEntitled);
        if outcome.rejected.len() < REJECTED_SHOWN {
            let message = format!("the token may not publish {}", tick.symbol);
            outcome.reject(RejectedEntry { at: line, reason: RejectReason::NotEntitled, message });
        } else {
            outcome.rejected_total += 1;
        }
    }
    push.count_rejected(&counts);
}

/// The answer. It has no seqs for unnumbered messages.
pub fn to_json(outcome: &Outcome, numbered: Option<&NumberedMessage>) -> String {
    let shown = outcome.rejected.iter().map(|line| match line.reason {
        reason @ RejectReason::NotEntitled => {
            json!({"line": line.at, "code": reason.label(), "reason": line.message})
        }
        _ => json!({"line": line.at, "reason": line.message}),
    });
    let shown: Vec<_> = shown.collect();
    let mut answer = json!({"accepted": outcome.accepted, "rejected": shown});
    let hidden = outcome.rejected_hidden();
    if hidden > 0 {
        answer["rejected_not_shown"] = hidden.into();
    }
    if let Some(numbered) = numbered {
        answer["number"] = numbered.number.into();
        let seqs = outcome.seqs.iter().map(|(symbol, seq)| (symbol.to_string(), Value::from(*seq)));
        answer["seqs"] = Value::Object(seqs.collect());
        if outcome.seqs_hidden > 0 {
            answer["seqs_not_shown"] = outcome.seqs_hidden.into();
        }
    }
    answer.to_string()
}
