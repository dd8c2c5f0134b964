//! Bytes of files that may be gzip.

use std::io::{self, Cursor, Read};

use flate2::read::MultiGzDecoder;

/// The bytes as they are, or unpacked where they start as gzip does.
pub(super) fn plain<'a>(mut source: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    const MARK: [u8; 2] = [0x1f, 0x8b];
    let mut start = Vec::new();
    source.by_ref().take(MARK.len() as u64).read_to_end(&mut start)?;
    let is_packed = start == MARK;
    let whole = Cursor::new(start).chain(source);
    Ok(if is_packed { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}
