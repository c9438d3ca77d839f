//! [`CompressedWalk`]: a long answer that is compressed as it is sent.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame};

use super::{coding::AnswerEncoder, walk::WalkBody};

/// Compresses piece by piece: its memory is one piece and the compressor.
pub struct CompressedWalk {
    pub walk: WalkBody,
    /// `None` once the end was sent.
    pub encoder: Option<AnswerEncoder>,
}

impl Body for CompressedWalk {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let CompressedWalk { walk, encoder } = self.get_mut();
        loop {
            let Some(current) = encoder else { return Poll::Ready(None) };
            let piece = ready!(Pin::new(&mut *walk).poll_frame(context));
            // Writing to a vector cannot fail.
            let ready = match piece.and_then(|piece| piece.ok()?.into_data().ok()) {
                Some(piece) => current.write(&piece).map(|()| current.take()),
                None => encoder.take().map_or_else(|| Ok(Vec::new()), AnswerEncoder::finish),
            };
            let ready = ready.unwrap_or_default();
            if !ready.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(ready.into()))));
            }
        }
    }
}
