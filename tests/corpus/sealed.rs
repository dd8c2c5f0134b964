//! The head of a file: what tests need to know of it to put another payload behind it.

use sha2::{Digest, Sha256};

/// A mark of six bytes, a kind, two bytes of format, three of the writer's version.
const CHECKSUM_AT: usize = 12;
pub(crate) const PAYLOAD_AT: usize = CHECKSUM_AT + 8;

/// The same bytes with the checksum that belongs to them: a changed payload then reaches the reader behind it.
pub(crate) fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    if let Some(payload) = bytes.get(PAYLOAD_AT..) {
        let mut hash = Sha256::new();
        hash.update(&bytes[..CHECKSUM_AT]);
        hash.update(payload);
        sealed[CHECKSUM_AT..PAYLOAD_AT].copy_from_slice(&hash.finalize()[..8]);
    }
    sealed
}
