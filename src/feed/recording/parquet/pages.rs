//! Checks the lengths in the headers of a column's pages before the library allocates memory for them.
//!
//! A header is a struct in Thrift's compact protocol. The library keeps its header reader private, and allocates a page
//! by the length that its header claims: up to 2 GiB, for a few bytes. Here two lengths are read, and the rest is
//! skipped.
//!
//! Invariants: a page that reaches the library claims no more than [`PAGE_BYTES_MAX`], compressed or not; a page that
//! cannot be read here does not reach the library.

use std::io::{BufReader, Read, Take};

use parquet::{
    bloom_filter::Sbbf,
    column::page::PageReader,
    errors::ParquetError,
    file::{
        metadata::{ParquetMetaData, RowGroupMetaData},
        reader::{ChunkReader, FileReader, RowGroupReader},
        serialized_reader::SerializedFileReader,
    },
    record::reader::RowIter,
    schema::types::Type,
};

use super::bytes::{Bytes, Part};

/// A reader of files whose pages are checked before they are read.
pub struct Bounded {
    reader: SerializedFileReader<Bytes>,
    bytes: Bytes,
}

/// One of its groups of rows.
struct Group<'a> {
    reader: Box<dyn RowGroupReader + 'a>,
    bytes: Bytes,
}

/// A page's lengths, from its header.
struct PageSizes {
    compressed: u64,
    uncompressed: u64,
}

/// A header being read.
struct PageHeader {
    input: Take<BufReader<Part>>,
}

/// The largest page: writers divide a column into pages of a megabyte, some of a hundred.
pub const PAGE_BYTES_MAX: u64 = 128 << 20;
/// Structs within a header are nested three deep.
const DEPTH_MAX: usize = 8;
/// The fields of a header with its lengths.
const UNCOMPRESSED: i64 = 2;
const COMPRESSED: i64 = 3;

// === impl Bounded ===

impl Bounded {
    /// # Errors
    /// When it is not Parquet.
    pub fn open(bytes: Bytes) -> Result<Self, ParquetError> {
        Ok(Bounded { reader: SerializedFileReader::new(bytes.clone())?, bytes })
    }
}

impl FileReader for Bounded {
    fn metadata(&self) -> &ParquetMetaData {
        self.reader.metadata()
    }

    fn num_row_groups(&self) -> usize {
        self.reader.num_row_groups()
    }

    fn get_row_group(&self, index: usize) -> Result<Box<dyn RowGroupReader + '_>, ParquetError> {
        let reader = self.reader.get_row_group(index)?;
        Ok(Box::new(Group { reader, bytes: self.bytes.clone() }))
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>, ParquetError> {
        RowIter::from_file(projection, self)
    }
}

impl RowGroupReader for Group<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.reader.metadata()
    }

    fn num_columns(&self) -> usize {
        self.reader.num_columns()
    }

    fn get_column_page_reader(&self, column: usize) -> Result<Box<dyn PageReader>, ParquetError> {
        let (start, len) = self.metadata().column(column).byte_range();
        check_pages(&self.bytes, start, len)?;
        self.reader.get_column_page_reader(column)
    }

    fn get_column_bloom_filter(&self, column: usize) -> Option<&Sbbf> {
        self.reader.get_column_bloom_filter(column)
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>, ParquetError> {
        RowIter::from_row_group(projection, self)
    }
}

/// Checks the header of every page of a column's part of a file.
fn check_pages(bytes: &Bytes, start: u64, len: u64) -> Result<(), ParquetError> {
    let (mut at, mut left) = (start, len);
    while left > 0 {
        let mut header = PageHeader { input: bytes.get_read(at)?.take(left) };
        let PageSizes { compressed, uncompressed } = header.read()?;
        let header_bytes = left - header.input.limit();
        if compressed.max(uncompressed) > PAGE_BYTES_MAX {
            return Err(ParquetError::General(format!(
                "a page claims {} bytes, and one has at most {PAGE_BYTES_MAX}",
                compressed.max(uncompressed)
            )));
        }
        let page_bytes = header_bytes + compressed;
        left = left.checked_sub(page_bytes).ok_or_else(|| broken("a page is longer than its column"))?;
        at += page_bytes;
    }
    Ok(())
}

fn broken(why: &str) -> ParquetError {
    ParquetError::General(format!("the header of a page: {why}"))
}

// === impl PageHeader ===

impl PageHeader {
    fn read(&mut self) -> Result<PageSizes, ParquetError> {
        let (mut uncompressed, mut compressed) = (None, None);
        let mut id = 0;
        while let Some(kind) = self.field(&mut id)? {
            let size = match id {
                UNCOMPRESSED => &mut uncompressed,
                COMPRESSED => &mut compressed,
                _ => {
                    self.skip(kind, DEPTH_MAX)?;
                    continue;
                }
            };
            // Which of two the library would take does not matter.
            if kind != ThriftKind::Int32 || size.is_some() {
                return Err(broken("a length is not a length, or given twice"));
            }
            *size = Some(u64::try_from(self.int32()?).map_err(|_| broken("a length below 0"))?);
        }
        match (compressed, uncompressed) {
            (Some(compressed), Some(uncompressed)) => Ok(PageSizes { compressed, uncompressed }),
            _ => Err(broken("a length is missing")),
        }
    }

