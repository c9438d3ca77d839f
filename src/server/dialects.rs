//! Recognizes upgrades for dialect sessions, by the paths of the dialects that the service speaks.

use hyper::{Method, Request, Uri};

use super::{failure::Failure, handshake, routes::ROUTES};
use crate::{
    session::dialect::DialectSession,
    wire::{Encoding, dialects::DialectSet},
};

/// The dialect session that a request asks for. One of our own routes belongs to a dialect only for an upgrade.
pub fn begin<B>(known: DialectSet, request: &Request<B>) -> Option<Box<DialectSession>> {
    let is_ours = || ROUTES.iter().any(|(known, _)| *known == request.uri().path());
    if request.method() != Method::GET || !handshake::is_upgrade(request.headers()) && is_ours() {
        return None;
    }
    of_path(known, request.uri())
}

/// As [`begin`], by the path alone.
pub fn of_path(known: DialectSet, uri: &Uri) -> Option<Box<DialectSession>> {
    Some(DialectSession::new(known.begin(uri.path(), uri.query().unwrap_or_default())?))
}

/// Checks the upgrade of a dialect session, and passes the headers to the dialect.
///
/// # Errors
/// When it is no valid upgrade.
pub fn check<B>(request: &Request<B>, dialect: &mut DialectSession) -> Result<handshake::Accepted, Failure> {
    dialect.conversation.asked(&|name| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let encoding: Encoding = dialect.conversation.encoding();
    handshake::check_dialect(request, encoding)
}
