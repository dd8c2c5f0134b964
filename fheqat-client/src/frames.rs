//! Several files in one body: each is its length as four bytes, least significant first, and then the file.

use thiserror::Error;

/// Why a body cannot be taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// It ends in the middle of an item.
    #[error("item {item} has {found} bytes where its length says {expected}: send the whole body")]
    Short {
        /// From 0.
        item: usize,
        /// Bytes that are left.
        found: usize,
        /// Bytes that belong to it.
        expected: usize,
    },
    /// It has nothing in it.
    #[error("the body is empty: send at least one item, its length in front")]
    Empty,
    /// It has more items than are allowed.
    #[error("the body has more than {limit} items: send it in parts")]
    TooMany {
        /// The most that are allowed.
        limit: usize,
    },
}

/// One body of several files. A file of more than 2^32 - 1 bytes cannot be sent.
#[must_use]
pub fn join<B: AsRef<[u8]>>(files: &[B]) -> Vec<u8> {
    let length = files.iter().map(|file| 4 + file.as_ref().len()).sum();
    let mut body = Vec::with_capacity(length);
    for file in files {
        let file = file.as_ref();
        body.extend_from_slice(&(file.len() as u32).to_le_bytes());
        body.extend_from_slice(file);
    }
    body
}

/// The files in a body, at most `limit` of them.
///
/// # Errors
/// When the body is empty, ends in the middle of an item, or has more items than `limit`.
pub fn split(mut body: &[u8], limit: usize) -> Result<Vec<&[u8]>, FrameError> {
    let mut files = Vec::new();
    while !body.is_empty() {
        let item = files.len();
        if item == limit {
            return Err(FrameError::TooMany { limit });
        }
        let Some((length, rest)) = body.split_first_chunk::<4>() else {
            return Err(FrameError::Short { item, found: body.len(), expected: 4 });
        };
        let expected = u32::from_le_bytes(*length) as usize;
        let Some((file, rest)) = rest.split_at_checked(expected) else {
            return Err(FrameError::Short { item, found: rest.len(), expected });
        };
        files.push(file);
        body = rest;
    }
    if files.is_empty() { Err(FrameError::Empty) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_joined_splits_again() {
        let files: [&[u8]; 3] = [b"abc", b"", b"\0\xff"];
        assert_eq!(split(&join(&files), 3).unwrap(), files);
    }

    #[test]
    fn broken_bodies_are_refused() {
        let body = join(&[b"abc"]);
        assert_eq!(split(&[], 3), Err(FrameError::Empty));
        assert_eq!(split(&body[..2], 3), Err(FrameError::Short { item: 0, found: 2, expected: 4 }));
        assert_eq!(split(&body[..6], 3), Err(FrameError::Short { item: 0, found: 2, expected: 3 }));
        assert_eq!(split(&join(&[b"a", b"b"]), 1), Err(FrameError::TooMany { limit: 1 }));
        assert_eq!(split(&[255; 9], 3), Err(FrameError::Short { item: 0, found: 5, expected: 0xffff_ffff }));
    }
}
