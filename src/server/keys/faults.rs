//! What can be wrong with a key server's answer, or the connection to it.

use std::io;

use crate::access::keys::KeyError;

/// Why a key server gave no keys.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("it did not answer within {0} s")]
    Late(u64),
    #[error("it cannot be reached")]
    Unreachable(#[source] io::Error),
    #[error("its certificate or its TLS is not accepted")]
    Tls(#[source] io::Error),
    #[error("it does not speak HTTP/1.1 as it should")]
    Http(#[source] hyper::Error),
    #[error("it answered with status {0}, where 200 is due; redirects are not followed")]
    Status(u16),
    #[error("its answer is longer than 1 MiB, or ends too early")]
    Body,
    #[error("its name is none that a certificate could have")]
    Name,
    #[error(transparent)]
    Keys(#[from] KeyError),
}