    /// The type of the next field, and its number in `id`, which holds that of the field before; `None` at the end.
    fn field(&mut self, id: &mut i64) -> Result<Option<ThriftKind>, ParquetError> {
        let byte = self.byte()?;
        let (delta, kind) = (byte >> 4, byte & 0x0f);
        if kind == 0 {
            return Ok(None);
        }
        *id = match delta {
            0 => zigzag(self.varint()?),
            delta => *id + i64::from(delta),
        };
        if !(0..=i64::from(i16::MAX)).contains(id) {
            return Err(broken("a field has a number that none has"));
        }
        ThriftKind::of(kind).map(Some)
    }

    /// Skips a value.
    fn skip(&mut self, kind: ThriftKind, depth_left: usize) -> Result<(), ParquetError> {
        let Some(depth_left) = depth_left.checked_sub(1) else { return Err(broken("nested too deep")) };
        match kind {
            // Within a struct the type is the value.
            ThriftKind::True | ThriftKind::False => Ok(()),
            ThriftKind::Byte => self.byte().map(drop),
            ThriftKind::Int16 | ThriftKind::Int32 | ThriftKind::Int64 => self.varint().map(drop),
            ThriftKind::Double => self.skip_bytes(8),
            ThriftKind::Binary => {
                let len = self.varint()?;
                self.skip_bytes(len)
            }
            ThriftKind::Struct => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth_left)?;
                }
                Ok(())
            }
            ThriftKind::List => {
                let byte = self.byte()?;
                let count = match byte >> 4 {
                    0x0f => self.varint()?,
                    count => u64::from(count),
                };
                let kind = ThriftKind::of(byte & 0x0f)?;
                // Each takes at least one byte, so the rest of the column bounds them.
                for _ in 0..count {
                    match kind {
                        ThriftKind::True | ThriftKind::False => self.byte().map(drop)?,
                        kind => self.skip(kind, depth_left)?,
                    }
                }
                Ok(())
            }
        }
    }

    fn skip_bytes(&mut self, len: u64) -> Result<(), ParquetError> {
        let skipped = std::io::copy(&mut self.input.by_ref().take(len), &mut std::io::sink())?;
        if skipped == len { Ok(()) } else { Err(broken("it does not end")) }
    }

    fn int32(&mut self) -> Result<i32, ParquetError> {
        i32::try_from(zigzag(self.varint()?)).map_err(|_| broken("a length that none has"))
    }

    fn varint(&mut self) -> Result<u64, ParquetError> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(broken("a number does not end"))
    }

    fn byte(&mut self) -> Result<u8, ParquetError> {
        let mut byte = [0];
        self.input.read_exact(&mut byte).map_err(|_| broken("it does not end"))?;
        Ok(byte[0])
    }
}

fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// The types of values in headers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ThriftKind {
    True,
    False,
    Byte,
    Int16,
    Int32,
    Int64,
    Double,
    Binary,
    List,
    Struct,
}

// === impl ThriftKind ===

impl ThriftKind {
    fn of(kind: u8) -> Result<Self, ParquetError> {
        Ok(match kind {
            1 => ThriftKind::True,
            2 => ThriftKind::False,
            3 => ThriftKind::Byte,
            4 => ThriftKind::Int16,
            5 => ThriftKind::Int32,
            6 => ThriftKind::Int64,
            7 => ThriftKind::Double,
            8 => ThriftKind::Binary,
            9 => ThriftKind::List,
            12 => ThriftKind::Struct,
            _ => return Err(broken("a kind of value that none has")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &[u8], page_bytes: usize) -> Result<(), String> {
        let file = [header, &vec![0; page_bytes]].concat();
        let len = file.len() as u64;
        check_pages(&Bytes::Memory(file.into()), 0, len).map_err(|error| error.to_string())
    }

    #[test]
    fn lengths_are_found_behind_whatever_stands_before_them() {
        let lengths = [0x15, 0, 0x15, 0x10, 0x15, 0x06];
        assert_eq!(check(&[&lengths[..], &[0]].concat(), 3), Ok(()));
        // A checksum, a struct with a text, a list and a boolean in it.
        let more = [0x15, 8, 0x1c, 0x18, 2, b'x', b'y', 0x19, 0x25, 4, 6, 0x11, 0, 0];
        assert_eq!(check(&[&lengths[..], &more].concat(), 3), Ok(()));
        // In another order, by whole numbers of fields.
        assert_eq!(check(&[0x05, 6, 0x06, 0x05, 4, 0x10, 0], 3), Ok(()));
        assert!(check(&[&lengths[..], &[0]].concat(), 2).unwrap_err().contains("longer than its column"));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for header in [
            &[0][..],
            &[0x15, 0, 0x15, 0x10, 0],
            // Twice; of another type; below 0; beyond 32 bits; without an end.
            &[0x15, 0, 0x15, 0x10, 0x05, 4, 0x10, 0x15, 0, 0],
            &[0x15, 0, 0x16, 0x10, 0x15, 0, 0],
            &[0x15, 0, 0x15, 0x01, 0x15, 0, 0],
            &[0x15, 0, 0x15, 0x80, 0x80, 0x80, 0x80, 0x20, 0x15, 0, 0],
            &[0x15, 0, 0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x15, 0, 0x15, 0x10, 0x15],
            // A text longer than the column, a list of more than there is, nesting without an end.
            &[0x18, 0x7f, 0],
            &[0x19, 0xf5, 0xff, 0xff, 0xff, 0x0f],
            &[0x1c; 64],
        ] {
            assert!(check(header, 0).is_err(), "{header:x?}");
        }
    }
}
