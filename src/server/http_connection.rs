//! A connection that is handed to HTTP, with the bytes read so far.

use std::pin::Pin;

use super::{
    admission::balancer::{Connection, Role},
    socket::ClientSocket,
};
use crate::{proxies::ClientAddress, session::socket::SessionSocket};

/// A connection for HTTP.
pub struct HttpConnection<S: SessionSocket = ClientSocket> {
    pub stream: S,
    /// The bytes read from it so far.
    pub read: Vec<u8>,
    pub peer: ClientAddress,
    pub role: Role,
    pub counted: Connection,
    /// Deadline of its first request.
    pub deadline: Pin<Box<S::Timer>>,
}
