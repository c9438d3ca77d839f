//! A client's life: it waits its turn, connects, subscribes, and leaves or comes back on an order.
//!
//! Invariant: the shared cells are borrowed only between two awaits, never across one.

use std::{cell::RefCell, num::NonZeroU32};

use tickcast_client::{Endpoint, EndpointError, frames};

use super::{
    client::{Client, ClientOrder, ClientStage},
    pace::ReadPace,
    plan::Class,
    session::{ClientEnd, ClientSession},
    shared::LoadShared,
};

/// `SO_RCVBUF` of a slow client, in parts of a second at its rate: what waits there is neither read nor conflated, and
/// with the system's megabytes the client would be slow only in theory.
const SLOW_RECEIVE_BUFFER_PER_SECOND: u32 = 8;
/// The least and the most of it.
const SLOW_RECEIVE_BUFFER_BYTES: std::ops::RangeInclusive<u32> = 4 * 1024..=64 * 1024;

/// Lives one client's life: connects, subscribes, reads, and leaves or returns on an order.
pub async fn live(shared: &LoadShared, client: &RefCell<Client>) {
    // Each has its own TLS sessions, as programs of their own would: it begins with a full handshake, and resumes when it
    // comes back.
    let endpoint = match shared.endpoint.apart() {
        Ok(endpoint) => endpoint,
        Err(error) => return fail(shared, client, error),
    };
    loop {
        let end = match connect(shared, &endpoint, client).await {
            Ok(mut session) => std::future::poll_fn(|cx| session.poll(cx)).await,
            Err(error) => return fail(shared, client, error),
        };
        let mut client = client.borrow_mut();
        let unsettled = client.stage == ClientStage::Subscribing;
        client.stage = match end {
            ClientEnd::Left => ClientStage::Left,
            ClientEnd::Closed(code) => client.closed(code),
            _ => ClientStage::Lost { code: None },
        };
        if client.stage == ClientStage::Left && client.order == ClientOrder::Return {
            client.order = ClientOrder::Stay;
            continue;
        }
        if !matches!(client.stage, ClientStage::Left | ClientStage::Over) {
            *shared.ledger.borrow_mut().ended.entry(end.label()).or_default() += 1;
        }
        if unsettled {
            shared.settle();
        }
        shared.progress.notify_waiters();
        return;
    }
}

fn fail(shared: &LoadShared, client: &RefCell<Client>, error: EndpointError) {
    client.borrow_mut().stage = ClientStage::Failed;
    shared.first_failure.borrow_mut().get_or_insert(error);
    shared.settle();
}

async fn connect<'a>(
    shared: &'a LoadShared,
    endpoint: &Endpoint,
    client: &'a RefCell<Client>,
) -> Result<ClientSession<'a>, EndpointError> {
    // The semaphore is never closed, so there always is a permit in the end.
    let _turn = shared.handshakes.acquire().await;
    let class = client.borrow().class;
    let rate = shared.slow_bytes_per_second.filter(|_| class == Class::Slow);
    let receive_buffer_bytes = shared.receive_buffer_bytes.or(rate.map(slow_receive_buffer_bytes));
    let transport = endpoint.connect(shared.address, receive_buffer_bytes).await?;
    let upgraded = endpoint.upgrade(transport).await?;
    shared.encoding.set(Some(upgraded.encoding));
    let mut out = Vec::new();
    let mut client_now = client.borrow_mut();
    for command in client_now.commands(&shared.ledger.borrow().symbols, &shared.wish) {
        frames::append_text(&command, shared.mask(), &mut out);
    }
    client_now.stage = ClientStage::Subscribing;
    let pace = rate.map(|rate| ReadPace::new(rate, shared.clock.now()));
    drop(client_now);
    Ok(ClientSession::new(shared, client, upgraded, out, pace))
}

fn slow_receive_buffer_bytes(rate: NonZeroU32) -> u32 {
    let (least, most) = SLOW_RECEIVE_BUFFER_BYTES.into_inner();
    (rate.get() / SLOW_RECEIVE_BUFFER_PER_SECOND).clamp(least, most)
}
