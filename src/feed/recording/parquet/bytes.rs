//! The bytes of a file, and how the library reads them.
//!
//! Invariant: a length that the file claims is checked against the file before memory is allocated for it.

use std::{
    io::{self, BufReader, Read},
    sync::Arc,
};

use parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};

use super::super::file_pool::PooledFile;

/// Where a file's bytes are.
#[derive(Clone)]
pub enum Bytes {
    File(Arc<PooledFile>),
    Memory(bytes::Bytes),
}

/// A part of a file, from some offset on.
pub struct Part {
    bytes: Bytes,
    at: u64,
}

// === impl Bytes ===

impl Length for Bytes {
    fn len(&self) -> u64 {
        match self {
            Bytes::File(file) => file.len_bytes(),
            Bytes::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Bytes {
    type T = BufReader<Part>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(Part { bytes: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes, ParquetError> {
        let end = start.checked_add(length as u64).filter(|&end| end <= self.len());
        let end =
            end.ok_or_else(|| ParquetError::EOF("a part that lies behind the file's end".to_owned()))?;
        match self {
            Bytes::Memory(bytes) => Ok(bytes.slice(start as usize..end as usize)),
            Bytes::File(file) => {
                let mut part = vec![0; length];
                file.read_exact_at(&mut part, start)?;
                Ok(part.into())
            }
        }
    }
}

// === impl Part ===

impl Read for Part {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = match &self.bytes {
            Bytes::File(file) => file.read_at(out, self.at)?,
            Bytes::Memory(bytes) => {
                let rest = bytes.get(usize::try_from(self.at).unwrap_or(usize::MAX)..).unwrap_or_default();
                let len = rest.len().min(out.len());
                out[..len].copy_from_slice(&rest[..len]);
                len
            }
        };
        self.at += len as u64;
        Ok(len)
    }
}
