//! permessage-deflate as a client undoes it.

use std::io;

use flate2::{Decompress, FlushDecompress};

pub struct Inflater {
    stream: Decompress,
    /// Whether a message may refer to those before it.
    keeps_context: bool,
    out: Vec<u8>,
}

/// What a sender leaves out at the end of each message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
const GROWS_BY: usize = 4096;

impl Inflater {
    /// As the head of the response agrees; `None` when it does not.
    pub fn agreed(head: &[u8]) -> Option<Inflater> {
        let head = head.to_ascii_lowercase();
        let has = |words: &str| memchr::memmem::find(&head, words.as_bytes()).is_some();
        let keeps_context = !has("server_no_context_takeover");
        has("permessage-deflate").then(|| Inflater {
            stream: Decompress::new(false),
            keeps_context,
            out: Vec::new(),
        })
    }

    /// The payload of one message.
    pub fn inflate(&mut self, payload: &[u8]) -> io::Result<&[u8]> {
        if !self.keeps_context {
            self.stream.reset(false);
        }
        self.out.clear();
        for mut input in [payload, &TAIL] {
            loop {
                self.out.reserve(GROWS_BY);
                let (taken, made) = (self.stream.total_in(), self.out.len());
                self.stream.decompress_vec(input, &mut self.out, FlushDecompress::Sync)?;
                let taken = (self.stream.total_in() - taken) as usize;
                input = &input[taken..];
                if input.is_empty() && self.out.len() < self.out.capacity() {
                    break;
                }
                if taken == 0 && self.out.len() == made {
                    return Err(io::Error::other("a compressed message that has no end"));
                }
            }
        }
        Ok(&self.out)
    }
}

/// That messages are found again that were compressed, each by itself and with what came before.
pub fn check() {
    let text = br#"[{"type":"update","symbol":"S0001","seq":1,"bid":60000.25}]"#.repeat(500);
    for keeps_context in [false, true] {
        let mut sender = flate2::Compress::new(flate2::Compression::fast(), false);
        let head: &[u8] = if keeps_context { b"" } else { b"; server_no_context_takeover" };
        let head = [b"Sec-WebSocket-Extensions: permessage-deflate", head].concat();
        let mut inflater = Inflater::agreed(&head).expect("it was agreed");
        for length in [0, 1, 60, text.len()] {
            if !keeps_context {
                sender.reset();
            }
            let mut payload = Vec::with_capacity(text.len() + 64);
            sender
                .compress_vec(&text[..length], &mut payload, flate2::FlushCompress::Sync)
                .expect("it has room");
            assert!(payload.ends_with(&TAIL));
            payload.truncate(payload.len() - TAIL.len());
            assert_eq!(inflater.inflate(&payload).expect("it is whole"), &text[..length]);
        }
        assert!(inflater.inflate(&[0xff; 40]).is_err());
    }
    assert!(Inflater::agreed(b"HTTP/1.1 101").is_none());
}
