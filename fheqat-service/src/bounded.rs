//! Files that are read up to a limit.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use thiserror::Error;

/// Why a file is not read.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it has more than the {0} bytes that are read")]
    TooLarge(u64),
}

/// A file of at most so many bytes.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>, ReadError> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > most {
        return Err(ReadError::TooLarge(most));
    }
    // One byte more than there should be, so that nothing grows, and leaves a copy of a secret behind.
    let mut bytes = Vec::with_capacity(length as usize + 1);
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(ReadError::TooLarge(most)) } else { Ok(bytes) }
}
