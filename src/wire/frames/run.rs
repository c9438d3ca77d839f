//! [`Run`]: the encoded parts of consecutive ticks, one after another, of which a session gets some in one piece.

/// The parts of consecutive ticks, and the end of each.
#[derive(Default)]
pub(super) struct Run {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

/// Some of them.
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

    /// Removes all, and keeps memory for so many bytes.
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

    /// At most `count` of them from an index on.
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

    /// All of them in one piece.
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

    /// As many as fit into `room` bytes.
    #[inline]
    pub fn within(self, room: usize) -> Self {
        let fitting = self.ends.partition_point(|&end| (end - self.start) as usize <= room);
        RunParts { ends: &self.ends[..fitting], ..self }
    }

    /// As many as fit into `room` bytes when each takes `more` bytes, but one at least.
    pub fn within_each(self, room: usize, more: usize) -> Self {
        let fits = |(end, count): &(&u32, usize)| (**end - self.start) as usize + count * more <= room;
        let fitting = self.ends.iter().zip(1..).take_while(fits).count().max(1);
        RunParts { ends: &self.ends[..fitting.min(self.ends.len())], ..self }
    }
}
