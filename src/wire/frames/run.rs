//! [`Run`]: the encoded parts of consecutive ticks back to back; a session copies a range of them in one piece.

/// The encoded parts of consecutive ticks, with the end offset of each.
#[derive(Default)]
pub(super) struct Run {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

/// A range of a run.
#[derive(Clone, Copy, Debug)]
pub struct RunParts<'a> {
    bytes: &'a [u8],
    ends: &'a [u32],
    start: u32,
}

// === impl Run ===

impl Run {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Clears the run, and reserves this many bytes.
    pub fn clear(&mut self, bytes: usize) {
        self.bytes.clear();
        self.ends.clear();
        self.bytes.shrink_to(bytes);
    }

    /// Adds the part of the next tick.
    #[inline]
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    /// Up to `count` parts from an index on.
    #[inline]
    pub fn parts(&self, first: usize, count: usize) -> RunParts<'_> {
        let start = if first == 0 { 0 } else { self.ends[first - 1] };
        let ends = &self.ends[first..self.ends.len().min(first + count)];
        RunParts { bytes: &self.bytes, ends, start }
    }
}

// === impl RunParts ===

impl<'a> RunParts<'a> {
    pub fn len(self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(self) -> bool {
        self.ends.is_empty()
    }

    /// All parts in one piece.
    #[inline]
    pub fn joined(self) -> &'a [u8] {
        let end = self.ends.last().copied().unwrap_or(self.start);
        &self.bytes[self.start as usize..end as usize]
    }

    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut start = self.start as usize;
        self.ends.iter().map(move |&end| {
            let part = &self.bytes[start..end as usize];
            start = end as usize;
            part
        })
    }

    /// As many parts as fit into `room` bytes.
    #[inline]
    pub fn within(self, room: usize) -> Self {
        let fitting = self.ends.partition_point(|&end| (end - self.start) as usize <= room);
        RunParts { ends: &self.ends[..fitting], ..self }
    }

    /// As many parts as fit into `room` bytes if each takes `more` extra bytes, but at least one.
    pub fn within_each(self, room: usize, more: usize) -> Self {
        let fits = |(end, count): &(&u32, usize)| (**end - self.start) as usize + count * more <= room;
        let fitting = self.ends.iter().zip(1..).take_while(fits).count().max(1);
        RunParts { ends: &self.ends[..fitting.min(self.ends.len())], ..self }
    }
}
