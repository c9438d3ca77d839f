//! Texts and whole numbers in `MessagePack`. Writing to a vector does not fail.

use rmp::encode;

pub fn text(text: &str, out: &mut Vec<u8>) {
    drop(encode::write_str(out, text));
}

pub fn uint(value: u64, out: &mut Vec<u8>) {
    drop(encode::write_uint(out, value));
}

pub fn put_text(name: &str, value: &str, out: &mut Vec<u8>) {
    text(name, out);
    text(value, out);
}
