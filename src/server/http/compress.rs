//! Decides whether an answer is compressed, and adapts its headers.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{StatusCode, body::Body, header};

use super::{
    coding::{self, AnswerCoding},
    compressed_walk::CompressedWalk,
    response::{HttpResponse, ResponseBody},
};

/// Compresses an answer with the client's coding. `bytes_min`: shorter ones stay plain; 0 turns compression off.
pub fn compress(mut response: HttpResponse, coding: AnswerCoding, bytes_min: usize) -> HttpResponse {
    if response.headers().contains_key(header::ETAG) {
        // Dashboard files have chosen their form already.
        coding::vary(response.headers_mut());
        return response;
    }
    if response.status() != StatusCode::OK || bytes_min == 0 {
        return response;
    }
    let body = std::mem::replace(response.body_mut(), ResponseBody::Whole(Full::default()));
    let (body, is_compressed) = match body {
        ResponseBody::Whole(body) if is_at_least(&body, bytes_min) => whole(body, coding),
        ResponseBody::Walk(walk) => match coding.encoder() {
            Some(encoder) => {
                let walk = CompressedWalk { walk, encoder: Some(encoder) };
                (ResponseBody::CompressedWalk(Box::new(walk)), true)
            }
            None => (ResponseBody::Walk(walk), false),
        },
        ResponseBody::Events(events) => (ResponseBody::Events(events), false),
        // Replays are read by programs on fast links; compressing would only load the shard.
        ResponseBody::Replay(body) => {
            *response.body_mut() = ResponseBody::Replay(body);
            return response;
        }
        body => {
            *response.body_mut() = body;
            return response;
        }
    };
    *response.body_mut() = body;
    coding::vary(response.headers_mut());
    if is_compressed {
        coding.declare(response.headers_mut());
    }
    response
}

fn is_at_least(body: &Full<Bytes>, bytes_min: usize) -> bool {
    body.size_hint().lower() >= bytes_min as u64
}

fn whole(body: Full<Bytes>, coding: AnswerCoding) -> (ResponseBody, bool) {
    // A whole body is available at once.
    let mut plain = Bytes::new();
    let mut body = Box::pin(body);
    let mut context = Context::from_waker(Waker::noop());
    if let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut context) {
        plain = frame.into_data().unwrap_or_default();
    }
    match coding.whole(&plain) {
        Some(compressed) => (ResponseBody::Whole(Full::new(compressed)), true),
        None => (ResponseBody::Whole(Full::new(plain)), false),
    }
}
