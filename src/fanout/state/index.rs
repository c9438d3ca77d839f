//! Indexes into a shard's tables: 32 bits, so that a subscription fits into a cache line.

pub(in crate::fanout) fn index32(index: usize) -> u32 {
    u32::try_from(index).expect("limits keep every table below 2^32 entries")
}
