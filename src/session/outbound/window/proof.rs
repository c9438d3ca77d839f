//! [`ReadProof`]: how a client proves what it has read. What it has read is up to the window.

/// How the client proves what it has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadProof {
    /// No proof yet.
    Awaited,
    Pongs,
    Acks,
    /// None came in time: it is served without a window until one does.
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
