//! How a session learns what its client has read. Not what has been read: that is the window's.

/// How the client proves what it has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadProof {
    /// It has not proved anything yet.
    Awaited,
    Pongs,
    Acks,
    /// It did not answer in time: it is served without a window, until it does.
    Missing,
}

impl ReadProof {
    pub const fn label(self) -> &'static str {
        match self {
            ReadProof::Awaited => "awaited",
            ReadProof::Pongs => "pongs",
            ReadProof::Acks => "acks",
            ReadProof::Missing => "missing",
        }
    }
}
