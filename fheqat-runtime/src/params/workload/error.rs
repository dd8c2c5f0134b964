//! What makes a graph unreadable.

use fheqat_spec::Range;
use thiserror::Error;

use crate::circuit::ir::Wire;

/// A graph that breaks its own rules.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A term that names nothing.
    #[error("{reader} reads {wire:?}, which does not come before it: lower the network again")]
    Unknown {
        /// The accumulator or output.
        reader: String,
        /// The wire.
        wire: Wire,
    },
    /// A number that no network of `i64` sums has.
    #[error("{reader} holds the number {number}, beyond 2^40: lower the network again")]
    Number {
        /// The accumulator or output.
        reader: String,
        /// The number.
        number: i64,
    },
    /// More slots than the torus has.
    #[error("{reader} needs the range {range:?}, which no torus of 64 bits holds: lower `max_l1` or `bits`")]
    TooWide {
        /// The accumulator or output.
        reader: String,
        /// Its range.
        range: Range,
    },
}
