//! Which symbols a venue has, asked over HTTP, when a feed wants all of them: at its start, and again now and then.
//!
//! Invariant: a list that cannot be read changes nothing.

use std::{rc::Rc, time::Duration};

use compact_str::CompactString;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;

use super::{
    connect::{ConnectRefusal, Connector},
    log::UpstreamLog,
    retry_after,
};
use crate::{
    clock::Clock,
    feed::{
        FeedLinks, Sink,
        upstream::{
            backoff::RetryDelay,
            config::UpstreamConfig,
            core::LogLine,
            target::VenueTarget,
            venue::{LISTING_BYTES_MAX, ListedPage, Listing, ListingRequest},
        },
    },
    tick::Symbol,
};

/// From the first packet to the last byte of a page.
const PAGE: Duration = Duration::from_secs(30);
const PAGES_MAX: usize = 64;
/// By how much the time between two lists is longer or shorter by chance.
const JITTER: f64 = 0.1;
/// A list that could not be read is asked for again after this part of the time.
const SOONER: u32 = 10;

/// The symbols of a feed: those that it names, or those that the venue lists. Tries until there is a list.
pub async fn symbols(
    config: &UpstreamConfig,
    connector: &Rc<Connector>,
    log: &mut UpstreamLog,
    sink: &mut dyn Sink,
) -> Vec<CompactString> {
    let Some(listing) = config.dialer.listing().filter(|_| config.wants_listing()) else {
        return config.symbols.clone();
    };
    let mut delay = RetryDelay::default();
    loop {
        match list(listing, config.url.as_ref(), connector).await {
            Ok(listed) => {
                let line = format!("the venue lists {} symbols", listed.symbols.len());
                log.told(Clock::system().now(), LogLine::Info(line));
                return listed.symbols;
            }
            Err(ConnectRefusal { why, wait }) => {
                let wait = delay.next(chance()).max(wait.unwrap_or_default());
                let why_dark = Some(why.as_str().into());
                sink.links(&FeedLinks { wanted: 1, why_dark, ..FeedLinks::default() });
                if delay.failures() == 1 {
                    let line = format!("the venue's list of symbols cannot be read: {why}");
                    log.told(Clock::system().now(), LogLine::Alert(line));
                }
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// Lists again each [`UpstreamConfig::list_again`], where the feed wants all symbols, until nobody takes what is listed.
pub async fn list_again(
    config: UpstreamConfig,
    connector: Rc<Connector>,
    listed: mpsc::UnboundedSender<Result<ListedPage, String>>,
) {
    let Some(listing) = config.dialer.listing().filter(|_| config.wants_listing()) else { return };
    let mut wait = config.list_again;
    loop {
        tokio::time::sleep(wait.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance())).await;
        let found = list(listing, config.url.as_ref(), &connector).await;
        wait = match &found {
            Ok(_) => config.list_again,
            Err(refusal) => (config.list_again / SOONER).max(refusal.wait.unwrap_or_default()),
        };
        if listed.send(found.map_err(|refusal| refusal.why)).is_err() {
            return;
        }
    }
}

/// From 0 to below 1.
fn chance() -> f64 {
    (Clock::system().now().0 % 1_000) as f64 / 1_000.0
}

/// All pages as one.
async fn list(
    listing: &dyn Listing,
    url: Option<&VenueTarget>,
    connector: &Connector,
) -> Result<ListedPage, ConnectRefusal> {
    let target = match url {
        Some(url) => url.clone(),
        None => {
            VenueTarget::of_http(listing.root()).map_err(|fault| ConnectRefusal::from(fault.to_string()))?
        }
    };
    let (mut all, mut next) = (ListedPage::default(), Some(listing.first()));
    for _ in 0..PAGES_MAX {
        let Some(asked) = next else { break };
        let late = |_| ConnectRefusal::from(format!("{target} does not answer within {} s", PAGE.as_secs()));
        let page = tokio::time::timeout(PAGE, page(&target, &asked, connector)).await.map_err(late)??;
        let page = listing.read(&page).map_err(|why| format!("{target}{}: {why}", asked.path))?;
        all.symbols.extend(page.symbols.into_iter().filter(|symbol| Symbol::new(symbol).is_ok()));
        all.halted.extend(page.halted);
        next = page.next;
    }
    if all.symbols.is_empty() { Err(format!("{target} lists no symbol").into()) } else { Ok(all) }
}

async fn page(
    target: &VenueTarget,
    asked: &ListingRequest,
    connector: &Connector,
) -> Result<Bytes, ConnectRefusal> {
    let path = &*asked.path;
    let told = |error: &dyn std::error::Error| ConnectRefusal::from(format!("{target}{path}: {error}"));
    let wire = connector.connect(target).await.map_err(|error| told(&error))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(wire)).await.map_err(|error| told(&error))?;
    let uri = target.target(path);
    let request = match &asked.body {
        None => Request::get(uri),
        Some(_) => Request::post(uri).header(CONTENT_TYPE, "application/json"),
    };
    let body = asked.body.clone().unwrap_or_default();
    let request = request
        .header(HOST, target.authority())
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, concat!("tickcast/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| told(&error))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| told(&error))?;
        if response.status() != StatusCode::OK {
            let wait = retry_after::read(response.headers());
            return Err(ConnectRefusal {
                why: format!("{target}{path}: it answers {}", response.status()),
                wait,
            });
        }
        let body = Limited::new(response.into_body(), LISTING_BYTES_MAX).collect().await;
        let failed = |error| ConnectRefusal::from(format!("{target}{path}: {error}"));
        body.map(http_body_util::Collected::to_bytes).map_err(failed)
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    let mut is_connected = true;
    loop {
        tokio::select! {
            // The answer counts, however the connection ends behind it.
            biased;
            answered = &mut exchange => return answered,
            // A connection that has failed tells the exchange, which then ends.
            _ = &mut connection, if is_connected => is_connected = false,
        }
    }
}
