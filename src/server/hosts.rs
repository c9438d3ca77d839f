//! [`Hosts`]: the name under which a request addresses the server: its `Host`, or the authority of an absolute target,
//! which takes precedence.
//!
//! Only the syntax is checked here. What a name means for pages and control is decided by the callers.
//!
//! Invariant: an accepted request means the same to this server and to any proxy in front: at most one `Host`, with the
//! syntax of a host, and since HTTP/1.1 at least one.

use hyper::{Request, Version, header};

use super::failure::Failure;
use crate::web::Host;

/// The hosts of one request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hosts<'a> {
    /// From a target in absolute form.
    target: Option<Host<'a>>,
    header: Option<Host<'a>>,
}

// === impl Hosts ===

impl<'a> Hosts<'a> {
    /// # Errors
    /// When a host is missing, given twice or malformed.
    pub fn of<B>(request: &'a Request<B>) -> Result<Self, Failure> {
        let mut values = request.headers().get_all(header::HOST).iter();
        let (first, second) = (values.next(), values.next());
        if second.is_some() {
            return Err(bad("Host is given twice"));
        }
        if first.is_none() && request.version() >= Version::HTTP_11 {
            return Err(bad("Host is missing: since HTTP/1.1 a request names the server that it is for"));
        }
        let malformed = || bad("Host is malformed: it is a name or an address, and perhaps a port");
        let read = |text: &'a str| Host::parse(text).ok_or_else(malformed);
        let header = first.map(|value| value.to_str().map_err(|_| malformed()).and_then(read)).transpose()?;
        let target = request.uri().authority().map(|authority| read(authority.as_str())).transpose()?;
        Ok(Hosts { target, header })
    }

    /// The host that the request is for; `None` when it names none, which HTTP/1.0 allows.
    pub fn requested(&self) -> Option<Host<'a>> {
        self.target.or(self.header)
    }

    /// All hosts in the request: a valid one does not excuse another.
    pub fn all(&self) -> impl Iterator<Item = Host<'a>> {
        self.target.into_iter().chain(self.header)
    }

    /// Whether all of them are localhost or IP addresses.
    pub fn are_local(&self) -> bool {
        self.all().all(|host| host.is_local())
    }
}

fn bad(message: &str) -> Failure {
    Failure::bad_request("bad_host", message)
}
