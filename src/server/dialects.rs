//! Which upgrades are for sessions of dialects: a path that a dialect takes, of those that the service speaks.

use hyper::{Method, Request, Uri};

use super::{failure::Failure, handshake, routes::ROUTES};
use crate::{
    session::dialect::DialectSession,
    wire::{Encoding, dialects::DialectSet},
};

/// The session of a dialect that a request begins. A path that is a route of our own is a dialect's only for an upgrade.
pub fn begin<B>(known: DialectSet, request: &Request<B>) -> Option<Box<DialectSession>> {
    let is_ours = || ROUTES.iter().any(|(known, _)| *known == request.uri().path());
    if request.method() != Method::GET || !handshake::is_upgrade(request.headers()) && is_ours() {
        return None;
    }
    of_path(known, request.uri())
}

/// The same by the path alone.
pub fn of_path(known: DialectSet, uri: &Uri) -> Option<Box<DialectSession>> {
    Some(DialectSession::new(known.begin(uri.path(), uri.query().unwrap_or_default())?))
}

/// Checks the upgrade of such a session, and lets its dialect see the headers.
///
/// # Errors
/// When it is none.
pub fn check<B>(request: &Request<B>, dialect: &mut DialectSession) -> Result<handshake::Accepted, Failure> {
    dialect.conversation.asked(&|name| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let encoding: Encoding = dialect.conversation.encoding();
    handshake::check_dialect(request, encoding)
}
