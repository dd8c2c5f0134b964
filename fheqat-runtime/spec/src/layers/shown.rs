//! What the user is shown of a layer before every number is known: the numbers as they were written.

use super::linear::Linear;
use crate::{limits::MAX_RANK, numbers::Numbers};

/// What a layer shows of itself.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'l, N: Numbers> {
    /// The dimensions of its output that are numbers of its own.
    pub dims: [Option<&'l N::Of<i64>>; MAX_RANK],
    /// How the range of its output comes about.
    pub range: Formula<'l, N>,
    /// The tolerance that it has of its own.
    pub tolerance: Option<&'l N::Of<f64>>,
}

/// How a range comes about.
#[derive(Clone, Copy, Debug)]
pub enum Formula<'l, N: Numbers> {
    /// It is that of levels of so many bits.
    Bits(&'l N::Of<i64>),
    /// It is that of the operands, with this between them.
    Operands(&'static str),
    /// It is that of so many terms, each a number of the operand times a weight.
    Products {
        /// How many.
        terms: Terms<'l, N>,
        /// The layer whose weights those are.
        weights: &'l Linear<N>,
    },
    /// It is that of so many numbers of the operand.
    Sum(Terms<'l, N>),
    /// It is of floats that the client computes.
    Floats,
    /// Nothing is known of it.
    Unknown,
}

/// `first / over * side * side`
#[derive(Clone, Copy, Debug)]
pub struct Terms<'l, N: Numbers> {
    /// A number.
    pub first: &'l N::Of<i64>,
    /// What divides it.
    pub over: Option<&'l N::Of<i64>>,
    /// What it is multiplied by, and how often.
    pub side: Option<(&'l N::Of<i64>, usize)>,
}

impl<'l, N: Numbers> Terms<'l, N> {
    /// A number that is given.
    pub(crate) const fn of(first: &'l N::Of<i64>) -> Self {
        Self { first, over: None, side: None }
    }
}

impl<'l, N: Numbers> Shown<'l, N> {
    /// A layer without numbers, which gives what its operands give.
    pub(crate) const fn operands(between: &'static str) -> Self {
        Self { dims: [None; MAX_RANK], range: Formula::Operands(between), tolerance: None }
    }

    /// The same with so many channels.
    pub(crate) const fn with_channels(mut self, channels: &'l N::Of<i64>) -> Self {
        self.dims[0] = Some(channels);
        self
    }
}
