//! The start of a replay request: its parameters, its rights, and its files.

use std::{rc::Rc, sync::Arc};

use tokio::sync::mpsc;

use crate::{
    access::{Products, SharedRights},
    feed::{formats::Hints, recording::Selection, with_sources},
    replays::{
        options::ReplayRequest,
        permit::{Readable, permit},
        replay::Framing,
        stream::MessageStream,
    },
    server::{
        replays::{
            ReplayPlace, Replays,
            driver::{self, PARTS_AHEAD, ReplayMember, ReplayPart},
            sessions::SessionName,
        },
        shard::Shard,
    },
    tick::CustomFields,
};

/// A replay that has started.
pub struct BegunReplay {
    pub parts: mpsc::Receiver<ReplayPart>,
    pub place: ReplayPlace,
}

/// Why a replay cannot start, for the client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CannotBegin {
    pub kind: CannotBeginKind,
    pub message: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CannotBeginKind {
    /// The request is invalid.
    Request,
    /// The token does not allow it.
    NotEntitled,
    /// The limit of concurrent replays is reached.
    Busy,
    /// The server cannot read its recordings.
    Internal,
}

/// What opening needs, on a worker thread.
struct ReplayOpening {
    replays: Arc<Replays>,
    request: ReplayRequest,
    readable: Readable,
    fields: Arc<CustomFields>,
    products: Arc<Products>,
    line_bytes_max: usize,
}

/// Starts a replay from its query.
///
/// # Errors
/// When it cannot start.
pub async fn begin(
    shard: &Rc<Shard>,
    query: &str,
    rights: &SharedRights,
    framing: Framing,
) -> Result<BegunReplay, CannotBegin> {
    let (node, replays) = (&shard.node, &shard.server.replays);
    let because = |kind| move |message: String| CannotBegin { kind, message };
    let mut request = ReplayRequest::parse(query).map_err(because(CannotBeginKind::Request))?;
    let readable = permit(&request, rights, &node.fields).map_err(because(CannotBeginKind::NotEntitled))?;
    let place = replays.place(node.limits.replays).ok_or_else(|| {
        let message = "as many replays are under way as may be (limits.replays): ask again in a moment";
        CannotBegin { kind: CannotBeginKind::Busy, message: message.to_owned() }
    })?;
    let (session, speed) = (request.session.take(), request.speed);
    let opening = ReplayOpening {
        replays: Arc::clone(replays),
        request,
        readable,
        fields: Arc::clone(&node.fields),
        products: Arc::clone(&node.products),
        line_bytes_max: node.limits.line_bytes,
    };
    let lost = || because(CannotBeginKind::Internal)("the replay could not be opened: ask again".to_owned());
    let streams = replays.workers.run(move || opening.open()).await.ok_or_else(lost)??;
    let (sender, parts) = mpsc::channel(PARTS_AHEAD);
    let member = ReplayMember { streams, framing, speed, parts: sender };
    match session {
        None => {
            tokio::task::spawn_local(driver::drive(Arc::clone(&replays.workers), vec![member]));
        }
        Some(name) => {
            let name = SessionName { user: rights.user.clone(), name };
            let joined = replays.sessions.join(&replays.workers, name, member);
            joined.map_err(|why| because(CannotBeginKind::Request)(why.message().to_owned()))?;
        }
    }
    Ok(BegunReplay { parts, place })
}

impl ReplayOpening {
    fn open(self) -> Result<Vec<MessageStream>, CannotBegin> {
        let mut streams = Vec::with_capacity(self.request.streams.len());
        for asked in &self.request.streams {
            let library = &self.replays.library;
            let inputs = library.inputs(&asked.exchange).map_err(|error| {
                tracing::warn!(%error, "the directory of recordings cannot be read (recordings)");
                let message = "the server's directory of recordings cannot be read: its log says why";
                CannotBegin { kind: CannotBeginKind::Internal, message: message.to_owned() }
            })?;
            if inputs.is_empty() {
                return Err(self.unknown(&asked.exchange));
            }
            let hints = Hints { fields: Arc::clone(&self.fields), ..Hints::default() };
            let selection = Selection { hints, ..Selection::default() };
            let stream =
                MessageStream::open(asked, &inputs, selection, self.readable.clone(), self.line_bytes_max);
            let stream = stream.map(|stream| stream.with_products(Arc::clone(&self.products)));
            streams.push(stream.map_err(|error| {
                let exchange = &asked.exchange;
                tracing::warn!(exchange, error = with_sources(&error), "recordings cannot be read");
                let message =
                    format!("the recordings of {exchange} cannot be read: the server's log says why");
                CannotBegin { kind: CannotBeginKind::Internal, message }
            })?);
        }
        Ok(streams)
    }

    /// In the wording of tardis-machine.
    fn unknown(&self, exchange: &str) -> CannotBegin {
        let known = self.replays.library.exchanges().unwrap_or_default();
        let known: Vec<&str> = known.iter().take(64).map(String::as_str).collect();
        let message = format!(
            "Invalid \"exchange\" argument: {exchange}. Please provide one of the following exchanges: {}.",
            known.join(", ")
        );
        CannotBegin { kind: CannotBeginKind::Request, message }
    }
}
