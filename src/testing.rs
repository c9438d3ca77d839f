//! A market for tests, in the test's own process: a recording on a free port, which the test plays record by record.
//!
//! ```
//! use tickcast::testing::{Play, TestMarket};
//!
//! # let file = std::env::temp_dir().join(format!("tickcast-doc-{}.ndjson", std::process::id()));
//! # std::fs::write(&file, "{\"tickcast\":\"recording\",\"version\":1}\n\
//! # {\"symbol\":\"BTC-USD\",\"rx\":1742860800000000,\"bid\":\"87000.1\"}\n\
//! # {\"symbol\":\"BTC-USD\",\"rx\":1742860801000000,\"bid\":\"87000.2\"}\n\
//! # {\"symbol\":\"BTC-USD\",\"rx\":1742860802000000,\"bid\":\"87000.3\"}\n").unwrap();
//! # let client = |url: &str| {
//! #     let address = url.strip_prefix("ws://").unwrap().split('/').next().unwrap();
//! #     let stream = std::net::TcpStream::connect(address).unwrap();
//! #     tokio_tungstenite::tungstenite::client(url, stream).unwrap().0
//! # };
//! // Paused, as fast as its readers when it moves, its market's time the recording's.
//! let market = TestMarket::start(Play::file(&file))?;
//! let mut bot = client(&market.stream_url("symbols=BTC-USD&mode=every"));
//! market.wait_for_clients(1)?;
//! market.step(2)?;
//! market.wait_until_sent()?;
//! // Whatever the bot has done by now, it has been sent two ticks.
//! let mut ticks = 0;
//! while ticks < 2 {
//!     ticks += bot.read()?.to_text()?.matches("\"type\":\"update\"").count();
//! }
//!
//! let end = market.step(10)?;
//! assert!(end.ended && end.position == 3);
//! market.stop();
//! # std::fs::remove_file(file).unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # With a runtime
//!
//! These calls **block the calling thread**, and a `#[tokio::test]` has one thread for everything by default. A bot that
//! runs as a task there could not run while the test waits for it, and the wait would time out. So give the test more
//! threads:
//!
//! ```no_run
//! # use tickcast::testing::{Play, TestMarket};
//! # async fn run_bot(stream_url: String) -> usize { stream_url.len() }
//! // #[tokio::test(flavor = "multi_thread")]
//! async fn the_bot_sees_the_morning() -> Result<(), Box<dyn std::error::Error>> {
//!     let market = TestMarket::start(Play::file("testdata/morning.csv.gz").option("symbols", "BTC*"))?;
//!     let bot = tokio::spawn(run_bot(market.stream_url("symbols=*&mode=every")));
//!     market.wait_for_clients(1)?;
//!     market.resume()?; // at speed `max`: no faster than the bot reads
//!     market.wait_until_ended()?; // every session is sent what is left, then `end`, and is closed
//!     assert_eq!(bot.await?, 50_000);
//!     Ok(())
//! }
//! ```
//!
//! Not a mock: it is the service, with its threads, sockets and laws. The test controls only the time. Nothing here
//! sleeps where an event can be awaited, except [`TestMarket::wait_until_sent`], which checks again each millisecond.
//!
//! Invariant: dropping a [`TestMarket`] ends it.

mod play;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::{Handle, RuntimeFlavor};

pub use self::play::Play;
use crate::{
    access::settings::AuthSettings,
    feed::{
        ReplaySpeed, SourceError,
        recording::parse_time,
        replay::{Refusal, ReplayCommand, ReplayControl, ReplayState},
    },
    server::service::{Service, Setup, StartError},
};

/// A market that a test controls.
pub struct TestMarket {
    /// `None` once it is stopped.
    service: Option<Service>,
    control: Arc<ReplayControl>,
    address: SocketAddr,
}

/// Why a call to a [`TestMarket`] failed.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{0:?} is no time")]
    Time(String),
    #[error("waited {} s in vain for {what}", DEADLINE.as_secs())]
    Deadline { what: String },
    /// The thread that waited was the runtime's only one, so its tasks could not run.
    #[error(
        "waited {} s in vain for {what}, on the only thread of a runtime, whose tasks stand still meanwhile: \
         make it #[tokio::test(flavor = \"multi_thread\")]",
        DEADLINE.as_secs()
    )]
    OnlyThread { what: String },
}

