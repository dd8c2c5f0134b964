//! Bytes of files that may be gzip.

use std::io::{self, Cursor, Read};

use flate2::read::MultiGzDecoder;
use thiserror::Error;

/// More bytes than may be unpacked.
#[derive(Debug, Error)]
#[error("more than {most} bytes")]
pub(super) struct TooMuch {
    pub(super) most: u64,
}

/// The bytes as they are, or unpacked where they start as gzip does; an error of [`TooMuch`] where those are more than `most`.
pub(super) fn plain<'a>(mut source: impl Read + 'a, most: u64) -> io::Result<Box<dyn Read + 'a>> {
    const MARK: [u8; 2] = [0x1f, 0x8b];
    let mut start = Vec::new();
    source.by_ref().take(MARK.len() as u64).read_to_end(&mut start)?;
    let is_packed = start == MARK;
    let whole = Cursor::new(start).chain(source);
    Ok(if is_packed {
        Box::new(Limited { source: MultiGzDecoder::new(whole), left: most, most })
    } else {
        Box::new(whole)
    })
}

struct Limited<R> {
    source: R,
    left: u64,
    most: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(to)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(TooMuch { most: self.most })),
        }
        Ok(read)
    }
}

/// Whether a reader stopped for that.
pub(super) fn too_much(error: &io::Error) -> Option<u64> {
    error.get_ref()?.downcast_ref::<TooMuch>().map(|error| error.most)
}
