use thiserror::Error;

use super::{MAX_BYTES, MAX_INPUTS};
use crate::circuit::verify::VerifyError;

/// Why text is no graph. Lines, and columns in characters, count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextError {
    /// Something else stands where the grammar wants something.
    #[error("line {line}, column {column}: expected {expected}, but found {found}")]
    Unexpected {
        /// Its line.
        line: usize,
        /// Its column.
        column: usize,
        /// What may stand there.
        expected: String,
        /// What stands there, or its start.
        found: String,
    },
    /// More inputs than [`MAX_INPUTS`].
    #[error("line {line}, column {column}: expected at most {MAX_INPUTS} inputs, but found {found}")]
    Inputs {
        /// The line of the input.
        line: usize,
        /// Its column.
        column: usize,
        /// Inputs up to it.
        found: usize,
    },
    /// More text than [`MAX_BYTES`].
    #[error("the text has {bytes} bytes, but at most {MAX_BYTES} are read")]
    Length {
        /// Bytes of the text.
        bytes: usize,
    },
    /// A graph that breaks a law of circuits.
    #[error("line {line}: {error}")]
    Law {
        /// The line of what breaks it.
        line: usize,
        /// The law.
        error: VerifyError,
    },
}
