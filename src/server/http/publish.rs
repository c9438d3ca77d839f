//! `POST /v1/publish`: ticks in, as lines. The work is done off the shard's thread, so that no session waits for it.

use std::{
    rc::Rc,
    sync::{Arc, atomic::Ordering},
};

use hyper::{Request, StatusCode, body::Incoming};
use serde_json::json;

use super::{
    app::App,
    body,
    response::{self, HttpResponse},
};
use crate::{
    access::{Rights, SharedRights},
    feed::{
        RefusedTick, RejectReason,
        ndjson::{NdjsonDecoder, REJECTED_LINES_KEPT, RejectedLine, decode_block},
    },
    planted::{Fault, is_planted},
    server::{failure::Failure, intake::FeedSink, shard::Shard},
    tick::{CustomFields, Tick},
};

/// Rejected lines that the answer describes; more are only counted.
const REJECTED_SHOWN: usize = 1_000;
/// Ticks that are taken in under one hold of the market's lock.
const TICKS_A_SUBMIT: usize = 1_024;

/// Receives a body, and takes in its lines.
///
/// # Errors
/// In a drain, and when the body cannot be received or decompressed.
pub async fn publish(
    app: &Arc<App>,
    shard: &Rc<Shard>,
    request: Request<Incoming>,
    rights: SharedRights,
) -> Result<HttpResponse, Failure> {
    refuse_in_drain(shard)?;
    let limits = &shard.node.limits;
    let (body_bytes_max, line_bytes_max) = (limits.publish_bytes, limits.line_bytes);
    let body = body::receive(request, body_bytes_max, limits.handshake).await?;
    // A request that began before the drain and is whole only now is too late: its feed is stopping.
    refuse_in_drain(shard)?;
    let (app, fields) = (Arc::clone(app), Arc::clone(&shard.node.fields));
    let taken = tokio::task::spawn_blocking(move || {
        // Decompression takes time.
        body.text().map(|mut text| take(&app.push, &mut text, line_bytes_max, fields, &rights))
    })
    .await;
    let taken = taken
        .map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))??;
    Ok(response::json(taken.to_json()))
}

/// From the start of a drain no tick is taken in. The publisher must learn this, so that it uses another server.
fn refuse_in_drain(shard: &Shard) -> Result<(), Failure> {
    if shard.server.draining.load(Ordering::Relaxed) { Err(Failure::draining()) } else { Ok(()) }
}

/// The result of a body.
pub struct PublishResult {
    accepted: usize,
    rejected: Vec<RejectedLine>,
    rejected_total: u64,
}

/// Takes in the lines of a body, which may have these `fields` beside the fixed ones.
pub fn take(
    push: &FeedSink,
    body: &mut [u8],
    line_bytes_max: usize,
    fields: Arc<CustomFields>,
    rights: &Rights,
) -> PublishResult {
    let mut decoder = NdjsonDecoder::new(line_bytes_max).with_fields(fields);
    let (mut ticks, mut lines, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    let tally = decode_block(&mut decoder, body, &mut ticks, &mut lines, &mut rejected);
    for (reason, count) in tally.iter() {
        push.status.count_rejected(reason, count);
    }
    let mut rejected_total = tally.total();
    rejected_total += refuse(push, &mut ticks, &mut lines, &mut rejected, rights);
    let mut accepted = 0;
    let mut ticks = ticks.into_iter();
    for chunk in lines.chunks(TICKS_A_SUBMIT) {
        let mut part: Vec<_> = ticks.by_ref().take(chunk.len()).collect();
        let mut refused = Vec::new();
        if is_planted(Fault::LosesPublished) && part.pop().is_some() {
            accepted += 1;
        }
        accepted += push.take(&mut part, &mut refused);
        rejected_total += refused.len() as u64;
        rejected.extend(refused.into_iter().map(|RefusedTick { index, reason, message }| RejectedLine {
            line: chunk[index],
            reason,
            message,
        }));
    }
    rejected.sort_by_key(|line| line.line);
    rejected.truncate(REJECTED_SHOWN);
    PublishResult { accepted, rejected, rejected_total }
}

/// Takes out the ticks of symbols that may not be published. Returns how many.
fn refuse(
    push: &FeedSink,
    ticks: &mut Vec<Tick>,
    lines: &mut Vec<u64>,
    rejected: &mut Vec<RejectedLine>,
    rights: &Rights,
) -> u64 {
    let (all, all_lines) = (std::mem::take(ticks), std::mem::take(lines));
    let mut refused = 0;
    for (tick, line) in all.into_iter().zip(all_lines) {
        if rights.may_publish(&tick.symbol) {
            ticks.push(tick);
            lines.push(line);
            continue;
        }
        refused += 1;
        if rejected.len() < REJECTED_LINES_KEPT {
            let message = format!("the token may not publish {}", tick.symbol);
            rejected.push(RejectedLine { line, reason: RejectReason::NotEntitled, message });
        }
    }
    push.status.count_rejected(RejectReason::NotEntitled, refused);
    refused
}

impl PublishResult {
    pub fn to_json(&self) -> String {
        let shown = self.rejected.iter().map(|line| match line.reason {
            reason @ RejectReason::NotEntitled => {
                json!({"line": line.line, "code": reason.label(), "reason": line.message})
            }
            _ => json!({"line": line.line, "reason": line.message}),
        });
        let shown: Vec<_> = shown.collect();
        let mut answer = json!({"accepted": self.accepted, "rejected": shown});
        let hidden = self.rejected_total.saturating_sub(shown.len() as u64);
        if hidden > 0 {
            answer["rejected_not_shown"] = hidden.into();
        }
        answer.to_string()
    }
}