/// How long an awaited event may take before it counts as missing.
const DEADLINE: Duration = Duration::from_secs(60);
/// The pause between two checks for a state that no event announces.
const LOOK: Duration = Duration::from_millis(1);

impl TestMarket {
    /// Starts it on a free port of the loopback interface.
    ///
    /// # Errors
    /// When the options are wrong, or the file is not a recording.
    pub fn start(play: Play) -> Result<Self, TestError> {
        let service = Service::start(Setup {
            tls: None,
            audit: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            admin_listen: None,
            feeds: vec![play.source()?],
            recordings: None,
            shards: play.shards,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            dialects: crate::wire::dialects::DialectSet::ALL,
            limits: play.limits,
            fields: play.fields,
            epoch: Some("test".to_owned()),
            auth: AuthSettings::default(),
            log_lines_dropped: Arc::default(),
        })?;
        let (address, control) = (service.address, service.replays().next().ok_or(SourceError::NoFile)?);
        Ok(TestMarket { service: Some(service), control, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The stream, with a query that subscribes: `symbols=*&mode=every`.
    pub fn stream_url(&self, query: &str) -> String {
        format!("ws://{}/v1/stream?{query}", self.address)
    }

    pub fn state(&self) -> ReplayState {
        self.control.state()
    }

    /// Plays the next `count` records, fewer at the end. When it returns they are in the market.
    ///
    /// # Errors
    /// When the replay has failed.
    pub fn step(&self, count: u64) -> Result<ReplayState, TestError> {
        Ok(self.control.tell(ReplayCommand::Step(count))?)
    }

    /// Lets the replay run by itself.
    ///
    /// # Errors
    /// When the replay has failed.
    pub fn resume(&self) -> Result<ReplayState, TestError> {
        Ok(self.control.tell(ReplayCommand::Resume)?)
    }

    /// # Errors
    /// When the replay has failed.
    pub fn pause(&self) -> Result<ReplayState, TestError> {
        Ok(self.control.tell(ReplayCommand::Pause)?)
    }

    /// # Errors
    /// When the replay has failed.
    pub fn set_speed(&self, speed: ReplaySpeed) -> Result<ReplayState, TestError> {
        Ok(self.control.tell(ReplayCommand::Speed(speed))?)
    }

    /// Goes to the first record at this time or after it: `2025-03-25T23:07:00Z`, or a count since 1970.
    ///
    /// # Errors
    /// When the text is not a time, or the replay has failed.
    pub fn seek(&self, to: &str) -> Result<ReplayState, TestError> {
        let to = parse_time(to).ok_or_else(|| TestError::Time(to.to_owned()))?;
        Ok(self.control.tell(ReplayCommand::Seek(to))?)
    }

    /// Goes to the first record.
    ///
    /// # Errors
    /// When the replay has failed.
    pub fn restart(&self) -> Result<ReplayState, TestError> {
        Ok(self.control.tell(ReplayCommand::Restart)?)
    }

    /// Waits until this many clients have subscribed.
    ///
    /// # Errors
    /// When fewer have subscribed in time.
    pub fn wait_for_clients(&self, clients: usize) -> Result<(), TestError> {
        let what = format!("{clients} clients that have subscribed");
        self.wait(&what, |service| service.clients() >= clients)
    }

    /// Waits until the replay is over.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn wait_until_ended(&self) -> Result<(), TestError> {
        self.wait("the end of the replay", |_| self.state().ended)
    }

    /// Waits until every client has been sent all that is due to it of the records played: the bytes are in the kernel's
    /// socket buffers or beyond. Updates that an interval holds back are not due yet.
    ///
    /// # Errors
    /// When a client does not read in time.
    pub fn wait_until_sent(&self) -> Result<(), TestError> {
        self.wait("every client to be sent what it is due", Service::is_caught_up)
    }

    /// Closes every session, and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(service) = self.service.take() {
            service.stop();
        }
    }

    fn wait(&self, what: &str, is_so: impl Fn(&Service) -> bool) -> Result<(), TestError> {
        let begin = Instant::now();
        while !self.service.as_ref().is_none_or(&is_so) {
            if begin.elapsed() > DEADLINE {
                return Err(in_vain(what));
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }
}

/// The error for an awaited event that did not come, and its cause if the wait itself prevented it.
fn in_vain(what: &str) -> TestError {
    let what = what.to_owned();
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::CurrentThread) => TestError::OnlyThread { what },
        _ => TestError::Deadline { what },
    }
}

impl Drop for TestMarket {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests;
