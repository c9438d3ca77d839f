//! Which symbols a venue has, asked over HTTP, when a feed wants all of them: at its start, and again now and then.
//!
//! Invariant: a list that cannot be read changes nothing.

use std::{rc::Rc, time::Duration};

use compact_str::CompactString;
use hyper::body::Bytes;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tokio::sync::mpsc;

use super::{
    connect::{ConnectRefusal, Connector},
    log::UpstreamLog,
    retry_after,
};
use crate::{
    clock::Clock,
    dial::{
        self,
        http::{HttpError, HttpQuestion},
    },
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
    let (mut delay, mut chance) = (RetryDelay::default(), chance());
    loop {
        match list(listing, config.url.as_ref(), connector).await {
            Ok(listed) => {
                let line = format!("the venue lists {} symbols", listed.symbols.len());
                log.told(Clock::system().now(), LogLine::Info(line));
                return listed.symbols;
            }
            Err(ConnectRefusal { why, wait }) => {
                let wait = delay.next(chance.random()).max(wait.unwrap_or_default());
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
    let (mut wait, mut chance) = (config.list_again, chance());
    loop {
        tokio::time::sleep(wait.mul_f64(chance.random_range(1.0 - JITTER..1.0 + JITTER))).await;
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

/// A feed's own, so that feeds that begin together do not ask together for long.
fn chance() -> Pcg64Mcg {
    Pcg64Mcg::seed_from_u64(Clock::system().now().0.unsigned_abs())
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
    let told = |error: &dyn std::error::Error| format!("{target}{path}: {error}");
    let wire = connector.connect(target).await.map_err(|error| told(&error))?;
    let question = HttpQuestion {
        authority: &target.authority(),
        target: &target.target(path),
        accept: "application/json",
        body: asked.body.clone(),
        bytes_max: LISTING_BYTES_MAX,
    };
    let answered = dial::http::ask(wire, question).await;
    answered.map(|answer| answer.body).map_err(|error| ConnectRefusal {
        why: told(&error),
        wait: match &error {
            HttpError::Status { headers, .. } => retry_after::read(headers, Clock::system().now()),
            _ => None,
        },
    })
}
