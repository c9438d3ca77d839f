//! tickcast's own account of what it did, from its metrics.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use super::Server;
use crate::tls;

/// One scrape; the difference of two is a window.
#[derive(Clone, Default)]
pub struct Books(HashMap<String, f64>);

/// Longer than a server takes that is alive.
const ANSWER_MAX: Duration = Duration::from_secs(20);

impl Books {
    pub fn scrape(server: &Server) -> io::Result<Books> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port))?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let text = if server.is_tls {
            let name = ServerName::try_from(tls::NAME).map_err(io::Error::other)?;
            let client = ClientConnection::new(tls::Clients::new()?.config, name);
            ask(StreamOwned::new(client.map_err(io::Error::other)?, stream))?
        } else {
            ask(stream)?
        };
        if !text.starts_with("HTTP/1.1 200") {
            return Err(io::Error::other(format!("no metrics: {}", text.lines().next().unwrap_or_default())));
        }
        let mut sums = HashMap::new();
        for line in text.lines().filter(|line| line.starts_with("tickcast_")) {
            let Some((key, value)) = line.rsplit_once(' ') else { continue };
            let family = key.split('{').next().unwrap_or(key);
            *sums.entry(family.to_owned()).or_default() += value.parse().unwrap_or(0.0);
        }
        Ok(Books(sums))
    }

    /// The sum over a family's labels.
    pub fn get(&self, family: &str) -> f64 {
        self.0.get(family).copied().unwrap_or(0.0)
    }

    pub fn since(&self, before: &Books) -> Books {
        Books(self.0.iter().map(|(family, value)| (family.clone(), value - before.get(family))).collect())
    }
}

fn ask(mut stream: impl Read + Write) -> io::Result<String> {
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
