//! Requests to the server over HTTP: its symbols and their heads, its records, its counts.

use std::net::SocketAddr;

use tickcast::tick::{Symbol, SymbolError};
use tickcast_client::{Endpoint, EndpointError, Message, MessageError, Messages, Pattern, Record};

use super::{
    ledger::SymbolTable,
    scrape::{self, ScrapeError, ServerScrape},
};

/// The server, as the run asks it.
#[derive(Clone, Debug)]
pub struct Server {
    pub endpoint: Endpoint,
    pub address: SocketAddr,
    /// Where its metrics are, when not there.
    pub admin: Option<(Endpoint, SocketAddr)>,
}

/// A symbol and its head at the time of the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    pub symbol: Symbol,
    pub seq: u64,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("/v1/symbols is not what it should be: {0}")]
    Symbols(#[source] serde_json::Error),
    #[error("/v1/symbols names {name:?}: {source}")]
    Symbol { name: String, source: SymbolError },
    #[error("/v1/snapshot is not what it should be: {0}")]
    Snapshot(#[from] MessageError),
    #[error("/v1/snapshot is not text")]
    SnapshotNotText,
    #[error("/metrics is not text")]
    MetricsNotText,
    #[error("/metrics: {0}")]
    Metrics(#[from] ScrapeError),
}

// === impl Server ===

impl Server {
    /// Every symbol of the server, in the server's order.
    ///
    /// # Errors
    /// When the server cannot be asked, or its answer cannot be read.
    pub async fn heads(&self) -> Result<Vec<Head>, ServerError> {
        #[derive(serde::Deserialize)]
        struct ListedSymbol {
            symbol: String,
            seq: u64,
        }
        let body = self.endpoint.get(self.address, "/v1/symbols").await?;
        let entries: Vec<ListedSymbol> = serde_json::from_slice(&body).map_err(ServerError::Symbols)?;
        let head = |ListedSymbol { symbol: name, seq }: ListedSymbol| match Symbol::new(&name) {
            Ok(symbol) => Ok(Head { symbol, seq }),
            Err(source) => Err(ServerError::Symbol { name, source }),
        };
        entries.into_iter().map(head).collect()
    }

    /// The heads by the numbers that the run gives its symbols; symbols listed since are left out.
    ///
    /// # Errors
    /// As [`Server::heads`].
    pub async fn heads_of(
        &self,
        symbols: impl Fn(&str) -> Option<u32>,
        count: usize,
    ) -> Result<Vec<u64>, ServerError> {
        let mut heads = vec![0; count];
        for head in self.heads().await? {
            if let Some(place) = symbols(head.symbol.as_str()) {
                heads[place as usize] = head.seq;
            }
        }
        Ok(heads)
    }

    /// The records of these symbols, by their names.
    ///
    /// # Errors
    /// When the server cannot be asked, or its answer cannot be read.
    pub async fn records(&self, names: &[&Symbol]) -> Result<Vec<(String, Record)>, ServerError> {
        let list = names.iter().map(|name| Pattern::spelled(name.as_str())).collect::<Vec<_>>().join(",");
        let query: String =
            form_urlencoded::Serializer::new(String::new()).append_pair("symbols", &list).finish();
        let body = self.endpoint.get(self.address, &format!("/v1/snapshot?{query}")).await?;
        let body = str::from_utf8(&body).map_err(|_| ServerError::SnapshotNotText)?;
        let mut records = Vec::new();
        for message in Messages::new(body) {
            let Message::Snapshot(tick) = message? else { continue };
            let mut record = Record::default();
            record.replace(&tick)?;
            records.push((tick.symbol.into_owned(), record));
        }
        Ok(records)
    }

    /// Its longest slice of work, in seconds; `None` when the server does not report it.
    pub async fn longest_slice_seconds(&self) -> Option<f64> {
        let body = self.endpoint.get(self.address, "/metrics").await.ok()?;
        let text = str::from_utf8(&body).ok()?;
        let value =
            text.lines().find_map(|line| line.strip_prefix("tickcast_work_slice_longest_seconds "))?;
        value.trim().parse().ok()
    }

    /// The server's counts.
    ///
    /// # Errors
    /// When the request fails, or the answer lacks a count that the law needs.
    pub async fn scrape(&self) -> Result<ServerScrape, ServerError> {
        let (endpoint, address) = match &self.admin {
            Some((endpoint, address)) => (endpoint, *address),
            None => (&self.endpoint, self.address),
        };
        let body = endpoint.get(address, "/metrics").await?;
        let text = str::from_utf8(&body).map_err(|_| ServerError::MetricsNotText)?;
        Ok(scrape::parse(text)?)
    }
}

/// The run's numbering of these symbols.
pub fn number(heads: Vec<Head>) -> SymbolTable {
    SymbolTable::new(heads.into_iter().map(|head| head.symbol).collect())
}
