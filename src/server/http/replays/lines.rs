//! `/replay-normalized`: a replay as lines of JSON; and `/health-check`.
//!
//! Errors are answered as tardis-machine does, with `{"message":…}`; those known before the first line also set the
//! status.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::{StatusCode, body::Frame};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::{
    begin::{BegunReplay, CannotBegin, CannotBeginKind, begin},
    recipient::Recipient,
};
use crate::{
    proxies::ClientAddress,
    replays::replay::Framing,
    server::{
        replays::{
            ReplayPlace,
            driver::{LOST, ReplayPart},
            stats::ReplayEnd,
        },
        shard::Shard,
        slices::Priority,
    },
    tick::Nanos,
};

/// The response body: parts as they become available.
pub struct ReplayBody {
    shard: Rc<Shard>,
    parts: mpsc::Receiver<ReplayPart>,
    recipient: Recipient,
    /// A part that is waiting for a time slice.
    arrived: Option<ReplayPart>,
    /// The time slice of the shard that the next part waits for.
    slice: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// Dropped when the next part is requested, which shows that this one was written.
    written: Option<oneshot::Sender<()>>,
    is_over: bool,
    _place: ReplayPlace,
}

/// Starts a replay, or returns an error as tardis-machine does.
///
/// # Errors
/// The status and the body of the answer.
pub async fn replay(
    shard: &Rc<Shard>,
    query: &str,
    mut recipient: Recipient,
    peer: ClientAddress,
) -> Result<ReplayBody, (StatusCode, String)> {
    match begin(shard, query, &recipient.rights, Framing::Lines).await {
        Ok(BegunReplay { parts, place }) => Ok(ReplayBody {
            shard: Rc::clone(shard),
            parts,
            recipient,
            arrived: None,
            slice: None,
            written: None,
            is_over: false,
            _place: place,
        }),
        Err(CannotBegin { kind, message }) => {
            recipient.end(ReplayEnd::Refused);
            let status = match kind {
                CannotBeginKind::Request => StatusCode::BAD_REQUEST,
                CannotBeginKind::NotEntitled => {
                    recipient.refused(peer);
                    StatusCode::FORBIDDEN
                }
                CannotBeginKind::Busy => StatusCode::SERVICE_UNAVAILABLE,
                CannotBeginKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            };
            Err((status, json!({"message": message}).to_string()))
        }
    }
}

impl ReplayBody {
    pub fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        self.written = None;
        if self.arrived.is_none() {
            self.arrived = Some(ready!(self.parts.poll_recv(context)).unwrap_or(LOST));
        }
        let slices = &self.shard.slices;
        let slice = self.slice.get_or_insert_with(|| Box::pin(slices.slice(Priority::Common)));
        ready!(slice.as_mut().poll(context));
        self.slice = None;
        let Some(part) = self.arrived.take() else { return Poll::Pending };
        if let Some(reason) = self.recipient.ended() {
            self.recipient.end(ReplayEnd::Ended);
            return Poll::Ready(Some(self.last_line(reason.phrase())));
        }
        match part {
            ReplayPart::Messages(part) => {
                self.recipient.takes(&part);
                self.written = part.written;
                Poll::Ready(Some(Frame::data(part.bytes.into())))
            }
            ReplayPart::End => {
                self.is_over = true;
                self.recipient.end(ReplayEnd::Finished);
                Poll::Ready(None)
            }
            ReplayPart::Failed(why) => {
                self.recipient.end(ReplayEnd::Failed);
                Poll::Ready(Some(self.last_line(why)))
            }
        }
    }

    /// The status was already sent, so the error is the last line.
    fn last_line(&mut self, why: &str) -> Frame<Bytes> {
        self.is_over = true;
        Frame::data(Bytes::from(json!({"message": why}).to_string() + "\n"))
    }

    pub fn is_over(&self) -> bool {
        self.is_over
    }
}

/// The answer of `/health-check`, with tardis-machine's field names. There is no garbage collector, so no separate heap
/// size.
pub fn health(now: Nanos, began: Nanos, resident_bytes: Option<f64>) -> String {
    const HOUR_NANOS: f64 = 3_600e9;
    const MEBIBYTE: f64 = 1_048_576.0;
    let rounded = |value: f64, places: f64| (value * places).round() / places;
    let resident = rounded(resident_bytes.unwrap_or_default() / MEBIBYTE, 10.0);
    json!({
        "status": "Healthy",
        "uptimeHours": rounded(now.since(began) as f64 / HOUR_NANOS, 100.0),
        "timestampMs": now.micros() / 1_000,
        "memoryInfo": {"rssMB": resident, "heapTotalMB": 0, "heapUsedMB": 0, "externalMB": 0},
    })
    .to_string()
}
