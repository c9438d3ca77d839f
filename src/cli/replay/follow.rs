//! The live view's connection: requests the state of the replays, sends commands, and reconnects when the server is lost.
//!
//! Invariants: one request at a time, so that no answer is older than the command before it; keys are read and frames
//! drawn whatever the server does.

use std::{env, net::SocketAddr, pin::Pin, time::Duration};

use tickcast::clock::Clock;
use tickcast_client::{EndpointError, reconnect::Reconnect};
use tokio::time::{Instant, sleep_until};

use super::{
    args::{ReplayArgs, ReplayError},
    deck::Deck,
    order::{self, ReplayOrder},
    state::ReplayShown,
};
use crate::cli::terminal::{self, Theme};

/// What a request was for, and what came of it.
enum FollowAnswer {
    States(Result<Vec<ReplayShown>, ReplayError>),
    Done(String, Result<Vec<ReplayShown>, ReplayError>),
}

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Shows and holds the replays until `stop`, or until the person has seen enough.
///
/// # Errors
/// When the server cannot be reached at first, or has no replay; when the terminal cannot be used.
pub async fn run(
    args: &ReplayArgs,
    address: SocketAddr,
    stop: impl Future<Output = ()>,
) -> Result<(), ReplayError> {
    let mut stop = std::pin::pin!(stop);
    let clock = Clock::system();
    let mut reconnect = Reconnect::default();
    let theme = Theme::from_env(|name| env::var(name).ok());
    let mut deck = Deck::new(theme, args.url.http_url());
    // Before the terminal is taken: a server that cannot be reached is reported in one line.
    let states = tokio::select! {
        () = stop.as_mut() => return Ok(()),
        states = ask_all(args, address) => states?,
    };
    deck.take(states, clock.now());
    reconnect.connected();
    let mut face = terminal::open(deck)?;
    let mut request: Option<Pin<Box<dyn Future<Output = FollowAnswer> + '_>>> = None;
    let mut next = Instant::now() + ASK_EVERY;
    loop {
        if face.step(clock.now())?.is_break() {
            return Ok(());
        }
        if request.is_none() {
            if let Some((feed, order)) = face.view.next_order() {
                request = Some(Box::pin(async move {
                    let answer = tell(args, address, &feed, &order).await;
                    FollowAnswer::Done(feed, answer)
                }));
            } else if Instant::now() >= next {
                request = Some(Box::pin(async { FollowAnswer::States(ask_all(args, address).await) }));
            }
        }
        let is_idle = request.is_none();
        let answered = async {
            match &mut request {
                Some(request) => request.as_mut().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.as_mut() => return Ok(()),
            () = face.due() => {}
            () = sleep_until(next), if is_idle => {}
            answer = answered => {
                request = None;
                next = Instant::now() + ASK_EVERY;
                if let Some(error) = take(&mut face.view, answer, &clock)? {
                    let why = reconnect.failed(error)?;
                    let pause = reconnect.pause();
                    face.view.lost(&format!("{why}; again in {:.1} s", pause.as_secs_f64()));
                    next = Instant::now() + pause;
                } else {
                    reconnect.settled();
                }
                face.changed();
            }
        }
    }
}

/// Takes an answer in; why the server is lost, if it is.
fn take(deck: &mut Deck, answer: FollowAnswer, clock: &Clock) -> Result<Option<EndpointError>, ReplayError> {
    match answer {
        FollowAnswer::States(Ok(states)) => deck.take(states, clock.now()),
        // A server that refuses an order is there, and says why.
        FollowAnswer::Done(feed, Err(ReplayError::Endpoint(error @ EndpointError::Status { .. }))) => {
            deck.answered(&feed, Err(error.to_string()), clock.now());
        }
        FollowAnswer::Done(feed, Ok(mut states)) => {
            let state = states.pop().ok_or_else(|| "the answer is empty".to_owned());
            deck.answered(&feed, state, clock.now());
        }
        FollowAnswer::States(Err(ReplayError::Endpoint(error)))
        | FollowAnswer::Done(_, Err(ReplayError::Endpoint(error))) => {
            return Ok(Some(error));
        }
        FollowAnswer::States(Err(error)) | FollowAnswer::Done(_, Err(error)) => return Err(error),
    }
    Ok(None)
}

async fn ask_all(args: &ReplayArgs, address: SocketAddr) -> Result<Vec<ReplayShown>, ReplayError> {
    let feed = args.feed.as_deref().unwrap_or(order::ALL);
    let answer = args.url.get(address, &order::path(Some(feed), true)).await?;
    Ok(ReplayShown::read(&answer)?)
}

async fn tell(
    args: &ReplayArgs,
    address: SocketAddr,
    feed: &str,
    order: &ReplayOrder,
) -> Result<Vec<ReplayShown>, ReplayError> {
    let answer = args.url.post(address, &order::path(Some(feed), false), order.body()).await?;
    Ok(ReplayShown::read(&answer)?)
}
